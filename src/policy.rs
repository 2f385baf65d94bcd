//! A policy: which checks are asked, with which parameters, where, and what becomes of their answers.
//!
//! A file is read in two steps: first as written, a tree of values with places ([`preflight_checks::value`]);
//! then resolved into a [`Policy`] (profiles extended, inputs filled in, parameters bound to their checks), with
//! every problem of every file collected on the way.

mod cases;
mod checksum;
mod compact;
mod date;
mod diagnostics;
pub mod init;
mod kubeadm;
mod lint;
mod load;
mod model;
pub mod profiles;
pub(crate) mod published;
mod read;
mod resolve;
mod schema;
mod show;
mod source;
mod when;
mod yaml;

pub use cases::{Case, CaseNode, Cases, Expect, ExpectFinding, ExpectMore, Verdicts};
pub use date::BadDate;
pub use diagnostics::{Diagnostics, Level, Located};
pub use kubeadm::{Given, KubeadmConfig};
pub use model::{Date, Inputs, OnUnknown, Policy, Retry, Rule, Waiver, When};
pub use profiles::Profile;
pub use published::published;
pub use resolve::{LoadError, Overrides, UsageError};
pub use schema::schema;
pub use source::Source;
pub use when::Applicability;

#[cfg(test)]
mod tests;
