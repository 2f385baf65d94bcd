//! What is wrong with a service that is there, in the order in which it matters, and how to mend it.

use super::{
    Service,
    params::{ServiceRule, ServiceState},
    problem,
    seen::Activity,
};
use crate::{
    checks::cgroup_delegation,
    evidence::{Evidence, Proof, Unknown},
    facts::systemd_unit::Enablement,
    finding::{Finding, Remedy, Risk, Severity},
};

/// What came of judging one service.
pub(super) enum Judged {
    Good(Finding),
    Problem(Finding),
    Unknown(Unknown),
}

/// Holds a service against a rule.
pub(super) fn judge(service: &Service, rule: &ServiceRule) -> Judged {
    let parts =
        [activity(service, rule), boot(service, rule), delegation(service, rule), reload(service, rule)];
    let mut troubles = Vec::new();
    let mut unknown = None;
    let mut seen = vec![service.there.clone()];
    let mut words = Vec::new();
    for part in parts {
        match part {
            Part::NotAsked => {}
            Part::Good(says, evidence) => {
                words.push(says);
                seen.extend(evidence);
            }
            Part::Trouble(one) => troubles.push(one),
            Part::Unknown(why) => unknown = unknown.or(Some(why)),
        }
    }
    let mut troubles = troubles.into_iter();
    if let Some(first) = troubles.next() {
        // What else is wrong with it is told with the first.
        let more: Vec<String> = troubles.map(|one| one.message).collect();
        let finding = problem(rule, first.severity, first.reason, first.message);
        return Judged::Problem(
            finding
                .evidence(first.evidence)
                .evidence([service.there.clone()])
                .notes(first.notes)
                .notes(more)
                .remedy(first.remedy),
        );
    }
    if let Some(unknown) = unknown {
        return Judged::Unknown(unknown);
    }
    let instead = if rule.any_of.is_empty() || service.name.starts_with(&rule.name) {
        String::new()
    } else {
        format!(", which does as well as {}", rule.name)
    };
    let message = format!("{} {}{instead}", service.name, words.join(" and "));
    match Proof::of(seen) {
        Some(proof) => Judged::Good(Finding::pass(&rule.name, "as-wanted", message, proof)),
        None => Judged::Unknown(Unknown::new("nothing was seen of it")),
    }
}

