//! `pressure`: The machine is not short of processors, memory or disks at the moment.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    node::{Node, ReadError, ReadErrorKind},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The machine is not short of processors, memory or disks at the moment.
///
/// ## What it looks at
/// /proc/pressure/cpu, memory and io: the share of the last ten seconds in which some task had to wait for one of them
/// (`some`), for memory and disks also in which all had to (`full`). Where the kernel does not count that, it is said and not
/// judged: `preflight cgroups` tells why. What is measured changes all the time; `retry` waits for a calm moment.
///
/// `calm` passes, `pressed` does not.
///
/// ## Why it matters
/// A node that is busy before it joins (a backup, a neighbour on the same disks, memory that is swapped) lets the join time
/// out: etcd and the API server wait for the disk, and the kubelet reports NotReady.
///
/// ## How to mend it
/// See what uses it: `systemd-cgtop`, `iotop`, `vmstat 1`.
///
/// ## Sources
/// Linux Documentation/accounting/psi.rst (4.20; `full` of cpu is 0 by definition for the machine); KEP-4205.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PressureParams {
    /// The largest share of time in which some task may have waited for a processor, in percent. Default: 80.
    pub cpu: f64,
    /// The same for memory, of the time in which all tasks waited. Default: 10.
    pub memory: f64,
    /// The same for disks, of the time in which all tasks waited. Default: 50.
    pub io: f64,
}

impl Default for PressureParams {
    fn default() -> Self {
        Self { cpu: 80.0, memory: 10.0, io: 50.0 }
    }
}

/// The check `pressure`.
pub struct Pressure;

impl Check for Pressure {
    type Params = PressureParams;

    const META: Meta = Meta {
        id: "pressure",
        summary: "The machine is not short of processors, memory or disks at the moment",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &PressureParams) -> Result<(), String> {
        let wrong = [params.cpu, params.memory, params.io].iter().any(|share| !(0.0..=100.0).contains(share));
        if wrong { Err("a share of time is between 0 and 100 percent".into()) } else { Ok(()) }
    }

    fn run(params: &PressureParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for (resource, line, most) in
            [("cpu", "some", params.cpu), ("memory", "full", params.memory), ("io", "full", params.io)]
        {
            out.push(judge(resource, line, most, node));
        }
        Ok(())
    }
}

/// `full avg10=0.00 avg60=0.00 avg300=0.00 total=0`: the share of the last ten seconds.
fn share(text: &str, line: &str) -> Option<f64> {
    let line = text.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '))?;
    let value = line.split(' ').find_map(|word| word.strip_prefix("avg10="))?;
    value.parse().ok().filter(|share| (0.0..=100.0).contains(share))
}

fn judge(resource: &str, line: &str, most: f64, node: &Node) -> Finding {
    let path = format!("/proc/pressure/{resource}");
    let read = node.read(&path);
    let unknown = |unknown: &Unknown| {
        let message = format!("the pressure on {resource} could not be determined");
        Finding::undetermined(Severity::Warn, resource, "unknown", message, unknown)
    };
    let text = match read.text() {
        Ok(text) => text,
        Err(e) if is_off(e, node) => {
            let message = format!("this kernel does not count pressure on {resource}");
            return Finding::not_applicable(resource, message, [e.evidence()]);
        }
        Err(e) => return unknown(&e.unknown()),
    };
    let Some(share) = share(&text, line) else {
        return unknown(&Unknown::new(format!("{path} has no line `{line}`")).tried([read.evidence()]));
    };
    if share <= most {
        let message = format!("there is no shortage of {resource}");
        // The number changes from run to run; that it is small enough does not (law 7).
        return Finding::pass(
            resource,
            "calm",
            message,
            Evidence::new(path, format!("{line} avg10 within {most}")),
        );
    }
    let message =
        format!("in {share} % of the last ten seconds tasks waited for {resource}, and {most} % are allowed");
    Finding::problem(Severity::Fail, resource, "pressed", message)
        .evidence([read.quote(format!("{line} avg10={share}"))])
        .remedy(Remedy::new("See what uses it, and let it end first").command("systemd-cgtop --iterations 2"))
}

/// Whether pressure is certainly not counted: the file gives EOPNOTSUPP, or none of them exists beside a whole /proc.
fn is_off(error: &ReadError, node: &Node) -> bool {
    let unsupported = rustix::io::Errno::OPNOTSUPP.to_string();
    match &error.kind {
        ReadErrorKind::System(text) => *text == unsupported,
        ReadErrorKind::Missing => {
            node.kind("/proc/pressure").is_err_and(|e| e.is_missing()) && node.kind("/proc/loadavg").is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};
    use proptest::prelude::*;

    fn with(cpu: &str, full: &str) -> Memory {
        let lines = |some: &str, full: &str| {
            format!(
                "some avg10={some} avg60=0.00 avg300=0.00 total=1\nfull avg10={full} avg60=0.00 avg300=0.00 total=1\n"
            )
        };
        Memory::new()
            .file("/proc/pressure/cpu", lines(cpu, "0.00"))
            .file("/proc/pressure/memory", lines("99.00", full))
            .file("/proc/pressure/io", lines("99.00", full))
    }

    fn ask(memory: Memory) -> Vec<Finding> {
        let mut out = Findings::default();
        Pressure::run(&PressureParams::default(), &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().into_iter().map(|(finding, _)| finding).collect()
    }

    #[test]
    fn every_verdict() {
        let reasons = |memory| ask(memory).iter().map(Finding::reason).collect::<Vec<_>>();
        assert_eq!(reasons(with("80.00", "10.00")), ["calm", "calm", "calm"]);
        assert_eq!(reasons(with("80.01", "10.01")), ["pressed", "pressed", "calm"]);
        let off = Memory::new().file("/proc/loadavg", "0 0 0 1/2 3\n");
        assert_eq!(reasons(off), ["not-applicable"; 3]);
        for memory in [Memory::new(), with("x", ""), with("900", "900")] {
            assert!(ask(memory).iter().any(|f| matches!(f.outcome(), Outcome::Undetermined(_))));
        }
        // The same finding whatever the small number is.
        assert_eq!(format!("{:?}", ask(with("1.00", "0.10"))), format!("{:?}", ask(with("2.00", "0.20"))));
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,100}") {
            let _ = share(&text, "some");
        }
    }
}
