//! The kernel's log: of its text only the lines that tell of trouble, and how much was looked at.

mod patterns;

pub use patterns::LogKind;

use patterns::Classifier;
use std::fmt::Write as _;

/// How much of the end of the log is read. Kernels are built with 128 or 256 KiB (CONFIG_LOG_BUF_SHIFT). To ask for less
/// would save little: the kernel walks over all records to find where the end begins (measured on 6.18: 406 records take
/// 0.33 ms, their last 4 KiB 0.29 ms).
pub(super) const LIMIT: usize = 1 << 20;
/// How many lines of a kind are kept: the first one, and the last ones.
const KEPT: usize = 8;
/// How much of a line is kept, in characters.
const LENGTH: usize = 200;
/// Among how many lines the kernel's first one is looked for. On some architectures others come before it
/// (`Booting Linux on physical CPU`, arch/arm64/kernel/setup.c; `microcode: updated early`).
const FIRST_LINES: usize = 10;

/// A line of the kernel.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    /// Microseconds since boot; none with `printk.time=0`.
    time: Option<u64>,
    text: &'a str,
}

/// What was found of one kind.
#[derive(Default)]
struct Found<'a> {
    count: usize,
    kept: Vec<Line<'a>>,
}

impl<'a> Found<'a> {
    fn push(&mut self, line: Line<'a>) {
        self.count += 1;
        if self.kept.len() == KEPT {
            self.kept.remove(1);
        }
        self.kept.push(line);
    }
}

/// The answer for a log that was read `now` microseconds after boot:
/// `ok, now=36900.120000 lines=407 untimed=0 from=0.000000 start=seen oom=1; oom 12.345678 Out of memory: …`.
///
/// `start` is `seen`, `lost`, or `gvisor` where no Linux wrote it. Of each kind the number of lines is told, and the first
/// and the last of them follow, each behind `; `: kind, time or `-`, and what [`safe`] leaves of the text.
pub(super) fn digest(log: &[u8], now: u64) -> String {
    let classifier = Classifier::of(log);
    let log = String::from_utf8_lossy(log);
    let (mut lines, mut untimed, mut from, mut start) = (0_usize, 0_usize, None, "lost");
    let mut found: [Found<'_>; LogKind::ALL.len()] = Default::default();
    for line in log.lines().filter_map(parse) {
        lines += 1;
        untimed += usize::from(line.time.is_none());
        from = from.or(line.time);
        if lines <= FIRST_LINES && start == "lost" {
            start = beginning(line.text);
        }
        if let Some(kind) = classifier.classify(line.text) {
            found[kind as usize].push(line);
        }
    }
    let mut answer = format!("ok, now={} lines={lines} untimed={untimed}", seconds(Some(now)));
    let mut add = |text: &str| answer.push_str(text);
    add(&format!(" from={} start={start}", seconds(from)));
    let all = || LogKind::ALL.into_iter().zip(&found).filter(|(_, found)| found.count > 0);
    all().for_each(|(kind, found)| add(&format!(" {}={}", kind.word(), found.count)));
    for (kind, found) in all() {
        for line in &found.kept {
            add(&format!("; {} {} {}", kind.word(), seconds(line.time), safe(line.text)));
        }
    }
    answer
}

/// Whether a line is the first one of a kernel (`linux_banner`, init/main.c, start_kernel) or of gVisor's
/// (pkg/sentry/kernel/syslog.go, which makes it up).
fn beginning(text: &str) -> &'static str {
    if text.starts_with("Linux version ") {
        "seen"
    } else if text.starts_with("Starting gVisor") {
        "gvisor"
    } else {
        "lost"
    }
}

/// Microseconds as the kernel prints them: `12.000345`.
fn seconds(micros: Option<u64>) -> String {
    micros.map_or_else(|| "-".to_owned(), |t| format!("{}.{:06}", t / 1_000_000, t % 1_000_000))
}

/// `12.000345` in microseconds.
pub(crate) fn micros(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.')?;
    let fraction =
        (fraction.len() == 6 && fraction.bytes().all(|b| b.is_ascii_digit())).then_some(fraction)?;
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction.parse().ok()?)
}

/// A line that the kernel itself wrote: `<6>[    1.234567][    T1] text` (kernel/printk/printk.c, record_print_text). The
/// number is facility and level; what programs write into /dev/kmsg has a facility of its own (devkmsg_write: at least 8).
fn parse(line: &str) -> Option<Line<'_>> {
    let (priority, rest) = line.strip_prefix('<')?.split_once('>')?;
    let priority: u32 = priority.parse().ok()?;
    if priority >= 8 {
        return None;
    }
    let (time, mut rest) =
        match bracketed(rest).and_then(|(stamp, rest)| Some((micros(stamp.trim_start())?, rest))) {
            Some((time, rest)) => (Some(time), rest),
            None => (None, rest),
        };
    // With CONFIG_PRINTK_CALLER, task or processor right behind; more of the kind may come.
    while let Some((inside, after)) = bracketed(rest) {
        if time.is_none() && !is_caller(inside) {
            break;
        }
        rest = after;
    }
    let text =
        if time.is_some() { rest.strip_prefix(' ').unwrap_or(rest) } else { rest.trim_start_matches(' ') };
    Some(Line { time, text })
}

