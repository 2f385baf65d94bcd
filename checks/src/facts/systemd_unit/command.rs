//! The command line of a service, as systemd makes it out of `ExecStart=`, `Environment=` and `EnvironmentFile=`.

use super::{Assignment, Unit};
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::{Node, ReadError},
};
use std::collections::BTreeMap;

/// The most words that a command may have.
const WORDS: usize = 4096;
/// The most files with variables that are read.
const FILES: usize = 64;

/// A word of a command, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub text: String,
    /// The file and line of the variable it came out of, or of `ExecStart=`.
    pub place: String,
}

/// What a service starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<Word>,
    /// Files with variables that are not there and have to be: the service does not start without them.
    pub missing: Vec<String>,
    /// Files with variables that were read.
    pub files: Vec<String>,
}

/// The variables of a service: the value of each, and the file and line that set it.
pub type Variables = BTreeMap<String, (String, String)>;

/// Splits a line into words: white space separates, quotes of both kinds hold together, a backslash takes its meaning from
/// the next character (systemd.syntax(7), Quoting; extract_first_word(), src/basic/extract-word.c). `None` where a quote is
/// left open.
#[must_use]
pub fn words(line: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (_, '\\') => word.get_or_insert_default().push_str(&escaped(characters.next()?, &mut characters)),
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_ascii_whitespace() => found.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
        if found.len() > WORDS {
            return None;
        }
    }
    found.extend(word);
    quote.is_none().then_some(found)
}

/// What a backslash and the character behind it stand for; those that nobody knows stay as they are.
fn escaped(c: char, rest: &mut std::str::Chars<'_>) -> String {
    match c {
        'n' => "\n".into(),
        't' => "\t".into(),
        'r' => "\r".into(),
        's' => " ".into(),
        '\\' | '"' | '\'' => c.into(),
        'x' => {
            let digits: String = rest.clone().take(2).collect();
            match u8::from_str_radix(&digits, 16) {
                Ok(byte) if digits.len() == 2 && byte != 0 => {
                    rest.nth(1);
                    char::from(byte).into()
                }
                _ => "\\x".into(),
            }
        }
        c => format!("\\{c}"),
    }
}

/// The variables of a file (systemd.exec(5), EnvironmentFile=; parse_env_file_internal(), src/basic/env-file.c): a line
/// each, comments, quotes, lines that a backslash continues.
fn environment_file(path: &str, text: &str, into: &mut Variables) {
    let mut lines = text.lines().enumerate();
    while let Some((i, line)) = lines.next() {
        let mut whole = line.trim_start().to_owned();
        if whole.starts_with(['#', ';']) {
            continue;
        }
        while whole.ends_with('\\') && !whole.ends_with("\\\\") {
            whole.pop();
            let Some((_, next)) = lines.next() else { break };
            whole.push_str(next);
        }
        if let Some((name, value)) = whole.split_once('=')
            && is_name(name.trim())
        {
            into.insert(name.trim().to_owned(), (unquoted(value.trim()), format!("{path}:{}", i + 1)));
        }
    }
}

