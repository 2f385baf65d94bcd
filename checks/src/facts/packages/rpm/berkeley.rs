//! What is needed of Berkeley DB's hash files to list their values: buckets of pages, and values that go on in other pages (rpm
//! lib/backend/bdb_ro.cc; Berkeley DB dbinc/db_page.h). Only read, bounded, and never followed in circles.

use super::{PAYLOAD, ReadAt, VALUES};

/// How many bytes of pages are taken for one list, at most.
const BYTES: usize = 64 << 20;

// Types of pages.
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH_META: u8 = 8;
const HASH: u8 = 13;
// Types of items.
const KEY_DATA: u8 = 1;
const OFF_PAGE: u8 = 3;

/// What every page begins with.
const HEAD: usize = 26;

/// The pages of a file.
#[derive(Clone, Copy, Debug)]
struct Pages {
    size: usize,
    last: u32,
    is_big_endian: bool,
}

/// A value: so many bytes from a place in the file on, or from the beginning of a page on and in those that follow it.
#[derive(Debug)]
pub(super) struct Value {
    at: u64,
    length: usize,
    chain: Option<Pages>,
}

impl Pages {
    fn number(self, bytes: &[u8], at: usize, width: usize) -> Option<u32> {
        let bytes = bytes.get(at..at + width)?;
        let add = |sum: u32, byte: &u8| (sum << 8) | u32::from(*byte);
        Some(if self.is_big_endian { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) })
    }

    fn half(self, bytes: &[u8], at: usize) -> Option<usize> {
        self.number(bytes, at, 2).map(|number| number as usize)
    }

    fn word(self, bytes: &[u8], at: usize) -> Option<u32> {
        self.number(bytes, at, 4)
    }

    fn page(self, read: &ReadAt<'_>, at: u32) -> Option<Vec<u8>> {
        let page = read(u64::from(at) * self.size as u64, self.size)?;
        let is_it = page.len() == self.size && at > 0 && at <= self.last && self.word(&page, 8)? == at;
        is_it.then_some(page)
    }
}

impl Value {
    /// Its first bytes, at most so many more than wanted as a page has.
    pub(super) fn load(&self, read: &ReadAt<'_>, wanted: usize) -> Option<Vec<u8>> {
        let wanted = wanted.min(self.length);
        let Some(pages) = self.chain else {
            return read(self.at, wanted).filter(|bytes| bytes.len() == wanted);
        };
        let mut bytes = Vec::new();
        let mut next = u32::try_from(self.at).ok()?;
        // A page without a byte ends it, and a circle does by the length.
        while bytes.len() < wanted {
            let page = pages.page(read, next)?;
            let length = pages.half(&page, 22)?;
            if page[25] != OVERFLOW || length == 0 || bytes.len() + length > self.length {
                return None;
            }
            bytes.extend(page.get(HEAD..HEAD + length)?);
            next = pages.word(&page, 16)?;
        }
        Some(bytes)
    }
}

/// The values of a file, save that of the key zero, which is none of a package. None where the file is no such file, or was cut
/// off.
pub(super) fn list(read: &ReadAt<'_>) -> Option<Vec<Value>> {
    let meta = read(0, 512)?;
    let is_big_endian = match meta.get(12..16)? {
        [0x61, 0x15, 0x06, 0x00] => false,
        [0x00, 0x06, 0x15, 0x61] => true,
        _ => return None,
    };
    let start = Pages { size: 0, last: 0, is_big_endian };
    let size = usize::try_from(start.word(&meta, 20)?).ok()?;
    let pages = Pages { size, last: start.word(&meta, 32)?, is_big_endian };
    let most = pages.word(&meta, 72)?;
    // Neither encrypted nor with checksums, which rpm never was.
    let is_known = (8..=10).contains(&pages.word(&meta, 16)?)
        && (meta[24], meta[25], meta[26] & 1) == (0, HASH_META, 0)
        && size.is_power_of_two()
        && (512..=65536).contains(&size)
        && most <= pages.last;
    let is_whole = || Some(read(u64::from(pages.last) * size as u64, size)?.len() == size);
    if !is_known || !is_whole()? {
        return None;
    }
    let mut left = BYTES;
    let mut values = Vec::new();
    for bucket in 0..=most {
        // Buckets stand together by the number of bits that theirs have.
        let bits = (u32::BITS - bucket.leading_zeros()) as usize;
        let mut next = bucket.checked_add(pages.word(&meta, 96 + 4 * bits)?)?;
        while next != 0 {
            left = left.checked_sub(size)?;
            let page = pages.page(read, next)?;
            if !matches!(page[25], HASH | HASH_UNSORTED) {
                return None;
            }
            let start = u64::from(next) * size as u64;
            values_of(pages, &page, start, &mut values)?;
            next = pages.word(&page, 16)?;
        }
    }
    Some(values)
}

/// The values of a page: its items, a key and a value by turns, stand one before the other from its end on.
fn values_of(pages: Pages, page: &[u8], start: u64, values: &mut Vec<Value>) -> Option<()> {
    let mut end = pages.size;
    for pair in 0..pages.half(page, 20)? / 2 {
        let key_at = pages.half(page, HEAD + 4 * pair)?;
        let value_at = pages.half(page, HEAD + 4 * pair + 2)?;
        let (key, value) = (page.get(key_at..end)?, page.get(value_at..key_at)?);
        end = value_at;
        let [KEY_DATA, number @ ..] = key else { return None };
        if number == [0; 4] {
            continue;
        }
        let value = match *value.first()? {
            KEY_DATA => Value { at: start + value_at as u64 + 1, length: value.len() - 1, chain: None },
            OFF_PAGE => {
                let length = pages.word(value, 8)? as usize;
                Value { at: pages.word(value, 4)?.into(), length, chain: Some(pages) }
            }
            _ => return None,
        };
        if values.len() == VALUES || value.length > PAYLOAD {
            return None;
        }
        values.push(value);
    }
    Some(())
}
