//! `hugepages`: Huge pages are set aside as they are wanted, and transparent ones are in the mode that is wanted.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Unknown},
    facts::security_modules::bracketed,
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, ReadError},
    quantity::Quantity,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// Huge pages are set aside as they are wanted, and transparent ones are in the mode that is wanted.
///
/// ## What it looks at
/// /sys/kernel/mm/hugepages: for each size how many pages are set aside and how many of them are free; and
/// /sys/kernel/mm/transparent_hugepage/enabled, only where the policy asks for a mode. NUMA nodes are not told apart.
///
/// `enough` and `as-wanted` pass; `too-few`, `no-such-size` and `wrong-mode` do not.
///
/// ## Why it matters
/// Pods that ask for hugepages-2Mi or hugepages-1Gi stay pending where the kubelet found none when it started. Pages of
/// 1 GiB can hardly be set aside after the boot: memory is in pieces by then. Some databases want transparent huge pages off
/// (Redis, MongoDB).
///
/// ## How to mend it
/// `sysctl -w vm.nr_hugepages=N` for the default size, or `hugepagesz=1G hugepages=N` on the kernel command line; then
/// restart the kubelet.
///
/// ## Sources
/// Linux Documentation/admin-guide/mm/hugetlbpage.rst and transhuge.rst; kubernetes.io, Manage HugePages.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HugepagesParams {
    /// What has to be set aside, for each size.
    pub pools: Vec<HugepagesPool>,
    /// The modes of transparent huge pages that will do: `always`, `madvise`, `never`. Default: not asked.
    pub transparent: Vec<String>,
}

/// What has to be set aside of one size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HugepagesPool {
    /// The size of a page: 2Mi, 1Gi.
    pub size: Quantity,
    /// How many pages at least.
    pub pages: u64,
    /// How many of them have to be free. Default: 0.
    #[serde(default)]
    pub free: u64,
}

const POOLS: &str = "/sys/kernel/mm/hugepages";
const TRANSPARENT: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// The check `hugepages`.
pub struct Hugepages;

impl Check for Hugepages {
    type Params = HugepagesParams;

    const META: Meta = Meta {
        id: "hugepages",
        summary: "Huge pages are set aside as they are wanted, and transparent ones are in the mode that is wanted",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &HugepagesParams) -> Result<(), String> {
        if params.pools.is_empty() && params.transparent.is_empty() {
            return Err("nothing is asked; give `pools` or `transparent`".into());
        }
        let mut seen = HashSet::new();
        if let Some(twice) = params.pools.iter().find(|pool| !seen.insert(pool.size)) {
            return Err(format!("the size {} is named twice", twice.size));
        }
        let known = ["always", "madvise", "never"];
        match params.transparent.iter().find(|mode| !known.contains(&mode.as_str())) {
            Some(wrong) => {
                Err(format!("`{wrong}` is no mode of transparent huge pages: always, madvise, never"))
            }
            None => Ok(()),
        }
    }

    fn run(params: &HugepagesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for pool in &params.pools {
            out.push(judge(pool, node));
        }
        if !params.transparent.is_empty() {
            out.push(transparent(&params.transparent, node));
        }
        Ok(())
    }
}

fn undetermined(subject: &str, unknown: &Unknown) -> Finding {
    let message = format!("the huge pages ({subject}) could not be determined");
    Finding::undetermined(Severity::Fail, subject, "unknown", message, unknown)
}

fn judge(pool: &HugepagesPool, node: &Node) -> Finding {
    let subject = format!("hugepages-{}", pool.size);
    let directory = format!("{POOLS}/hugepages-{}kB", pool.size.get() / 1024);
    let number = |file: &str| -> Result<(u64, Evidence), Unknown> {
        let read = node.read(&format!("{directory}/{file}"));
        let text = read.text().map_err(ReadError::unknown)?.trim().to_owned();
        let number = text.parse().map_err(|_| Unknown::new(format!("{} holds no number", read.path())))?;
        Ok((number, read.quote(text)))
    };
    let remedy = || set_aside(pool);
    if node.kind(&directory).is_err_and(|e| e.is_missing()) {
        let sizes = match node.list(POOLS) {
            Ok(sizes) => sizes,
            Err(e) => return undetermined(&subject, &e.unknown()),
        };
        let message = format!("this machine has no huge pages of {}", pool.size);
        return Finding::problem(Severity::Fail, &subject, "no-such-size", message)
            .evidence([Evidence::new(POOLS, sizes.join(" "))])
            .remedy(Remedy::new("Use a size that the machine has"));
    }
    let (total, total_seen) = match number("nr_hugepages") {
        Ok(found) => found,
        Err(why) => return undetermined(&subject, &why),
    };
    if total < pool.pages {
        let message =
            format!("{total} huge pages of {} are set aside, and {} are needed", pool.size, pool.pages);
        return Finding::problem(Severity::Fail, &subject, "too-few", message)
            .evidence([total_seen])
            .remedy(remedy());
    }
    if pool.free == 0 {
        let message = format!("{total} huge pages of {} are set aside", pool.size);
        return Finding::pass(&subject, "enough", message, total_seen);
    }
    match number("free_hugepages") {
        Err(why) => undetermined(&subject, &why),
        Ok((free, seen)) if free < pool.free => {
            let message =
                format!("{free} huge pages of {} are free, and {} are needed", pool.size, pool.free);
            Finding::problem(Severity::Fail, &subject, "too-few", message)
                .evidence([total_seen, seen])
                .remedy(remedy())
        }
        Ok((_, seen)) => {
            let message =
                format!("{total} huge pages of {} are set aside, and enough of them are free", pool.size);
            Finding::pass(&subject, "enough", message, crate::Proof::new(total_seen).and(seen))
        }
    }
}

