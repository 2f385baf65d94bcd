//! Opens a policy and everything that it extends, each file once.

use super::{
    Source,
    checksum::sha256,
    compact,
    diagnostics::{Diagnostic, FileId, Place, Text},
    profiles,
    read::{Document, Reader},
    yaml,
};
use preflight_checks::{DynCheck, value::Span};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// How long a chain of `extends` may be.
const DEPTH: usize = 8;
/// How many files one policy may be made of.
const FILES: usize = 32;

/// What tells two sources apart: links and `..` resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Identity {
    File(PathBuf),
    Profile(String),
    Stdin,
}

/// The files of a policy, opened and read.
pub(super) struct Files {
    checks: &'static [&'static dyn DynCheck],
    /// The texts, in the order in which they were opened: the policy itself first.
    pub(super) texts: Vec<Text>,
    /// Where each of them is extended.
    via: Vec<Option<Place>>,
    /// What each of them says, in the order in which they apply: what is extended before who extends it.
    pub(super) documents: Vec<(FileId, Document)>,
    /// What is wrong so far.
    pub(super) out: Vec<Diagnostic>,
    /// SHA-256 of the policy itself, in hexadecimal.
    pub(super) sha256: String,
    /// Whether something could not be read, so that what is missing may be in there.
    pub(super) incomplete: bool,
    chain: Vec<(Identity, String)>,
    opened: HashSet<Identity>,
}

