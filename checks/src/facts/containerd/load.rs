//! Which files make up containerd's configuration (LoadConfig(), cmd/containerd/server/config/config.go of 2.x,
//! services/server/config/config.go of 1.x: the same but for where it is told).

use super::{Containerd, Problem};
use crate::{
    evidence::{Evidence, Unknown},
    facts::Known,
    node::Node,
    toml::{self, File},
    value::Kind,
    yaml::Wrong,
};
use std::collections::VecDeque;

/// The most files that are read.
const FILES: usize = 64;

/// Reads a file of TOML, or says what is wrong with it.
pub(in crate::facts) fn parse(path: &str, text: &str) -> Result<File, Problem> {
    match toml::parse(text) {
        Ok(value) => Ok(File { path: path.to_owned(), text: text.to_owned(), value }),
        Err(wrong) => Err(problem(path, text, &wrong)),
    }
}

/// What is wrong with the text of a file, and the line where it is.
pub(in crate::facts) fn problem(path: &str, text: &str, wrong: &Wrong) -> Problem {
    let line = wrong.line.checked_sub(1).and_then(|n| text.lines().nth(n)).unwrap_or_default().trim();
    let (place, seen) = match wrong.line {
        0 => (path.to_owned(), format!("{} bytes", text.len())),
        number => (format!("{path}:{number}"), line.to_owned()),
    };
    let seen = if seen.is_empty() { "(empty)".to_owned() } else { seen };
    Problem { path: path.to_owned(), message: wrong.to_string(), evidence: Evidence::new(place, seen) }
}

impl Node {
    /// The file, and then what is imported, breadth first, each once.
    pub(super) fn load_containerd(&self, found: &mut Containerd) {
        let mut pending = VecDeque::from([found.path.clone()]);
        let mut loaded: Vec<String> = Vec::new();
        while let Some(path) = pending.pop_front() {
            if loaded.contains(&path) {
                continue;
            }
            if loaded.len() >= FILES {
                let why = format!("{} imports more than {FILES} files", found.path);
                found.unknown.get_or_insert(Unknown::new(why));
                return;
            }
            let is_main = loaded.is_empty();
            loaded.push(path.clone());
            let read = self.read(&path);
            let text = match read.text() {
                Ok(text) => text,
                // Without a file that nobody named containerd takes its defaults.
                Err(e) if e.is_missing() && is_main && path == super::CONFIG => return,
                Err(e) if e.is_missing() => {
                    let message = "it does not exist, although it is named".to_owned();
                    found.problem.get_or_insert(Problem { path, message, evidence: e.evidence() });
                    return;
                }
                Err(e) => {
                    found.unknown.get_or_insert(e.unknown());
                    continue;
                }
            };
            match parse(&path, &text) {
                Ok(file) => {
                    match self.imports(&file) {
                        Ok(more) => pending.extend(more),
                        Err(unknown) => _ = found.unknown.get_or_insert(unknown),
                    }
                    found.files.push(file);
                }
                Err(problem) => _ = found.problem.get_or_insert(problem),
            }
        }
    }

    /// The files that one imports (resolveImports()): globs match, and what is no absolute path is one beside the file.
    fn imports(&self, file: &File) -> Known<Vec<String>> {
        let Some(value) = file.at(&["imports"]) else { return Ok(Vec::new()) };
        let wrong = || Unknown::new(format!("{}: imports is no list of paths", file.place(value)));
        let Kind::Seq(items) = &value.kind else { return Err(wrong()) };
        let mut found = Vec::new();
        for item in items {
            let path = item.as_text().ok_or_else(wrong)?;
            let beside = file.path.rsplit_once('/').map_or("", |(directory, _)| directory);
            let path = if path.starts_with('/') { path.to_owned() } else { format!("{beside}/{path}") };
            let path = path.replace("/./", "/");
            if !path.contains(['*', '?', '[']) {
                found.push(path);
                continue;
            }
            let (directory, pattern) = path.rsplit_once('/').unwrap_or(("", &path));
            if directory.contains(['*', '?', '[']) || pattern.contains(['?', '[', '\\']) {
                return Err(Unknown::new(format!("the pattern {path} is not understood here"))
                    .tried([file.seen("imports", value)]));
            }
            match self.list(directory) {
                Ok(names) => {
                    let names = names.into_iter().filter(|name| matches(pattern, name));
                    found.extend(names.map(|name| format!("{directory}/{name}")));
                }
                Err(e) if e.is_missing() => {}
                Err(e) => return Err(e.unknown()),
            }
        }
        Ok(found)
    }
}

/// Whether a name matches a pattern that has stars alone: each part stands behind the one before.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars() {
        for (pattern, name, is) in [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", true),
            ("*.toml", "a.tom", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "abc", true),
            ("a*bc", "ab", false),
            ("*", "x", true),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
    }
}
