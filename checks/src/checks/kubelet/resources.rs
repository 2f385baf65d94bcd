//! What the kubelet keeps for itself and the system, and when it evicts pods, against what the node has.

use super::demands::{change, seen, unknown};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::{
        Known,
        disk::{Disk, percent},
        kubelet::{Found, Kubelet},
    },
    finding::{Finding, Severity},
    node::Node,
    quantity::Quantity,
};
use std::collections::BTreeMap;

type Map = Option<Found<BTreeMap<String, String>>>;

/// What evictionHard is where nobody sets it (pkg/kubelet/eviction/defaults_linux.go).
const EVICTION: [(&str, &str); 5] = [
    ("imagefs.available", "15%"),
    ("imagefs.inodesFree", "5%"),
    ("memory.available", "100Mi"),
    ("nodefs.available", "10%"),
    ("nodefs.inodesFree", "5%"),
];
/// Where container runtimes keep images, if they are there.
const IMAGES: [&str; 3] = ["/var/lib/containerd", "/var/lib/containers", "/var/lib/docker"];

/// An amount of processors in thousandths: `500m`, `1.5`, `2`.
fn milli(text: &str) -> Option<u64> {
    if let Some(thousandths) = text.strip_suffix('m') {
        return thousandths.parse().ok();
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let fraction: u64 = format!("{fraction:0<3}").parse().ok()?;
    whole.checked_mul(1000)?.checked_add(fraction)
}

/// How much of a resource both settings reserve.
fn sum(maps: [&Map; 2], resource: &str, read: impl Fn(&str) -> Option<u64>) -> Known<u64> {
    let mut all = 0_u64;
    for map in maps.into_iter().flatten() {
        if let Some(text) = map.value.get(resource) {
            let one = read(text).ok_or_else(|| {
                let why = format!("{}: `{text}` is no amount of {resource}", map.seen.source);
                Unknown::new(why).tried([map.seen.clone()])
            })?;
            all = all.saturating_add(one);
        }
    }
    Ok(all)
}

fn bytes(text: &str) -> Option<u64> {
    text.parse::<Quantity>().ok().map(Quantity::get)
}

/// kubeReserved and systemReserved, with evictionHard's memory, may not be more than there is: the kubelet does not start
/// ("invalid Node Allocatable configuration", pkg/kubelet/cm/node_container_manager_linux.go, validateNodeAllocatable).
pub(super) fn reserved(kubelet: &Kubelet, node: &Node) -> Finding {
    const SUBJECT: &str = "reserved";
    let judge = || -> Known<Finding> {
        let (kube, system) = (kubelet.map("kubeReserved")?, kubelet.map("systemReserved")?);
        let named = kubelet.text("reservedSystemCPUs")?;
        let maps = [&kube, &system];
        if kube.is_none() && system.is_none() && named.is_none() {
            let told = seen::<()>(None, kubelet, "kubeReserved nor systemReserved", "nothing");
            let message = "nothing is reserved for the kubelet, the runtime and the system";
            return Ok(Finding::pass(SUBJECT, "nothing", message, told).note(
                "pods may then use all memory, and the kernel may kill the kubelet or the runtime for it: consider \
                 kubeReserved and systemReserved (kubernetes.io, Reserve Compute Resources)",
            ));
        }
        let told: Vec<Evidence> = maps.into_iter().flatten().map(|m| m.seen.clone()).collect();
        if let Some(named) = &named
            && let Some(finding) = absent_processors(named, node)?
        {
            return Ok(finding);
        }
        // What is too much is so, whatever is not known of the other.
        let parts = [processors(maps, named.is_some(), node), memory(maps, kubelet, node)];
        if let Some(Part { excess: Some(words), seen, .. }) =
            parts.iter().flatten().find(|p| p.excess.is_some())
        {
            let message =
                format!("the kubelet does not start here: {words} (invalid Node Allocatable configuration)");
            let first = told.first().unwrap_or(seen);
            let remedy =
                change("kubeReserved", "{cpu: 200m, memory: 500Mi}", first, "Reserve less".to_owned());
            return Ok(Finding::problem(Severity::Fail, SUBJECT, "more-than-there-is", message)
                .evidence(told)
                .evidence([seen.clone()])
                .remedy(remedy));
        }
        let [processors, memory] = parts;
        let (processors, memory) = (processors?, memory?);
        let proof = Proof::new(memory.seen).and(processors.seen).and_all(told);
        let message = format!("{} of processors and {} of memory are reserved", processors.kept, memory.kept);
        Ok(Finding::pass(SUBJECT, "fits", message, proof))
    };
    judge().unwrap_or_else(|why| unknown(SUBJECT, &why))
}

/// What is reserved of one resource.
struct Part {
    kept: String,
    /// What is too much of it.
    excess: Option<String>,
    seen: Evidence,
}

/// reservedSystemCPUs replaces what the two maps say of processors (cmd/kubelet/app/server.go).
fn processors(maps: [&Map; 2], are_named: bool, node: &Node) -> Known<Part> {
    let count = node.cpu_count().as_ref().map_err(Clone::clone)?;
    let kept = if are_named { 0 } else { sum(maps, "cpu", milli)? };
    let there = u64::try_from(count.online).unwrap_or(u64::MAX).saturating_mul(1000);
    let excess =
        (kept > there).then(|| format!("{kept}m of processors are reserved, and there are {there}m"));
    Ok(Part { kept: format!("{kept}m"), excess, seen: count.online_seen.clone() })
}

/// The threshold of evictionHard counts, too (cm.GetNodeAllocatableReservation).
fn memory(maps: [&Map; 2], kubelet: &Kubelet, node: &Node) -> Known<Part> {
    let memory = node.memory().as_ref().map_err(Clone::clone)?;
    let total = memory.get("MemTotal").map_or(0, Quantity::get);
    let eviction = kubelet.map("evictionHard")?;
    let threshold = match &eviction {
        Some(set) => set.value.get("memory.available").map(String::as_str),
        None => Some("100Mi"),
    };
    let kept = sum(maps, "memory", bytes)?;
    let all = kept.saturating_add(threshold.and_then(|text| threshold_of(text, total)).unwrap_or(0));
    let excess = (all > total).then(|| {
        let (all, total) = (Quantity::bytes(all), Quantity::bytes(total));
        format!("{all} of memory are reserved (evictionHard's part among it), and there are {total}")
    });
    Ok(Part { kept: Quantity::bytes(kept).to_string(), excess, seen: memory.evidence("MemTotal") })
}

/// reservedSystemCPUs that are not there ("is not a subset of online-cpus", cmd/kubelet/app/server.go, getReservedCPUs).
fn absent_processors(named: &Found<String>, node: &Node) -> Known<Option<Finding>> {
    let list = |text: &str| crate::facts::cpu::list(text);
    let reserved = list(&named.value).ok_or_else(|| {
        Unknown::new(format!("{}: `{}` is no list of processors", named.seen.source, named.value))
            .tried([named.seen.clone()])
    })?;
    let seen = node.cpu_count().as_ref().map_err(Clone::clone)?.online_seen.clone();
    let online = list(&seen.observed).unwrap_or_default();
    let absent: Vec<String> = reserved.difference(&online).map(u32::to_string).collect();
    if absent.is_empty() {
        return Ok(None);
    }
    let message = format!(
        "the kubelet does not start here: reservedSystemCPUs names processors that are not online: {}",
        absent.join(", ")
    );
    let remedy =
        change("reservedSystemCPUs", "\"0\"", &named.seen, "Name processors that are there".to_owned());
    let finding = Finding::problem(Severity::Fail, "reserved", "no-such-cpus", message);
    Ok(Some(finding.evidence([named.seen.clone(), seen]).remedy(remedy)))
}

/// A threshold in bytes (or inodes): `10%` of all, or an amount.
fn threshold_of(text: &str, whole: u64) -> Option<u64> {
    match text.trim().strip_suffix('%') {
        Some(share) => {
            let share: f64 = share.trim().parse().ok().filter(|share| (0.0..=100.0).contains(share))?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between nothing and the whole"
            )]
            Some((whole as f64 * share / 100.0) as u64)
        }
        None => bytes(text),
    }
}

