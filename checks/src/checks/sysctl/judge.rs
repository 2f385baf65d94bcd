//! Judges one parameter, or those that a pattern stands for.

use super::{absent, params::SysctlSetting};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::sysctl::{Assignment, Key, Network, Value},
    finding::{Finding, Remedy, Severity},
    node::{Node, ReadError, ReadErrorKind},
};

/// The file for what has to last: its name sorts after those of distributions (sysctl.d(5) recommends 60 to 90 for /etc).
pub(super) const FILE: &str = "/etc/sysctl.d/90-kubernetes.conf";

/// What kubeadm looks at itself, under the path of the file with dashes (FileContentCheck.Name).
const KUBEADM: [&str; 4] = [
    "net.ipv4.ip_forward",
    "net.ipv6.conf.default.forwarding",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
];

pub(super) fn judge(setting: &SysctlSetting, node: &Node) -> Finding {
    let Some(key) = Key::parse(&setting.key) else {
        let unknown = Unknown::new("that is no name of a parameter");
        return Finding::undetermined(setting.severity, &setting.key, "unknown", "not looked at", &unknown);
    };
    let finding = if let Some(why) = of_another_network(&key, node) {
        unknown(setting, &key, &why)
    } else if key.is_pattern() {
        interfaces(setting, &key, node)
    } else {
        match node.sysctl(&key) {
            Ok(value) => one(setting, &key, &value, node),
            Err(e) if e.is_missing() => absent::judge(setting, &key, &e, node),
            Err(e) => unknown(setting, &key, &e.unknown()),
        }
    };
    let finding = match node.network_of_parameters() {
        Network::Namespace(_) if is_of_network(&key) => finding.note(
            "preflight runs in a network namespace that is not the machine's first, and this is what holds there",
        ),
        _ => finding,
    };
    let name = key.to_string();
    if KUBEADM.contains(&name.as_str()) {
        finding.kubeadm(format!("FileContent-{}", key.path().replace('/', "-")))
    } else {
        finding
    }
}

fn is_of_network(key: &Key) -> bool {
    key.parts().first().is_some_and(|top| top == "net")
}

/// A host's /proc that is mounted into a container shows the container's own parameters of the network.
fn of_another_network(key: &Key, node: &Node) -> Option<Unknown> {
    let Network::Another(seen) = node.network_of_parameters() else { return None };
    is_of_network(key).then(|| {
        Unknown::new("/proc/sys/net shows the network of this container, not that of the node")
            .tried([seen.clone()])
            .needs("run in the node's network (hostNetwork: true)")
    })
}

pub(super) fn unknown(setting: &SysctlSetting, key: &Key, unknown: &Unknown) -> Finding {
    let message = format!("whether {key} is {} could not be determined", setting.wanted());
    Finding::undetermined(setting.severity, key.to_string(), "unknown", message, unknown)
}

fn one(setting: &SysctlSetting, key: &Key, value: &Value, node: &Node) -> Finding {
    match setting.holds(&value.text) {
        None => {
            let why = Unknown::new(format!("{} holds no such number", key.path())).tried([value.evidence()]);
            unknown(setting, key, &why)
        }
        Some(true) => right(setting, key, value, node),
        Some(false) => wrong(setting, key, value, node),
    }
}

/// Right now; and after the next boot?
fn right(setting: &SysctlSetting, key: &Key, value: &Value, node: &Node) -> Finding {
    let message = format!("{key} is {}", value.text);
    let at_boot = node.sysctl_at_boot();
    let line = at_boot.decides(key);
    let kept =
        line.is_none_or(|line| setting.holds(line.value.as_deref().unwrap_or_default()) != Some(false));
    // What could not be read may set another value: a warning must not go away because nobody may look.
    if kept && let Some(e) = at_boot.unread.first() {
        return boot_unknown(key, &message, &e.unknown(), vec![value.evidence()]);
    }
    let Some(line) = line else {
        let finding = Finding::pass(key.to_string(), "right", message, value.evidence());
        return match at_boot.passed_over(key) {
            Some(line) => finding.note(format!(
                "line {} of {} sets it, but systemd does not read that file: move it into /etc/sysctl.d",
                line.place.1, line.place.0
            )),
            None => finding,
        };
    };
    let set = line.value.as_deref().unwrap_or_default();
    if kept {
        let proof = Proof::new(value.evidence()).and(line.evidence());
        return Finding::pass(key.to_string(), "right", message, proof);
    }
    let (file, number) = &line.place;
    let message =
        format!("{key} is {} now, but line {number} of {file} sets it to {set} at boot", value.text);
    Finding::problem(Severity::Warn, key.to_string(), "reset-at-boot", message)
        .evidence([value.evidence(), line.evidence()])
        .notes(setting.why.clone())
        .remedy(lasting(Remedy::new(format!("Have {key} set to what it is now")), setting, key, node))
}

