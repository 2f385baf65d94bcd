//! A capture of a node: read, written and read again, and judged. One that is not packed is packed first.
#![no_main]

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use preflight_checks::{
    Node,
    capture::{Capture, Captured},
};
use preflight_fuzz::judge_all;
use std::{io::Write as _, sync::Arc};

fuzz_target!(|data: &[u8]| {
    let packed = if data.starts_with(&[0x1f, 0x8b]) {
        data.to_vec()
    } else {
        let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
        packing.write_all(data).expect("room");
        packing.finish().expect("room")
    };
    let capture = match Capture::read(packed.as_slice()) {
        Ok(capture) => capture,
        Err(why) => return assert!(!why.to_string().is_empty()),
    };
    let mut written = Vec::new();
    capture.write(&mut written).expect("room");
    let again = Capture::read(written.as_slice())
        .unwrap_or_else(|why| panic!("what was written can't be read: {why}"));
    assert_eq!(capture.answers, again.answers);
    judge_all(&|| Node::new(Arc::new(Captured::new(capture.clone())), Arc::default()));
});
