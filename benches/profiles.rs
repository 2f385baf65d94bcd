//! How long an embedded profile takes to be read, extended and bound: `cargo bench --bench profiles`.

use preflight::policy::profiles;
use std::time::Instant;

const TIMES: u32 = 1000;

fn main() {
    for profile in profiles::ALL {
        let start = Instant::now();
        let loaded = (0..TIMES).filter(|_| profile.load().is_ok()).count();
        println!("{}: {:?} ({loaded} times)", profile.name, start.elapsed() / TIMES);
    }
}