/// A value of such a file without its quotes: between double ones a backslash escapes only `"`, `\`, `` ` `` and `$`.
fn unquoted(value: &str) -> String {
    let mut found = String::with_capacity(value.len());
    let mut quote = None;
    let mut characters = value.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (Some('"'), '\\') => match characters.next() {
                Some(c @ ('"' | '\\' | '`' | '$')) => found.push(c),
                other => {
                    found.push('\\');
                    found.extend(other);
                }
            },
            (None, '\\') => found.extend(characters.next()),
            (_, c) => found.push(c),
        }
    }
    found
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Puts the variables into a word: `$NAME` alone becomes as many words as its value has, `${NAME}` becomes its value within
/// the word (systemd.service(5), Command lines; replace_env_argv(), src/basic/env-util.c).
fn expand(word: &str, place: &str, variables: &Variables, out: &mut Vec<Word>) {
    if let Some(name) = word.strip_prefix('$').filter(|name| is_name(name)) {
        let Some((value, place)) = variables.get(name) else { return };
        // What can't be split is split at white space, as systemd does (EXTRACT_RELAX).
        let all = words(value).unwrap_or_else(|| value.split_ascii_whitespace().map(str::to_owned).collect());
        out.extend(all.into_iter().map(|text| Word { text, place: place.clone() }));
        return;
    }
    let mut text = String::new();
    let mut from = place;
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        let (before, behind) = rest.split_at(at);
        text.push_str(before);
        if let Some(more) = behind.strip_prefix("$$") {
            text.push('$');
            rest = more;
        } else if let Some((name, more)) = behind.strip_prefix("${").and_then(|b| b.split_once('}')) {
            if let Some((value, place)) = variables.get(name) {
                text.push_str(value);
                from = place;
            }
            rest = more;
        } else {
            text.push('$');
            rest = &behind[1..];
        }
    }
    text.push_str(rest);
    out.push(Word { text, place: from.to_owned() });
}

impl Node {
    /// The command that a service runs: the last `ExecStart=`, its variables put in. None where it has none.
    ///
    /// # Errors
    /// When a file with variables can't be read, or a line can't be split into words.
    pub fn service_command(&self, unit: &Unit) -> Known<Option<Command>> {
        let Some(start) = unit.list("Service", "ExecStart").last().copied() else { return Ok(None) };
        let mut command = Command::default();
        let variables = self.unit_variables(unit, &mut command)?;
        // Characters with a meaning of their own stand before the program (systemd.service(5), table 1).
        let line = start.value.trim_start_matches(['@', '-', ':', '+', '!', '|']);
        let literal = start.value.split('/').next().unwrap_or_default().contains(':');
        let mut words = words(line).ok_or_else(|| unsplit(start))?.into_iter();
        command.program = words.next().unwrap_or_default();
        if start.value.split('/').next().unwrap_or_default().contains('@') {
            // The second word is what the program is told as its name.
            words.next();
        }
        for word in words.take(WORDS) {
            if literal {
                command.arguments.push(Word { text: word, place: start.place() });
            } else {
                expand(&word, &start.place(), &variables, &mut command.arguments);
            }
        }
        Ok(Some(command))
    }

    /// The variables that a service is started with.
    ///
    /// # Errors
    /// As [`Self::service_command`].
    pub fn service_variables(&self, unit: &Unit) -> Known<Variables> {
        self.unit_variables(unit, &mut Command::default())
    }

    fn unit_variables(&self, unit: &Unit, command: &mut Command) -> Known<Variables> {
        let mut variables = Variables::new();
        for one in unit.list("Service", "Environment") {
            for word in words(&one.value).ok_or_else(|| unsplit(one))? {
                if let Some((name, value)) = word.split_once('=').filter(|(name, _)| is_name(name)) {
                    variables.insert(name.to_owned(), (value.to_owned(), one.place()));
                }
            }
        }
        // Files go before `Environment=`, wherever they are named (systemd.exec(5)).
        for one in unit.list("Service", "EnvironmentFile").into_iter().take(FILES) {
            self.add_environment_file(&one.value, command, &mut variables)?;
        }
        Ok(variables)
    }

    fn add_environment_file(&self, value: &str, command: &mut Command, into: &mut Variables) -> Known<()> {
        let path = value.strip_prefix('-').unwrap_or(value);
        if path.contains(['*', '?', '[', '%']) {
            return Err(Unknown::new(format!(
                "EnvironmentFile={value} is a pattern, which is not followed here"
            )));
        }
        let read = self.read(path);
        match read.text() {
            Ok(text) => {
                environment_file(path, &text, into);
                command.files.push(path.to_owned());
            }
            Err(e) if e.is_missing() => {
                if path == value {
                    command.missing.push(path.to_owned());
                }
            }
            Err(e) => return Err(ReadError::unknown(e)),
        }
        Ok(())
    }
}

