//! TOML of a node's own files (containerd's and CRI-O's configuration) to the same tree of values with places as their YAML.

use crate::{
    value::{Key, Kind, Span, Value},
    yaml::{SIZE_LIMIT, Wrong, place},
};
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// How deep tables and arrays may nest; the parser has a limit of its own, for what stands in one line.
const DEPTH: usize = 64;

/// Reads one document.
///
/// # Errors
/// The first problem of syntax, or the limit that was crossed.
pub fn parse(text: &str) -> Result<Value, Wrong> {
    if text.len() > SIZE_LIMIT {
        return Err(Wrong { message: format!("it has more than {SIZE_LIMIT} bytes"), line: 0, column: 0 });
    }
    let wrong = |message: &str, at: Option<Range<usize>>| {
        let (line, column) = at.map_or((0, 0), |at| place(text, span(&at)));
        Wrong { message: message.to_owned(), line, column }
    };
    // What a byte order mark begins is no key.
    let document = DeTable::parse(text).map_err(|e| wrong(e.message().trim(), e.span()))?;
    let whole = document.span();
    table(document.into_inner(), DEPTH)
        .map(|kind| Value { span: span(&whole), kind })
        .ok_or_else(|| wrong("it nests too deep", None))
}

fn span(range: &Range<usize>) -> Span {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Span { start: number(range.start), end: number(range.end) }
}

fn table(table: DeTable<'_>, depth: usize) -> Option<Kind> {
    let entries = table.into_iter().map(|(key, found)| {
        let key = Key { span: span(&key.span()), text: key.into_inner().into_owned() };
        Some((key, value(found, depth.checked_sub(1)?)?))
    });
    entries.collect::<Option<_>>().map(Kind::Map)
}

fn value(found: Spanned<DeValue<'_>>, depth: usize) -> Option<Value> {
    let span = span(&found.span());
    let kind = match found.into_inner() {
        DeValue::String(text) => Kind::Str(text.into_owned()),
        DeValue::Boolean(value) => Kind::Bool(value),
        DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(value) => Kind::Int(value, number.as_str().to_owned()),
            Err(_) => Kind::Str(number.as_str().to_owned()),
        },
        // Nothing that is asked for is one.
        DeValue::Float(number) => Kind::Str(number.as_str().to_owned()),
        DeValue::Datetime(time) => Kind::Str(time.to_string()),
        DeValue::Array(items) => {
            let below = depth.checked_sub(1)?;
            Kind::Seq(items.into_iter().map(|item| value(item, below)).collect::<Option<_>>()?)
        }
        DeValue::Table(entries) => table(entries, depth)?,
    };
    Some(Value { span, kind })
}

/// A TOML file of a node, in its text and what that says.
#[derive(Debug)]
pub struct File {
    /// Its path.
    pub path: String,
    /// Its text, for the places in it.
    pub text: String,
    /// What it says.
    pub value: Value,
}

impl File {
    /// The value at a path of keys, with its place.
    #[must_use]
    pub fn at(&self, keys: &[&str]) -> Option<&Value> {
        let mut value = &self.value;
        for key in keys {
            let Kind::Map(entries) = &value.kind else { return None };
            value = &entries.iter().find(|(k, _)| k.text == *key)?.1;
        }
        Some(value)
    }

    /// `/etc/containerd/config.toml:12`.
    #[must_use]
    pub fn place(&self, value: &Value) -> String {
        format!("{}:{}", self.path, place(&self.text, value.span).0)
    }

    /// What stands there.
    #[must_use]
    pub fn seen(&self, key: &str, value: &Value) -> crate::evidence::Evidence {
        let written = self.text.get(value.span.start as usize..value.span.end as usize).unwrap_or_default();
        crate::evidence::Evidence::new(self.place(value), format!("{key} = {written}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(text: &str) -> File {
        File { path: "/f".into(), text: text.into(), value: parse(text).unwrap() }
    }

    #[test]
    fn values_have_places() {
        let file = file(
            "version = 2\n# x\n[plugins.\"io.containerd.grpc.v1.cri\"]\n  sandbox_image = 'a:1' # y\n[a]\nn = [1, 0x1f]\n",
        );
        let found = file.at(&["plugins", "io.containerd.grpc.v1.cri", "sandbox_image"]).unwrap();
        assert_eq!(found.kind, Kind::Str("a:1".into()));
        let seen = file.seen("sandbox_image", found);
        assert_eq!((seen.source.as_str(), seen.observed.as_str()), ("/f:4", "sandbox_image = 'a:1'"));
        let Kind::Seq(items) = &file.at(&["a", "n"]).unwrap().kind else { panic!() };
        assert_eq!(items[1].kind, Kind::Int(31, "1f".into()));
        assert!(file.at(&["a", "n", "m"]).is_none() && file.at(&["b"]).is_none());
    }

    #[test]
    fn what_is_wrong_has_a_line_and_a_column() {
        for (text, line) in
            [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("[x\n", 1), ("\n\nkey\n", 3), ("a = \"\n", 1)]
        {
            let wrong = parse(text).unwrap_err();
            assert_eq!(wrong.line, line, "{text:?}: {wrong}");
            assert!(wrong.column > 0, "{text:?}: {wrong}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        for text in
            ["a = ".to_owned() + &"[".repeat(100_000), "[".to_owned() + &"a.".repeat(100_000) + "a]\n"]
        {
            assert!(parse(&text).is_err());
        }
        assert!(parse(&"#".repeat(SIZE_LIMIT + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,200}|[\\[\\]{}=.\"'a-c0-9\n# ,]{0,120}") {
            let _ = parse(&text);
        }
    }
}
