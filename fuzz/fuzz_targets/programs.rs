//! What Go wrote into programs about how they were built.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_fuzz::Given;

fuzz_target!(|data: &[u8]| {
    let mut given = Given::new();
    for program in ["/usr/bin/kubelet", "/usr/bin/kubeadm", "/usr/bin/containerd"] {
        given = given.large(program, data);
    }
    let node = given.node();
    let _ = (node.kubelet_version(), node.kubeadm_version(), node.containerd());
});
