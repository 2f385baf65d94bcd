//! Control groups: the layout, and every subsystem's state with its reason.
//!
//! `layout` tells v2, v1, hybrid and none apart by the mounts; `table` is what is known of the kernel's
//! subsystems by version; `files` parses the cgroup files; `state` infers each subsystem's state from what they
//! show, as pure functions; `survey` reads a node and puts it all together; `tree` walks down to one cgroup.

pub mod files;
mod layout;
mod state;
mod survey;
pub mod table;
pub mod tree;

pub use layout::{CGROUP_ROOT, Layout, LayoutKind};
pub use state::{Basis, MaskSide, State, Subsystem};
pub use survey::{Survey, Unified};
