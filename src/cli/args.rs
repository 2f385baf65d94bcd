//! What the command line accepts.

use super::{
    exit,
    outputs::{Output, OutputParser},
};
use crate::fleet::GroupKey;
use clap::{Args, Parser, Subcommand, ValueEnum};
use preflight_checks::node;
use std::{path::PathBuf, time::Duration};

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (Kubernetes node preflight)");

const EXAMPLES: &str = "\
Examples:
  preflight                                    judge this machine by the profile kubernetes-node
  preflight -c policy.yaml -o json             judge it by your own policy, for scripts
  preflight --root /host --set role=worker     judge the host that is mounted at /host
  preflight --from node.pfcap                  judge a node that `preflight capture` kept
  preflight --only 'cgroup-*'                  only the rules about cgroups
  preflight explain cgroup-controllers         what a check looks at, why, and how to mend it";

const RUN_EXAMPLES: &str = "\
Examples:
  preflight run -c policy.yaml -o json --output-file /var/lib/preflight/report.json
  preflight run --only kernel-config --skip 'kernel-config/CONFIG_IP_VS*'
  preflight run --ignore-preflight-errors NumCPU,Mem --fail-on warn
  preflight run --kubeadm-config kubeadm.yaml -o kubeadm";

const CAPTURE_EXAMPLES: &str = "\
Examples:
  preflight capture -o node.pfcap              what any embedded profile would ask, and more
  preflight capture -o node.pfcap -c policy.yaml --allow network
                                               what this policy asks, with its network probes
  preflight --from node.pfcap -c other.yaml    judge it, anywhere
  zcat node.pfcap | jq                         see what is in it: one question and its answer a line";

const CGROUPS_EXAMPLES: &str = "\
Examples:
  preflight cgroups                            the table; -v for every step and what each option means
  preflight cgroups --explain devices          all that is known of one subsystem
  preflight cgroups --prove                    by the masks in the kernel's memory, as root
  preflight cgroups --prove --allow probe,write
                                               also by kprobe events and in a scratch cgroup
  preflight cgroups --decode implicit=256,inhibit=740
                                               what these masks say of this kernel's subsystems";

const FLEET_EXAMPLES: &str = "\
Examples:
  preflight fleet reports/                     what the reports below a directory say together
  preflight fleet reports/ -o html --output-file fleet.html
                                               as one page with a map, search and each node's evidence
  preflight fleet today/ --against yesterday/  also what changed
  kubectl logs -l app=preflight --tail=-1 | preflight fleet --group-by kernel";

/// Tells, before a Linux machine joins a Kubernetes cluster, whether it can carry the work, and why.
///
/// Without a command it runs a policy, as `preflight run` does. It reads and changes nothing.
#[derive(Debug, Parser)]
#[command(name = "preflight", version = VERSION, after_help = after_help(EXAMPLES), max_term_width = 100)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(flatten)]
    pub(super) run: RunArgs,
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

fn after_help(examples: &str) -> String {
    format!("{examples}\n\n{}", exit::HELP)
}

/// Options of every command.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Colour in the report; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true)]
    pub(super) color: Color,
    /// Say less: only failures and the summary, of `cgroups` only the table; log only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Say more: the evidence of everything; -vv also logs every file that is read
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set; always with CLICOLOR_FORCE
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Judge a node by a policy (the default command)
    Run(Box<RunArgs>),
    /// List the checks that a policy can use
    List(ListArgs),
    /// Explain a check: what it looks at, why it matters, how to mend it, its parameters
    Explain(ExplainArgs),
    /// List the embedded profiles
    Profiles,
    /// Work on policies: lint, show, init, test, schema
    Policy(PolicyArgs),
    /// Show every cgroup subsystem of the kernel, its state, and why
    Cgroups(CgroupsArgs),
    /// Show what a version of Kubernetes wants of a node, with the source of each fact
    Kubernetes(KubernetesArgs),
    /// Keep what a run asks of this node and is answered, to judge it elsewhere
    Capture(CaptureArgs),
    /// Show what differs between nodes, by their captures or reports
    Compare(CompareArgs),
    /// Make one picture of the reports of many nodes: causes, groups, duplicates, drift
    Fleet(FleetArgs),
    /// Print the remedies of a report, or of this node, as a shell script; nothing is run
    Remedy(Box<RemedyArgs>),
    /// Print what is known of this node as JSON: the facts that expressions of policies can use
    Facts(FactsArgs),
    /// Print what makes a shell complete the options of preflight
    Completions(CompletionsArgs),
    /// Print a manual page: preflight man | man -l -
    Man(ManArgs),
}