fn boot_unknown(key: &Key, message: &str, unknown: &Unknown, seen: Vec<Evidence>) -> Finding {
    let message = format!("{message} now, but what the next boot sets is not known in full");
    Finding::undetermined(Severity::Warn, key.to_string(), "boot-unknown", message, unknown).evidence(seen)
}

fn wrong(setting: &SysctlSetting, key: &Key, value: &Value, node: &Node) -> Finding {
    let message = format!("{key} is {}, and has to be {}", value.text, setting.wanted());
    Finding::problem(setting.severity, key.to_string(), "wrong-value", message)
        .evidence([value.evidence()])
        .notes(setting.why.clone())
        .remedy(set(setting, key, node))
}

/// How to set it, now and for good.
pub(super) fn set(setting: &SysctlSetting, key: &Key, node: &Node) -> Remedy {
    let remedy = Remedy::new(format!("Set {key}"));
    match setting.right() {
        Some(value) => {
            let command = format!("sysctl -w {key}={}", quoted(&value));
            lasting(remedy.command(command), setting, key, node)
        }
        None => Remedy::new(format!("Set {key}: it has to be {}", setting.wanted())),
    }
}

/// The line that makes it last, and the one that has to go because it would come later.
fn lasting(remedy: Remedy, setting: &SysctlSetting, key: &Key, node: &Node) -> Remedy {
    let Some(value) = setting.right() else { return remedy };
    let remedy = remedy.persistent(format!("echo '{key} = {value}' >> {FILE}"));
    match node.sysctl_at_boot().decides(key) {
        Some(line) if setting.holds(line.value.as_deref().unwrap_or_default()) == Some(false) => {
            let (file, number) = &line.place;
            if file.as_str() == FILE || later(file) {
                return remedy.persistent(format!("take line {number} out of {file}: it would win"));
            }
            remedy
        }
        _ => remedy,
    }
}

/// Whether a file is read after ours.
fn later(file: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    name(file) > name(FILE)
}

fn quoted(value: &str) -> String {
    if value.contains(' ') { format!("'{value}'") } else { value.to_owned() }
}

/// The parameters of interfaces of which the kernel takes the larger of `all` and the interface's own
/// (include/linux/inetdevice.h: IN_DEV_MAXCONF; IN_DEV_ORCONF of 0 and 1 comes to the same).
const LARGER_COUNTS: [&str; 9] = [
    "rp_filter",
    "arp_announce",
    "arp_ignore",
    "arp_notify",
    "arp_filter",
    "arp_accept",
    "send_redirects",
    "proxy_arp",
    "secure_redirects",
];

/// A pattern: one finding, with those that are not right.
fn interfaces(setting: &SysctlSetting, key: &Key, node: &Node) -> Finding {
    let Some(at) = key.parts().iter().position(|part| part.contains('*')) else {
        return unknown(setting, key, &Unknown::new("there is no `*` in it"));
    };
    let directory = format!("/proc/sys/{}", key.parts()[..at].join("/"));
    let names = match node.list(&directory) {
        Ok(names) => names,
        Err(e) if e.is_missing() => return absent::judge(setting, key, &e, node),
        Err(e) => return unknown(setting, key, &e.unknown()),
    };
    let all = key.with_part(at, "all");
    let combined = key.parts().last().is_some_and(|last| LARGER_COUNTS.contains(&last.as_str()));
    let of_all = if combined { node.sysctl(&all).ok() } else { None };
    let floor: Option<i64> = of_all.as_ref().and_then(|value| value.text.parse().ok());
    let mut seen: Vec<Evidence> = Vec::new();
    let mut differ: Vec<String> = Vec::new();
    let mut unread: Option<ReadError> = None;
    for name in names.iter().filter(|name| key.covers(&key.with_part(at, name))) {
        match node.sysctl(&key.with_part(at, name)) {
            Ok(value) => {
                let own: Option<i64> = value.text.parse().ok();
                let counts = match (own, floor) {
                    // An interface to come gets the value of `default`, and is combined with `all` as any other.
                    (Some(own), Some(floor)) => own.max(floor).to_string(),
                    _ => value.text.clone(),
                };
                match setting.holds(&counts) {
                    Some(true) => seen.push(value.evidence()),
                    Some(false) => {
                        differ.push(format!("{name} {counts}"));
                        seen.insert(0, value.evidence());
                    }
                    None => {
                        let strange = ReadErrorKind::System("holds no such number".to_owned());
                        unread.get_or_insert(ReadError::new(key.with_part(at, name).path(), strange));
                    }
                }
            }
            // An interface may go while it is looked at.
            Err(e) if e.is_missing() => {}
            Err(e) => _ = unread.get_or_insert(e),
        }
    }
    let count = seen.len();
    seen.truncate(8);
    let drift = if differ.is_empty() { drift(setting, key, at, &names, combined, node) } else { Vec::new() };
    if !differ.is_empty() {
        let message = format!("{key} has to be {}, and is not for {}", setting.wanted(), few(&differ));
        return Finding::problem(setting.severity, key.to_string(), "wrong-value", message)
            .evidence(seen)
            .notes(setting.why.clone())
            .remedy(set_each(setting, key, at, &differ));
    }
    match (Proof::of(seen), unread) {
        (_, Some(e)) => unknown(setting, key, &e.unknown()),
        (None, None) => {
            let nothing = Unknown::new(format!("{directory} has nothing of that name"));
            unknown(setting, key, &nothing.tried([Evidence::new(directory, names.join(" "))]))
        }
        (Some(proof), None) => {
            let message = format!("{key} is {} for all {count}", setting.wanted());
            if !drift.is_empty() {
                return undone(setting, key, &message, proof, &drift);
            }
            match node.sysctl_at_boot().unread.first() {
                Some(e) => boot_unknown(key, &message, &e.unknown(), proof.into_evidence()),
                None => Finding::pass(key.to_string(), "right", message, proof),
            }
        }
    }
}

