//! What comes out of a run: the [`model`], and the ways to write it down.

pub mod human;
pub mod json;
pub mod kubeadm;
pub mod model;
pub(crate) mod time;
