//! What a policy may say of plugins.

use crate::{duration::Duration, finding::Severity, names::wrong_for_a_finding};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::{borrow::Cow, collections::HashSet, time};

/// Executables of others are checks: plugins. Takes `--allow exec`.
///
/// ## What it looks at
/// It starts each plugin as `commands` does: no shell, an empty environment but for PATH and LC_ALL=C, a process group of its
/// own that is killed when its time is over, at most 64 KiB of output. What it says becomes findings, by its protocol:
///
/// `preflight`: the plugin reads one JSON object on standard input (`parameters` of the policy, `node` with a few facts,
/// `timeMs`) and prints one with `findings`, each with a `subject`, a `verdict` (pass, warn, fail, skip, unknown) and a
/// `message`; `reason`, `notes`, `evidence` and `remedy` as in a report. A pass needs evidence. Its exit status has to be 0.
///
/// `nagios`: the exit status is 0 (OK), 1 (warning), 2 (critical) or 3 (unknown), and the first line that is printed says why;
/// what stands behind `|` are measured values.
///
/// `node-problem-detector`: the exit status is 0 (OK), 1 (not OK) or another (unknown), and what is printed says why.
///
/// A plugin that somebody other than root may write, or a directory on the way to it, is not started by root: `unsafe`.
///
/// ## Why it matters
/// Thousands of such programs exist, for storage, networks and hardware that nobody else knows.
///
/// ## How to mend it
/// As the plugin says. `chown root` and `chmod go-w` for what is `unsafe`.
///
/// ## Sources
/// Monitoring Plugins Development Guidelines (exit status, performance data); kubernetes node-problem-detector,
/// docs/custom_plugin_monitor.md.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ExecParams {
    /// The plugins.
    pub plugins: Vec<Plugin>,
}

/// A plugin.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Plugin {
    /// The program by its whole path, and what it is given, each a word of its own.
    pub run: Vec<String>,
    /// What its findings are called, before their own subject. Default: the name of the program.
    #[serde(default)]
    pub name: Option<String>,
    /// How it says what it found. Default: preflight.
    #[serde(default)]
    pub protocol: Protocol,
    /// What it is told; of the protocol `preflight` only.
    #[serde(default)]
    pub parameters: Parameters,
    /// How long it may run. Default: 5s; ten minutes is the most.
    #[serde(default = "five_seconds")]
    pub time: Duration,
    /// The most that its findings can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// How a plugin says what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// JSON in, JSON out.
    #[default]
    Preflight,
    /// The exit status of a plugin of Nagios.
    Nagios,
    /// The exit status of a custom plugin of node-problem-detector.
    NodeProblemDetector,
}

/// Whatever the policy writes, as JSON.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Parameters(pub(super) serde_json::Value);

impl JsonSchema for Parameters {
    fn schema_name() -> Cow<'static, str> {
        "PluginParameters".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "Whatever the plugin wants to be told." })
    }
}

fn five_seconds() -> Duration {
    Duration::from_millis(5000)
}

/// The longest that one plugin may run.
const LONGEST: time::Duration = time::Duration::from_secs(600);

impl Plugin {
    pub(super) fn program(&self) -> &str {
        self.run.first().map_or("", String::as_str)
    }

    pub(super) fn name(&self) -> &str {
        let file = self.program().rsplit('/').next().unwrap_or_default();
        self.name.as_deref().unwrap_or(file)
    }
}

impl ExecParams {
    pub(super) fn validate(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        for plugin in &self.plugins {
            let (program, name) = (plugin.program(), plugin.name());
            if !program.starts_with('/') {
                return Err(format!("`{program}`: write the whole path of the plugin"));
            }
            if plugin.run.iter().any(|word| word.contains('\0')) {
                return Err(format!("`{program}`: no argument has a zero byte"));
            }
            if plugin.time.get() > LONGEST {
                return Err(format!("`{program}`: ten minutes is the most that a plugin may run"));
            }
            if let Some(wrong) = wrong_for_a_finding(name) {
                return Err(wrong);
            }
            if plugin.protocol != Protocol::Preflight && !plugin.parameters.0.is_null() {
                return Err(format!("`{name}`: only plugins of the protocol preflight are told parameters"));
            }
            if !seen.insert(name) {
                return Err(format!("two plugins are called `{name}`: give one a `name`"));
            }
        }
        if seen.is_empty() { Err("no plugin is named; write some under `plugins`".into()) } else { Ok(()) }
    }
}
