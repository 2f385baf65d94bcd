//! What a survey concludes from whole nodes.

use super::*;
use crate::{facts::cgroup::State, node::Memory};

fn v2(memory: Memory) -> Memory {
    memory
        .file("/proc/sys/kernel/osrelease", "6.12.107+deb13-amd64\n")
        .file("/proc/self/mountinfo", "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /sys/fs/cgroup ro - cgroup2 cgroup2 rw,nsdelegate\n")
        .file("/proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nblkio\t0\t1\t1\nnvm\t0\t1\t1\n")
        .file("/sys/fs/cgroup/cgroup.controllers", "io\n")
        .file("/sys/fs/cgroup/cgroup.subtree_control", "")
}

#[test]
fn unknown_subsystems_are_carried_through() {
    let node = Node::in_memory(v2(Memory::new()));
    let survey = node.cgroup_survey(&Ask::files()).unwrap();
    assert_eq!(survey.find("blkio").unwrap().state, State::Listed);
    assert_eq!(survey.subsystems.last().unwrap().name, "nvm");
    let unified = survey.unified.unwrap();
    assert_eq!((unified.is_root, unified.read_only, unified.nsdelegate), (Some(true), true, true));
}

#[test]
fn btf_tells_ids_and_width() {
    let btf = include_bytes!("../../../../tests/data/btf/btf-6.12.bin");
    let node = Node::in_memory(v2(Memory::new().file(btf::PATH, btf)));
    let survey = node.cgroup_survey(&Ask::types()).unwrap();
    assert_eq!(survey.mask_bits, Some(16));
    assert_eq!(survey.find("memory").unwrap().id, Some(4));
    let dmem = survey.find("dmem").unwrap();
    assert_eq!(dmem.state, State::NotCompiled);
    // An option alone would not help on a kernel that is older than the subsystem.
    assert!(dmem.notes[0].ends_with("(it takes Linux 6.14 and CONFIG_CGROUP_DMEM)"), "{:?}", dmem.notes);
    assert!(survey.find("debug").unwrap().notes[0].ends_with("(it takes CONFIG_CGROUP_DEBUG)"));
}

#[test]
fn an_empty_list_of_the_kernel_says_nothing() {
    // /dev/null over /proc/cgroups, as container managers hide a file. Linux 5.10 has no list in cgroup.stat.
    let memory = v2(Memory::new())
        .file("/proc/sys/kernel/osrelease", "5.10.0-46-amd64\n")
        .file("/sys/fs/cgroup/cgroup.type", "domain\n");
    for empty in ["", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"] {
        let survey = Node::in_memory(memory.clone().file("/proc/cgroups", empty))
            .cgroup_survey(&Ask::files())
            .unwrap();
        assert_eq!(survey.find("pids").unwrap().state, State::Unknown);
        assert!(survey.gaps.iter().any(|e| e.source == "/proc/cgroups"), "{:?}", survey.gaps);
    }
}

#[test]
fn what_tells_the_real_root() {
    let seen = |root: &str| {
        let mounts = format!(
            "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 {root} /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
        );
        v2(Memory::new()).file("/proc/self/mountinfo", mounts)
    };
    let is_root = |memory: Memory| {
        Node::in_memory(memory).cgroup_survey(&Ask::files()).unwrap().unified.unwrap().is_root
    };
    assert_eq!(is_root(seen("/../..")), Some(true));
    assert_eq!(is_root(seen("/../..").file("/sys/fs/cgroup/cgroup.type", "domain\n")), Some(false));
    // A tree that holds nothing but the list tells neither.
    let tree = v2(Memory::new()).as_root();
    assert_eq!(is_root(tree.clone()), None);
    assert_eq!(is_root(tree.file("/sys/fs/cgroup/cgroup.max.depth", "max\n")), Some(true));
    for inside in ["/docker/4f2a", "/../pod1/c2"] {
        assert_eq!(is_root(seen(inside)), Some(false), "{inside}");
    }
}

#[test]
fn a_file_that_only_other_cgroups_have_tells_that_this_is_not_the_root() {
    for file in ["cgroup.type", "cgroup.events"] {
        let memory = v2(Memory::new()).file(&format!("/sys/fs/cgroup/{file}"), "domain\n");
        let survey = Node::in_memory(memory).cgroup_survey(&Ask::files()).unwrap();
        assert_eq!(survey.unified.unwrap().is_root, Some(false));
    }
}

