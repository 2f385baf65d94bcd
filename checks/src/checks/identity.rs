//! `identity`: What has to be different on every node is there, and is not a placeholder.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, Read},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What has to be different on every node is there, and is not a placeholder.
///
/// ## What it looks at
/// /etc/machine-id (and /var/lib/dbus/machine-id, which should say the same), the UUID of the machine that its firmware
/// gives (/sys/class/dmi/id/product_uuid, for root only), and the MAC addresses of the physical interfaces
/// (/sys/class/net). One machine can't tell whether another one has the same: the exact values stand in the evidence of the
/// report, so that the reports of several nodes can be compared.
///
/// `own` passes; `missing`, `uninitialized`, `invalid`, `placeholder`, `differs` and `duplicate` do not.
///
/// ## Why it matters
/// Kubernetes wants a unique host name, MAC address and product_uuid for every node, and checks none of them. Machines
/// cloned from an image with a machine-id have the same one: DHCP gives them one address, network plugins (Weave, Flannel
/// with some backends) derive MAC addresses from it, and logs get mixed up.
///
/// ## How to mend it
/// `rm /etc/machine-id /var/lib/dbus/machine-id; systemd-machine-id-setup`, and a reboot; in an image leave an empty
/// /etc/machine-id. For a virtual machine choose a new UUID and MAC address.
///
/// ## Sources
/// machine-id(5) (32 digits, `uninitialized`, empty in images); kubernetes.io, Installing kubeadm, "Verify the MAC address
/// and product_uuid are unique"; dmidecode(8) (all zeros: not settable, all ones: not present); the UUID
/// 03000200-0400-0500-0006-000700080009 is what many boards by American Megatrends have; IEEE 802, locally administered
/// addresses; Linux Documentation/ABI/testing/sysfs-class-net.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct IdentityParams {
    /// What to leave out: `machine-id`, `product-uuid`, `mac-addresses`. Default: nothing.
    pub skip: Vec<IdentityPart>,
}

/// One of the things that tell machines apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityPart {
    /// /etc/machine-id.
    MachineId,
    /// The UUID that the firmware gives.
    ProductUuid,
    /// The addresses of the physical interfaces.
    MacAddresses,
}

impl IdentityPart {
    const ALL: [Self; 3] = [Self::MachineId, Self::ProductUuid, Self::MacAddresses];
}

/// The check `identity`.
pub struct Identity;

const MACHINE_ID: &str = "/etc/machine-id";
const DBUS: &str = "/var/lib/dbus/machine-id";
const UUID: &str = "/sys/class/dmi/id/product_uuid";
const NET: &str = "/sys/class/net";

impl Check for Identity {
    type Params = IdentityParams;

    const META: Meta = Meta {
        id: "identity",
        summary: "What has to be different on every node is there, and is not a placeholder",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &IdentityParams) -> Result<(), String> {
        if IdentityPart::ALL.iter().all(|part| params.skip.contains(part)) {
            return Err("everything is left out, so that nothing is asked".into());
        }
        Ok(())
    }

    fn run(params: &IdentityParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let asked = |part: &IdentityPart| !params.skip.contains(part);
        for part in IdentityPart::ALL.into_iter().filter(asked) {
            out.push(match part {
                IdentityPart::MachineId => machine_id(node),
                IdentityPart::ProductUuid => product_uuid(node),
                IdentityPart::MacAddresses => mac_addresses(node),
            });
        }
        Ok(())
    }
}

fn unknown(subject: &str, unknown: &Unknown) -> Finding {
    let message = format!("the {subject} could not be determined");
    Finding::undetermined(Severity::Warn, subject, "unknown", message, unknown)
}

