//! What the kernel dumps over netlink: rules of nftables, and who listens. What is told of them is understood.
#![no_main]

use libfuzzer_sys::fuzz_target;
use preflight_checks::{facts::sockets::Protocol, fuzzing};
use preflight_fuzz::Given;

/// What parts the two dumps.
const END: &[u8] = b"\x1e\x1e\x1e\x1e";

fuzz_target!(|data: &[u8]| {
    let at = data.windows(END.len()).position(|four| four == END);
    let (first, second) = at.map_or((data, &[][..]), |at| (&data[..at], &data[at + END.len()..]));
    if let Ok(told) = fuzzing::nftables(first, second) {
        let given = Given::new().file("/proc/modules", "nf_tables 1 0 - Live 0x0\n").answers(told.as_str());
        assert!(given.node().nftables().is_ok(), "{told:?} is not understood");
    }
    if let Ok(told) = fuzzing::listeners(first, second) {
        let given = Given::new().file("/proc/modules", "tcp_diag 1 0 - Live 0x0\n").answers(told.as_str());
        assert!(given.node().sockets(Protocol::Tcp).is_ok(), "{told:?} is not understood");
    }
});