mod ladder {
    //! The steps beyond the files: what each adds, and what happens when they contradict each other.

    use super::*;
    use crate::{
        facts::cgroup::{
            Basis, MaskSide, Step,
            ladder::Status,
            masks::{Attempt, ScratchAnswers, with_masks},
        },
        node::Probe,
    };

    const BTF: &[u8] = include_bytes!("../../../../tests/data/btf/btf-6.12.bin");
    const LISTED: &str = "cpuset cpu io memory hugetlb pids rdma misc\n";
    const IMPLICIT: u16 = 0x100;
    const INHIBITED: u16 = 0x2e4;

    /// Linux 6.1 in v2, with two rows that look alike.
    fn node() -> Memory {
        v2(Memory::new())
            .file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n")
            .file("/proc/cgroups", "devices\t0\t1\t1\nperf_event\t0\t1\t1\nblkio\t0\t1\t1\n")
            .file("/sys/fs/cgroup/cgroup.controllers", LISTED)
            .file(btf::PATH, BTF)
    }

    fn prove(memory: Memory) -> Survey {
        prove_with(memory, Ask::default())
    }

    fn prove_with(memory: Memory, ask: Ask) -> Survey {
        Node::in_memory(memory).cgroup_survey(&Ask { types: true, prove: true, ..ask }).unwrap()
    }

    fn rung(survey: &Survey, step: Step) -> (Status, &str) {
        let rung = survey.ladder.iter().find(|r| r.step == step).unwrap();
        (rung.status, &rung.detail)
    }

    fn known_by(survey: &Survey, name: &str) -> (State, Basis, Option<Step>) {
        let s = survey.find(name).unwrap();
        (s.state, s.basis, s.step)
    }

    #[test]
    fn what_stops_every_method_is_said_once() {
        let attempt = |method: &str, why: &str| Attempt {
            step: Step::Kprobe,
            method: method.to_owned(),
            result: Err(Unknown::new(why)),
        };
        let detail = |traced: Vec<Attempt>| {
            let survey = prove_with(node(), Ask { traced, ..Ask::default() });
            rung(&survey, Step::Kprobe).1.to_owned()
        };
        assert_eq!(detail(vec![attempt("a", "no tracefs"), attempt("b", "no tracefs")]), "no tracefs");
        let two = vec![attempt("a", "EINVAL"), attempt("b", "no address"), attempt("c", "EINVAL")];
        assert_eq!(detail(two), "a and c: EINVAL | b: no address");
    }

    #[test]
    fn masks_that_were_read_are_measured_and_nothing_else_is() {
        let survey = prove(with_masks(node(), IMPLICIT, INHIBITED, 0x3fff));
        assert_eq!(known_by(&survey, "devices"), (State::Inhibited, Basis::Measured, Some(Step::Kcore)));
        assert_eq!(known_by(&survey, "perf_event"), (State::Implicit, Basis::Measured, Some(Step::Kcore)));
        assert_eq!(known_by(&survey, "io"), (State::Listed, Basis::Measured, Some(Step::Kcore)));
        assert_eq!((survey.disagreements.len(), survey.readings.len()), (1, 1), "{:?}", survey.disagreements);
        // The two names in that memory are no real kernel's; that is told as well.
        assert_eq!(survey.disagreements[0].subject, "ids");
        let evidence = &survey.find("devices").unwrap().evidence;
        assert!(evidence.iter().any(|e| e.observed.contains("inhibited 0x02e4; id 5")), "{evidence:?}");
        let by_files = Node::in_memory(node()).cgroup_survey(&Ask::types()).unwrap();
        assert!(by_files.subsystems.iter().all(|s| s.basis < Basis::Measured));
        assert_eq!(
            known_by(&by_files, "devices"),
            (State::Inhibited, Basis::Inferred, Some(Step::Hierarchy))
        );
        assert_eq!(rung(&by_files, Step::Kcore).0, Status::NotAsked);
    }

