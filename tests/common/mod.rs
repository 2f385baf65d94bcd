//! What the end-to-end tests share.
#![allow(dead_code, reason = "every test binary compiles the whole of it and uses a part")]

pub(crate) mod ablation;
pub(crate) mod cargo;
pub(crate) mod cases;
pub(crate) mod laws;
pub(crate) mod nodes;
pub(crate) mod process;
