//! `perf_event` on version 2: it has no files there, so the kernel itself is asked whether it counts events of a cgroup.

use super::Question;
use crate::{
    evidence::Unknown,
    facts::cgroup::{State, Subsystem},
    finding::Finding,
    node::{Answer, Probe},
};

/// What the kernel's answer makes of `finding`, the judgement by files: a pass where it works, doubt where it
/// contradicts; and where it may not be asked, the same judgement with the refusal beside it.
pub(super) fn confirm(question: &Question<'_>, s: &Subsystem, finding: Finding) -> Finding {
    let implicit = s.state == State::Implicit;
    let Some(unified) = question.survey.unified.as_ref().filter(|_| implicit || s.state == State::Unknown)
    else {
        return finding;
    };
    let probed = question.node.probe(&Probe::PerfCgroup { directory: unified.point.clone() });
    match probed.answer() {
        Ok(Answer::Works(_)) => question
            .usable(s, "implicit", format!("{} is always on", question.name))
            .evidence(probed.evidence()),
        // ENOENT: this hierarchy has no perf_event, or it is switched off (css_tryget_online_from_dir,
        // kernel/cgroup/cgroup.c). EINVAL: no CONFIG_CGROUP_PERF (perf_cgroup_connect, kernel/events/core.c).
        Ok(Answer::Errno(errno)) if implicit && (errno == "ENOENT" || errno == "EINVAL") => {
            let why = format!(
                "the files of the kernel say that perf_event is implicit on cgroup v2, and {} says {errno}, as if it \
                 were not there",
                probed.call()
            );
            let unknown = Unknown::new(why)
                .tried(s.evidence.iter().cloned().chain(probed.evidence()))
                .needs("a look at /proc/cgroups again: a v1 mount can take perf_event away at any time");
            Finding::undetermined(question.severity, question.name, "disagreement", &s.name, &unknown)
                .notes(s.notes.iter().cloned())
        }
        Ok(Answer::Errno(errno)) if errno == "EACCES" || errno == "EPERM" => finding
            .note(format!(
                "{} gave {errno}: with CAP_PERFMON (Linux 5.8) or CAP_SYS_ADMIN, or a lower \
                 kernel.perf_event_paranoid, the kernel itself would tell",
                probed.call()
            ))
            .evidence(probed.evidence()),
        _ => finding.evidence(probed.evidence()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ask, short, v2};
    use super::*;
    use crate::node::{Memory, ReadErrorKind};

    const CALL: &str = "perf_event_open(PERF_FLAG_PID_CGROUP)";

    fn answered(node: Memory, answer: &str) -> Memory {
        node.probe(Probe::PerfCgroup { directory: "/sys/fs/cgroup".into() }, answer)
    }

    fn implicit() -> Memory {
        v2("6.1.0", "perf_event:0:1:1", "memory")
    }

    /// Only the kernel's version says that it is implicit: the list can't be read.
    fn expected() -> Memory {
        implicit().error("/sys/fs/cgroup/cgroup.controllers", ReadErrorKind::Denied("EACCES"))
    }

    /// Nothing tells on which side it is: the version is not known.
    fn unknown() -> Memory {
        implicit().without("/proc/sys/kernel/osrelease")
    }

    fn asked(finding: &Finding) -> Option<&str> {
        finding.all_evidence().iter().find(|e| e.source == CALL).map(|e| e.observed.as_str())
    }

    #[test]
    fn what_works_is_a_pass_however_little_the_files_say() {
        assert_eq!(short(&ask("perf_event", expected())), ("undetermined", "expected"));
        assert_eq!(short(&ask("perf_event", unknown())), ("undetermined", "unknown"));
        for node in [implicit(), expected(), unknown()] {
            let finding = ask("perf_event", answered(node, "ok"));
            assert_eq!((short(&finding), asked(&finding)), (("pass", "implicit"), Some("ok")));
        }
    }

    #[test]
    fn a_disagreement_is_told_with_both_sides() {
        for errno in ["ENOENT", "EINVAL"] {
            for node in [implicit(), expected()] {
                let finding = ask("perf_event", answered(node, errno));
                assert_eq!(
                    (short(&finding), asked(&finding)),
                    (("undetermined", "disagreement"), Some(errno))
                );
                assert!(finding.all_evidence().iter().any(|e| e.source == "/proc/cgroups"));
                assert!(finding.message().contains(errno) && finding.message().contains("implicit"));
            }
            // Where the files say nothing there is nothing to contradict.
            assert_eq!(short(&ask("perf_event", answered(unknown(), errno))), ("undetermined", "unknown"));
        }
    }

    #[test]
    fn who_may_not_ask_hears_what_the_files_say() {
        for errno in ["EACCES", "EPERM", "ENOSYS", "EMFILE"] {
            let finding = ask("perf_event", answered(implicit(), errno));
            assert_eq!((short(&finding), asked(&finding)), (("pass", "implicit"), Some(errno)));
            let refused = errno.starts_with("EACC") || errno == "EPERM";
            assert_eq!(finding.all_notes().iter().any(|n| n.contains("CAP_PERFMON")), refused);
            assert_eq!(short(&ask("perf_event", answered(expected(), errno))), ("undetermined", "expected"));
        }
        let tree = implicit().file("/sys/fs/cgroup/cgroup.max.depth", "max\n").as_root();
        let finding = ask("perf_event", tree);
        assert_eq!((short(&finding), asked(&finding)), (("pass", "implicit"), None));
    }

    #[test]
    fn what_the_files_deny_is_not_asked() {
        // On a v1 hierarchy, switched off, not there: an answer would change nothing.
        let on_v1 = answered(v2("6.1.0", "perf_event:1:1:1", "memory"), "ok");
        assert_eq!(short(&ask("perf_event", on_v1)), ("problem", "bound-to-v1"));
        let off = answered(v2("6.1.0", "perf_event:0:1:0", "memory"), "ok");
        assert_eq!(short(&ask("perf_event", off)), ("problem", "disabled"));
    }
}
