//! rpm's own database, ndb: slots that tell where which header stands (rpm lib/backend/ndb/rpmpkg.c). Little-endian. Only read,
//! and bounded.

use super::{PAYLOAD, ReadAt, VALUES};

const PAGE: usize = 4096;
const SLOT: usize = 16;
/// Everything else stands in blocks of so many bytes.
const BLOCK: usize = 16;
/// What stands before a header, and behind it.
const HEAD: usize = 16;
const TAIL: usize = 12;

/// Where a header stands, from what is before it to what is behind it.
#[derive(Debug)]
pub(super) struct Blob {
    number: u32,
    at: u64,
    length: usize,
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Blob {
    /// The first bytes of the header.
    pub(super) fn load(&self, read: &ReadAt<'_>, wanted: usize) -> Option<Vec<u8>> {
        let taken = wanted.saturating_add(HEAD).min(self.length);
        let mut bytes = read(self.at, taken).filter(|bytes| bytes.len() == taken)?;
        let length = usize::try_from(word(&bytes, 12)?).ok().filter(|length| *length <= self.length)?;
        let is_it = bytes.starts_with(b"BlbS")
            && word(&bytes, 4)? == self.number
            && (HEAD + length + TAIL).next_multiple_of(BLOCK) == self.length;
        let is_whole = taken < self.length || bytes.ends_with(b"BlbE");
        if !is_it || !is_whole {
            return None;
        }
        bytes.truncate(HEAD + length);
        bytes.drain(..HEAD);
        Some(bytes)
    }
}

/// Where the headers stand. None where the file is no such file, or was cut off.
pub(super) fn list(read: &ReadAt<'_>) -> Option<Vec<Blob>> {
    let head = read(0, 32)?;
    let pages = usize::try_from(word(&head, 12)?).ok()?;
    let is_known = head.starts_with(b"RpmP") && word(&head, 4)? == 0;
    if !is_known || pages == 0 || pages > VALUES * SLOT / PAGE {
        return None;
    }
    let slots = read(0, pages * PAGE).filter(|slots| slots.len() == pages * PAGE)?;
    let mut blobs = Vec::new();
    // The first two slots are the header.
    for slot in slots.chunks_exact(SLOT).skip(2) {
        let (number, at, blocks) = (word(slot, 4)?, word(slot, 8)?, word(slot, 12)?);
        if !slot.starts_with(b"Slot") {
            return None;
        }
        if at != 0 {
            let at = u64::from(at) * BLOCK as u64;
            let length = usize::try_from(blocks).ok()?.checked_mul(BLOCK)?;
            let is_known = (HEAD + TAIL..=PAYLOAD).contains(&length);
            if number == 0 || !is_known || at < slots.len() as u64 {
                return None;
            }
            blobs.push(Blob { number, at, length });
        }
    }
    if let Some(last) = blobs.iter().max_by_key(|blob| blob.at) {
        let end = read(last.at + (last.length - 4) as u64, 4)?;
        if end != b"BlbE" {
            return None;
        }
    }
    Some(blobs)
}
