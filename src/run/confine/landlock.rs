//! Landlock: what no path may be used for (Documentation/userspace-api/landlock.rst).

use super::Confinement;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus,
};
use preflight_checks::node::Allow;

/// The newest version that is used: what later ones add (connecting to sockets by their paths) is reading here.
const NEWEST: ABI = ABI::V7;

/// What programs write who write nothing.
const SINKS: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/full"];

/// Restricts this thread; how, or why not.
pub(super) fn restrict(run: &Confinement) -> Result<String, String> {
    let mut denied = AccessFs::from_write(NEWEST);
    if run.may(Allow::Write) {
        // A file of its own is made, written, and has no name when it goes.
        denied.remove(AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate);
    }
    if run.may(Allow::Exec) {
        denied.remove(AccessFs::IoctlDev);
    } else {
        denied.insert(AccessFs::Execute);
    }
    let net = if run.may(Allow::Network) { BitFlags::EMPTY } else { AccessNet::from_all(NEWEST) };
    let status = enforce(run, denied, net).map_err(|e| e.to_string())?;
    match status {
        RulesetStatus::NotEnforced => Err("this kernel has no Landlock, or it is off".to_owned()),
        RulesetStatus::PartiallyEnforced => Ok("as far as this kernel goes".to_owned()),
        RulesetStatus::FullyEnforced => Ok("all of it".to_owned()),
    }
}

fn enforce(
    run: &Confinement,
    denied: BitFlags<AccessFs>,
    net: BitFlags<AccessNet>,
) -> Result<RulesetStatus, landlock::RulesetError> {
    let mut rules = Ruleset::default().set_compatibility(CompatLevel::BestEffort).handle_access(denied)?;
    if !net.is_empty() {
        rules = rules.handle_access(net)?;
    }
    let mut rules = rules.create()?;
    if run.may(Allow::Exec) && denied.contains(AccessFs::WriteFile) {
        // A shell that sends an output nowhere writes nothing.
        for sink in SINKS.iter().filter_map(|path| PathFd::new(path).ok()) {
            rules = rules.add_rule(PathBeneath::new(sink, AccessFs::WriteFile | AccessFs::Truncate))?;
        }
    }
    Ok(rules.restrict_self()?.ruleset)
}
