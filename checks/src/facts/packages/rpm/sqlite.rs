//! What is needed of SQLite's file format to look up a few rows: b-trees of tables by row and of indexes by their first
//! column, and payloads that go on in other pages (sqlite.org/fileformat2.html). Only read, bounded, and never followed in
//! circles. What stands in a write-ahead log is not seen: who asks has to look for one.

use super::{PAYLOAD, ReadAt};
use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

/// How many nodes of trees are visited and how many bytes of pages and payloads are taken for one database, at most: cells
/// may all lead to the same place.
const VISITS: usize = 100_000;
const BYTES: usize = 128 << 20;
/// How deep trees may be.
const DEPTH: u32 = 20;

/// A database.
pub(super) struct Database<'a> {
    read: &'a ReadAt<'a>,
    page_size: usize,
    /// What of a page can be used: the rest is for extensions.
    usable: usize,
    pages: RefCell<HashMap<u32, Rc<Vec<u8>>>>,
    visits: Cell<usize>,
    bytes: Cell<usize>,
}

/// A value of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Int(i64),
    /// Text or bytes.
    Bytes(&'a [u8]),
    Other,
}

/// Takes from what is left; none where that is not enough.
fn spend(left: &Cell<usize>, amount: usize) -> Option<()> {
    left.set(left.get().checked_sub(amount)?);
    Some(())
}

/// A page of a b-tree.
struct TreePage {
    /// 2 and 5 are inner pages of indexes and tables, 10 and 13 their leaves.
    kind: u8,
    page: Rc<Vec<u8>>,
    /// Where its cells begin.
    cells: Vec<usize>,
    /// The child behind the last cell of an inner page.
    last: u32,
}

/// The big-endian number in so many bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// A number of one to nine bytes, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().enumerate().take(9) {
        if at == 8 {
            return Some(((value << 8) | u64::from(*byte), &bytes[9..]));
        }
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

/// The values of a record: a header with a type for each, then the values.
pub(super) fn record(payload: &[u8]) -> Option<Vec<Value<'_>>> {
    let (header, rest) = varint(payload)?;
    let header = usize::try_from(header).ok()?;
    let mut types = rest.get(..header.checked_sub(payload.len() - rest.len())?)?;
    let mut body = payload.get(header..)?;
    let mut values = Vec::new();
    while !types.is_empty() {
        let (kind, more) = varint(types)?;
        types = more;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let bytes = body.get(..length)?;
        body = &body[length..];
        values.push(match kind {
            // Negative numbers are of no use here, and are not told from large ones.
            1..=6 => Value::Int(i64::try_from(number(bytes)).unwrap_or(i64::MAX)),
            8 | 9 => Value::Int(i64::from(kind == 9)),
            12.. => Value::Bytes(bytes),
            _ => Value::Other,
        });
    }
    Some(values)
}

impl<'a> Database<'a> {
    /// Opens what is a database of this kind, with text in UTF-8.
    pub(super) fn open(read: &'a ReadAt<'a>) -> Option<Self> {
        let header = read(0, 100)?;
        let page_size = match number(header.get(16..18)?) {
            1 => 65536,
            size if size.is_power_of_two() && size >= 512 => usize::try_from(size).ok()?,
            _ => return None,
        };
        let reserved = usize::from(*header.get(20)?);
        let is_one = header.starts_with(b"SQLite format 3\0") && number(header.get(56..60)?) == 1;
        let usable = page_size.checked_sub(reserved).filter(|usable| is_one && *usable >= 480)?;
        Some(Self {
            read,
            page_size,
            usable,
            pages: RefCell::default(),
            visits: Cell::new(VISITS),
            bytes: Cell::new(BYTES),
        })
    }

    fn page(&self, at: u32) -> Option<Rc<Vec<u8>>> {
        if let Some(page) = self.pages.borrow().get(&at) {
            return Some(Rc::clone(page));
        }
        spend(&self.bytes, self.page_size)?;
        let offset = u64::from(at.checked_sub(1)?) * self.page_size as u64;
        let page = (self.read)(offset, self.page_size).filter(|page| page.len() == self.page_size)?;
        let page = Rc::new(page);
        self.pages.borrow_mut().insert(at, Rc::clone(&page));
        Some(page)
    }

