//! `exec`: Executables of others are checks: plugins. Takes `--allow exec`.

mod params;
mod protocol;

use params::{ExecParams, Plugin};

use super::commands::with_limits;
use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Unknown},
    finding::{Finding, Findings, Remedy},
    node::{Allow, Ended, Node, Probe, ReadErrorKind},
};
use std::time::Duration;

/// The check `exec`.
pub struct Exec;

impl Check for Exec {
    type Params = ExecParams;

    const META: Meta = Meta {
        id: "exec",
        summary: "Executables of others are checks: plugins of preflight, Nagios and node-problem-detector (takes --allow exec)",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &ExecParams) -> Result<(), String> {
        params.validate()
    }

    fn limit(params: &ExecParams) -> Option<Duration> {
        Some(params.plugins.iter().map(|plugin| plugin.time.get()).sum::<Duration>() + Duration::from_secs(1))
    }

    fn run(params: &ExecParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for plugin in &params.plugins {
            match ask(plugin, node) {
                Ok(findings) => findings.into_iter().for_each(|finding| out.push(with_limits(finding, node))),
                Err(finding) => out.push(with_limits(*finding, node)),
            }
        }
        Ok(())
    }
}

fn ask(plugin: &Plugin, node: &Node) -> Result<Vec<Finding>, Box<Finding>> {
    let (name, program) = (plugin.name(), plugin.program());
    let unknown = |why: &Unknown| {
        let message = format!("what the plugin {name} finds could not be determined");
        Box::new(Finding::undetermined(plugin.severity, name, "unknown", message, why))
    };
    if node.allows(Allow::Exec) && node.user() == Some(0) {
        match others_can_write(program, node) {
            Ok(None) => {}
            Ok(Some((what, seen))) => return Err(Box::new(unsafe_plugin(plugin, &what, seen))),
            Err(why) => return Err(unknown(&why)),
        }
    }
    let probed = node.probe(&Probe::Execute {
        program: program.to_owned(),
        arguments: plugin.run.iter().skip(1).cloned().collect(),
        input: protocol::request(plugin, node),
        millis: u32::try_from(plugin.time.get().as_millis()).unwrap_or(u32::MAX),
    });
    match (probed.answer(), Ended::of(&probed)) {
        (Err(e), _) => Err(unknown(&e.unknown())),
        (Ok(_), Some(ended)) => protocol::findings(plugin, &ended).map_err(|why| unknown(&why)),
        (Ok(answer), None) => {
            let seen = Evidence::new(program, answer.to_string());
            Err(unknown(&Unknown::new(answer.to_string()).tried([seen])))
        }
    }
}

/// What on the way to a program others than root can write, so that it may not be what root thinks it is. In a directory with
/// the sticky bit only the owner of an entry can put another one in its place (unlink(2)).
fn others_can_write(program: &str, node: &Node) -> Result<Option<(String, Evidence)>, Unknown> {
    let way = node.way(program)?;
    for here in std::iter::once(&"/".to_owned()).chain(&way.parts) {
        let access = match node.access(here) {
            Ok(access) => access,
            // Not the machine itself: nothing is started there anyway.
            Err(e) if e.kind == ReadErrorKind::LiveOnly => return Ok(None),
            Err(e) => return Err(e.unknown()),
        };
        let is_program = *here == way.resolved;
        let sticky = access.mode & 0o1000 != 0 && !is_program;
        if access.owner != 0 || (access.mode & 0o022 != 0 && !sticky) {
            return Ok(Some((here.clone(), Evidence::new(here, access.to_string()))));
        }
    }
    Ok(None)
}

fn unsafe_plugin(plugin: &Plugin, what: &str, seen: Evidence) -> Finding {
    let name = plugin.name();
    let message = format!("the plugin {name} was not started: others than root can write {what}");
    Finding::problem(plugin.severity, name, "unsafe", message)
        .evidence([seen])
        .note("whoever can write it, would be root when root runs preflight")
        .remedy(
            Remedy::new("Have it belong to root, and let nobody else write it")
                .command(format!("chown root: {what}"))
                .command(format!("chmod go-w {what}")),
        )
}

#[cfg(test)]
mod tests;