    #[test]
    fn a_mask_that_contradicts_the_files_is_told_loudly() {
        // devices in no mask, on v2, and yet unlisted at the root.
        let survey = prove(with_masks(node(), IMPLICIT, 0x2c4, 0x3fff));
        let found = survey.disagreements.iter().find(|d| d.subject == "devices").unwrap();
        assert!(found.message.contains("kcore says in neither mask"), "{}", found.message);
        assert!(found.message.contains("hierarchy says"), "{}", found.message);
        // Attached nowhere, and enabled by /proc/cgroups.
        let survey = prove(with_masks(node(), IMPLICIT, INHIBITED, 0x3eff));
        let found = survey.disagreements.iter().find(|d| d.subject == "perf_event").unwrap();
        assert!(found.message.contains("not attached"), "{}", found.message);
        // In both masks.
        let survey = prove(with_masks(node(), IMPLICIT | 0x20, INHIBITED, 0x3fff));
        assert!(survey.disagreements.iter().any(|d| d.message.contains("at once")));
    }

    #[test]
    fn an_unattached_subsystem_without_a_row_is_disabled() {
        let unlisted = || node().file("/sys/fs/cgroup/cgroup.controllers", LISTED.replace(" memory", ""));
        let survey = prove(with_masks(unlisted(), IMPLICIT, INHIBITED, 0x3fef));
        assert_eq!(survey.find("memory").unwrap().state, State::Disabled);
        let attached = prove(with_masks(unlisted(), IMPLICIT, INHIBITED, 0x3fff));
        assert_ne!(attached.find("memory").unwrap().state, State::Disabled);
        assert!(attached.disagreements.iter().any(|d| d.subject == "memory"));
    }

