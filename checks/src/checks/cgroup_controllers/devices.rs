//! `devices` on version 2: access to devices is controlled by a program that a runtime attaches to a cgroup. The kernel
//! itself is asked whether it has such programs; only where it may not be asked, its configuration counts (law 4).

use super::{Question, functions};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::{cgroup::table, kernel_config::Setting},
    finding::Finding,
    node::{Answer, Probe, Probed},
};
use std::rc::Rc;

/// The option that brings these programs (include/linux/bpf_types.h), and their type.
const OPTION: &str = "CONFIG_CGROUP_BPF";
const MEANS: &str = "BPF_PROG_TYPE_CGROUP_DEVICE";
const WORK: &str = "device access control";
/// The kernel that brought the type (requirements in the README of systemd).
const SINCE: table::Since = (4, 15);
/// Who may ask (kernel/bpf/syscall.c; measured on Linux 6.18 with single capabilities).
const PRIVILEGE: &str = "run as root of the host (CAP_NET_ADMIN and CAP_BPF, or CAP_SYS_ADMIN)";

/// The questions that were put, in their order.
type Asked = [Rc<Probed>];

pub(super) fn answer(question: &Question<'_>) -> Finding {
    let Some(unified) = &question.survey.unified else { return by_configuration(question, &[]) };
    let query = question.node.probe(&Probe::CgroupDeviceQuery { directory: unified.point.clone() });
    match query.answer() {
        Ok(Answer::Works(_)) => works(question, &[query]),
        // Without the option, and for a kind of program that it doesn't know, the kernel says EINVAL
        // (include/linux/bpf-cgroup.h). So it does to anything malformed: a second opinion is asked for.
        Ok(Answer::Errno(e)) if e == "EINVAL" => {
            let load = question.node.probe(&Probe::CgroupDeviceLoad);
            match load.answer() {
                Ok(Answer::Works(_)) => works(question, &[query, load]),
                Ok(Answer::Errno(e)) if e == "EINVAL" => missing(question, &[query, load]),
                _ => doubtful(question, &[query, load]),
            }
        }
        Ok(Answer::Errno(e)) if e == "ENOSYS" => no_system_call(question, &[query]),
        _ => by_configuration(question, &[query]),
    }
}

fn evidence(asked: &Asked) -> impl Iterator<Item = Evidence> {
    asked.iter().filter_map(|probed| probed.evidence())
}

/// The setting of the option, with its evidence, where the configuration is known.
fn option(question: &Question<'_>) -> Option<(Setting, Evidence)> {
    let config = question.node.kernel_config().as_ref().ok()?;
    Some((config.get(OPTION), config.evidence(OPTION)))
}

fn works(question: &Question<'_>, asked: &Asked) -> Finding {
    let devices = question.survey.find(question.name);
    // The list that does not have it, as people look there first.
    let list = devices.and_then(|s| s.evidence.iter().find(|e| e.source.ends_with("/cgroup.controllers")));
    let mut seen = list.cloned().into_iter().chain(evidence(asked));
    let Some(first) = seen.next() else { return by_configuration(question, asked) };
    let proof = Proof::new(first).and_all(seen);
    Finding::pass(question.name, "replaced", format!("{WORK} works through {MEANS}"), proof)
}

/// The kernel says that it has no such programs.
fn missing(question: &Question<'_>, asked: &Asked) -> Finding {
    let message = format!("{WORK} can't work: this kernel has no {MEANS}");
    let option = option(question);
    let finding = Finding::problem(question.severity, question.name, "no-bpf", message)
        .evidence(evidence(asked))
        .evidence(option.iter().map(|(_, seen)| seen.clone()));
    let release = question.node.kernel_release().as_ref().ok();
    match option {
        Some((Setting::BuiltIn, _)) if release.is_some_and(|r| !table::reached(&r.version, SINCE)) => {
            finding.note("such programs came with Linux 4.15, and this kernel is older")
        }
        Some((Setting::BuiltIn, _)) => finding.note(format!(
            "the configuration says {OPTION}=y, and the running kernel says otherwise: what runs counts, so that \
             configuration is another kernel's"
        )),
        Some(_) => finding.follows(OPTION),
        None => finding.note(format!("such programs take {OPTION} and Linux 4.15")),
    }
}

