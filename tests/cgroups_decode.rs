//! Masks as numbers from elsewhere: `preflight cgroups --decode`, as people call it.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

use serde_json::{Value, json};
use std::process::{Command, Output};

/// The subsystems of Linux 5.0 as Ubuntu 18.04 builds it, in the order of include/linux/cgroup_subsys.h.
const IDS: &str =
    "cpuset,cpu,cpuacct,io,memory,devices,freezer,net_cls,perf_event,net_prio,hugetlb,pids,rdma";

/// What a kretprobe on `cgroup_control` showed on 5.0.0-32-generic with `cgroup_no_v1=all`.
const MEASURED: &str = "implicit=256,inhibit=1764,control=6171";

fn decode(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_preflight");
    Command::new(program).args(["cgroups", "--decode"]).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn the_kernel_on_which_it_was_first_measured() {
    let run = decode(&[MEASURED, "--ids", IDS]);
    let wanted = "\
implicit  256 = 0x0100 = 0b100000000: perf_event
inhibit   1764 = 0x06e4 = 0b11011100100: cpuacct devices freezer net_cls
          net_prio hugetlb
control   6171 = 0x181b = 0b1100000011011: cpuset cpu io memory pids rdma

          cpuset  cpu  cpuacct  io  memory  devices  freezer  net_cls
implicit       0    0        0   0       0        0        0        0
inhibit        0    0        1   0       0        1        1        1
control        1    1        0   1       1        0        0        0

          perf_event  net_prio  hugetlb  pids  rdma
implicit           1         0        0     0     0
inhibit            0         1        1     0     0
control            0         0        0     1     1
";
    assert_eq!(text(&run.stdout), wanted, "{}", text(&run.stderr));
    assert_eq!(run.status.code(), Some(0));
}

#[test]
fn the_same_table_for_scripts() {
    let run = decode(&["inhibited=0x6e4,implicit=0x100", "--ids", &IDS.replace("io", "blkio"), "-o", "json"]);
    let decoded: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(decoded["kind"], "CgroupMasks");
    let row = |mask: &str| -> Vec<u8> {
        let cells = decoded["subsystems"].as_array().unwrap().iter();
        cells.map(|cell| u8::from(cell[mask].as_bool().unwrap())).collect()
    };
    assert_eq!(row("implicit"), [0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(row("inhibit"), [0, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1, 0, 0]);
    assert_eq!(
        decoded["subsystems"][3],
        json!({ "name": "io", "id": 3, "implicit": false, "inhibit": false, "control": null })
    );
    assert_eq!(decoded["masks"][0], json!({ "name": "implicit", "value": 256, "names": ["perf_event"] }));
    assert_eq!(decoded["notes"], json!([]));
}

#[test]
fn what_can_not_be_is_noted() {
    let run = decode(&["implicit=0x2e40100", "--ids", IDS]);
    assert!(
        text(&run.stdout).contains("note: implicit: no subsystem of --ids has the bits 18, 21"),
        "{run:?}"
    );
    assert_eq!(run.status.code(), Some(0));
}

#[test]
fn wrong_usage_is_2() {
    for (arguments, says) in [
        (&["implied=1", "--ids", IDS][..], "`implied` is no mask"),
        (&["implicit=x", "--ids", IDS], "`x` is no number"),
        (&["implicit=1,implicit=2", "--ids", IDS], "implicit is given twice"),
        (&["implicit=1", "--ids", "cpu,cpu"], "--ids: cpu is given twice"),
        (&["implicit=1", "--root", "/"], "cannot be used with"),
        (&["implicit=1", "--explain", "cpu"], "cannot be used with"),
    ] {
        let run = decode(arguments);
        assert_eq!(run.status.code(), Some(2), "{arguments:?}");
        assert!(text(&run.stderr).contains(says), "{arguments:?}: {}", text(&run.stderr));
        assert!(run.stdout.is_empty());
    }
}

#[test]
fn without_ids_those_of_this_kernel_or_a_hint() {
    let run = decode(&["implicit=256"]);
    match run.status.code() {
        Some(0) => assert!(text(&run.stdout).contains("those of this kernel, from /sys/kernel/btf/vmlinux")),
        code => {
            assert_eq!(code, Some(2));
            assert!(text(&run.stderr).contains("give --ids"), "{}", text(&run.stderr));
        }
    }
}
