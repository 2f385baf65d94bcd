//! What comes out of a run: the [`model`], and the ways to write it down.

mod details;
pub mod github;
pub mod html;
pub mod human;
pub mod json;
pub mod junit;
pub mod kubeadm;
pub mod markdown;
pub mod model;
pub mod nagios;
pub mod node_condition;
pub mod prometheus;
pub mod sarif;
pub mod tap;
pub(crate) mod time;
pub mod yaml;
