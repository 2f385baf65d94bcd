//! What the targets share: nodes that are made of what a fuzzer gives, and the laws that hold whatever it gives.

mod door;
mod laws;

pub use door::Given;
pub use laws::{judge, judge_all, judge_without, repeats};