/// One aspect of a service.
enum Part {
    NotAsked,
    /// As it should be: what can be said of it, with what shows it.
    Good(&'static str, Vec<Evidence>),
    Trouble(Trouble),
    Unknown(Unknown),
}

struct Trouble {
    severity: Severity,
    reason: &'static str,
    message: String,
    notes: Vec<String>,
    evidence: Vec<Evidence>,
    remedy: Remedy,
}

fn trouble(reason: &'static str, message: String, evidence: Vec<Evidence>, remedy: Remedy) -> Part {
    Part::Trouble(Trouble { severity: Severity::Fail, reason, message, notes: Vec::new(), evidence, remedy })
}

fn activity(service: &Service, rule: &ServiceRule) -> Part {
    let (activity, seen) = match &service.activity {
        None => return Part::NotAsked,
        Some(Err(unknown)) => return Part::Unknown(unknown.clone()),
        Some(Ok((activity, seen))) => (activity, seen.clone()),
    };
    let name = &service.name;
    if rule.state == ServiceState::Inactive {
        return match activity {
            Activity::Stopped | Activity::Failed | Activity::NotLoadable => {
                Part::Good("does not run", vec![seen])
            }
            _ => trouble("active", format!("{name} runs, and must not"), vec![seen], stop(service)),
        };
    }
    let (reason, what) = match activity {
        Activity::Running => return Part::Good("runs", vec![seen]),
        Activity::Starting => ("starting", "is still being started"),
        Activity::Stopping => ("stopping", "is being stopped"),
        Activity::Restarting => ("restarting", "ends again and again, and is started anew each time"),
        Activity::Failed => ("failed", "failed"),
        Activity::Stopped => ("inactive", "does not run"),
        Activity::NotLoadable => ("not-loadable", "can't be started: systemd can't make sense of its files"),
        // They may be those of a service that never comes up, or ends and is started anew.
        Activity::HasProcesses(unknown) => return Part::Unknown(unknown.clone().tried([seen])),
    };
    Part::Trouble(Trouble {
        severity: Severity::Fail,
        reason,
        message: format!("{name} {what}"),
        notes: last_run(service),
        evidence: vec![seen],
        remedy: start(service, activity),
    })
}

/// What systemd tells of how it ended.
fn last_run(service: &Service) -> Vec<String> {
    let Some(loaded) = &service.loaded else { return Vec::new() };
    let mut notes = Vec::new();
    if let Some(error) = &loaded.load_error {
        notes.push(format!("systemd says: {error}"));
    }
    if let Some(result) = loaded.result.as_deref().filter(|result| *result != "success") {
        let status = loaded.exit_status.filter(|_| result == "exit-code");
        let status = status.map(|status| format!(", exit status {status}")).unwrap_or_default();
        notes.push(format!("Its last run ended with: {result}{status}."));
    }
    if let Some(restarts) = loaded.restarts.filter(|restarts| *restarts > 0) {
        notes.push(format!("It was started anew {restarts} times by itself."));
    }
    notes
}

fn start(service: &Service, activity: &Activity) -> Remedy {
    let name = &service.name;
    if service.by_openrc {
        return Remedy::new(format!("Start {name}")).command(format!("rc-service {name} start"));
    }
    match activity {
        Activity::Starting | Activity::Stopping => Remedy::new(format!(
            "Wait, with `retry` in the policy; what it waits for stands in its log (journalctl -b -u {name})"
        )),
        Activity::NotLoadable => {
            Remedy::new(format!("Mend the files of {name}; systemd-analyze verify {name} tells more"))
                .command("systemctl daemon-reload")
        }
        Activity::Restarting | Activity::Failed => Remedy::new(format!(
            "Look into its log for the reason (journalctl -b -u {name}), mend that, and start it again"
        ))
        .command(format!("systemctl restart {name}")),
        Activity::Stopped | Activity::Running | Activity::HasProcesses(_) => {
            Remedy::new(format!("Start {name}")).command(format!("systemctl start {name}"))
        }
    }
}

fn stop(service: &Service) -> Remedy {
    let name = &service.name;
    let remedy = Remedy::new(format!("Stop {name}, and have it not started at boot")).risk(Risk::Service);
    if service.by_openrc {
        return remedy
            .command(format!("rc-service {name} stop"))
            .persistent(format!("rc-update delete {name}"));
    }
    remedy.command(format!("systemctl stop {name}")).persistent(format!("systemctl disable {name}"))
}

fn boot(service: &Service, rule: &ServiceRule) -> Part {
    let (state, seen) = match &service.boot {
        None => return Part::NotAsked,
        Some(Err(unknown)) => return Part::Unknown(unknown.clone()),
        Some(Ok((state, seen))) => (*state, seen.clone()),
    };
    let name = &service.name;
    let starts = matches!(state, Enablement::Enabled | Enablement::Generated);
    match (rule.enabled == Some(true), starts) {
        (true, true) => return Part::Good("starts at boot", seen),
        // What wants a unit without [Install] is not looked for.
        (false, false) if state == Enablement::Static => {
            return Part::Good("is not enabled", seen);
        }
        (false, false) => return Part::Good("does not start at boot", seen),
        (false, true) => {
            let message = format!("{name} starts at boot, and must not");
            return trouble("enabled", message, seen, stop(service));
        }
        (true, false) => {}
    }
    let enable = if service.by_openrc {
        Remedy::new(format!("Have {name} started at boot"))
            .persistent(format!("rc-update add {name} default"))
    } else {
        Remedy::new(format!("Have {name} started at boot")).persistent(format!("systemctl enable {name}"))
    };
    let (reason, what, remedy) = match state {
        Enablement::Masked | Enablement::MaskedRuntime => (
            "masked",
            "is masked: nothing can start it",
            Remedy::new(format!("Unmask {name}, and have it started at boot"))
                .command(format!("systemctl unmask {name}"))
                .persistent(format!("systemctl enable {name}")),
        ),
        Enablement::EnabledRuntime => {
            ("enabled-runtime", "is enabled for now only: the next boot does not start it", enable)
        }
        Enablement::Static => (
            "static",
            "can't be enabled, and nothing is seen that starts it at boot",
            Remedy::new("Add an [Install] section to the unit, or have another unit want it")
                .persistent(format!("systemctl add-wants multi-user.target {name}")),
        ),
        _ => ("disabled", "does not start at boot", enable),
    };
    trouble(reason, format!("{name} {what}"), seen, remedy)
}

fn delegation(service: &Service, rule: &ServiceRule) -> Part {
    let (has, seen) = match &service.delegated {
        None => return Part::NotAsked,
        Some(Err(unknown)) => return Part::Unknown(unknown.clone()),
        Some(Ok((has, seen))) => (has, seen.clone()),
    };
    let lacks: Vec<&str> =
        rule.delegate.iter().filter(|name| !has.contains(name)).map(String::as_str).collect();
    if lacks.is_empty() {
        return Part::Good("has its controllers", vec![seen]);
    }
    let message = format!("systemd does not delegate {} to {}", lacks.join(", "), service.name);
    trouble("not-delegated", message, vec![seen], cgroup_delegation::drop_in(&service.name))
}

/// What runs is not what the files say.
fn reload(service: &Service, rule: &ServiceRule) -> Part {
    let Some(stale) = service.stale.clone().filter(|_| !rule.wants_absence()) else { return Part::NotAsked };
    let name = &service.name;
    Part::Trouble(Trouble {
        severity: Severity::Warn,
        reason: "needs-reload",
        message: format!(
            "the files of {name} changed since systemd read them: what runs is not what they say"
        ),
        notes: Vec::new(),
        evidence: vec![stale],
        remedy: Remedy::new(format!("Have systemd read them, and restart {name}"))
            .command("systemctl daemon-reload")
            .command(format!("systemctl restart {name}"))
            .risk(Risk::Service),
    })
}
