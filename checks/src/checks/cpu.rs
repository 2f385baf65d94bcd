//! `cpu`: There are enough processors, and they can do what is asked of them.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Proof, Unknown},
    facts::cpu::Level,
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;

/// There are enough processors, and they can do what is asked of them.
///
/// ## What it looks at
/// /sys/devices/system/cpu/online; the processors on which this process may run (Cpus_allowed_list of /proc/self/status,
/// which the cpuset decides); and the time that the cgroups above it allow (cpu.max, on v1 cpu.cfs_quota_us). The smallest of
/// the three counts, and the finding says which. With `level` or `features` also /proc/cpuinfo, with `pageSize` the
/// auxiliary vector of this process.
///
/// `enough`, `has-it` pass; `too-few`, `missing` do not.
///
/// ## Why it matters
/// kubeadm refuses a control plane with one processor. It counts what the cpuset allows and overlooks a quota: a virtual
/// machine manager or container that grants half a processor looks like a machine of sixteen to it. Images for x86-64-v2
/// or v3 (RHEL 9 and 10, and others) die with SIGILL on a virtual machine whose model of a processor lacks those
/// instructions. On arm64 the kernel's pages may have 16 or 64 KiB, for which some programs are not built.
///
/// ## How to mend it
/// Give the machine more processors, or the cgroup a larger quota. For a level, choose another model of processor for the
/// virtual machine (`host`, or one of the x86-64-v2 family).
///
/// ## Sources
/// kubernetes.io, Installing kubeadm (2 CPUs or more); kubeadm constants.go, ControlPlaneNumCPU; System V ABI, AMD64
/// supplement 1.0, micro-architecture levels; Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max), getauxval(3).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CpuParams {
    /// The least number of processors. Default: 2. 0 asks for none.
    pub count: u32,
    /// The level of x86-64 that is needed; other architectures are not asked. Default: none.
    pub level: Option<CpuLevel>,
    /// Features as /proc/cpuinfo names them: `aes`, `vmx`; on arm64 `atomics`. Default: none.
    pub features: Vec<String>,
    /// The sizes that a page of memory may have, in bytes. Default: any.
    pub page_size: Vec<u64>,
}

/// A level of x86-64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum CpuLevel {
    /// SSE4.2, POPCNT: since about 2009.
    #[serde(rename = "x86-64-v2")]
    V2,
    /// AVX2, BMI, FMA: since about 2013.
    #[serde(rename = "x86-64-v3")]
    V3,
    /// AVX-512.
    #[serde(rename = "x86-64-v4")]
    V4,
}

impl CpuLevel {
    fn level(self) -> Level {
        Level(match self {
            Self::V2 => 2,
            Self::V3 => 3,
            Self::V4 => 4,
        })
    }
}

impl Default for CpuParams {
    fn default() -> Self {
        Self { count: 2, level: None, features: Vec::new(), page_size: Vec::new() }
    }
}

/// The check `cpu`.
pub struct Cpu;

impl Check for Cpu {
    type Params = CpuParams;

    const META: Meta = Meta {
        id: "cpu",
        summary: "There are enough processors, and they can do what is asked of them",
        since: "0.1.0",
        kubeadm: Some("NumCPU"),
    };

    fn validate(params: &CpuParams) -> Result<(), String> {
        if params.count == 0
            && params.level.is_none()
            && params.features.is_empty()
            && params.page_size.is_empty()
        {
            return Err("nothing is asked; give `count`, `level`, `features` or `pageSize`".into());
        }
        let mut seen = BTreeSet::new();
        match params.features.iter().find(|feature| !seen.insert(*feature)) {
            Some(twice) => Err(format!("`{twice}` is named twice")),
            None => Ok(()),
        }
    }

    fn run(params: &CpuParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        if params.count > 0 {
            out.push(count(params.count, node));
        }
        if let Some(asked) = params.level {
            out.push(level(asked, node));
        }
        for feature in &params.features {
            out.push(self::feature(feature, node));
        }
        if !params.page_size.is_empty() {
            out.push(page_size(&params.page_size, node));
        }
        Ok(())
    }
}

/// One of the things that say how many processors there are to use.
struct Bound {
    number: f64,
    what: &'static str,
    evidence: Evidence,
}

