//! `sysctl`: Settings of the kernel have the values that the work needs, and will have them after a boot.

mod judge;
mod params;
mod remedies;
mod several;

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    finding::Findings,
    node::Node,
};
use params::SysctlParams;

/// The check `sysctl`.
pub struct Sysctl;

impl Check for Sysctl {
    type Params = SysctlParams;

    const META: Meta = Meta {
        id: "sysctl",
        summary: "Settings of the kernel have the values that the work needs, after a boot as well",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &SysctlParams) -> Result<(), String> {
        params::validate(params)
    }

    fn run(params: &SysctlParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for setting in &params.settings {
            let finding = match setting.key.0.wildcard() {
                Some(at) => several::judge(setting, at, node),
                None => judge::judge(setting, node),
            };
            let finding = finding.notes(setting.why.clone());
            out.push(match setting.kubeadm_name() {
                Some(name) => finding.kubeadm(name),
                None => finding,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