/// What the next boot sets to something that will not do: the name, what counts there then, and the line.
fn drift<'a>(
    setting: &SysctlSetting,
    key: &Key,
    at: usize,
    names: &[String],
    combined: bool,
    node: &'a Node,
) -> Vec<(String, &'a Assignment)> {
    let at_boot = node.sysctl_at_boot();
    let then = |name: &str| {
        let key = key.with_part(at, name);
        let line = at_boot.decides(&key);
        let set = line.and_then(|line| line.value.clone());
        // What no line sets is taken to stay, as that of a single parameter is.
        (set.or_else(|| node.sysctl(&key).ok().map(|value| value.text)), line)
    };
    let all = if combined { then("all") } else { (None, None) };
    let floor: Option<i64> = all.0.and_then(|text| text.parse().ok());
    // The patterns stand for interfaces to come: systemd sets their parameters when they appear (systemd, rules.d/99-systemd.rules.in,
    // ACTION=="add" of SUBSYSTEM=="net"), after the kernel gave them those of `default`.
    let to_come = if node.systemd().is_ok() { at_boot.patterns(key, at) } else { Vec::new() };
    let names = names.iter().map(String::as_str).chain(to_come);
    let judged = names.filter(|name| key.covers(&key.with_part(at, name))).filter_map(|name| {
        let (set, line) = then(name);
        let set = set?;
        let counts = match (set.parse::<i64>().ok(), floor) {
            (Some(own), Some(floor)) => own.max(floor).to_string(),
            _ => set,
        };
        let line = line.or(all.1)?;
        (setting.holds(&counts) != Some(true)).then(|| (format!("{name} {counts}"), line))
    });
    judged.collect()
}

/// All are right now, and the boot sets some to something else.
fn undone(
    setting: &SysctlSetting,
    key: &Key,
    message: &str,
    proof: Proof,
    drift: &[(String, &Assignment)],
) -> Finding {
    let then: Vec<String> = drift.iter().map(|(then, _)| then.clone()).collect();
    let mut lines: Vec<&Assignment> = Vec::new();
    for (_, line) in drift {
        if !lines.contains(line) && lines.len() < 5 {
            lines.push(line);
        }
    }
    let message = format!("{message} now, but what is set at boot gives {}", few(&then));
    let remedy = lines.iter().fold(Remedy::new(format!("Have {key} stay what it is now")), |remedy, line| {
        remedy.persistent(format!(
            "take line {} out of {}, or set what will do there",
            line.place.1, line.place.0
        ))
    });
    Finding::problem(Severity::Warn, key.to_string(), "reset-at-boot", message)
        .evidence(lines.iter().map(|line| line.evidence()))
        .evidence(proof.into_evidence())
        .notes(setting.why.clone())
        .remedy(remedy)
}

fn few(differ: &[String]) -> String {
    let shown: Vec<&str> = differ.iter().take(5).map(String::as_str).collect();
    let more = differ.len() - shown.len();
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn set_each(setting: &SysctlSetting, key: &Key, at: usize, differ: &[String]) -> Remedy {
    let remedy = Remedy::new(format!("Set {key} for each of them"));
    let Some(value) = setting.right() else { return remedy };
    let names = differ.iter().filter_map(|one| one.split(' ').next()).take(5);
    let remedy = names.fold(remedy, |remedy, name| {
        remedy.command(format!("sysctl -w {}={}", key.with_part(at, name), quoted(&value)))
    });
    remedy.persistent(format!("echo '{key} = {value}' >> {FILE}"))
}
