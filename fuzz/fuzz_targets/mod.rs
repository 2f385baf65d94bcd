//! The targets by their names, for tests/corpora.rs. Each is a program of its own for a fuzzer (Cargo.toml).

macro_rules! targets {
    ($($name:ident)*) => {
        $(mod $name;)*

        /// What each does with an input.
        pub(crate) const ALL: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::run)),*];
    };
}

targets! {
    answers boot_loader btf capture cases certificate cgroups cri cri_messages dbus dns evidence
    expression http kernel_config kernel_log kernel_memory kubeadm kubelet modules mounts netlink node
    packages plugins policy programs remedy rpm runtimes units
}