/// Options of `remedy`.
#[derive(Debug, Args)]
pub(super) struct RemedyArgs {
    /// A report that `preflight -o json` printed, or - for standard input [default: judge the node now]
    #[arg(value_name = "REPORT", conflicts_with_all = ["config", "set", "kubeadm_config", "root", "from", "only", "skip", "allow"])]
    pub(super) report: Option<PathBuf>,
    /// Only the remedies of failures, not of warnings
    #[arg(long)]
    pub(super) fail_only: bool,
    #[command(flatten)]
    pub(super) policy: PolicySource,
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// Only rules and findings whose id matches
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Not the rules and findings whose id matches
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(super) skip: Vec<String>,
    /// What may go beyond reading, where the policy asks for it
    #[arg(long, value_enum, value_name = "LIST", value_delimiter = ',')]
    pub(super) allow: Vec<Allow>,
    /// Deadline of the whole run: 30s, 500ms, 1m30s
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
}

/// Options of `facts`.
#[derive(Debug, Args)]
pub(super) struct FactsArgs {
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// Only list the facts, with their types and meanings, and the functions that ask for one thing each
    #[arg(long)]
    pub(super) list: bool,
}

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(super) shell: Shell,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// preflight completions bash > /etc/bash_completion.d/preflight
    Bash,
    /// preflight completions zsh > /usr/local/share/zsh/site-functions/_preflight
    Zsh,
    /// preflight completions fish > /etc/fish/completions/preflight.fish
    Fish,
}

/// Options of `man`.
#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// The command whose page it is: run, policy-lint [default: preflight itself]
    pub(super) page: Option<String>,
}

/// Which node.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct NodeArgs {
    /// The node is the tree under DIR: a mounted host, an unpacked image, captured files
    #[arg(long, value_name = "DIR")]
    pub(super) root: Option<PathBuf>,
    /// The node is the one that `preflight capture` kept in FILE (- for standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "root")]
    pub(super) from: Option<PathBuf>,
}

/// Options of `capture`.
#[derive(Debug, Args)]
#[command(after_help = CAPTURE_EXAMPLES)]
pub(super) struct CaptureArgs {
    /// The file that is written, all or nothing; - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,
    #[command(flatten)]
    pub(super) policy: PolicySource,
    /// The node is the tree under DIR
    #[arg(long, value_name = "DIR")]
    pub(super) root: Option<PathBuf>,
    /// What may go beyond reading, where the policy asks for it
    #[arg(long, value_enum, value_name = "LIST", value_delimiter = ',')]
    pub(super) allow: Vec<Allow>,
    /// Deadline of all of it: 30s, 500ms, 1m30s
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
}

/// Options of `compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// Captures (which are judged by the policy) and reports of `preflight -o json`; - for standard input
    #[arg(required = true, num_args = 2.., value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) policy: PolicySource,
    /// How to write the comparison
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) output: Format,
}

/// Options of `fleet`.
#[derive(Debug, Args)]
#[command(after_help = after_help(FLEET_EXAMPLES))]
pub(super) struct FleetArgs {
    /// Reports of `preflight -o json` or `ndjson`: files, directories, or - for standard input, which is the default
    #[arg(value_name = "REPORTS")]
    pub(super) reports: Vec<PathBuf>,
    /// How to write the picture
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) output: FleetFormat,
    /// Write it to this file, all or nothing, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) output_file: Option<PathBuf>,
    /// Group nodes by policy, kernel, architecture, cgroup, environment, directory or input:NAME [default: policy and input:role]
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(super) group_by: Vec<GroupKey>,
    /// Tell what changed since these reports of an earlier day: a file or a directory; repeatable
    #[arg(long, value_name = "REPORTS")]
    pub(super) against: Vec<PathBuf>,
    /// The verdict of a node that makes the exit code 1; with warn, also a document that can't be read
    #[arg(long, value_enum, value_name = "VERDICT", default_value_t)]
    pub(super) fail_on: FailOn,
}

/// How to write the picture of a fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum FleetFormat {
    /// Text for people
    #[default]
    Human,
    /// One JSON document
    Json,
    /// One file for browsers: causes, a map of findings, search, each node's evidence
    Html,
}