/// A threshold that is crossed already: pods would be evicted as soon as they come.
pub(super) fn eviction(kubelet: &Kubelet, directory: &str, node: &Node) -> Finding {
    const SUBJECT: &str = "evictionHard";
    let judge = || -> Known<Finding> {
        let set = kubelet.map(SUBJECT)?;
        let told =
            seen(set.as_ref(), kubelet, SUBJECT, "100Mi of memory, 10 % and 15 % of disks, 5 % of inodes");
        let thresholds: BTreeMap<String, String> = match &set {
            Some(set) => set.value.clone(),
            None => EVICTION.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        };
        let mut proof = Proof::new(told.clone());
        let mut unread = None;
        for (signal, threshold) in &thresholds {
            let level = match level(signal, directory, node) {
                Ok(Some(level)) => level,
                Ok(None) => continue,
                // Another threshold may be crossed for certain.
                Err(why) => {
                    unread = unread.or(Some(why));
                    continue;
                }
            };
            let Some(least) = threshold_of(threshold, level.whole) else {
                let why = Unknown::new(format!("{}: `{threshold}` is no threshold of {signal}", told.source));
                unread = unread.or(Some(why.tried([told.clone()])));
                continue;
            };
            if level.now < least {
                let message = format!(
                    "the kubelet evicts pods as soon as they come: {signal} is {} ({:.0} %), and its evictionHard is {threshold}",
                    level.shown(level.now),
                    percent(level.now, level.whole)
                );
                let finding = Finding::problem(Severity::Fail, SUBJECT, "would-evict", message)
                    .evidence([told.clone(), level.seen])
                    .remedy(change(
                        SUBJECT,
                        &format!("{{{signal}: …}}"),
                        &told,
                        "Make room, or lower the threshold".into(),
                    ));
                return Ok(match level.cause {
                    Some(cause) => finding.follows(cause),
                    None => finding,
                });
            }
            // What is free differs from run to run: it is told only where it is the point.
            proof = proof.and(Evidence::new(level.seen.source, format!("{signal} above {threshold}")));
        }
        if let Some(unread) = unread {
            return Err(unread);
        }
        Ok(Finding::pass(SUBJECT, "room", "no threshold of the kubelet's evictionHard is crossed now", proof))
    };
    judge().unwrap_or_else(|why| unknown(SUBJECT, &why))
}