fn set_aside(pool: &HugepagesPool) -> Remedy {
    let kib = pool.size.get() / 1024;
    let boot = if kib >= 1 << 20 { format!("{}G", kib >> 20) } else { format!("{}M", kib >> 10) };
    Remedy::new("Set pages aside, and restart the kubelet; early after the boot, when memory is in one piece")
        .command(format!("echo {} > {POOLS}/hugepages-{kib}kB/nr_hugepages", pool.pages))
        .persistent(format!("on the kernel command line: hugepagesz={boot} hugepages={}", pool.pages))
}

fn transparent(modes: &[String], node: &Node) -> Finding {
    const SUBJECT: &str = "transparent";
    let read = node.read(TRANSPARENT);
    let text = match read.text() {
        Ok(text) => text,
        Err(e) => return undetermined(SUBJECT, &e.unknown()),
    };
    let Some(mode) = bracketed(&text) else {
        return undetermined(
            SUBJECT,
            &Unknown::new(format!("{TRANSPARENT} does not tell the mode")).tried([read.evidence()]),
        );
    };
    let seen = read.quote(text.trim());
    if modes.iter().any(|wanted| wanted == mode) {
        return Finding::pass(
            SUBJECT,
            "as-wanted",
            format!("the mode of transparent huge pages is {mode}"),
            seen,
        );
    }
    let wanted = modes.first().map_or("madvise", String::as_str);
    let message =
        format!("the mode of transparent huge pages is {mode}, and has to be {}", modes.join(" or "));
    Finding::problem(Severity::Fail, SUBJECT, "wrong-mode", message).evidence([seen]).remedy(
        Remedy::new("Set the mode")
            .command(format!("echo {wanted} > {TRANSPARENT}"))
            .persistent(format!("on the kernel command line: transparent_hugepage={wanted}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    fn ask(pool: Option<(&str, u64, u64)>, modes: &[&str], memory: Memory) -> Finding {
        let pool = pool.map(|(size, pages, free)| HugepagesPool { size: size.parse().unwrap(), pages, free });
        let params = HugepagesParams {
            pools: pool.into_iter().collect(),
            transparent: modes.iter().map(|m| (*m).to_owned()).collect(),
        };
        Hugepages::validate(&params).unwrap();
        let mut out = Findings::default();
        Hugepages::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn pools() {
        let file = |name: &str| format!("{POOLS}/hugepages-2048kB/{name}");
        let memory =
            || Memory::new().file(&file("nr_hugepages"), "64\n").file(&file("free_hugepages"), "10\n");
        for (pool, reason) in [
            (("2Mi", 64, 0), "enough"),
            (("2Mi", 64, 10), "enough"),
            (("2Mi", 65, 0), "too-few"),
            (("2Mi", 64, 11), "too-few"),
            (("1Gi", 1, 0), "no-such-size"),
        ] {
            assert_eq!(ask(Some(pool), &[], memory()).reason(), reason, "{pool:?}");
        }
        let found = ask(Some(("2Mi", 65, 0)), &[], memory());
        assert_eq!(
            found.mend().unwrap().persistent,
            ["on the kernel command line: hugepagesz=2M hugepages=65"]
        );
        for memory in [Memory::new(), memory().file(&file("nr_hugepages"), "")] {
            assert!(matches!(ask(Some(("2Mi", 1, 0)), &[], memory).outcome(), Outcome::Undetermined(_)));
        }
    }

    #[test]
    fn transparent_ones() {
        let mode = |text: &str| ask(None, &["madvise", "never"], Memory::new().file(TRANSPARENT, text));
        assert_eq!(mode("always [madvise] never\n").reason(), "as-wanted");
        assert_eq!(mode("[always] madvise never\n").reason(), "wrong-mode");
        assert_eq!(mode("").reason(), "unknown");
    }

    #[test]
    fn parameters() {
        assert!(Hugepages::validate(&HugepagesParams::default()).is_err());
        let wrong = HugepagesParams { pools: vec![], transparent: vec!["off".into()] };
        assert!(Hugepages::validate(&wrong).unwrap_err().contains("madvise"));
    }
}