    /// The root of a table or an index.
    pub(super) fn root(&self, name: &str) -> Option<u32> {
        let mut root = None;
        self.walk(1, DEPTH, &mut |payload| {
            let values = record(&payload);
            if let Some([_, Value::Bytes(found), _, Value::Int(at), ..]) = values.as_deref()
                && *found == name.as_bytes()
            {
                root = u32::try_from(*at).ok();
            }
        })?;
        root
    }

    /// Reads a page of a b-tree.
    fn node(&self, at: u32) -> Option<TreePage> {
        spend(&self.visits, 1)?;
        let page = self.page(at)?;
        // The first page begins with the header of the file.
        let start = if at == 1 { 100 } else { 0 };
        let kind = *page.get(start)?;
        let is_interior = match kind {
            0x02 | 0x05 => true,
            0x0a | 0x0d => false,
            _ => return None,
        };
        let count = usize::try_from(number(page.get(start + 3..start + 5)?)).ok()?;
        let last =
            if is_interior { u32::try_from(number(page.get(start + 8..start + 12)?)).ok()? } else { 0 };
        let pointers = start + if is_interior { 12 } else { 8 };
        let pointers = page.get(pointers..pointers + 2 * count)?;
        let cells =
            pointers.chunks(2).map(|p| usize::try_from(number(p)).ok()).collect::<Option<Vec<_>>>()?;
        Some(TreePage { kind, page, cells, last })
    }

    /// The payload of a cell, which begins here with so many bytes in all.
    fn payload(&self, cell: &[u8], total: u64, is_index: bool) -> Option<Vec<u8>> {
        let total = usize::try_from(total).ok().filter(|total| *total <= PAYLOAD)?;
        spend(&self.bytes, total)?;
        let usable = self.usable;
        let most = if is_index { (usable - 12) * 64 / 255 - 23 } else { usable - 35 };
        if total <= most {
            return cell.get(..total).map(<[u8]>::to_vec);
        }
        let least = (usable - 12) * 32 / 255 - 23;
        let here = least + (total - least) % (usable - 4);
        let here = if here <= most { here } else { least };
        let mut payload = cell.get(..here)?.to_vec();
        let mut next = u32::try_from(number(cell.get(here..here + 4)?)).ok()?;
        while payload.len() < total {
            // A page that is not there ends it; a circle does by the length.
            let page = self.page(next)?;
            let wanted = (total - payload.len()).min(usable - 4);
            payload.extend(page.get(4..4 + wanted)?);
            next = u32::try_from(number(page.get(..4)?)).ok()?;
        }
        Some(payload)
    }