/// Options of `run`.
#[derive(Clone, Debug, Args)]
#[command(after_help = after_help(RUN_EXAMPLES))]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) policy: PolicySource,
    /// How to write the report; FORMAT=FILE writes it to that file, and several may be given
    #[arg(short, long, value_name = "FORMAT[=FILE]", default_value = "human", value_parser = OutputParser)]
    pub(super) output: Vec<Output>,
    /// Write the report that has no file of its own to this one, all or nothing, instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) output_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// Keep what this run asks of the node and is answered in FILE, as `preflight capture` does
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    pub(super) capture: Option<PathBuf>,
    /// Only rules and findings whose id matches; the others are skipped as `deselected`
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(super) only: Vec<String>,
    /// Not the rules and findings whose id matches. A rule of which nothing is left stays in the report as one
    /// skipped finding; single findings are left out
    #[arg(long, value_name = "GLOB", value_delimiter = ',')]
    pub(super) skip: Vec<String>,
    /// Kubeadm's names of checks (or `all`) whose failures shall be warnings, as there
    #[arg(long, value_name = "LIST")]
    pub(super) ignore_preflight_errors: Vec<String>,
    /// The verdict that makes the exit code 1
    #[arg(long, value_enum, value_name = "VERDICT", default_value_t)]
    pub(super) fail_on: FailOn,
    /// What may go beyond reading, where the policy asks for it
    #[arg(long, value_enum, value_name = "LIST", value_delimiter = ',', conflicts_with = "from")]
    pub(super) allow: Vec<Allow>,
    /// Deadline of the whole run: 30s, 500ms, 1m30s
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub(super) timeout: Duration,
}

impl RunArgs {
    /// Those of a run whose report goes to nobody but this program.
    pub(super) fn judging(config: &str, set: &[(String, String)], node: NodeArgs) -> Self {
        Self {
            policy: PolicySource { config: Some(config.to_owned()), set: set.to_vec(), kubeadm_config: None },
            output: Vec::new(),
            output_file: None,
            node,
            capture: None,
            only: Vec::new(),
            skip: Vec::new(),
            ignore_preflight_errors: Vec::new(),
            fail_on: FailOn::Never,
            allow: Vec::new(),
            timeout: Duration::from_secs(30),
        }
    }
}

/// Where the policy comes from.
#[derive(Clone, Debug, Args)]
pub(super) struct PolicySource {
    /// The policy: a file, the name of an embedded profile, or - for standard input
    /// [default: the profile kubernetes-node]
    #[arg(short, long, value_name = "FILE|PROFILE|-")]
    pub(super) config: Option<String>,
    /// An input of the policy: role=control-plane, kubernetesVersion=1.35
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_set)]
    pub(super) set: Vec<(String, String)>,
    /// A file for `kubeadm --config`, from which the inputs are taken: role, version, networks, ports,
    /// the runtime's socket and so on; --set beats it
    #[arg(long, value_name = "FILE")]
    pub(super) kubeadm_config: Option<PathBuf>,
}

/// How to write a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    #[default]
    Human,
    /// One JSON document
    Json,
}

/// The verdict that makes the exit code 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// A failure
    #[default]
    Fail,
    /// A warning or a failure
    Warn,
    /// None: the exit code tells only whether there is a report
    Never,
}

/// What may go beyond reading (law 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Allow {
    /// Send packets, look up names
    Network,
    /// Start programs
    Exec,
    /// Write scratch files
    Write,
    /// Ask the kernel by ways that touch its state
    Probe,
}

impl From<Allow> for node::Allow {
    fn from(allow: Allow) -> Self {
        match allow {
            Allow::Network => Self::Network,
            Allow::Exec => Self::Exec,
            Allow::Write => Self::Write,
            Allow::Probe => Self::Probe,
        }
    }
}

/// Options of `list`.
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// How to write the list
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) output: Format,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A check, as `preflight list` names it
    pub(super) id: String,
}

/// Options of `kubernetes`.
#[derive(Debug, Args)]
pub(super) struct KubernetesArgs {
    /// A version of Kubernetes, for example 1.35 [default: the newest that is known]
    pub(super) version: Option<String>,
    /// How to write the facts
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) output: Format,
}

/// The commands about policies.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    pub(super) command: PolicyCommand,
}

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Say what is wrong with a policy, all at once
    Lint(PolicyLintArgs),
    /// Show a policy as it is after profiles and inputs were filled in
    Show(PolicyShowArgs),
    /// Print a policy to begin with: an empty one, or one that this good node passes
    Init(PolicyInitArgs),
    /// Run cases: this policy on that node gives these verdicts
    Test(PolicyTestArgs),
    /// Print the JSON Schema of policies, for editors
    Schema,
}

