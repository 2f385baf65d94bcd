//! The texts of tracefs, as pure functions: `trace`, `kprobe_events`, `error_log`.

/// What one event printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fired {
    /// The thread in which it fired, as the kernel numbers it in its first namespace; none where the instance prints
    /// no such column.
    pub(super) thread: Option<u32>,
    /// `implicit=`
    pub(super) implicit: Option<u64>,
    /// `inhibit=`
    pub(super) inhibit: Option<u64>,
    /// `ret=`
    pub(super) returned: Option<u64>,
    /// The line.
    pub(super) line: String,
}

/// The lines of `trace` that `event` printed:
/// ` preflight-85 [000] .... 2.585160: by_symbol: (cgroup_controllers_show+0x0/0x50) implicit=256 inhibit=740`
/// (print_trace_line(), kernel/trace/trace.c, and print_kprobe_event(), kernel/trace/trace_kprobe.c). A value that
/// could not be fetched is `(fault)`.
pub(super) fn fired(trace: &str, event: &str) -> Vec<Fired> {
    let mark = format!(" {event}: (");
    let parse = |line: &str| {
        let (head, rest) = line.rsplit_once(&mark)?;
        if line.starts_with('#') {
            return None;
        }
        let (_, arguments) = rest.split_once(") ")?;
        let value = |key: &str| {
            let words = &mut arguments.split_ascii_whitespace();
            words.find_map(|w| w.strip_prefix(key)?.strip_prefix('=')?.parse().ok())
        };
        Some(Fired {
            thread: thread(head),
            implicit: value("implicit"),
            inhibit: value("inhibit"),
            returned: value("ret"),
            line: line.trim().to_owned(),
        })
    };
    trace.lines().filter_map(parse).collect()
}

/// The number behind the last `-` before the processor's bracket. The name before it may contain anything, and between
/// the two may stand the process in round brackets (trace option `record-tgid`).
fn thread(head: &str) -> Option<u32> {
    let (mut task, _) = head.rsplit_once(" [")?;
    task = task.trim_end();
    if let Some((before, _)) = task.strip_suffix(')').and_then(|t| t.rsplit_once('(')) {
        task = before.trim_end();
    }
    task.rsplit_once('-')?.1.parse().ok()
}

/// The groups and events of a line of `kprobe_events`: `p:GROUP/EVENT PLACE …`, `r16:GROUP/EVENT …`.
pub(super) fn events(list: &str) -> impl Iterator<Item = (&str, &str)> {
    list.lines().filter_map(|line| {
        let (kind, rest) = line.split_once(':')?;
        let (name, _) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_kind = kind.starts_with(|c: char| c.is_ascii_lowercase());
        name.split_once('/').filter(|(group, event)| is_kind && !group.is_empty() && !event.is_empty())
    })
}

