//! The contract of a check.

use crate::{
    blame::{self, Answer},
    evidence::Unknown,
    finding::Findings,
    node::{Node, Probe},
    value::{Error, Value},
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// What is known of a check without running it.
///
/// Its long documentation is not here: it is the doc comment of the check's parameter type, from where
/// `explain`, the JSON Schema and the reference pages take it, so that it is written once.
#[derive(Debug)]
pub struct Meta {
    /// Stable kebab-case id, the name that a policy uses.
    pub id: &'static str,
    /// One line: what it judges.
    pub summary: &'static str,
    /// The version of preflight that added it.
    pub since: &'static str,
    /// The name under which kubeadm reports the same, for `--ignore-preflight-errors`.
    pub kubeadm: Option<&'static str>,
}

/// A check. Implement this; the registry needs only the erased [`DynCheck`], which every check gets for free.
pub trait Check: Send + Sync + 'static {
    /// What a policy may say under `with:`. Use `#[serde(deny_unknown_fields)]` and document every field.
    type Params: DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// What is known of it without running it.
    const META: Meta;

    /// What is wrong with parameters that have the right shape (an empty list, a contradiction). Where in the
    /// policy that is, and what else is wrong, is found by asking again with parts left out.
    ///
    /// # Errors
    /// A message that says what is wrong and what would be right.
    fn validate(_params: &Self::Params) -> Result<(), String> {
        Ok(())
    }

    /// How long it may take where the usual limit of the runner would be too short for these parameters: what waits
    /// for others (a connection, a program) adds up the times it may wait.
    fn limit(_params: &Self::Params) -> Option<Duration> {
        None
    }

    /// What it is going to ask of the kernel at any rate, where that takes a while: it is asked meanwhile, as soon as the run
    /// begins.
    fn ahead(_params: &Self::Params) -> Option<Probe> {
        None
    }

    /// Asks the node and says what it found: at least one finding (law 1).
    ///
    /// # Errors
    /// When nothing at all could be determined: the runner makes that one undetermined finding.
    fn run(params: &Self::Params, node: &Node, out: &mut Findings) -> Result<(), Unknown>;
}

/// The object-safe face of a [`Check`].
pub trait DynCheck: Send + Sync {
    /// What is known of it without running it.
    fn meta(&self) -> &'static Meta;

    /// Reads the parameters and binds them to the check.
    ///
    /// # Errors
    /// Every problem of the parameters, each with its place.
    fn bind(&self, with: &Value) -> Result<Box<dyn BoundCheck>, Vec<Error>>;
}

/// A check together with its parameters.
pub trait BoundCheck: Send + Sync {
    /// What is known of it without running it.
    fn meta(&self) -> &'static Meta;

    /// How long it may take, where that is more than usual.
    fn limit(&self) -> Option<Duration> {
        None
    }

    /// What may be asked before its turn comes.
    fn ahead(&self) -> Option<Probe> {
        None
    }

    /// Runs it.
    ///
    /// # Errors
    /// When nothing at all could be determined.
    fn run(&self, node: &Node, out: &mut Findings) -> Result<(), Unknown>;
}

struct Bound<C: Check>(C::Params);

impl<C: Check> BoundCheck for Bound<C> {
    fn meta(&self) -> &'static Meta {
        const { &C::META }
    }

    fn limit(&self) -> Option<Duration> {
        C::limit(&self.0)
    }

    fn ahead(&self) -> Option<Probe> {
        C::ahead(&self.0)
    }

    fn run(&self, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        C::run(&self.0, node, out)
    }
}

fn validate<C: Check>(with: &Value) -> Answer {
    match with.read::<C::Params>().map(|params| C::validate(&params)) {
        Ok(Ok(())) => Answer::Right,
        Ok(Err(message)) => Answer::Wrong(message),
        Err(_) => Answer::Unreadable,
    }
}

impl<C: Check> DynCheck for C {
    fn meta(&self) -> &'static Meta {
        const { &C::META }
    }

    fn bind(&self, with: &Value) -> Result<Box<dyn BoundCheck>, Vec<Error>> {
        let params: C::Params = with.read_all()?;
        C::validate(&params).map_err(|message| blame::locate(with, message, &validate::<C>))?;
        Ok(Box::new(Bound::<C>(params)))
    }
}
