//! Whether something starts the kubelet, and does so at boot.

use super::MISSING;
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::{
        kubelet::UNIT,
        service_manager::OpenRcService,
        systemd_unit::{Enablement, Unit, absent},
    },
    finding::{Finding, Remedy, Risk, Severity},
    node::Node,
};

const SUBJECT: &str = "unit";

pub(super) fn judge(node: &Node) -> Finding {
    match &node.kubelet().unit {
        Ok(Some(unit)) => of_systemd(unit, node),
        Ok(None) => without(node),
        Err(unknown) => undetermined(unknown),
    }
}

fn undetermined(unknown: &Unknown) -> Finding {
    let message = "whether a service starts the kubelet at boot could not be determined";
    Finding::undetermined(Severity::Warn, SUBJECT, "unknown", message, unknown)
}

fn enable() -> Remedy {
    Remedy::new("Have the kubelet started at boot").persistent("systemctl enable kubelet.service")
}

fn of_systemd(unit: &Unit, node: &Node) -> Finding {
    let warn = |reason, message: String, seen: Vec<Evidence>| {
        Finding::problem(Severity::Warn, SUBJECT, reason, message).evidence([unit.evidence()]).evidence(seen)
    };
    let (state, seen) = match node.systemd_enablement(unit) {
        Ok(found) => found,
        Err(unknown) => return undetermined(&unknown),
    };
    if let Some(missing) = node.kubelet().command.as_ref().and_then(|c| c.missing.first()) {
        let message = format!("{UNIT} does not start: its EnvironmentFile {missing} does not exist");
        let seen = vec![Evidence::new(missing, "does not exist")];
        return warn("no-environment", message, seen).remedy(
            Remedy::new(format!(
                "Make {missing}, or put a `-` before it in the unit: then it may be missing"
            ))
            .command(format!("touch {missing}")),
        );
    }
    match state {
        Enablement::Enabled | Enablement::Generated => {
            let proof = Proof::new(unit.evidence()).and_all(seen);
            Finding::pass(SUBJECT, "enabled", format!("{UNIT} is there and starts at boot"), proof)
        }
        Enablement::Masked | Enablement::MaskedRuntime => {
            let message = format!("{UNIT} is masked: nothing can start it");
            warn("masked", message, seen).remedy(
                Remedy::new("Unmask it, and have it started at boot")
                    .command("systemctl unmask kubelet.service")
                    .persistent("systemctl enable kubelet.service"),
            )
        }
        Enablement::EnabledRuntime => {
            let message = format!("{UNIT} is enabled for now only: the next boot does not start it");
            warn("enabled-runtime", message, seen).remedy(enable())
        }
        Enablement::Disabled => {
            let message =
                format!("{UNIT} is not enabled: after a boot this node does not come back to its cluster");
            warn("disabled", message, seen).remedy(enable())
        }
        Enablement::Static => {
            let message = format!("{UNIT} can't be enabled, and nothing is seen that starts it at boot");
            warn("static", message, seen).remedy(
                Remedy::new("Add an [Install] section to the unit, or have another unit want it")
                    .persistent("systemctl add-wants multi-user.target kubelet.service")
                    .risk(Risk::None),
            )
        }
    }
}

/// No unit of systemd: OpenRC may have a service, or the node has none.
fn without(node: &Node) -> Finding {
    match node.openrc_service("kubelet") {
        Ok(Some(service)) => return of_openrc(service),
        Ok(None) => {}
        Err(unknown) => return undetermined(&unknown),
    }
    let by = match node.service_manager() {
        Ok((_, by)) => by.clone(),
        // Whoever starts services where there is no kubelet, has none of it.
        Err(unknown) if node.init().is_ok() => return undetermined(unknown).follows(MISSING),
        Err(unknown) => return undetermined(unknown),
    };
    let message = "no service starts the kubelet: there is no kubelet.service";
    Finding::problem(Severity::Warn, SUBJECT, "missing", message)
        .evidence(absent(UNIT))
        .evidence(by)
        .remedy(Remedy::new("Install the package of the kubelet, which brings it: a copied program has none"))
        .follows(MISSING)
}

fn of_openrc(service: OpenRcService) -> Finding {
    let OpenRcService { script, level } = service;
    if let Some(level) = level {
        let message = "OpenRC has a service kubelet and starts it at boot";
        return Finding::pass(SUBJECT, "enabled", message, Proof::new(script).and(level));
    }
    let message = "OpenRC has a service kubelet, and does not start it at boot";
    Finding::problem(Severity::Warn, SUBJECT, "disabled", message)
        .evidence([script, Evidence::new("/etc/runlevels/default", "no kubelet")])
        .remedy(Remedy::new("Have the kubelet started at boot").persistent("rc-update add kubelet default"))
}