/// What the kernel last said in `error_log` (Linux 5.2) of a command that contains `name`:
/// `[    4.4] trace_kprobe: error: Invalid probed address or symbol`, below it `  Command: …` and a caret.
pub(super) fn last_error<'a>(log: &'a str, name: &str) -> Option<&'a str> {
    let (mut said, mut found) = (None, None);
    for line in log.lines() {
        if let Some(command) = line.strip_prefix("  Command: ") {
            found = if command.contains(name) { said } else { found };
        } else if let Some((_, words)) = line.split_once(": error: ") {
            said = Some(words.trim());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As Linux 6.12.117 printed it; the return event is from 5.10.262.
    const TRACE: &str = "\
# tracer: nop
#
# entries-in-buffer/entries-written: 2/2   #P:1
#
#                                _-----=> irqs-off/BH-disabled
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
#              | |         |   |||||     |         |
             cat-144     [000] .....     3.755084: by_symbol: (cgroup_controllers_show+0x4/0x320) implicit=256 inhibit=740
         cgroups-85      [000] ....     2.585160: returned: (cgroup_controllers_show+0x3d/0x50 <- cgroup_control) implicit=256 inhibit=740 ret=7195
";

    #[test]
    fn what_real_kernels_print() {
        let seen = fired(TRACE, "by_symbol");
        assert_eq!(seen.len(), 1);
        assert_eq!(
            (seen[0].thread, seen[0].implicit, seen[0].inhibit, seen[0].returned),
            (Some(144), Some(256), Some(740), None)
        );
        let seen = fired(TRACE, "returned");
        assert_eq!((seen[0].thread, seen[0].returned), (Some(85), Some(7195)));
        assert!(fired(TRACE, "by_address").is_empty() && fired(TRACE, "symbol").is_empty());
    }

    #[test]
    fn faults_and_other_columns() {
        for (line, thread, implicit) in [
            (" a-b-9 ( 12) [003] d..1. 1.0: x: (f+0x4/0x9) implicit=(fault) inhibit=740", Some(9), None),
            (" a-b-9 (---) [003] d..1. 1.0: x: (f+0x4/0x9) implicit=7 inhibit=740", Some(9), Some(7)),
            ("  <...>-9 [003] 1.0: x: (f+0x4/0x9) implicit=7 inhibit=740", Some(9), Some(7)),
            // The trace option `context-info` switched off.
            (" x: (f+0x4/0x9) implicit=7 inhibit=740", None, Some(7)),
            // A thread that is called like our line.
            (" : x: (1) [-9 [003] .... 1.0: x: (f+0x4/0x9) implicit=7 inhibit=740", Some(9), Some(7)),
        ] {
            let seen = fired(line, "x");
            assert_eq!(
                (seen[0].thread, seen[0].implicit, seen[0].inhibit),
                (thread, implicit, Some(740)),
                "{line}"
            );
        }
    }

    #[test]
    fn lists_of_events() {
        let list = "p:preflight_1/x proc_cgroup_show a=@b:u16\nr16:kprobes/y do_sys_open\nbroken\n:a/b c\np:a/ x\n\n";
        assert_eq!(events(list).collect::<Vec<_>>(), [("preflight_1", "x"), ("kprobes", "y")]);
    }

    #[test]
    fn the_kernels_own_words() {
        let log = "\
[    4.1] trace_kprobe: error: Older
  Command: r:preflight_1/returned cgroup_control
             ^
[    4.4] trace_kprobe: error: Invalid probed address or symbol
  Command: r:preflight_1/returned cgroup_control ret=$retval:u16
                                  ^
[    4.5] trace_kprobe: error: Of somebody else
  Command: p:other/x nothing
             ^
";
        assert_eq!(last_error(log, "preflight_1/returned"), Some("Invalid probed address or symbol"));
        assert_eq!(last_error(log, "preflight_2/returned"), None);
        assert_eq!(last_error("", "x"), None);
    }

    proptest! {
        #[test]
        fn never_panic(text in "([a-z_0-9:=()\\[\\] /@#-]|implicit=|x: \\(|\n){0,200}") {
            let _ = (fired(&text, "x"), events(&text).count(), last_error(&text, "x"));
        }

        #[test]
        fn whatever_a_thread_is_called(name in "[ -~]{1,15}", id in 1..4_194_304_u32, implicit: u32, inhibit: u32) {
            let line = format!(
                "# tracer: nop\n{name:>16}-{id:<7} [000] ....  2.58: by_symbol: (f+0x0/0x2c0) implicit={implicit} inhibit={inhibit}\n"
            );
            prop_assume!(!name.starts_with('#') || name.len() < 15);
            let seen = fired(&line, "by_symbol");
            prop_assert_eq!(seen.len(), 1);
            prop_assert_eq!(seen[0].thread, Some(id));
            prop_assert_eq!(seen[0].implicit, Some(u64::from(implicit)));
            prop_assert_eq!(seen[0].inhibit, Some(u64::from(inhibit)));
        }
    }
}
