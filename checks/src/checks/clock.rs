//! `clock`: The clock is kept right.

use crate::{
    check::{Check, Meta},
    duration::Duration,
    evidence::{Evidence, Unknown},
    facts::environment,
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// The clock is kept right.
///
/// ## What it looks at
/// adjtimex(2), with which every keeper of the clock (chronyd, systemd-timesyncd, ntpd, a hypervisor's agent) tells the
/// kernel that it is synchronised and how far it may be off: no D-Bus, no program, no packet. Beside it files that show
/// which keeper runs, and in notes the time zone (/etc/localtime) and whether the hardware's clock holds local time
/// (/etc/adjtime).
///
/// `synchronised` passes; `unsynchronised` and `inaccurate` do not. Just after a boot it takes a keeper some seconds:
/// `retry: { for: 60s }` waits for it.
///
/// ## Why it matters
/// Certificates "not yet valid" keep a node from joining; etcd warns of clocks that differ by more than a second; leases of
/// leaders and tokens of service accounts expire too early or too late; logs of several nodes can't be put in order.
///
/// ## How to mend it
/// `systemctl enable --now chronyd` (chrony on Debian), or systemd-timesyncd, with servers that can be reached.
///
/// ## Sources
/// adjtimex(2), Linux kernel/time/ntp.c (STA_UNSYNC after 16 s of possible error, NTP_PHASE_LIMIT); etcd
/// server/etcdserver/api/rafthttp/probing_status.go (a second); hwclock(8), adjtime_config(5);
/// replicatedhq/embedded-cluster#2623 (flaky just after a boot).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ClockParams {
    /// How far it may be off at most, as its keeper says. Default: 1s.
    pub max_error: Duration,
}

impl Default for ClockParams {
    fn default() -> Self {
        Self { max_error: Duration::from_millis(1000) }
    }
}

/// The check `clock`.
pub struct ClockCheck;

const SUBJECT: &str = "synchronisation";

impl Check for ClockCheck {
    type Params = ClockParams;

    const META: Meta =
        Meta { id: "clock", summary: "The clock is kept right", since: "0.1.0", kubeadm: None };

    fn run(params: &ClockParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(notes(judge(params, node), node));
        Ok(())
    }
}

fn judge(params: &ClockParams, node: &Node) -> Finding {
    let clock = match node.clock() {
        Ok(clock) => clock,
        Err(unknown) => {
            let message = "whether the clock is kept right could not be determined";
            return Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, &unknown);
        }
    };
    let keeper = node.clock_keeper();
    let limit = params.max_error;
    if !clock.is_synchronised {
        let who = match &keeper {
            Some((name, _)) => format!("{name} seems to run, but has not synchronised it"),
            None => "and no program that would do it was found".to_owned(),
        };
        return Finding::problem(
            Severity::Fail,
            SUBJECT,
            "unsynchronised",
            format!("nobody keeps the clock right: the kernel calls it unsynchronised, {who}"),
        )
        .evidence([Evidence::new("adjtimex(2)", "unsynchronised (STA_UNSYNC)")])
        .evidence(keeper.as_ref().map(|(_, seen)| seen.clone()))
        .remedy(remedy(keeper.is_some()));
    }
    if clock.max_error > limit.get() {
        let message = format!(
            "the clock is synchronised, but may be off by {:?}, and {limit} are allowed",
            clock.max_error
        );
        return Finding::problem(Severity::Fail, SUBJECT, "inaccurate", message)
            .evidence([Evidence::new("adjtimex(2)", format!("maximum error {:?}", clock.max_error))])
            .evidence(keeper.map(|(_, seen)| seen))
            .remedy(
                Remedy::new("Have the clock follow servers that are nearer or answer more often")
                    .command("chronyc tracking"),
            );
    }
    // The error grows and shrinks by the second; that it is small enough does not (law 7).
    let seen = Evidence::new("adjtimex(2)", format!("synchronised, maximum error within {limit}"));
    let proof = crate::Proof::new(seen).and_all(keeper.map(|(_, seen)| seen));
    Finding::pass(SUBJECT, "synchronised", "the clock is synchronised", proof)
}

