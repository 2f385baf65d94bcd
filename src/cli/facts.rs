//! `preflight facts`: what expressions of policies can use, with its values on this node.

use super::{
    args::FactsArgs,
    exit::{self, Stop},
    node, output,
};
use crate::{explain, run::ask_on_a_thread};
use preflight_checks::{
    Node,
    inventory::{self, FUNCTIONS},
    node::{Allowed, Door},
};
use serde_json::{Map, Value, json};
use std::{
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

/// How long the node may take to tell all of them; what hangs must not hang this.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn answer(args: &FactsArgs) -> Result<String, Stop> {
    if args.list {
        return Ok(output::for_people(list(output::width(true))));
    }
    let told = ask(&node::door(&args.node)?)?;
    let mut facts = Map::new();
    let mut unknown = Map::new();
    for (fact, value) in inventory::all().iter().zip(told) {
        match value {
            Ok(value) => put(&mut facts, fact.path, value),
            Err(why) => {
                unknown.insert(fact.path.to_owned(), why.into());
            }
        }
    }
    let mut whole = json!({ "apiVersion": "preflight/v1", "kind": "Facts", "unknown": unknown });
    if let Some(entries) = whole.as_object_mut() {
        entries.append(&mut facts);
    }
    output::json(&whole)
}

/// The value of each fact, or why it is not known, in their order.
fn ask(door: &Arc<dyn Door>) -> Result<Vec<Result<Value, String>>, Stop> {
    let (sender, receiver) = mpsc::channel();
    let look = move |node: &Node| {
        for fact in inventory::all() {
            let value = fact.of(node).map(|(value, _)| value.json()).map_err(|why| why.reason);
            // Nobody waits any more where it took too long.
            if sender.send(value).is_err() {
                return;
            }
        }
    };
    ask_on_a_thread("facts", door, Allowed::default(), Arc::default(), look)
        .map_err(|e| Stop::new(exit::INTERNAL, format!("no thread could be started: {e}")))?;
    let until = Instant::now() + PATIENCE;
    let next = || {
        let left = until.saturating_duration_since(Instant::now());
        receiver.recv_timeout(left).unwrap_or_else(|_| Err(format!("it was not told within {PATIENCE:?}")))
    };
    Ok(inventory::all().iter().map(|_| next()).collect())
}

/// Puts a value at `a.b.c`.
fn put(into: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            into.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = into.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Some(inner) = inner.as_object_mut() {
                put(inner, rest, value);
            }
        }
    }
}

/// The names, types and meanings, for people.
fn list(width: usize) -> String {
    let facts: Vec<String> = inventory::all().iter().map(|f| format!("{}; {}", f.kind, f.summary)).collect();
    let mut rows: Vec<(&str, &str)> =
        inventory::all().iter().zip(&facts).map(|(fact, text)| (fact.path, text.as_str())).collect();
    let calls: Vec<String> = FUNCTIONS.iter().map(|(name, _)| format!("{name}(…)")).collect();
    rows.extend(calls.iter().zip(FUNCTIONS).map(|(call, (_, summary))| (call.as_str(), *summary)));
    explain::columns(&rows, width)
}
