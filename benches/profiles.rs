//! How long an embedded profile takes to be read, extended and bound, and how long the report on the cgroups of this
//! machine takes, its type information included: `cargo bench --bench profiles`.

use preflight::{cgroups, policy::profiles};
use preflight_checks::{Node, node::Filesystem};
use std::{sync::Arc, time::Instant};

const TIMES: u32 = 1000;
/// Each of these reads the kernel's type information, 3 to 6 MB.
const SURVEYS: u32 = 100;

fn main() {
    for profile in profiles::ALL {
        let start = Instant::now();
        let loaded = (0..TIMES).filter(|_| profile.load().is_ok()).count();
        println!("{}: {:?} ({loaded} times)", profile.name, start.elapsed() / TIMES);
    }
    let start = Instant::now();
    let made = (0..SURVEYS).filter(|_| report()).count();
    println!("cgroups: {:?} ({made} times)", start.elapsed() / SURVEYS);
}

/// Makes the report on a node that remembers nothing yet.
fn report() -> bool {
    let Ok(door) = Filesystem::live() else { return false };
    cgroups::report(&Node::new(Arc::new(door), Arc::default())).is_ok()
}