fn remedy(has_keeper: bool) -> Remedy {
    if has_keeper {
        Remedy::new("See why it does not synchronise: its servers may be out of reach (UDP port 123)")
            .command("chronyc sources || timedatectl timesync-status")
    } else {
        Remedy::new("Install chrony and start it, or systemd-timesyncd")
            .command("systemctl start chronyd || systemctl start chrony || systemctl start systemd-timesyncd")
            .persistent(
                "systemctl enable chronyd || systemctl enable chrony || systemctl enable systemd-timesyncd",
            )
    }
}

/// What else is worth knowing of the time.
fn notes(finding: Finding, node: &Node) -> Finding {
    let mut finding = finding;
    if let Ok(target) = node.link("/etc/localtime") {
        let zone = target.rsplit_once("zoneinfo/").map_or(target.as_str(), |(_, zone)| zone);
        if !matches!(
            zone,
            "UTC" | "Etc/UTC" | "Universal" | "Etc/Universal" | "UCT" | "Zulu" | "GMT" | "Etc/GMT"
        ) {
            finding =
                finding.note(format!("the time zone is {zone}; logs of nodes are easier to compare in UTC"));
        }
    }
    let adjtime = node.read("/etc/adjtime");
    if adjtime.text().is_ok_and(|text| text.lines().nth(2).is_some_and(|line| line.trim() == "LOCAL")) {
        finding = finding
            .note("the hardware's clock holds local time: it jumps with summer time; `timedatectl set-local-rtc 0` mends it");
    }
    if node.environment().kind == environment::Kind::Container {
        finding = finding.note("a container has the clock of its host");
    }
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, Probe},
    };

    fn ask(memory: Memory) -> Finding {
        let mut out = Findings::default();
        ClockCheck::run(&ClockParams::default(), &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    fn clock(answer: &str) -> Memory {
        Memory::new().probe(Probe::Clock, answer)
    }

    #[test]
    fn every_verdict() {
        let found = ask(clock("ok, state=0 status=8193 maxerror=16000"));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Pass, "synchronised"));
        let found = ask(clock("ok, state=5 status=64 maxerror=16000000"));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "unsynchronised"));
        assert!(found.mend().unwrap().summary.starts_with("Install"));
        let started = clock("ok, state=5 status=64 maxerror=1").file("/run/chrony/chronyd.pid", "1");
        assert!(ask(started).mend().unwrap().summary.starts_with("See why"));
        let found = ask(clock("ok, state=0 status=1 maxerror=1500000"));
        assert_eq!((found.outcome(), found.reason()), (&Outcome::Problem, "inaccurate"));
        for memory in [Memory::new().as_root(), clock("EPERM"), clock("ok, nonsense")] {
            assert!(matches!(ask(memory).outcome(), Outcome::Undetermined(_)));
        }
    }

    #[test]
    fn the_same_clock_gives_the_same_finding() {
        let text =
            |error: u32| format!("{:?}", ask(clock(&format!("ok, state=0 status=1 maxerror={error}"))));
        assert_eq!(text(1000), text(2000));
    }

    #[test]
    fn zone_and_hardware() {
        let memory = clock("ok, state=0 status=1 maxerror=1")
            .symlink("/etc/localtime", "/usr/share/zoneinfo/Europe/Berlin")
            .file("/etc/adjtime", "0.0 0 0.0\n0\nLOCAL\n");
        let found = ask(memory);
        assert_eq!(found.outcome(), &Outcome::Pass);
        assert!(
            found.all_notes()[0].contains("Europe/Berlin") && found.all_notes()[1].contains("local time")
        );
        let utc = clock("ok, state=0 status=1 maxerror=1")
            .symlink("/etc/localtime", "../usr/share/zoneinfo/Etc/UTC");
        assert!(ask(utc).all_notes().is_empty());
    }
}
