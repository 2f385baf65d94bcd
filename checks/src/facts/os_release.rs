//! The distribution, by os-release(5).

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::Node,
};

/// A distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsRelease {
    /// `debian`, `rhel`, `ubuntu`, `flatcar` …; `linux` where the file does not say.
    pub id: String,
    /// Those that it is like, the nearest first.
    pub id_like: Vec<String>,
    /// `12`, `9.4`, `24.04`; none for distributions without versions.
    pub version: Option<String>,
    /// For people: `Debian GNU/Linux 12 (bookworm)`.
    pub name: String,
    /// The file.
    pub source: String,
}

impl OsRelease {
    /// Parses the file: assignments as a shell reads them. None where it has neither ID nor NAME.
    #[must_use]
    pub fn parse(source: &str, text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines().rev().find_map(|line| {
                let value = line.trim().strip_prefix(key)?.strip_prefix('=')?;
                Some(unquoted(value))
            })
        };
        let name = value("PRETTY_NAME").or_else(|| value("NAME")).filter(|name| !name.is_empty());
        let id = value("ID").filter(|id| !id.is_empty());
        if name.is_none() && id.is_none() {
            return None;
        }
        let id = id.unwrap_or_else(|| "linux".to_owned());
        Some(Self {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            id_like: value("ID_LIKE").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            version: value("VERSION_ID").filter(|version| !version.is_empty()),
            source: source.to_owned(),
        })
    }

    /// What was seen.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        let version = self.version.as_deref().map(|v| format!(" VERSION_ID={v}")).unwrap_or_default();
        Evidence::new(&self.source, format!("ID={}{version}", self.id))
    }
}

/// A value without quotes; a backslash inside double quotes stands for the character behind it.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(inner) = inner('\'') {
        return inner.to_owned();
    }
    let text = inner('"').unwrap_or(value);
    let mut out = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(c);
            escaped = false;
        }
    }
    out
}

impl Node {
    /// The distribution.
    ///
    /// # Errors
    /// When neither /etc/os-release nor /usr/lib/os-release can be read, or says what it is.
    pub fn os_release(&self) -> &Known<OsRelease> {
        self.fact(|| {
            let mut tried = Vec::new();
            for path in ["/etc/os-release", "/usr/lib/os-release"] {
                let read = self.read(path);
                match read.text() {
                    Ok(text) => {
                        let nameless =
                            || Unknown::new(format!("{path} does not say which distribution this is"));
                        return OsRelease::parse(path, &text)
                            .ok_or_else(|| nameless().tried([read.evidence()]));
                    }
                    // The second counts only where there is no first (os-release(5)).
                    Err(e) if e.is_missing() => tried.push(e.evidence()),
                    Err(e) => return Err(e.unknown()),
                }
            }
            Err(Unknown::new("no os-release says which distribution this is").tried(tried))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    #[test]
    fn distributions() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";
        let found = OsRelease::parse("f", debian).unwrap();
        assert_eq!((found.id.as_str(), found.version.as_deref()), ("debian", Some("12")));
        let rocky = "NAME='Rocky Linux'\nID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\nVERSION_ID=\"9.4\"\n";
        assert_eq!(OsRelease::parse("f", rocky).unwrap().id_like, ["rhel", "centos", "fedora"]);
        assert_eq!(OsRelease::parse("f", "NAME=\"a \\\"b\\\" \\$c\"\n").unwrap().name, "a \"b\" $c");
        assert_eq!(OsRelease::parse("f", "ID=arch\n").unwrap().version, None);
        for text in ["", "VERSION_ID=1\n", "ID=\n"] {
            assert_eq!(OsRelease::parse("f", text), None, "{text}");
        }
        let node = Node::in_memory(Memory::new().file("/usr/lib/os-release", "ID=flatcar\n"));
        assert_eq!(node.os_release().as_ref().unwrap().id, "flatcar");
    }

    #[test]
    fn the_second_file_only_where_there_is_no_first() {
        let both = Memory::new().file("/usr/lib/os-release", "ID=debian\n");
        let id = |memory: Memory| Node::in_memory(memory).os_release().as_ref().ok().map(|o| o.id.clone());
        let etc = "/etc/os-release";
        assert_eq!(id(both.clone().file(etc, "ID=own\n")).as_deref(), Some("own"));
        assert_eq!(id(both.clone().file(etc, "")), None);
        assert_eq!(id(both.error(etc, ReadErrorKind::Denied("EACCES"))), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = OsRelease::parse("f", &text);
            let _ = unquoted(&text);
        }
    }
}
