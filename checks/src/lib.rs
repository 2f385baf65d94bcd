//! What a node is, what a check is, every built-in check, and the registry that lists them.
//!
//! The way of the data is one way: [`node`] → [`facts`] → [`checks`] → [`finding`]. A check asks the
//! [`Node`] only, gets its own typed parameters, and returns findings; it knows no policy, no mapping of
//! severities and no output format. Those live in the `preflight` program, which depends on this crate and
//! never the other way round.

mod blame;
pub mod capture;
pub mod cel;
pub mod check;
pub mod checks;
pub mod duration;
pub mod endpoint;
pub mod entry;
mod errno;
pub mod evidence;
mod expect;
pub mod facts;
pub mod finding;
pub mod inventory;
pub mod matcher;
pub mod names;
pub mod node;
pub mod quantity;
pub mod range;
pub mod registry;
pub mod toml;
pub mod touch;
pub mod value;
pub mod yaml;
pub mod yaml_tree;

pub use check::{BoundCheck, Check, DynCheck, Meta};
pub use evidence::{Evidence, Proof, Unknown};
pub use finding::{Cause, Finding, Findings, Outcome, Remedy, Risk, Severity};
pub use node::Node;
#[cfg(feature = "fuzzing")]
pub use node::fuzzing;
