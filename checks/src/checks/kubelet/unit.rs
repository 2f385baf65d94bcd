//! Whether something starts the kubelet, and does so at boot.

use super::MISSING;
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::{
        kubelet::UNIT,
        systemd_unit::{Enablement, Unit, absent},
    },
    finding::{Finding, Remedy, Risk, Severity},
    node::{Node, Origin, ReadErrorKind},
};

const SUBJECT: &str = "unit";
/// OpenRC: the service, and the levels that start it at boot (openrc-run(8), rc(8)).
const OPENRC: &str = "/etc/init.d/kubelet";
const LEVELS: [&str; 2] = ["/etc/runlevels/default", "/etc/runlevels/boot"];

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

/// No unit of systemd: another init system may have a service, or the node has none.
fn without(node: &Node) -> Finding {
    match node.kind(OPENRC) {
        Ok(_) => return of_openrc(node),
        Err(e) if !e.is_missing() => return undetermined(&e.unknown()),
        Err(_) => {}
    }
    let by = match node.init() {
        Ok(init) if init.is_systemd => init.proof.clone().into_evidence(),
        Ok(init) if node.kind("/etc/init.d").is_ok() && node.kind("/etc/runlevels").is_ok() => {
            init.proof.clone().into_evidence()
        }
        Ok(init) => {
            let name = init.name.as_deref().unwrap_or("not known");
            let why = format!("the init system is {name}, whose services are not looked for here");
            return undetermined(&Unknown::new(why).tried(init.proof.clone().into_evidence()))
                .follows(MISSING);
        }
        // A tree is not booted: what is installed in it tells.
        Err(unknown) => match systemd_of(node) {
            Some(seen) => vec![seen],
            None => return undetermined(unknown),
        },
    };
    let message = "no service starts the kubelet: there is no kubelet.service";
    Finding::problem(Severity::Warn, SUBJECT, "missing", message)
        .evidence(absent(UNIT))
        .evidence(by)
        .remedy(Remedy::new("Install the package of the kubelet, which brings it: a copied program has none"))
        .follows(MISSING)
}

fn systemd_of(node: &Node) -> Option<Evidence> {
    let places = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"];
    let place = places.into_iter().find(|place| node.origin() == Origin::Root && node.kind(place).is_ok())?;
    Some(Evidence::new(place, "exists"))
}

fn of_openrc(node: &Node) -> Finding {
    let seen = Evidence::new(OPENRC, "exists");
    for level in LEVELS {
        let path = format!("{level}/kubelet");
        let there = match node.link(&path) {
            Ok(_) => true,
            Err(e) if matches!(e.kind, ReadErrorKind::WrongKind(_)) => true,
            Err(e) if e.is_missing() => false,
            Err(e) => return undetermined(&e.unknown()),
        };
        if there {
            let proof = Proof::new(seen).and(Evidence::new(path, "exists"));
            return Finding::pass(
                SUBJECT,
                "enabled",
                "OpenRC has a service kubelet and starts it at boot",
                proof,
            );
        }
    }
    let message = "OpenRC has a service kubelet, and does not start it at boot";
    Finding::problem(Severity::Warn, SUBJECT, "disabled", message)
        .evidence([seen, Evidence::new(LEVELS[0], "no kubelet")])
        .remedy(Remedy::new("Have the kubelet started at boot").persistent("rc-update add kubelet default"))
}