    /// Every row of a table. None where the tree is none.
    fn walk(&self, at: u32, depth: u32, each: &mut dyn FnMut(Vec<u8>)) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let TreePage { kind, page, cells, last } = self.node(at)?;
        for cell in cells {
            let cell = page.get(cell..)?;
            match kind {
                0x05 => self.walk(u32::try_from(number(cell.get(..4)?)).ok()?, depth, each)?,
                0x0d => {
                    let (total, rest) = varint(cell)?;
                    let (_, rest) = varint(rest)?;
                    each(self.payload(rest, total, false)?);
                }
                _ => return None,
            }
        }
        if kind == 0x05 { self.walk(last, depth, each) } else { Some(()) }
    }

    /// The row of that number in a table. None where it is not there, or the tree is none.
    pub(super) fn row(&self, root: u32, wanted: i64) -> Option<Vec<u8>> {
        let mut at = root;
        for _ in 0..DEPTH {
            let TreePage { kind, page, cells, last } = self.node(at)?;
            let mut next = last;
            for cell in cells {
                let cell = page.get(cell..)?;
                if kind == 0x05 {
                    let (key, _) = varint(cell.get(4..)?)?;
                    if wanted <= i64::try_from(key).ok()? {
                        next = u32::try_from(number(&cell[..4])).ok()?;
                        break;
                    }
                } else {
                    let (total, rest) = varint(cell)?;
                    let (key, rest) = varint(rest)?;
                    if i64::try_from(key).ok()? == wanted {
                        return self.payload(rest, total, false);
                    }
                }
            }
            if kind != 0x05 {
                return None;
            }
            at = next;
        }
        None
    }

    /// The numbers of the rows whose first column an index says to be `key`.
    pub(super) fn find(&self, root: u32, key: &[u8]) -> Option<Vec<i64>> {
        let mut found = Vec::new();
        self.find_below(root, key, DEPTH, &mut found)?;
        Some(found)
    }

    fn find_below(&self, at: u32, key: &[u8], depth: u32, found: &mut Vec<i64>) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let TreePage { kind, page, cells, last } = self.node(at)?;
        let is_interior = match kind {
            0x02 => true,
            0x0a => false,
            _ => return None,
        };
        for cell in cells {
            let cell = page.get(cell..)?;
            let (child, rest) =
                if is_interior { (number(cell.get(..4)?), cell.get(4..)?) } else { (0, cell) };
            let (total, rest) = varint(rest)?;
            let payload = self.payload(rest, total, true)?;
            let values = record(&payload)?;
            let [Value::Bytes(here), .., Value::Int(row)] = values.as_slice() else { return None };
            // Equal ones may stand before and behind one in the middle.
            if is_interior && *here >= key {
                self.find_below(u32::try_from(child).ok()?, key, depth, found)?;
            }
            if *here == key {
                found.push(*row);
            } else if *here > key {
                return Some(());
            }
        }
        if is_interior { self.find_below(last, key, depth, found) } else { Some(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_records() {
        assert_eq!(varint(&[0x7f, 1]), Some((127, &[1][..])));
        assert_eq!(varint(&[0x81, 0x00]), Some((128, &[][..])));
        assert_eq!(varint(&[0xff; 9]), Some((u64::MAX, &[][..])));
        assert_eq!(varint(&[0x80]), None);
        let name = [4, 13 + 2 * 2, 1, 9, b'a', b'b', 7];
        assert_eq!(record(&name), Some(vec![Value::Bytes(b"ab"), Value::Int(7), Value::Int(1)]));
        assert_eq!(record(&name[..5]), None);
        assert_eq!(record(&[]), None);
    }

    #[test]
    fn trees_that_lead_to_themselves_end() {
        // Each page is an inner one of a table, whose cells all lead to the second page.
        let mut pages = vec![0_u8; 1024];
        pages[..16].copy_from_slice(b"SQLite format 3\0");
        pages[16..18].copy_from_slice(&512_u16.to_be_bytes());
        pages[56..60].copy_from_slice(&1_u32.to_be_bytes());
        for start in [100, 512] {
            pages[start] = 0x05;
            pages[start + 3..start + 5].copy_from_slice(&50_u16.to_be_bytes());
            pages[start + 11] = 2;
            for cell in 0..50 {
                pages[start + 12 + 2 * cell..start + 14 + 2 * cell].copy_from_slice(&400_u16.to_be_bytes());
            }
        }
        for page in [0, 512] {
            pages[page + 400..page + 404].copy_from_slice(&2_u32.to_be_bytes());
        }
        let read = |at: u64, length: usize| {
            let at = usize::try_from(at).ok()?;
            pages.get(at..pages.len().min(at + length)).map(<[u8]>::to_vec)
        };
        assert_eq!(Database::open(&read).unwrap().root("Packages"), None);
    }

    proptest! {
        #[test]
        fn never_panics(noise in proptest::collection::vec(any::<u8>(), 0..3000), key in ".{0,4}", sound: bool) {
            let mut bytes = noise;
            if sound && bytes.len() > 100 {
                bytes[..16].copy_from_slice(b"SQLite format 3\0");
                bytes[16..18].copy_from_slice(&512_u16.to_be_bytes());
                bytes[20] = 0;
                bytes[56..60].copy_from_slice(&1_u32.to_be_bytes());
                bytes[100] = 0x0d;
            }
            let read = |at: u64, length: usize| {
                let at = usize::try_from(at).ok()?;
                bytes.get(at..bytes.len().min(at + length)).map(<[u8]>::to_vec)
            };
            let _ = record(&bytes);
            if let Some(database) = Database::open(&read) {
                let _ = database.root(&key);
                for root in 1..4 {
                    let _ = database.find(root, key.as_bytes());
                    let _ = database.row(root, 1);
                }
            }
        }
    }
}