    #[test]
    fn why_the_masks_could_not_be_read() {
        let survey = prove(node());
        let (status, detail) = rung(&survey, Step::Kcore);
        assert_eq!(status, Status::Unavailable);
        assert!(detail.contains("/proc/kallsyms"), "{detail}");
        let locked = with_masks(node(), 0, 0, 0)
            .error(kcore::PATH, ReadErrorKind::Denied("EPERM"))
            .file("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
        let survey = prove(locked);
        assert!(rung(&survey, Step::Kcore).1.contains("locked down"));
        assert_eq!(survey.find("devices").unwrap().basis, Basis::Inferred);
    }

    #[test]
    fn without_btf_the_table_of_symbols_tells_what_is_compiled_in() {
        let memory = with_masks(node(), IMPLICIT, INHIBITED, 0x3fff).without(btf::PATH);
        let survey = Node::in_memory(memory.clone()).cgroup_survey(&Ask::types()).unwrap();
        assert_eq!(survey.universe.source, UniverseSource::Kallsyms);
        assert!(survey.universe.instead_of[0].starts_with("btf: "));
        assert_eq!(survey.find("cpuset").unwrap().state, State::Listed);
        let dmem = survey.find("dmem").unwrap();
        assert_eq!(dmem.state, State::NotCompiled);
        // An option alone would not help on a kernel that is older than the subsystem.
        assert!(dmem.notes[0].ends_with("(it takes Linux 6.14 and CONFIG_CGROUP_DMEM)"), "{:?}", dmem.notes);
        assert!(survey.find("debug").unwrap().notes[0].ends_with("(it takes CONFIG_CGROUP_DEBUG)"));
        // With the kernel's memory there are ids as well.
        assert_eq!(prove(memory.clone()).find("cpu").unwrap().id, Some(1));
        let files = memory.without(kallsyms::PATH);
        let survey = Node::in_memory(files).cgroup_survey(&Ask::types()).unwrap();
        assert_eq!((survey.universe.source, survey.universe.instead_of.len()), (UniverseSource::Files, 2));
    }

    #[test]
    fn a_scratch_cgroup_tells_without_cgroup_stat() {
        let answer = |name: &str, errno: Option<&str>| (name.to_owned(), errno.map(str::to_owned));
        let scratch = |devices, perf| ScratchAnswers {
            directory: "/sys/fs/cgroup/preflight-1".to_owned(),
            answers: vec![
                answer("devices", devices),
                answer("perf_event", perf),
                answer("io", None),
                answer("nvm", Some("EBUSY")),
            ],
        };
        let ask = |scratch| Ask { scratch: Some(scratch), ..Ask::default() };
        let survey = prove_with(node(), ask(Ok(scratch(Some("EINVAL"), None))));
        let inferred = |state| (state, Basis::Inferred, Some(Step::SubtreeControl));
        assert_eq!(known_by(&survey, "devices"), inferred(State::Inhibited));
        assert_eq!(known_by(&survey, "perf_event"), inferred(State::Implicit));
        assert_eq!(known_by(&survey, "io"), inferred(State::Listed));
        assert!(survey.disagreements.is_empty(), "{:?}", survey.disagreements);
        let (status, detail) = rung(&survey, Step::SubtreeControl);
        assert_eq!((status, detail.contains("refused devices")), (Status::Answered, true), "{detail}");
        // The kernel takes what the list of the root says is inhibited by version: the errno is believed.
        let survey = prove_with(node(), ask(Ok(scratch(None, None))));
        assert_eq!(known_by(&survey, "devices"), inferred(State::Implicit));
        let notes = &survey.find("devices").unwrap().notes;
        assert!(notes.iter().any(|n| n.contains("mainline Linux 6.1")), "{notes:?}");
        // It refuses what is listed: that can't be.
        let mut odd = scratch(Some("EINVAL"), None);
        odd.answers[2].1 = Some("EINVAL".to_owned());
        let survey = prove_with(node(), ask(Ok(odd)));
        assert_eq!(survey.disagreements.iter().map(|d| d.subject.as_str()).collect::<Vec<_>>(), ["io"]);
        let survey = prove_with(node(), ask(Err(Unknown::new("the cgroup2 is read-only"))));
        assert_eq!(rung(&survey, Step::SubtreeControl), (Status::Unavailable, "the cgroup2 is read-only"));
    }

    #[test]
    fn perf_event_is_asked_where_cgroup_stat_does_not_tell() {
        let probe = || Probe::PerfCgroup { directory: "/sys/fs/cgroup".into() };
        let types = |memory: Memory| Node::in_memory(memory).cgroup_survey(&Ask::types()).unwrap();
        let works = types(node().probe(probe(), "ok"));
        assert_eq!(known_by(&works, "perf_event").2, Some(Step::PerfEvent));
        let denied = types(node().probe(probe(), "EACCES"));
        assert_eq!(known_by(&denied, "perf_event").2, Some(Step::Hierarchy));
        assert!(rung(&denied, Step::PerfEvent).1.contains("CAP_PERFMON"));
        let gone = types(node().probe(probe(), "ENOENT"));
        assert_eq!(gone.disagreements.len(), 1);
        assert!(gone.disagreements[0].message.contains("perf-event says not attached"));
        let counted = types(node().file("/sys/fs/cgroup/cgroup.stat", "nr_subsys_perf_event 1\n"));
        assert_eq!(known_by(&counted, "perf_event").2, Some(Step::CgroupStat));
        assert_eq!(rung(&counted, Step::PerfEvent).0, Status::NotAsked);
        assert_eq!(counted.find("perf_event").unwrap().mask.unwrap().0, MaskSide::Implicit);
    }

    #[test]
    fn before_it_was_implicit_perf_event_worked_and_was_inhibited() {
        let probe = Probe::PerfCgroup { directory: "/sys/fs/cgroup".into() };
        let old = node().file("/proc/sys/kernel/osrelease", "4.9.337\n").probe(probe, "ok");
        let survey = Node::in_memory(old).cgroup_survey(&Ask::types()).unwrap();
        assert_eq!(survey.find("perf_event").unwrap().state, State::Inhibited);
        assert!(survey.disagreements.is_empty(), "{:?}", survey.disagreements);
    }

    #[test]
    fn a_name_that_the_enum_lacks_is_a_disagreement() {
        let survey = prove(node().file("/proc/cgroups", "nvm\t0\t1\t1\n"));
        assert!(survey.disagreements.iter().any(|d| d.subject == "nvm"), "{:?}", survey.disagreements);
    }
}

#[test]
fn a_mount_in_between_is_no_contradiction() {
    let row = |hierarchy| Row { hierarchy, cgroups: 1, enabled: true };
    let rows = |blkio, pids| {
        [("blkio".to_owned(), row(blkio)), ("pids".to_owned(), row(pids))]
            .into_iter()
            .collect::<BTreeMap<_, _>>()
    };
    assert_eq!(moved(&rows(0, 0), &rows(0, 0)), []);
    let seen = moved(&rows(0, 2), &rows(5, 2));
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].0, "io");
    assert!(seen[0].1.starts_with("blkio went from hierarchy 0 to 5"), "{seen:?}");
    assert_eq!(moved(&rows(0, 0), &BTreeMap::new()), []);
}