/// What stands between `[` and `]`, and what follows.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('[')?.split_once(']')
}

/// `    T0`, `   C12`.
fn is_caller(text: &str) -> bool {
    let number = text.trim_start().strip_prefix(['T', 'C']);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The text cut, in printable ASCII: what is not, `\` and `;` become `\x3b`, as /dev/kmsg does with some of them. So nothing
/// in it can write to a terminal, and `; ` parts one line from the next.
fn safe(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(LENGTH));
    for c in text.chars().take(LENGTH) {
        if (c.is_ascii_graphic() || c == ' ') && !matches!(c, '\\' | ';') {
            safe.push(c);
        } else {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| {
                let _ = write!(safe, "\\x{byte:02x}");
            });
        }
    }
    if text.chars().nth(LENGTH).is_some() {
        safe.push_str("...");
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let line = |time, text| Some(Line { time, text });
        for (text, wanted) in [
            ("<6>[    0.000000] Linux version 6.18.44", line(Some(0), "Linux version 6.18.44")),
            ("<3>[12345.678901] x: [y] z", line(Some(12_345_678_901), "x: [y] z")),
            ("<4>[    1.000002][    T1] x", line(Some(1_000_002), "x")),
            ("<4>[    1.000002][   C12] [drm] x", line(Some(1_000_002), "[drm] x")),
            ("<4>[    1.000002][    T1][ swapper-1] x", line(Some(1_000_002), "x")),
            ("<4>[    1.000002]  indented", line(Some(1_000_002), " indented")),
            // printk.time=0
            ("<6>[    T0] x", line(None, "x")),
            ("<6>[drm] Initialized", line(None, "[drm] Initialized")),
            ("<6>x", line(None, "x")),
            // Written by programs.
            ("<30>[    1.000002] systemd[1]: Out of memory: Kill", None),
            ("<12>[    1.000002] x", None),
            ("continued", None),
            ("<>x", None),
            ("<x>x", None),
            ("", None),
        ] {
            assert_eq!(parse(text), wanted, "{text}");
        }
    }

    #[test]
    fn an_answer() {
        let log = "<5>[    0.000000] Linux version 5.4.0\n<6>[    1.500000] x\n\
                   <12>[    2.000000] Out of memory: Killed process 1 (spoof)\n\
                   <3>[    3.000000] Out of memory: Killed process 7 (a;b\\c\u{1b}) total-vm:1kB\n";
        assert_eq!(
            digest(log.as_bytes(), 9_000_001),
            "ok, now=9.000001 lines=3 untimed=0 from=0.000000 start=seen oom=1; \
             oom 3.000000 Out of memory: Killed process 7 (a\\x3bb\\x5cc\\x1b) total-vm:1kB"
        );
        assert_eq!(digest(b"", 0), "ok, now=0.000000 lines=0 untimed=0 from=- start=lost");
        assert!(digest(b"<6>[    0.000000] Starting gVisor...\n", 0).ends_with("start=gvisor"));
        let late =
            format!("{}<5>[    1.000000] Linux version x\n", "<5>[    0.100000] x\n".repeat(FIRST_LINES));
        assert!(digest(late.as_bytes(), 0).ends_with("start=lost"));
    }

    #[test]
    fn the_first_and_the_last_lines_are_kept() {
        let all: Vec<String> =
            (0..100).map(|i| format!("<3>[{i:5}.000000] EDAC MC0: 1 CE {}\n", "é".repeat(300))).collect();
        let answer = digest(all.concat().as_bytes(), 0);
        assert!(answer.contains(" corrected=100; corrected 0.000000 EDAC"), "{answer}");
        let times: Vec<&str> =
            answer.split("; corrected ").skip(1).map(|l| l.split('.').next().unwrap()).collect();
        assert_eq!(times, ["0", "93", "94", "95", "96", "97", "98", "99"]);
        assert!(answer.ends_with("\\xc3\\xa9..."), "{answer}");
    }

    proptest! {
        #[test]
        fn never_panics_and_stays_small(log in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let answer = digest(&log, 1);
            prop_assert!(answer.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        }

        #[test]
        fn any_text_stays_one_part(text in ".{0,300}", time in any::<u32>()) {
            let log = format!("<3>[{:5}.000000] Out of memory: Kill{}\n", time, text.replace(['\n', '\r'], " "));
            let answer = digest(log.as_bytes(), 0);
            prop_assert_eq!(answer.split("; ").count(), 2, "{}", answer);
        }

        #[test]
        fn times_are_read_back(time in any::<u64>()) {
            prop_assert_eq!(micros(&seconds(Some(time))), Some(time));
        }
    }
}
