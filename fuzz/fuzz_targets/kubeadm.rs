//! A file for `kubeadm --config`, from which inputs are taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight::policy::KubeadmConfig;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for role in [None, Some("worker"), Some("control-plane")] {
        match KubeadmConfig::parse("kubeadm.yaml", text, role) {
            Ok(config) => drop(config.warnings.render(false)),
            Err(wrong) => {
                assert!(wrong.errors() > 0, "refused without a reason");
                let _ = wrong.render(false);
            }
        }
    }
});