impl Files {
    pub(super) fn open(source: &Source, checks: &'static [&'static dyn DynCheck]) -> Self {
        let mut files = Self {
            checks,
            texts: Vec::new(),
            via: Vec::new(),
            documents: Vec::new(),
            out: Vec::new(),
            sha256: String::new(),
            incomplete: false,
            chain: Vec::new(),
            opened: HashSet::new(),
        };
        files.add(source, None);
        files.name_includers();
        files
    }

    /// Adds a source and what it extends. A source that is already there is not added again: what two files
    /// both extend applies once, before both of them.
    fn add(&mut self, source: &Source, via: Option<Place>) {
        let identity = identity(source);
        if let Some(problem) = self.refused(&identity, source) {
            return self.fail(via, problem, None);
        }
        if self.opened.contains(&identity) {
            return;
        }
        let bytes = match source.bytes() {
            Ok(bytes) => bytes,
            Err(why) => {
                let what = match source {
                    Source::File(path) if via.is_some() => format!("{} {}", path.display(), why.message),
                    _ => why.message,
                };
                if via.is_none() {
                    self.texts.push(Text::new(source.to_string(), ""));
                }
                return self.fail(via, what, why.help);
            }
        };
        if self.sha256.is_empty() {
            self.sha256 = match source {
                Source::Profile(name) => profiles::find(name).map(|p| p.sha256.to_owned()),
                Source::File(_) | Source::Stdin(_) => None,
            }
            .unwrap_or_else(|| sha256(&bytes));
        }
        let file = self.texts.len();
        self.via.push(via);
        self.opened.insert(identity.clone());
        if let Some(document) = self.read(file, source, bytes) {
            self.chain.push((identity, source.to_string()));
            for word in &document.extends {
                self.add(&relative(source, &word.text), Some(word.at));
            }
            self.chain.pop();
            self.documents.push((file, document));
        } else {
            self.incomplete = true;
        }
    }

    fn refused(&self, identity: &Identity, source: &Source) -> Option<String> {
        if let Some(at) = self.chain.iter().position(|(i, _)| i == identity) {
            let circle = self.chain.iter().skip(at).map(|(_, name)| name.as_str()).collect::<Vec<_>>();
            return Some(format!("{source} extends itself ({} →)", circle.join(" → ")));
        }
        if self.chain.len() > DEPTH {
            return Some(format!("files extend each other more than {DEPTH} deep"));
        }
        (self.texts.len() >= FILES).then(|| format!("the policy is made of more than {FILES} files"))
    }

    fn fail(&mut self, via: Option<Place>, message: String, help: Option<String>) {
        self.incomplete = true;
        let diagnostic = match via {
            Some(at) => Diagnostic::error(at, message),
            None => Diagnostic::of_file(0, message),
        };
        self.out.push(diagnostic.help(help));
    }

    fn read(&mut self, file: FileId, source: &Source, bytes: Vec<u8>) -> Option<Document> {
        let name = source.to_string();
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => {
                let at = e.utf8_error().valid_up_to();
                let start = u32::try_from(at).unwrap_or(u32::MAX);
                let message = format!("this is not UTF-8 (byte {at} of the file)");
                // Up to the bad byte the text with replacements has the same bytes as the file.
                let lossy = String::from_utf8_lossy(e.as_bytes()).into_owned();
                self.texts.push(Text::new(name, lossy));
                let place = Place { file, span: Span { start, end: start } };
                self.out.push(Diagnostic::error(place, message).help("save it as UTF-8".to_owned()));
                return None;
            }
        };
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        // A profile was read when the program was built.
        let parsed = match source {
            Source::Profile(name) => profiles::find(name).and_then(|p| compact::read(p.tree)),
            Source::File(_) | Source::Stdin(_) => None,
        };
        let parsed = parsed.map_or_else(|| yaml::parse(&text), |root| Ok((root, Vec::new())));
        let too_large = text.len() > yaml::SIZE_LIMIT;
        self.texts.push(Text::new(name, if too_large { String::new() } else { text }));
        match parsed {
            Ok((root, duplicates)) => {
                let whole = root.span;
                self.out.extend(duplicates.into_iter().map(|e| Diagnostic::from_value(file, whole, e)));
                Reader { file, checks: self.checks, out: &mut self.out }.document(root)
            }
            Err(e) if e.span.is_none() => {
                self.out.push(Diagnostic::of_file(file, e.message).help(e.help));
                None
            }
            Err(e) => {
                self.out.push(Diagnostic::from_value(file, Span::default(), e));
                None
            }
        }
    }

    /// Says in every problem of an extended file who extends it.
    fn name_includers(&mut self) {
        for diagnostic in &mut self.out {
            note_includers(&self.texts, &self.via, diagnostic);
        }
    }

    /// Adds a problem that was found after opening.
    pub(super) fn push(&mut self, mut diagnostic: Diagnostic) {
        note_includers(&self.texts, &self.via, &mut diagnostic);
        self.out.push(diagnostic);
    }

    /// `path:line:column` of a place.
    pub(super) fn locate(&self, at: Place) -> String {
        locate(&self.texts, at)
    }
}

fn note_includers(texts: &[Text], via: &[Option<Place>], diagnostic: &mut Diagnostic) {
    if let Some(Some(at)) = via.get(diagnostic.file) {
        diagnostic.notes.push(format!("{} extends this file", locate(texts, *at)));
    }
}

fn locate(texts: &[Text], at: Place) -> String {
    let Some(text) = texts.get(at.file) else { return String::new() };
    let (line, column) = text.line_column(at.span.start);
    format!("{}:{line}:{column}", text.name)
}

fn identity(source: &Source) -> Identity {
    match source {
        Source::File(path) => Identity::File(path.canonicalize().unwrap_or_else(|_| path.clone())),
        Source::Profile(name) => Identity::Profile(name.clone()),
        Source::Stdin(_) => Identity::Stdin,
    }
}

/// What an entry of `extends` means in a file: paths are relative to that file.
fn relative(to: &Source, entry: &str) -> Source {
    match (Source::named(entry), to) {
        (Source::File(path), Source::File(from)) => {
            let path = path.strip_prefix("./").unwrap_or(&path);
            Source::File(from.parent().unwrap_or(Path::new("")).join(path))
        }
        (source, _) => source,
    }
}