/// bpf(2) itself is not there: without CONFIG_BPF_SYSCALL the kernel says so, and so can a seccomp filter.
fn no_system_call(question: &Question<'_>, asked: &Asked) -> Finding {
    let filter = seccomp_filter(question);
    let built_in = option(question).filter(|(setting, _)| *setting == Setting::BuiltIn);
    if filter.is_none() && built_in.is_none() {
        return missing(question, asked);
    }
    let unknown = Unknown::new("bpf(2) answers ENOSYS, as a seccomp filter can make it")
        .tried(evidence(asked).chain(filter).chain(built_in.map(|(_, seen)| seen)))
        .needs("run outside of the container, without a seccomp filter");
    Finding::undetermined(question.severity, question.name, "unknown", MEANS, &unknown)
}

/// The line of /proc/PID/status that says that a filter of system calls is at work (mode 2, proc(5)).
fn seccomp_filter(question: &Question<'_>) -> Option<Evidence> {
    let status = question.node.read(&question.node.proc_self("status"));
    let text = status.text().ok()?;
    let line = text.lines().find(|l| l.starts_with("Seccomp:"))?;
    (line.split_ascii_whitespace().nth(1) == Some("2")).then(|| status.quote(line))
}

/// The first question says that there are none, and the second could not be put.
fn doubtful(question: &Question<'_>, asked: &Asked) -> Finding {
    match option(question) {
        Some((setting, _)) if setting != Setting::BuiltIn => missing(question, asked),
        seen => {
            let unknown = Unknown::new("the kernel knows of none, and may not be asked a second time")
                .tried(evidence(asked).chain(seen.map(|(_, seen)| seen)))
                .needs(PRIVILEGE);
            Finding::undetermined(question.severity, question.name, "unknown", MEANS, &unknown)
        }
    }
}

/// The kernel was not asked, or did not let itself be asked.
fn by_configuration(question: &Question<'_>, asked: &Asked) -> Finding {
    let finding = functions::by_option(
        question,
        OPTION,
        WORK,
        MEANS,
        evidence(asked).next().map(|seen| refusal(&seen)).as_ref(),
    );
    finding.evidence(evidence(asked))
}

