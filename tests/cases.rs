//! The tables of facts and cases: every file can be read, says where it comes from, and has lost no row.

mod common;

use common::cases;
use serde_json::{Map, Value};

/// File, table, number of rows. The tests of the checks take their inputs from these tables.
const TABLES: &[(&str, &str, usize)] = &[
    ("kubeadm-checks", "ignore_merge", 10),
    ("kubeadm-checks", "ignore_set", 6),
    ("kubeadm-checks", "kubelet_skew", 7),
    ("kubeadm-checks", "kubelet_version_output", 5),
    ("kubeadm-checks", "kubernetes_vs_kubeadm_version", 6),
    ("kubeadm-checks", "runner", 12),
    ("kubernetes-by-version", "cgroup_v1", 6),
    ("kubernetes-by-version", "kernel_by_feature", 13),
    ("peer-wrong", "cgroup", 10),
    ("peer-wrong", "kernel_config", 6),
    ("peer-wrong", "kernel_release", 9),
    ("sysval-cgroups", "kubelet_refuses_v1", 5),
    ("sysval-cgroups", "mount_point", 8),
    ("sysval-cgroups", "subsystem_diff", 8),
    ("sysval-default-spec", "kernel", 11),
    ("sysval-kernel", "config_cases", 9),
    ("sysval-kernel", "version_cases", 16),
    ("sysval-misc", "to_semver", 11),
];

#[test]
fn tables_are_complete() {
    for (file, table, rows) in TABLES {
        let whole: Map<String, Value> = cases::load(file);
        let found = match &whole[*table] {
            Value::Array(rows) => rows.len(),
            Value::Object(rows) => rows.len(),
            other => panic!("{file}: {table} is {other}"),
        };
        assert_eq!(found, *rows, "{file}: {table}");
    }
}

#[test]
fn what_was_taken_from_a_project_names_it_and_its_licence() {
    for file in [
        "kubeadm-checks",
        "peer-wrong",
        "sysval-cgroups",
        "sysval-default-spec",
        "sysval-kernel",
        "sysval-misc",
    ] {
        let whole: Map<String, Value> = cases::load(file);
        assert!(whole["source"]["repo"].is_string(), "{file}");
        assert_eq!(whole["source"]["license"], "Apache-2.0", "{file}");
    }
}

#[test]
fn versions_keep_their_spelling_and_letters_stay_letters() {
    let kernel: Map<String, Value> = cases::load("sysval-kernel");
    assert_eq!(kernel["config_cases"][1]["config"]["REQUIRED_1"], "n");
    let misc: Map<String, Value> = cases::load("sysval-misc");
    assert_eq!(misc["to_semver"][8]["in"], "03");
    let wrong: Map<String, Value> = cases::load("peer-wrong");
    assert_eq!(wrong["kernel_release"][5]["release"], "6.17");
}
