//! Control groups: the layout, and every subsystem's state with its reason.
//!
//! `layout` tells v2, v1, hybrid and none apart by the mounts; `table` is what is known of the kernel's
//! subsystems by version; `files` parses the cgroup files; `ladder` names the ways to learn more than they say, and
//! `masks` what the best of them read; `state` infers each subsystem's state from all that, as pure functions;
//! `survey` reads a node and puts it all together. `features`, `pressure` and `headroom` are what the report shows
//! beside the subsystems; `tree` walks down to one cgroup.

pub mod features;
pub mod files;
pub mod headroom;
pub mod ladder;
mod layout;
pub mod masks;
mod own_limits;
pub mod pressure;
mod state;
mod survey;
pub mod table;
pub mod tree;

pub use ladder::Step;
pub use layout::{CGROUP_ROOT, Layout, LayoutKind};
pub use own_limits::{OwnLimit, OwnLimits};
pub use state::{Basis, MaskSide, State, Subsystem};
pub use survey::{Ask, Survey, Unified, Universe, UniverseSource};
