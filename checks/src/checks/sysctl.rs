//! `sysctl`: Kernel parameters have the values that the node needs, now and after the next boot.

mod absent;
mod judge;
mod params;

use params::SysctlParams;

use crate::{
    check::{Check, Meta},
    evidence::Unknown,
    facts::sysctl::Key,
    finding::Findings,
    node::Node,
};
use std::collections::HashSet;

/// The check `sysctl`.
pub struct Sysctl;

impl Check for Sysctl {
    type Params = SysctlParams;

    const META: Meta = Meta {
        id: "sysctl",
        summary: "Kernel parameters have the values that the node needs, now and after the next boot",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &SysctlParams) -> Result<(), String> {
        if params.settings.is_empty() {
            return Err("no parameter is named; write some under `settings`".into());
        }
        let mut seen = HashSet::new();
        for setting in &params.settings {
            setting.validate()?;
            if !seen.insert(Key::parse(&setting.key)) {
                return Err(format!("`{}` is named twice", setting.key));
            }
        }
        Ok(())
    }

    fn run(params: &SysctlParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for setting in &params.settings {
            out.push(judge::judge(setting, node));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
