//! Expressions over what is known of a node, in CEL, the language of Kubernetes' ValidatingAdmissionPolicy.
//!
//! The grammar and the macros are those of the crate `cel`. The evaluation is ours, for what that crate does not do: what could
//! not be determined makes the whole unknown only where the rest does not decide (law 3), every step counts towards a limit
//! (law 8), and maps have an order (law 7). A fact is asked for when the evaluation comes to it.

mod compile;
mod eval;
mod functions;
mod network;
mod operators;
mod value;

pub use compile::{Program, Scope};
pub use eval::{COST, Failure};
pub use value::Value;

use crate::{evidence::Evidence, facts::Known};

/// What an expression is about: names that it can use.
pub trait Facts {
    /// The value of a variable with the fields that follow it (`node.memory.total`), and what showed it; nothing where no
    /// fact has this name.
    fn get(&self, path: &str) -> Option<Known<(Value, Vec<Evidence>)>>;

    /// What a function that asks the node gives; nothing where there is none of this name.
    fn call(&self, function: &str, argument: &str) -> Option<Known<(Value, Vec<Evidence>)>>;
}

#[cfg(test)]
mod tests;