/// How much there is of what a signal is about.
struct Level {
    now: u64,
    whole: u64,
    seen: Evidence,
    /// What a check of disks calls the same.
    cause: Option<String>,
    inodes: bool,
}

impl Level {
    fn shown(&self, number: u64) -> String {
        if self.inodes { format!("{number} inodes") } else { Quantity::bytes(number).to_string() }
    }
}

/// What a signal says now; none of signals that are not judged (pid.available, allocatableMemory).
fn level(signal: &str, directory: &str, node: &Node) -> Known<Option<Level>> {
    let (what, of) = signal.split_once('.').unwrap_or((signal, ""));
    let directory = match what {
        "memory" if of == "available" => {
            let memory = node.memory().as_ref().map_err(Clone::clone)?;
            let get = |key: &str| memory.get(key).map(Quantity::get);
            let why =
                || Unknown::new("/proc/meminfo has no MemAvailable").tried([memory.evidence("MemAvailable")]);
            let (now, whole) = (get("MemAvailable").ok_or_else(why)?, get("MemTotal").unwrap_or(0));
            return Ok(Some(Level {
                now,
                whole,
                seen: memory.evidence("MemAvailable"),
                cause: None,
                inodes: false,
            }));
        }
        "nodefs" => directory,
        // Without a directory of a runtime, images are where the kubelet is, as far as is known.
        "imagefs" => IMAGES.into_iter().find(|place| node.kind(place).is_ok()).unwrap_or(directory),
        _ => return Ok(None),
    };
    let disk = node.disk(directory)?;
    let found = disk.filesystem;
    let point = |disk: &Disk| disk.mount.as_ref().map_or(disk.directory.clone(), |mount| mount.point.clone());
    Ok(match of {
        "available" => Some(Level {
            now: found.available,
            whole: found.size,
            seen: disk.space(),
            cause: Some(format!("disk-space:{}", point(&disk))),
            inodes: false,
        }),
        // btrfs and others count none.
        "inodesFree" if found.inodes > 0 => Some(Level {
            now: found.inodes_free,
            whole: found.inodes,
            seen: disk.inodes(),
            cause: Some(format!("disk-inodes:{}", point(&disk))),
            inodes: true,
        }),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts() {
        for (text, want) in [
            ("500m", Some(500)),
            ("2", Some(2000)),
            ("0.5", Some(500)),
            ("1.25", Some(1250)),
            ("x", None),
            ("1.0005", None),
        ] {
            assert_eq!(milli(text), want, "{text}");
        }
        assert_eq!(threshold_of("10%", 1000), Some(100));
        assert_eq!(threshold_of("1Gi", 0), Some(1 << 30));
        assert_eq!(threshold_of("110%", 1000), None);
        assert_eq!(threshold_of("much", 1000), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,20}", whole: u64) {
            let _ = (milli(&text), threshold_of(&text, whole));
        }
    }
}