/// Options of `policy lint`.
#[derive(Debug, Args)]
pub(super) struct PolicyLintArgs {
    #[command(flatten)]
    pub(super) target: PolicyTarget,
    /// Exit with 1 where there is a warning
    #[arg(long)]
    pub(super) strict: bool,
}

/// Options of `policy show`.
#[derive(Debug, Args)]
pub(super) struct PolicyShowArgs {
    #[command(flatten)]
    pub(super) target: PolicyTarget,
    /// Say where each rule is stated, what it takes the place of, and where the value of each input comes from
    #[arg(long)]
    pub(super) explain: bool,
}

/// Options of `policy init`.
#[derive(Debug, Args)]
pub(super) struct PolicyInitArgs {
    /// Judge this node by a profile, and write the policy that others as good as it pass
    #[arg(long)]
    pub(super) from_host: bool,
    /// The node is the tree under DIR
    #[arg(long, value_name = "DIR", requires = "from_host")]
    pub(super) root: Option<PathBuf>,
    /// The profile, or the file, that the policy extends
    #[arg(long, value_name = "PROFILE|FILE", default_value = "kubernetes-node", requires = "from_host")]
    pub(super) extends: String,
    /// An input of the policy: role=control-plane, kubernetesVersion=1.35
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_set, requires = "from_host")]
    pub(super) set: Vec<(String, String)>,
}

/// Options of `policy test`.
#[derive(Debug, Args)]
pub(super) struct PolicyTestArgs {
    /// Files with cases (kind: PolicyTest); docs/policies.md explains them
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Only cases whose name matches
    #[arg(long, value_name = "GLOB")]
    pub(super) only: Vec<String>,
    /// How to write what came of them
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) output: Format,
}

/// A policy to look at.
#[derive(Debug, Args)]
pub(super) struct PolicyTarget {
    /// A file, the name of an embedded profile, or - for standard input
    #[arg(value_name = "FILE|PROFILE|-")]
    pub(super) policy: Option<String>,
    /// An input of the policy: role=control-plane, kubernetesVersion=1.35
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_set)]
    pub(super) set: Vec<(String, String)>,
}

/// What may go beyond reading in a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum AllowProof {
    /// Kprobe events that print the masks, in an own instance of tracefs
    Probe,
    /// An empty scratch cgroup; a private mount of tracefs where it is not mounted
    Write,
}

/// Options of `cgroups`.
#[derive(Debug, Args)]
#[command(after_help = after_help(CGROUPS_EXAMPLES))]
pub(super) struct CgroupsArgs {
    /// How to write the answer
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(super) output: Format,
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// Explain one subsystem, by its v1 or v2 name; for people only
    #[arg(long, value_name = "NAME", conflicts_with = "output")]
    pub(super) explain: Option<String>,
    /// Ask everything that tells more by reading, the kernel's own masks in its memory included (as root), and
    /// compare
    #[arg(long, conflicts_with = "from")]
    pub(super) prove: bool,
    /// With --prove: what may go beyond reading. What is made is removed again, also when the program is stopped
    #[arg(long, value_enum, value_name = "LIST", value_delimiter = ',')]
    pub(super) allow: Vec<AllowProof>,
    #[command(flatten)]
    pub(super) decode: DecodeArgs,
}

/// Numbers from elsewhere, to be decoded.
#[derive(Debug, Args)]
pub(super) struct DecodeArgs {
    /// Decode masks from elsewhere, decimal, 0x… or 0b…: implicit=256,inhibit=1764,control=6171
    #[arg(long, value_name = "MASKS", conflicts_with_all = ["root", "from", "explain", "prove", "allow"])]
    pub(super) decode: Option<String>,
    /// The subsystems of that kernel in the order of their ids, or as NAME:ID [default: those of this kernel]
    #[arg(long, value_name = "NAMES", requires = "decode")]
    pub(super) ids: Option<String>,
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, for example role=worker".to_owned()),
    }
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    Ok(text.parse::<preflight_checks::duration::Duration>()?.get())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn inputs() {
        assert_eq!(parse_set("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(parse_set("a="), Ok(("a".to_owned(), String::new())));
        assert!(parse_set("a").is_err());
        assert!(parse_set("=b").is_err());
    }
}