fn count(least: u32, node: &Node) -> Finding {
    let unknown = |unknown: &Unknown| {
        let message = "how many processors there are to use could not be determined";
        Finding::undetermined(Severity::Fail, "count", "unknown", message, unknown)
    };
    let found = match node.cpu_count() {
        Ok(found) => found,
        Err(why) => return unknown(why),
    };
    let quota = node.own_cpu_quota();
    let online = Bound { number: found.online as f64, what: "online", evidence: found.online_seen.clone() };
    let mut bounds = vec![online];
    if let (Some(allowed), Some(evidence)) = (found.allowed, found.allowed_seen.clone()) {
        bounds.push(Bound { number: allowed as f64, what: "in the cpuset of this process", evidence });
    }
    if let Some(limit) = quota.smallest {
        let what = "allowed by the CPU quota of its cgroup";
        bounds.push(Bound { number: limit.value, what, evidence: limit.evidence });
    }
    let Some(binding) = bounds.iter().min_by(|a, b| a.number.total_cmp(&b.number)) else {
        return unknown(&Unknown::new("nothing tells it"));
    };
    let evidence: Vec<Evidence> = bounds.iter().map(|bound| bound.evidence.clone()).collect();
    let number = (binding.number * 100.0).round() / 100.0;
    let message = format!("{number} processors are {}", binding.what);
    if binding.number < f64::from(least) {
        return Finding::problem(
            Severity::Fail,
            "count",
            "too-few",
            format!("{message}, and {least} are needed"),
        )
        .evidence(evidence)
        .remedy(Remedy::new(match binding.what {
            "online" => "Give the machine more processors",
            "in the cpuset of this process" => {
                "Give the cgroup more processors (cpuset.cpus), or start this program without taskset"
            }
            _ => "Give the cgroup a larger quota (cpu.max)",
        }));
    }
    // A quota or a cpuset that could not be read may be smaller.
    if let Some(why) = quota.unread.first() {
        return unknown(why);
    }
    if found.allowed.is_none() {
        let status = node.read(&node.proc_self("status"));
        let why = status
            .unknown()
            .unwrap_or_else(|| Unknown::new(format!("{} has no Cpus_allowed_list", status.path())));
        return unknown(&why);
    }
    match Proof::of(evidence) {
        Some(proof) => Finding::pass("count", "enough", message, proof),
        None => unknown(&Unknown::new("nothing tells it")),
    }
}

fn level(asked: CpuLevel, node: &Node) -> Finding {
    const SUBJECT: &str = "level";
    let wanted = asked.level();
    match node.architecture().as_deref() {
        Some("x86_64") => {}
        Some(other) => {
            let message = format!("levels are a matter of x86-64, and this is {other}");
            return Finding::not_applicable(SUBJECT, message, [Evidence::new("uname", other)]);
        }
        None => {
            let unknown = Unknown::new("the architecture of this node is not known");
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", "not determined", &unknown);
        }
    }
    let features = match node.cpu_features() {
        Ok(features) => features,
        Err(unknown) => {
            let message = "what the processors can do could not be determined";
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, unknown);
        }
    };
    let missing = features.missing_for(wanted);
    if missing.is_empty() {
        let message = format!("the processors have all of x86-64-v{}", wanted.0);
        let seen = Evidence::new("/proc/cpuinfo", format!("flags: x86-64-v{}", features.level().0));
        return Finding::pass(SUBJECT, "has-it", message, seen);
    }
    let message = format!(
        "the processors are x86-64-v{}, and v{} is needed: {} missing",
        features.level().0,
        wanted.0,
        missing.join(", ")
    );
    Finding::problem(Severity::Fail, SUBJECT, "missing", message)
        .evidence([Evidence::new("/proc/cpuinfo", format!("flags: no {}", missing.join(", no ")))])
        .remedy(Remedy::new(
            "Choose another model of processor for the virtual machine (`host`), or another machine",
        ))
        .note("programs that are built for a higher level end with SIGILL (illegal instruction)")
}

fn feature(name: &str, node: &Node) -> Finding {
    let features = match node.cpu_features() {
        Ok(features) => features,
        Err(unknown) => {
            let message = format!("whether the processors have {name} could not be determined");
            return Finding::undetermined(Severity::Fail, name, "unknown", message, unknown);
        }
    };
    if features.words.contains(name) {
        let seen = Evidence::new("/proc/cpuinfo", name);
        return Finding::pass(name, "has-it", format!("the processors have {name}"), seen);
    }
    Finding::problem(Severity::Fail, name, "missing", format!("the processors do not have {name}"))
        .evidence([Evidence::new("/proc/cpuinfo", format!("no {name}"))])
        .remedy(Remedy::new(
            "Choose another model of processor for the virtual machine (`host`), or another machine",
        ))
}

fn page_size(allowed: &[u64], node: &Node) -> Finding {
    const SUBJECT: &str = "page-size";
    match node.page_size() {
        Err(unknown) => {
            let message = "the size of a page of memory could not be determined";
            Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, &unknown)
        }
        Ok((size, seen)) if allowed.contains(&size) => {
            Finding::pass(SUBJECT, "has-it", format!("a page of memory has {size} bytes"), seen)
        }
        Ok((size, seen)) => {
            let allowed: Vec<String> = allowed.iter().map(u64::to_string).collect();
            let message = format!("a page of memory has {size} bytes, and may have {}", allowed.join(" or "));
            Finding::problem(Severity::Fail, SUBJECT, "missing", message)
                .evidence([seen])
                .remedy(Remedy::new("Boot a kernel that was built for pages of that size").reboot())
        }
    }
}

#[cfg(test)]
mod tests;