fn machine_id(node: &Node) -> Finding {
    const SUBJECT: &str = "machine-id";
    let read = node.read(MACHINE_ID);
    let remedy = || {
        Remedy::new("Make a new one, and reboot")
            .command(format!("rm -f {MACHINE_ID} {DBUS} && systemd-machine-id-setup"))
            .reboot()
    };
    let problem = |reason, message: String| {
        Finding::problem(Severity::Fail, SUBJECT, reason, message)
            .evidence([read.evidence()])
            .remedy(remedy())
    };
    let text = match read.text() {
        Ok(text) => text.trim().to_owned(),
        // Without /etc itself nothing is known of it.
        Err(e) if e.is_missing() && node.kind("/etc").is_ok() => {
            return problem("missing", format!("there is no {MACHINE_ID}"));
        }
        Err(e) => return unknown(SUBJECT, &e.unknown()),
    };
    if text.is_empty() || text == "uninitialized" {
        let message = format!(
            "{MACHINE_ID} is {}: the next boot would make one",
            if text.is_empty() { "empty" } else { "uninitialized" }
        );
        return problem("uninitialized", message);
    }
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return problem("invalid", format!("{MACHINE_ID} does not hold 32 hexadecimal digits in lower case"));
    }
    if is_monotonous(&text) {
        return problem("placeholder", format!("{MACHINE_ID} is the same digit again and again"));
    }
    let dbus = node.read(DBUS);
    if let Ok(other) = dbus.text()
        && other.trim() != text
        && !other.trim().is_empty()
    {
        let message = format!("{MACHINE_ID} and {DBUS} differ: this machine seems to be a clone of another");
        return Finding::problem(Severity::Warn, SUBJECT, "differs", message)
            .evidence([read.quote(&*text), dbus.quote(other.trim())])
            .remedy(
                Remedy::new(format!("Have {DBUS} be a link")).command(format!("ln -sf {MACHINE_ID} {DBUS}")),
            );
    }
    // One that can't be read may be that of another machine.
    if let Err(e) = dbus.text()
        && !e.is_missing()
    {
        return unknown(SUBJECT, &e.unknown());
    }
    let message = format!("the machine-id is {text}");
    Finding::pass(SUBJECT, "own", message, read.quote(text))
        .note("whether another node has the same, comparing their reports tells")
}

/// The same digit in all places.
fn is_monotonous(text: &str) -> bool {
    let mut digits = text.bytes().filter(|b| *b != b'-');
    let first = digits.next();
    digits.all(|b| Some(b) == first)
}

/// What boards have whose maker gave them none.
const PLACEHOLDER: &str = "03000200-0400-0500-0006-000700080009";

fn product_uuid(node: &Node) -> Finding {
    const SUBJECT: &str = "product-uuid";
    let read = node.read(UUID);
    let uuid = match read.text() {
        Ok(text) => text.trim().to_lowercase(),
        Err(e)
            if e.is_missing()
                && node.kind("/sys/class/net").is_ok()
                && node.kind("/sys/class/dmi").is_err() =>
        {
            return Finding::not_applicable(
                SUBJECT,
                "this machine's firmware gives no UUID (no DMI)",
                [e.evidence()],
            );
        }
        Err(e) => return unknown(SUBJECT, &e.unknown()),
    };
    let shape = uuid.len() == 36 && uuid.bytes().filter(|b| *b == b'-').count() == 4;
    let remedy =
        || Remedy::new("Give the virtual machine a UUID of its own, or have the board's maker do so");
    if !shape || is_monotonous(&uuid) || uuid == PLACEHOLDER {
        let message = format!("the UUID of this machine is `{uuid}`, which many machines have");
        return Finding::problem(Severity::Warn, SUBJECT, "placeholder", message)
            .evidence([read.quote(uuid)])
            .remedy(remedy());
    }
    let message = format!("the UUID of this machine is {uuid}");
    Finding::pass(SUBJECT, "own", message, read.quote(uuid))
        .note("whether another node has the same, comparing their reports tells")
}

