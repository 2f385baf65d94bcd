//! A tree of values as a row of bytes, so that the embedded profiles are read as YAML when the program is built and not
//! at every run: reading them was two fifths of all instructions of a default run.
//!
//! Each value is its kind, its place, and its content; numbers take seven bits a byte, the lowest first (LEB128). Who
//! writes it and who reads it are always of the same version: build.rs includes this very file.

use preflight_checks::value::{Key, Kind, Span, Value};

/// How deep lists and maps may nest; the reader of YAML allows fewer.
const DEPTH: usize = 64;

/// The kinds by the byte that stands for them.
mod kind {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const FLOAT: u8 = 4;
    pub(super) const STR: u8 = 5;
    pub(super) const SEQ: u8 = 6;
    pub(super) const MAP: u8 = 7;
}

/// The value as bytes.
#[allow(dead_code, reason = "build.rs writes, the program reads")]
pub(super) fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put_value(&mut out, value);
    out
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    let tag = match &value.kind {
        Kind::Null => kind::NULL,
        Kind::Bool(false) => kind::FALSE,
        Kind::Bool(true) => kind::TRUE,
        Kind::Int(..) => kind::INT,
        Kind::Float(..) => kind::FLOAT,
        Kind::Str(_) => kind::STR,
        Kind::Seq(_) => kind::SEQ,
        Kind::Map(_) => kind::MAP,
    };
    out.push(tag);
    put_span(out, value.span);
    match &value.kind {
        Kind::Null | Kind::Bool(_) => {}
        Kind::Int(number, spelling) => {
            out.extend(number.to_le_bytes());
            put_text(out, spelling);
        }
        Kind::Float(number, spelling) => {
            out.extend(number.to_le_bytes());
            put_text(out, spelling);
        }
        Kind::Str(text) => put_text(out, text),
        Kind::Seq(items) => {
            put_number(out, items.len() as u64);
            for item in items {
                put_value(out, item);
            }
        }
        Kind::Map(entries) => {
            put_number(out, entries.len() as u64);
            for (key, value) in entries {
                put_span(out, key.span);
                put_text(out, &key.text);
                put_value(out, value);
            }
        }
    }
}

fn put_span(out: &mut Vec<u8>, span: Span) {
    put_number(out, span.start.into());
    put_number(out, span.end.into());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend(text.bytes());
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push((number & 0x7f) as u8);
}

/// The value that these bytes stand for; none where they are not what [`write`] gives.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    let mut rest = Rest(bytes);
    let value = rest.value(0)?;
    rest.0.is_empty().then_some(value)
}

/// The bytes that are still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH {
            return None;
        }
        let tag = *self.0.split_off_first()?;
        let span = self.span()?;
        let kind = match tag {
            kind::NULL => Kind::Null,
            kind::FALSE => Kind::Bool(false),
            kind::TRUE => Kind::Bool(true),
            kind::INT => Kind::Int(i128::from_le_bytes(self.array()?), self.text()?),
            kind::FLOAT => Kind::Float(f64::from_le_bytes(self.array()?), self.text()?),
            kind::STR => Kind::Str(self.text()?),
            kind::SEQ => Kind::Seq(self.many(|rest| rest.value(depth + 1))?),
            kind::MAP => Kind::Map(self.many(|rest| rest.entry(depth + 1))?),
            _ => return None,
        };
        Some(Value { span, kind })
    }

    /// So many as the next number says, in one piece of memory: `collect` would have it grow, as any of them may be missing.
    fn many<T>(&mut self, one: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.count()?;
        let mut all = Vec::with_capacity(count);
        for _ in 0..count {
            all.push(one(self)?);
        }
        Some(all)
    }

    fn entry(&mut self, depth: usize) -> Option<(Key, Value)> {
        let key = Key { span: self.span()?, text: self.text()? };
        Some((key, self.value(depth)?))
    }

    fn span(&mut self) -> Option<Span> {
        let mut place = || u32::try_from(self.number()?).ok();
        Some(Span { start: place()?, end: place()? })
    }

    fn text(&mut self) -> Option<String> {
        let length = self.count()?;
        let text = std::str::from_utf8(self.0.split_off(..length)?).ok()?;
        Some(text.to_owned())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.0.split_off(..N)?.try_into().ok()
    }

    /// How many bytes or values follow; each takes at least a byte.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= self.0.len())
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.0.split_off_first()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let spans = || any::<(u32, u32)>().prop_map(|(start, end)| Span { start, end });
        let leaf = prop_oneof![
            Just(Kind::Null),
            any::<bool>().prop_map(Kind::Bool),
            any::<(i128, String)>().prop_map(|(n, s)| Kind::Int(n, s)),
            (-1e300..1e300, ".*").prop_map(|(n, s)| Kind::Float(n, s)),
            ".*".prop_map(Kind::Str),
        ];
        let leaf = (spans(), leaf).prop_map(|(span, kind)| Value { span, kind });
        leaf.prop_recursive(4, 40, 6, move |inner| {
            let key = (spans(), ".*").prop_map(|(span, text)| Key { span, text });
            let many = prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Kind::Seq),
                proptest::collection::vec((key, inner), 0..6).prop_map(Kind::Map),
            ];
            (spans(), many).prop_map(|(span, kind)| Value { span, kind })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in any_value()) {
            prop_assert_eq!(read(&write(&value)), Some(value));
        }

        #[test]
        fn a_part_is_nothing(value in any_value(), cut in 1..20_usize) {
            let bytes = write(&value);
            prop_assert_eq!(read(&bytes[..bytes.len().saturating_sub(cut)]), None);
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }

    #[test]
    fn nesting_and_counts_have_a_limit() {
        let deep = [kind::SEQ, 0, 0, 1].repeat(10_000);
        assert_eq!(read(&deep), None);
        // A list that says it has 2^63 items.
        let huge = [&[kind::SEQ, 0, 0][..], &[0xff; 8], &[0x7f, kind::NULL, 0, 0]].concat();
        assert_eq!(read(&huge), None);
    }

    #[test]
    fn every_profile_is_what_its_text_says() {
        for profile in crate::policy::profiles::ALL {
            let (value, duplicates) = crate::policy::yaml::parse(profile.text).unwrap();
            assert!(duplicates.is_empty());
            assert_eq!(read(profile.tree), Some(value), "{}", profile.name);
            assert_eq!(profile.sha256, crate::policy::checksum::sha256(profile.text.as_bytes()));
        }
    }
}
