//! The version of a program: by its package, or by asking it.

use super::params::ExecutableRule;
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::{Node, Probe},
    range::leading_version,
};
use semver::Version;

/// How long a program may take to tell its version, in milliseconds.
pub(super) const MILLIS: u32 = 2000;

/// The packages that bring the programs which Kubernetes is about; most have one name on all distributions.
const PACKAGES: [(&str, &str); 24] = [
    ("mount", "mount"),
    ("umount", "mount"),
    ("nsenter", "util-linux"),
    ("losetup", "mount"),
    ("cp", "coreutils"),
    ("touch", "coreutils"),
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("iptables", "iptables"),
    ("ip6tables", "iptables"),
    ("nft", "nftables"),
    ("conntrack", "conntrack"),
    ("ebtables", "ebtables"),
    ("ethtool", "ethtool"),
    ("socat", "socat"),
    ("ipset", "ipset"),
    ("modprobe", "kmod"),
    ("newuidmap", "uidmap"),
    ("newgidmap", "uidmap"),
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("kubelet", "kubelet"),
    ("kubeadm", "kubeadm"),
    ("crictl", "cri-tools"),
];

/// The package that usually brings a program.
pub(super) fn package(name: &str) -> Option<&'static str> {
    PACKAGES.iter().find(|(program, _)| *program == name).map(|(_, package)| *package)
}

/// The version of the program at `place`, with what tells it.
pub(super) fn of(rule: &ExecutableRule, name: &str, place: &str, node: &Node) -> Known<(Version, Evidence)> {
    let by_package = by_package(rule, name, place, node);
    match by_package {
        Ok(found) => Ok(found),
        Err(why) => by_asking(place, node).map_err(|asked| Unknown {
            reason: format!("{}; {}", why.reason, asked.reason),
            evidence: why.evidence.into_iter().chain(asked.evidence).collect(),
            needs: asked.needs.or(why.needs),
        }),
    }
}

fn by_package(rule: &ExecutableRule, name: &str, place: &str, node: &Node) -> Known<(Version, Evidence)> {
    let mut candidates: Vec<String> = rule.package.iter().cloned().collect();
    candidates.extend(package(name).map(str::to_owned));
    candidates.extend(["util-linux".to_owned(), "containerd.io".to_owned(), name.to_owned()]);
    node.version_of(place, &candidates)
}

/// Asks the program itself, where that is allowed.
fn by_asking(place: &str, node: &Node) -> Known<(Version, Evidence)> {
    let probed = node.probe(&Probe::Run {
        program: place.to_owned(),
        arguments: vec!["--version".to_owned()],
        millis: MILLIS,
    });
    if let Some(printed) = probed.details() {
        let line = printed.lines().next().unwrap_or_default();
        let seen = Evidence::new(format!("{place} --version"), line);
        return match in_text(printed) {
            Some(version) => Ok((version, seen)),
            None => Err(Unknown::new(format!("`{place} --version` printed no version")).tried([seen])),
        };
    }
    Err(match probed.answer() {
        Err(e) => e.unknown(),
        Ok(answer) => Unknown::new(format!("`{place} --version`: {answer}")),
    })
}

/// The first word that is a version: `mount from util-linux 2.38.1 (libmount …)`, `Kubernetes v1.36.4`, `iptables v1.8.9
/// (nf_tables)`.
fn in_text(text: &str) -> Option<Version> {
    let word = |word: &str| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let digits = word.strip_prefix(['v', 'V']).unwrap_or(word);
        let is_version = digits.starts_with(|c: char| c.is_ascii_digit()) && digits.contains('.');
        is_version.then(|| leading_version(digits))?
    };
    text.split_whitespace().take(200).find_map(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_programs_print() {
        for (text, want) in [
            ("mount from util-linux 2.38.1 (libmount 2.38.1: selinux)", "2.38.1"),
            ("iptables v1.8.9 (nf_tables)", "1.8.9"),
            ("Kubernetes v1.36.4", "1.36.4"),
            ("containerd github.com/containerd/containerd 1.7.24 8d5f5b8", "1.7.24"),
            ("nftables v1.0.6 (Lester Gooch #5)", "1.0.6"),
            ("ip utility, iproute2-6.1.0, libbpf 1.1.0", "1.1.0"),
            ("conntrack v1.4.7 (conntrack-tools)", "1.4.7"),
            ("BusyBox v1.36.1 (2024-06-12 12:00:00 UTC) multi-call binary.", "1.36.1"),
        ] {
            assert_eq!(in_text(text).unwrap().to_string(), want, "{text}");
        }
        assert_eq!(in_text("no version, 7 lines"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = in_text(&text);
        }
    }
}