fn unsplit(one: &Assignment) -> Unknown {
    let why = format!("{}: {}= has a quote that nothing closes", one.place(), one.key);
    Unknown::new(why).tried([Evidence::from(one)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    fn run(unit: &str, files: &[(&str, &str)]) -> Known<Option<Command>> {
        let memory = Memory::new().file("/usr/lib/systemd/system/a.service", unit);
        let node = Node::in_memory(files.iter().fold(memory, |m, (path, text)| m.file(path, text)));
        let unit = node.systemd_unit("a.service").unwrap().unwrap();
        node.service_command(&unit)
    }

    fn line(unit: &str, files: &[(&str, &str)]) -> String {
        let command = run(unit, files).unwrap().unwrap();
        let words: Vec<_> = command.arguments.iter().map(|w| w.text.as_str()).collect();
        format!("{}|{}", command.program, words.join("|"))
    }

    #[test]
    fn words_as_systemd_splits_them() {
        for (text, want) in [
            ("a  b\tc", Some(vec!["a", "b", "c"])),
            (r#""a b" 'c "d"' e"f g"h"#, Some(vec!["a b", "c \"d\"", "ef gh"])),
            (r"a\x20b \\ \n \q", Some(vec!["a b", "\\", "\n", "\\q"])),
            ("''", Some(vec![""])),
            ("'a", None),
            ("a\\", None),
            ("", Some(vec![])),
        ] {
            let want = want.map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(words(text), want, "{text}");
        }
    }

    #[test]
    fn variables_are_put_in() {
        let unit = "[Service]\nEnvironment=\"A=--a=1 --b\" B=2\nEnvironment=C='x y'\nEnvironmentFile=-/etc/x\n\
                    ExecStart=-/bin/p $A ${B} pre${B}post $UNSET ${UNSET} $$B $C ${C}\n";
        assert_eq!(line(unit, &[]), "/bin/p|--a=1|--b|2|pre2post||$B|x|y|x y");
        // The file goes before the unit, and keeps its quotes out.
        let file = "# c\n; c\nA=\"--z --y\"\nB='q r' \nnonsense\n1=2\nC=a\\\nb\n";
        assert_eq!(line(unit, &[("/etc/x", file)]), "/bin/p|--z|--y|q r|preq rpost||$B|ab|ab");
        assert_eq!(line("[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=:/bin/b $A\n", &[]), "/bin/b|$A");
        assert_eq!(line("[Service]\nExecStart=@/bin/b name -x\n", &[]), "/bin/b|-x");
        let command = run(unit, &[("/etc/x", file)]).unwrap().unwrap();
        assert_eq!(command.arguments[0].place, "/etc/x:3");
        assert_eq!(command.arguments[4].place, "/usr/lib/systemd/system/a.service:5");
    }

    #[test]
    fn what_is_missing_or_cannot_be_read() {
        let unit = "[Service]\nEnvironmentFile=/etc/x\nExecStart=/bin/p\n";
        assert_eq!(run(unit, &[]).unwrap().unwrap().missing, ["/etc/x"]);
        assert_eq!(run("[Service]\n", &[]), Ok(None));
        assert!(run("[Service]\nExecStart=/bin/p 'x\n", &[]).unwrap_err().reason.contains("a.service:2"));
        assert!(run("[Service]\nEnvironmentFile=/etc/*.env\nExecStart=/bin/p\n", &[]).is_err());
        let memory = Memory::new()
            .file("/usr/lib/systemd/system/a.service", unit)
            .error("/etc/x", ReadErrorKind::Denied("EACCES"));
        let node = Node::in_memory(memory);
        let unit = node.systemd_unit("a.service").unwrap().unwrap();
        assert!(node.service_command(&unit).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-zA-Z=$ {}'\"\\\\éx0-9]|\n){0,60}") {
            for (at, _) in text.char_indices() {
                let text = &text[..at];
                let mut variables = Variables::new();
                environment_file("/x", text, &mut variables);
                let _ = words(text);
                expand(text, "/x", &variables, &mut Vec::new());
            }
        }
    }
}