fn mac_addresses(node: &Node) -> Finding {
    const SUBJECT: &str = "mac-addresses";
    let names = match node.list(NET) {
        Ok(names) => names,
        Err(e) => return unknown(SUBJECT, &e.unknown()),
    };
    // What has a device behind it: bridges, veth pairs and tunnels have none.
    let physical = names.iter().filter(|name| node.kind(&format!("{NET}/{name}/device")).is_ok());
    let reads: Vec<(&String, std::rc::Rc<Read>)> =
        physical.map(|name| (name, node.read(&format!("{NET}/{name}/address")))).collect();
    if let Some(e) = reads.iter().find_map(|(_, read)| read.text().err()) {
        return unknown(SUBJECT, &e.unknown());
    }
    let mut by_address: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    let mut evidence: Vec<Evidence> = Vec::new();
    for (name, read) in &reads {
        let address = read.text().map(|text| text.trim().to_lowercase()).unwrap_or_default();
        // Infiniband and others have longer ones, some none at all.
        if address.is_empty() || is_monotonous(&address.replace(':', "")) {
            continue;
        }
        evidence.push(read.quote(&*address));
        by_address.entry(address).or_default().push(name);
    }
    if let Some((address, names)) = by_address.iter().find(|(_, names)| names.len() > 1) {
        // Members of a bond have the address of the bond.
        let bonded = names.iter().all(|name| node.kind(&format!("{NET}/{name}/bonding_slave")).is_ok());
        if !bonded {
            let message = format!("{} have the same MAC address, {address}", names.join(" and "));
            return Finding::problem(Severity::Warn, SUBJECT, "duplicate", message)
                .evidence(evidence)
                .remedy(Remedy::new("Give each of them an address of its own"));
        }
    }
    match Proof::of(evidence) {
        Some(proof) => {
            let message = format!(
                "the physical interfaces have {}",
                by_address.into_keys().collect::<Vec<_>>().join(", ")
            );
            Finding::pass(SUBJECT, "own", message, proof)
                .note("whether another node has one of them, comparing their reports tells")
        }
        None => Finding::not_applicable(
            SUBJECT,
            "no interface with a device behind it is to be seen",
            [Evidence::new(NET, names.join(" "))],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    const ID: &str = "b08dfa6083e7567a1921a715000001fb";

    fn ask(memory: Memory) -> Vec<Finding> {
        let mut out = Findings::default();
        Identity::run(&IdentityParams::default(), &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    #[test]
    fn machine_ids() {
        let reason = |text: &str| ask(Memory::new().file(MACHINE_ID, text))[0].reason();
        for (text, want) in [
            (format!("{ID}\n").as_str(), "own"),
            ("", "uninitialized"),
            ("uninitialized\n", "uninitialized"),
            ("abc\n", "invalid"),
            (ID.to_uppercase().as_str(), "invalid"),
            ("00000000000000000000000000000000\n", "placeholder"),
        ] {
            assert_eq!(reason(text), want, "{text}");
        }
        let found = ask(Memory::new().file(MACHINE_ID, ID)).remove(0);
        assert_eq!(found.all_evidence()[0].observed, ID, "so that reports can be compared");
        let clone = Memory::new().file(MACHINE_ID, ID).file(DBUS, "c08dfa6083e7567a1921a715000001fb\n");
        assert_eq!(ask(clone.clone())[0].reason(), "differs");
        let denied = clone.error(DBUS, ReadErrorKind::Denied("EACCES"));
        assert!(matches!(ask(denied)[0].outcome(), Outcome::Undetermined(_)));
        assert_eq!(ask(Memory::new().file("/etc/fstab", ""))[0].reason(), "missing");
        for memory in [Memory::new(), Memory::new().error(MACHINE_ID, ReadErrorKind::Denied("EACCES"))] {
            assert!(matches!(ask(memory)[0].outcome(), Outcome::Undetermined(_)));
        }
    }

    #[test]
    fn uuids() {
        let of = |text: &str| ask(Memory::new().file(UUID, text)).remove(1);
        assert_eq!(of("4C4C4544-0042-3510-8052-B3C04F4B4E32\n").reason(), "own");
        for text in
            [PLACEHOLDER, "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "x"]
        {
            assert_eq!(of(text).reason(), "placeholder", "{text}");
        }
        let denied = ask(Memory::new().error(UUID, ReadErrorKind::Denied("EACCES"))).remove(1);
        assert_eq!(denied.outcome(), &Outcome::Undetermined(Some("run as root".into())));
        let arm = Memory::new().file("/sys/class/net/lo/address", "00:00:00:00:00:00\n");
        assert_eq!(ask(arm)[1].outcome(), &Outcome::NotApplicable);
        assert!(matches!(ask(Memory::new())[1].outcome(), Outcome::Undetermined(_)), "no /sys at all");
    }

    fn interface(memory: Memory, name: &str, address: &str) -> Memory {
        memory
            .file(&format!("{NET}/{name}/address"), format!("{address}\n"))
            .file(&format!("{NET}/{name}/device/uevent"), "")
    }

    #[test]
    fn addresses() {
        let lo = || Memory::new().file(&format!("{NET}/lo/address"), "00:00:00:00:00:00\n");
        let one = interface(lo(), "eth0", "52:54:00:12:34:56");
        let found = ask(one.clone()).remove(2);
        assert_eq!((found.reason(), found.all_evidence()[0].observed.as_str()), ("own", "52:54:00:12:34:56"));
        let two = interface(one.clone(), "eth1", "52:54:00:12:34:56");
        assert_eq!(ask(two.clone())[2].reason(), "duplicate");
        let bond = two
            .file(&format!("{NET}/eth0/bonding_slave/state"), "active\n")
            .file(&format!("{NET}/eth1/bonding_slave/state"), "backup\n");
        assert_eq!(ask(bond)[2].reason(), "own");
        assert_eq!(ask(lo())[2].outcome(), &Outcome::NotApplicable);
        let denied = one.error(&format!("{NET}/eth0/address"), ReadErrorKind::Denied("EACCES"));
        assert!(matches!(ask(denied)[2].outcome(), Outcome::Undetermined(_)));
    }

    #[test]
    fn parameters() {
        use IdentityPart::{MacAddresses, MachineId, ProductUuid};
        assert!(
            Identity::validate(&IdentityParams { skip: vec![MachineId, ProductUuid, MacAddresses] }).is_err()
        );
        let params = IdentityParams { skip: vec![ProductUuid, MacAddresses] };
        let mut out = Findings::default();
        Identity::run(&params, &Node::in_memory(Memory::new()), &mut out).unwrap();
        assert_eq!(out.into_inner().len(), 1);
    }
}