/// Why the kernel itself could not tell, and who could make it.
fn refusal(seen: &Evidence) -> functions::NotAsked {
    let said = format!("{} gave {}", seen.source, seen.observed);
    functions::NotAsked { said, needs: PRIVILEGE }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{ask, short, v2};
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    const QUERY: &str = "bpf(BPF_PROG_QUERY, BPF_CGROUP_DEVICE)";
    const LOAD: &str = "bpf(BPF_PROG_LOAD, BPF_PROG_TYPE_CGROUP_DEVICE)";

    fn node(query: &str) -> Memory {
        let directory = "/sys/fs/cgroup".to_owned();
        v2("6.1.0", "devices:0:1:1", "memory pids").probe(Probe::CgroupDeviceQuery { directory }, query)
    }

    fn with_config(node: Memory, line: &str) -> Memory {
        let text =
            format!("# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_CGROUPS=y\nCONFIG_BPF=y\n{line}\n");
        node.file("/boot/config-6.1.0", text)
    }

    const SET: &str = "CONFIG_CGROUP_BPF=y";
    const NOT_SET: &str = "# CONFIG_CGROUP_BPF is not set";

    fn sources(finding: &Finding) -> Vec<&str> {
        finding.all_evidence().iter().map(|e| e.source.as_str()).collect()
    }

    #[test]
    fn the_kernel_says_that_it_works() {
        for answer in ["ok, 0 programs", "ok, 7 programs"] {
            // Whatever the configuration says: the function counts.
            for node in [node(answer), with_config(node(answer), SET), with_config(node(answer), NOT_SET)] {
                let finding = ask("devices", node);
                assert_eq!(short(&finding), ("pass", "replaced"));
                assert_eq!(
                    finding.message(),
                    "device access control works through BPF_PROG_TYPE_CGROUP_DEVICE"
                );
                assert_eq!(sources(&finding), ["/sys/fs/cgroup/cgroup.controllers", QUERY]);
                assert_eq!(finding.all_evidence()[1].observed, answer);
                assert!(finding.all_notes()[0].contains("inhibited"), "{:?}", finding.all_notes());
            }
        }
    }

    #[test]
    fn who_may_not_ask_falls_back_to_the_configuration_and_says_so() {
        for errno in ["EPERM", "EACCES", "EMFILE", "EBADF"] {
            let finding = ask("devices", with_config(node(errno), SET));
            assert_eq!(short(&finding), ("pass", "replaced"));
            assert!(finding.message().ends_with("by the kernel's configuration"), "{}", finding.message());
            assert!(
                finding.all_notes()[0].contains(errno) && finding.all_notes()[0].contains("CAP_NET_ADMIN")
            );
            assert_eq!(sources(&finding), ["/boot/config-6.1.0", QUERY]);
            let finding = ask("devices", with_config(node(errno), NOT_SET));
            assert_eq!(short(&finding), ("problem", "no-bpf"));
            assert_eq!(finding.cause().unwrap().name, "CONFIG_CGROUP_BPF");
            let finding = ask("devices", node(errno));
            assert_eq!(short(&finding), ("undetermined", "unknown"));
            assert!(sources(&finding).contains(&QUERY) && finding.message().contains(errno));
            let Outcome::Undetermined(Some(needs)) = finding.outcome() else { panic!("{finding:?}") };
            assert!(needs.contains("CAP_BPF") && needs.contains("configuration"), "{needs}");
        }
    }

    #[test]
    fn where_the_query_finds_nothing_a_program_is_loaded() {
        let node = |load: &str| node("EINVAL").probe(Probe::CgroupDeviceLoad, load);
        let finding = ask("devices", node("ok"));
        assert_eq!(short(&finding), ("pass", "replaced"));
        assert_eq!(sources(&finding), ["/sys/fs/cgroup/cgroup.controllers", QUERY, LOAD]);
        let finding = ask("devices", node("EINVAL"));
        assert_eq!((short(&finding), finding.cause()), (("problem", "no-bpf"), None));
        assert_eq!(sources(&finding), [QUERY, LOAD]);
        let finding = ask("devices", with_config(node("EINVAL"), NOT_SET));
        assert_eq!(short(&finding), ("problem", "no-bpf"));
        assert_eq!(finding.cause().unwrap().name, "CONFIG_CGROUP_BPF");
        // The configuration is another kernel's; the finding says so and follows from nothing.
        let finding = ask("devices", with_config(node("EINVAL"), SET));
        assert_eq!((short(&finding), finding.cause()), (("problem", "no-bpf"), None));
        assert!(finding.all_notes()[0].contains("another kernel's"));
        let old =
            node("EINVAL").file("/proc/sys/kernel/osrelease", "4.14.0").file("/boot/config-4.14.0", SET);
        assert!(ask("devices", old).all_notes()[0].contains("4.15"));
    }

    #[test]
    fn a_second_opinion_that_is_refused_leaves_doubt() {
        let node = || node("EINVAL").probe(Probe::CgroupDeviceLoad, "EPERM");
        assert_eq!(short(&ask("devices", node())), ("undetermined", "unknown"));
        assert_eq!(short(&ask("devices", with_config(node(), SET))), ("undetermined", "unknown"));
        assert_eq!(short(&ask("devices", with_config(node(), NOT_SET))), ("problem", "no-bpf"));
    }

    #[test]
    fn a_kernel_without_bpf_and_a_filter_that_pretends_so() {
        let finding = ask("devices", node("ENOSYS"));
        assert_eq!(short(&finding), ("problem", "no-bpf"));
        assert_eq!(short(&ask("devices", with_config(node("ENOSYS"), NOT_SET))), ("problem", "no-bpf"));
        assert_eq!(short(&ask("devices", with_config(node("ENOSYS"), SET))), ("undetermined", "unknown"));
        let status =
            |mode: &str| node("ENOSYS").file("/proc/self/status", format!("Uid:\t0\nSeccomp:\t{mode}\n"));
        assert_eq!(short(&ask("devices", status("0"))), ("problem", "no-bpf"));
        let finding = ask("devices", status("2"));
        assert_eq!(short(&finding), ("undetermined", "unknown"));
        assert!(sources(&finding).contains(&"/proc/self/status"));
    }

    #[test]
    fn where_there_is_no_live_kernel_the_configuration_is_all_there_is() {
        let node = || v2("6.1.0", "devices:0:1:1", "memory").as_root();
        let finding = ask("devices", with_config(node(), SET));
        assert_eq!(short(&finding), ("pass", "replaced"));
        assert_eq!(sources(&finding), ["/boot/config-6.1.0"]);
        assert!(finding.all_notes()[0].contains("was not asked"));
        assert_eq!(short(&ask("devices", with_config(node(), NOT_SET))), ("problem", "no-bpf"));
        // cases-peer-wrong.yaml, devices-assumed: never a pass for want of knowledge.
        assert_eq!(short(&ask("devices", node())), ("undetermined", "unknown"));
        let closed = node().error("/boot/config-6.1.0", ReadErrorKind::Denied("EACCES"));
        assert_eq!(short(&ask("devices", closed)), ("undetermined", "unknown"));
    }
}
