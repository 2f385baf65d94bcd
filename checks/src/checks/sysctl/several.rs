//! A setting that each interface has: one finding, with those that differ.

use super::{judge, params::SysctlSetting, remedies};
use crate::{
    evidence::{Evidence, Proof, Unknown},
    facts::sysctl::Key,
    finding::Finding,
    node::Node,
};

/// No more interfaces than these are looked at; a node with 250 pods has about as many.
const MOST: usize = 4096;
/// No more of them are named.
const NAMED: usize = 6;

/// One name that the `*` stands for, and what counts there.
struct One {
    key: Key,
    name: String,
    /// What the kernel goes by; `by_all` where that is the value of `all`.
    value: String,
    by_all: bool,
    evidence: Evidence,
}

pub(super) fn judge(setting: &SysctlSetting, at: usize, node: &Node) -> Finding {
    if let Some(finding) = judge::not_the_nodes(setting, node) {
        return finding;
    }
    let key = &setting.key.0;
    let directory = key.directory(at);
    let names = match node.list(&directory) {
        Ok(names) => names,
        Err(e) if e.is_missing() => return judge::missing(setting, &directory, node),
        Err(e) => return judge::undetermined(setting, &e.unknown()),
    };
    if names.len() > MOST {
        let why = format!("{directory} holds more than {MOST} names");
        return judge::undetermined(setting, &Unknown::new(why));
    }
    let all = match values(key, at, &names, node) {
        Ok(all) if all.is_empty() => return judge::missing(setting, &format!("{directory}/*"), node),
        Ok(all) => all,
        Err(unknown) => return judge::undetermined(setting, &unknown),
    };
    let mut wrong = Vec::new();
    for one in &all {
        match setting.suits(&one.value) {
            Ok(true) => {}
            Ok(false) => wrong.push(one),
            Err(why) => {
                let unknown =
                    Unknown::new(format!("{}: {why}", one.key.path())).tried([one.evidence.clone()]);
                return judge::undetermined(setting, &unknown);
            }
        }
    }
    let finding =
        if wrong.is_empty() { right(setting, &all, &directory) } else { differ(setting, &wrong, all.len()) };
    judge::notes(finding, key, node)
}

/// Whether the kernel goes by the greater one of `all` and the interface (Documentation/networking/ip-sysctl.rst,
/// rp_filter, arp_ignore, arp_announce).
fn greater_counts(key: &Key) -> bool {
    let of_ipv4 = key.dotted().starts_with("net.ipv4.conf.");
    let name = key.parts().last().map_or("", String::as_str);
    of_ipv4 && ["rp_filter", "arp_ignore", "arp_announce"].contains(&name)
}

fn values(key: &Key, at: usize, names: &[String], node: &Node) -> Result<Vec<One>, Unknown> {
    let greater = greater_counts(key);
    let general = if greater { node.sysctl(&key.with(at, "all"))? } else { None };
    let general = general.and_then(|v| Some((v.text.parse::<i128>().ok()?, v.evidence)));
    let mut all = Vec::new();
    for name in names.iter().filter(|n| !(greater && *n == "all")) {
        let own = key.with(at, name);
        // An interface may vanish in between, and not every entry has every setting.
        let Some(value) = node.sysctl(&own)? else { continue };
        let number = value.text.parse::<i128>().ok();
        let by_all = general.as_ref().filter(|(of_all, _)| number.is_some_and(|n| n < *of_all));
        let (text, evidence) = match by_all {
            Some((of_all, evidence)) => (of_all.to_string(), evidence.clone()),
            None => (value.text, value.evidence),
        };
        all.push(One { key: own, name: name.clone(), value: text, by_all: by_all.is_some(), evidence });
    }
    Ok(all)
}

fn right(setting: &SysctlSetting, all: &[One], directory: &str) -> Finding {
    let message = format!("{} is {} wherever it is", setting.key.0.dotted(), setting.wanted());
    let mut seen: Vec<String> = all.iter().map(|one| format!("{} {}", one.name, one.value)).collect();
    seen.truncate(NAMED * 2);
    let proof = Proof::new(Evidence::new(directory, seen.join(", ")));
    Finding::pass(setting.key.0.dotted(), "set", message, proof)
}

fn differ(setting: &SysctlSetting, wrong: &[&One], of: usize) -> Finding {
    let key = &setting.key.0;
    let named: Vec<String> =
        wrong.iter().take(NAMED).map(|one| format!("{} ({})", one.name, one.value)).collect();
    let more = match wrong.len().saturating_sub(NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let message = format!(
        "{} has to be {}, and is not on {} of {of}: {}{more}",
        key.dotted(),
        setting.wanted(),
        wrong.len(),
        named.join(", ")
    );
    let mut evidence: Vec<Evidence> = Vec::new();
    for one in wrong.iter().take(NAMED) {
        if !evidence.contains(&one.evidence) {
            evidence.push(one.evidence.clone());
        }
    }
    let keys: Vec<&Key> = wrong.iter().take(NAMED).map(|one| &one.key).collect();
    let by_all = wrong.iter().any(|one| one.by_all);
    let finding = Finding::problem(setting.severity, key.dotted(), "wrong", message)
        .evidence(evidence)
        .remedy(remedies::set_several(setting, &keys, by_all));
    if by_all {
        finding.note("the kernel goes by the greater one of `all` and the interface")
    } else {
        finding
    }
}
