//! The syntax of unit files (systemd.syntax(7); config_parse(), src/shared/conf-parser.c).

/// The most assignments that are kept of one file.
const ASSIGNMENTS: usize = 10_000;

/// One `Key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The section it stands in, without brackets.
    pub section: String,
    /// Before the first `=`.
    pub key: String,
    /// Behind it, without the white space around; lines that a backslash continued are one.
    pub value: String,
    /// The file.
    pub file: String,
    /// Where it begins, counted from one.
    pub line: usize,
}

impl Assignment {
    /// Where it stands: `/usr/lib/systemd/system/kubelet.service:8`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Whether a backslash that nothing escapes ends the line.
fn is_continued(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// The assignments of one file, in order. What is no assignment, or stands before the first section, is passed over, as
/// systemd does.
pub(super) fn parse(file: &str, text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut section = String::new();
    let mut whole: Option<(usize, String)> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split('\n').enumerate().peekable();
    while let Some((i, line)) = lines.next() {
        // A comment inside of a continued line is passed over.
        let is_last = lines.peek().is_none();
        let comment = line.trim_start().starts_with(['#', ';']);
        let continued = !comment && is_continued(line.trim_end_matches('\r'));
        if !comment {
            let part = line.trim_end_matches('\r');
            let part = if continued { &part[..part.len() - 1] } else { part };
            let (_, text) = whole.get_or_insert_with(|| (i + 1, String::new()));
            text.push_str(part);
            if continued {
                text.push(' ');
            }
        }
        if (comment || continued) && !is_last {
            continue;
        }
        let Some((number, line)) = whole.take() else { continue };
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=')
            && !(section.is_empty() || key.is_empty())
            && found.len() < ASSIGNMENTS
        {
            found.push(Assignment {
                section: section.clone(),
                key: key.trim_end().to_owned(),
                value: value.trim_start().to_owned(),
                file: file.to_owned(),
                line: number,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brief(text: &str) -> Vec<(String, usize)> {
        let found = parse("/f", text).into_iter();
        found.map(|a| (format!("{}.{}={}", a.section, a.key, a.value), a.line)).collect()
    }

    #[test]
    fn lines() {
        for (text, want) in [
            ("", &[] as &[(&str, usize)]),
            ("A=b\n", &[]),
            ("[S]\nA=b", &[("S.A=b", 2)]),
            ("\u{feff}[S]\r\n A = b c \r\nB=\n", &[("S.A=b c", 2), ("S.B=", 3)]),
            ("[S]\n#A=1\n;A=2\n  # A=3\nA=4 # no comment\n", &[("S.A=4 # no comment", 5)]),
            (
                "[S]\nA=b \\\n; between\n  c\nB=d\\\\\nC=e\n",
                &[("S.A=b    c", 2), ("S.B=d\\\\", 5), ("S.C=e", 6)],
            ),
            ("[S]\nA=b\\", &[("S.A=b", 2)]),
            ("[S]\nA=b \\\n# end", &[("S.A=b", 2)]),
            ("[S]\nno assignment\n=x\n[T\nA=b=c\n[U]\nA=\n", &[("S.A=b=c", 5), ("U.A=", 7)]),
        ] {
            let want: Vec<_> = want.iter().map(|(a, n)| ((*a).to_owned(), *n)).collect();
            assert_eq!(brief(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-zA-Z=@. \\\\\\[\\]#;é-]|\n|\r\n|Delegate=|\\[Service\\]\n){0,80}") {
            for (at, _) in text.char_indices() {
                let _ = parse("/f", &text[..at]);
            }
        }
    }
}
