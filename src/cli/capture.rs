//! `preflight capture`, and `preflight run --capture`: what a run asked and was answered, as a file.

use super::{
    args::{CaptureArgs, Global, NodeArgs, RunArgs},
    exit::{self, Stop},
    node, output, run_command,
};
use crate::{
    cgroups,
    policy::{Policy, Source, profiles},
    report::time,
    run,
};
use preflight_checks::{
    Node,
    capture::{Capture, Header, Recorder},
    inventory,
    node::{Allow, Allowed, Door, Origin},
};
use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
    sync::{Arc, mpsc},
    time::{Instant, SystemTime},
};

/// The checks that no embedded profile asks, as far as they can be asked without anything being wanted: what they read
/// belongs to a capture as well.
const MORE: &str = "\
apiVersion: preflight/v1
kind: Policy
metadata: {name: capture}
checks:
  - check: entropy
  - check: hugepages
    with: {transparent: [always, madvise, never]}
  - check: packages
    with: {required: [kubelet]}
  - check: users
    with: {users: [root], groups: [root]}
  - check: boot-parameters
    with: {required: [quiet]}
";

/// The most parameters of /proc/sys that are read; a usual machine has a thousand.
const PARAMETERS: usize = 20_000;

/// Captures the node, and says what came of it.
pub(super) fn answer(args: &CaptureArgs, global: &Global) -> Result<String, Stop> {
    if args.output != Path::new("-") {
        output::check_target(&args.output)
            .map_err(|why| Stop::new(exit::USAGE, format!("--output {why}")))?;
    }
    let which = NodeArgs { root: args.root.clone(), from: None };
    let recorder = Arc::new(Recorder::new(node::door(&which)?));
    let until = Instant::now() + args.timeout;
    let run = RunArgs {
        policy: args.policy.clone(),
        allow: args.allow.clone(),
        timeout: args.timeout,
        ..RunArgs::judging("", &[], which)
    };
    let door: Arc<dyn Door> = Arc::clone(&recorder) as Arc<dyn Door>;
    let policy = if args.policy.config.is_some() {
        run_command::judge(&door, &run, global)?.policy.name
    } else {
        everything(&door, &run, until, global)?;
        "every embedded profile".to_owned()
    };
    save(&recorder, &run, policy, &args.output)
}

/// Asks what any embedded profile asks, and what else a policy may.
fn everything(door: &Arc<dyn Door>, run: &RunArgs, until: Instant, global: &Global) -> Result<(), Stop> {
    let left = || until.saturating_duration_since(Instant::now());
    for profile in profiles::ALL {
        let mut run = RunArgs { timeout: left(), ..run.clone() };
        run.policy.config = Some(profile.name.to_owned());
        run_command::judge(door, &run, global)?;
    }
    let more = Policy::load(&Source::Stdin(MORE.as_bytes().to_vec()), &[]);
    let more = more.map_err(|e| Stop::new(exit::INTERNAL, e.to_string()))?;
    let request = run_command::request(Arc::new(more), door, run)?;
    run::run(&request).map_err(|e| Stop::new(exit::INTERNAL, e.to_string()))?;
    // On a thread that may hang.
    let (sender, receiver) = mpsc::channel();
    let look = move |node: &Node| {
        for fact in inventory::all() {
            let _ = fact.of(node);
        }
        let _ = cgroups::report(node);
        parameters(node);
        let _ = sender.send(());
    };
    run::ask_on_a_thread("capture", door, Allowed::default(), Arc::default(), look)
        .map_err(|e| Stop::new(exit::INTERNAL, format!("no thread could be started: {e}")))?;
    // What did not answer until then is in the capture as such.
    let _ = receiver.recv_timeout(left());
    Ok(())
}

/// Reads every parameter of the kernel.
fn parameters(node: &Node) {
    let mut todo = vec!["/proc/sys".to_owned()];
    let mut left = PARAMETERS;
    while let (Some(directory), true) = (todo.pop(), left > 0) {
        for name in node.list(&directory).unwrap_or_default() {
            let path = format!("{directory}/{name}");
            left = left.saturating_sub(1);
            // The secret of an interface's addresses, and what is made of entropy at each read.
            if name == "stable_secret" || path == "/proc/sys/kernel/random/uuid" {
                continue;
            }
            if node.list(&path).is_ok() {
                todo.push(path);
            } else {
                node.read(&path);
            }
        }
    }
}

/// Writes what was recorded, and says what is in it.
pub(super) fn save(recorder: &Recorder, run: &RunArgs, policy: String, file: &Path) -> Result<String, Stop> {
    let (answers, left_out) = recorder.answers();
    let header = Header {
        live: recorder.origin() == Origin::Live,
        root: node::root(&run.node),
        user: recorder.user(),
        allowed: run.allow.iter().map(|allow| Allow::from(*allow).as_str().to_owned()).collect(),
        ..Header::new(env!("CARGO_PKG_VERSION"), time::rfc3339(SystemTime::now()), policy)
    };
    let capture = Capture::new(header, answers);
    let mut bytes = Vec::new();
    let failed = |e: io::Error| {
        Stop::new(exit::INTERNAL, format!("the capture can't be written to {}: {e}", file.display()))
    };
    capture.write(&mut bytes).map_err(failed)?;
    if file == Path::new("-") {
        let mut out = io::stdout().lock();
        out.write_all(&bytes).and_then(|()| out.flush()).map_err(failed)?;
        return Ok(String::new());
    }
    output::write_private_file(file, &bytes).map_err(failed)?;
    let mut told = format!(
        "{}: {} answers, {} KiB; readable by its owner alone\n",
        file.display(),
        capture.answers.len(),
        bytes.len().div_ceil(1024)
    );
    for from in &capture.redacted {
        let _ = writeln!(told, "redacted: {from}");
    }
    if left_out > 0 {
        let _ = writeln!(told, "left out: {left_out} answers, which were too much");
    }
    Ok(told)
}
