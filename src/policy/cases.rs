//! `preflight policy test`: cases of a policy, as a file states them: this policy on that node gives these verdicts.

use super::{
    Date, Source,
    diagnostics::{Diagnostic, Diagnostics, Place, Text, quoted},
    yaml,
};
use crate::report::model::Verdict;
use preflight_checks::value::{Error, Kind, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

/// Cases of one policy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Cases {
    /// preflight/v1.
    api_version: String,
    /// PolicyTest.
    kind: String,
    /// The policy: a file, from where this one lies, or the name of an embedded profile.
    policy: String,
    /// Inputs of the policy, for all cases.
    #[serde(default)]
    set: BTreeMap<String, Word>,
    /// The node of all cases; each changes it by its own words.
    #[serde(default)]
    node: CaseNode,
    /// The cases.
    pub cases: Vec<Case>,
    #[serde(skip)]
    directory: PathBuf,
}

/// A case.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Case {
    /// What it is called; unique in the file.
    pub name: String,
    /// The node that is judged, on top of that of all cases.
    #[serde(default)]
    pub node: CaseNode,
    /// Inputs of the policy, before those of the file.
    #[serde(default)]
    set: BTreeMap<String, Word>,
    /// The day by which waivers expire. Default: today.
    #[serde(default)]
    today: Option<Day>,
    /// What has to come of it.
    pub expect: Expect,
    /// `file:line`, for messages.
    #[serde(skip)]
    pub place: String,
}

/// The node of a case: a tree, files that are written here, or files on top of a tree.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct CaseNode {
    /// The directory of a tree, from where the file lies: what `--root` takes.
    pub root: Option<PathBuf>,
    /// Files by their paths on the node. Without `root` they are all that there is on the machine.
    pub files: BTreeMap<String, String>,
    /// Symbolic links, and where they point. What lies at their ends is given by its own path.
    pub links: BTreeMap<String, String>,
    /// The modes of files that this case writes, in octal: `"0755"` for a program. They belong to root. Default: 0644.
    pub modes: BTreeMap<String, Octal>,
    /// Paths that can't be read (EACCES).
    pub denied: Vec<String>,
    /// Paths of the tree, or of the files of all cases, that are not there.
    pub missing: Vec<String>,
}

impl CaseNode {
    /// This node on top of that of all cases.
    fn on(&self, all: &Self) -> Self {
        let mut node = all.clone();
        node.files.retain(|path, _| !self.missing.contains(path));
        node.links.retain(|path, _| !self.missing.contains(path));
        node.files.extend(self.files.clone());
        node.links.extend(self.links.clone());
        node.modes.extend(self.modes.clone());
        node.denied.extend(self.denied.iter().cloned());
        node.missing.extend(self.missing.iter().cloned());
        node.root = self.root.clone().or(node.root);
        node
    }
}

/// What has to come of a case.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Expect {
    /// The verdict of the run, or several that will do.
    pub verdict: Option<Verdicts>,
    /// By globs over the ids of findings: the verdict that each has to have. Each glob has to match one.
    pub findings: BTreeMap<String, ExpectFinding>,
}

/// A verdict, or several that will do.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
pub struct Verdicts(#[schemars(with = "String")] pub Vec<Verdict>);

/// What a finding has to be.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(untagged)]
pub enum ExpectFinding {
    /// This verdict.
    Verdict(Verdicts),
    /// More than that.
    More(ExpectMore),
}

/// What a finding has to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct ExpectMore {
    /// Its verdict.
    pub verdict: Option<Verdicts>,
    /// Its reason: `wrong-value`.
    pub reason: Option<String>,
    /// Whether it could be determined.
    pub determined: Option<bool>,
    /// A part of its message.
    pub message: Option<String>,
}

/// A mode of chmod(1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Octal(#[schemars(with = "String")] pub u32);

/// The value of an input as it is written.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(transparent)]
struct Word(String);

#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(transparent)]
struct Day(#[schemars(with = "String")] Date);

/// The value of `kind`.
const KIND: &str = "PolicyTest";

impl Cases {
    /// Reads a file.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its place.
    pub fn read(file: &Path) -> Result<Self, Diagnostics> {
        let name = file.display().to_string();
        let whole = |message: &str| {
            Diagnostics::new(vec![Text::new(&name, "")], vec![Diagnostic::of_file(0, message)])
        };
        let text = match Source::File(file.to_owned()).bytes().map(String::from_utf8) {
            Ok(Ok(text)) => text,
            Ok(Err(_)) => return Err(whole("is not UTF-8")),
            Err(e) => return Err(whole(&e.message)),
        };
        Self::parse(&name, file.parent().unwrap_or(Path::new("")), &text)
    }

    /// Reads the text of a file that is called `name` in messages and lies in `directory`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(name: &str, directory: &Path, text: &str) -> Result<Self, Diagnostics> {
        let texts = vec![Text::new(name, text)];
        let wrong = |errors: Vec<Error>, root: Option<&Value>| {
            let span = root.map(|root| root.span).unwrap_or_default();
            let list = errors.into_iter().map(|e| Diagnostic::from_value(0, span, e)).collect();
            Diagnostics::new(texts.clone(), list)
        };
        let (root, duplicates) = yaml::parse(text).map_err(|e| wrong(vec![e], None))?;
        let mut cases: Self = root.read_all().map_err(|mut errors| {
            errors.extend(duplicates.clone());
            wrong(errors, Some(&root))
        })?;
        let mut out: Vec<Diagnostic> =
            duplicates.into_iter().map(|e| Diagnostic::from_value(0, root.span, e)).collect();
        cases.check(&root, &mut out);
        if !out.is_empty() {
            return Err(Diagnostics::new(texts, out));
        }
        directory.clone_into(&mut cases.directory);
        for case in &mut cases.cases {
            case.node = case.node.on(&cases.node);
        }
        let places: Vec<_> = entries(&root).map(|case| texts[0].line_column(case.span.start).0).collect();
        for (case, line) in cases.cases.iter_mut().zip(places) {
            case.place = format!("{name}:{line}");
        }
        Ok(cases)
    }

    /// What has the right shape and makes no sense.
    fn check(&self, root: &Value, out: &mut Vec<Diagnostic>) {
        let mut error = |at: &Value, message: String, help: &str| {
            let place = Place { file: 0, span: at.span };
            out.push(Diagnostic::error(place, message).help((!help.is_empty()).then(|| help.to_owned())));
        };
        if self.api_version != super::read::API_VERSION {
            error(
                root,
                format!("`apiVersion` is {}", quoted(&self.api_version)),
                "write `apiVersion: preflight/v1`",
            );
        }
        if self.kind != KIND {
            error(root, format!("`kind` is {}", quoted(&self.kind)), "write `kind: PolicyTest`");
        }
        if self.cases.is_empty() {
            error(root, "there is no case, so nothing would be tested".to_owned(), "add some under `cases`");
        }
        let mut seen = HashSet::new();
        for (case, at) in self.cases.iter().zip(entries(root)) {
            if !seen.insert(&case.name) {
                error(at, format!("two cases are called {}", quoted(&case.name)), "");
            }
            if case.expect.verdict.is_none() && case.expect.findings.is_empty() {
                error(
                    at,
                    "the case expects nothing, so it would always hold".to_owned(),
                    "write `expect: { verdict: pass }`",
                );
            }
            let node = case.node.on(&self.node);
            if node.root.is_none() && node.files.is_empty() && node.denied.is_empty() {
                error(
                    at,
                    "the case has no node".to_owned(),
                    "write `node: { root: DIR }` or `node: { files: { … } }`",
                );
            }
            let known =
                |path: &&String| self.node.files.contains_key(*path) || self.node.links.contains_key(*path);
            if node.root.is_none()
                && let Some(path) = node.missing.iter().find(|path| !known(path))
            {
                error(at, format!("{} is not there anyway", quoted(path)), "");
            }
            let paths = node.files.keys().chain(node.links.keys()).chain(&node.denied).chain(&node.missing);
            for path in paths.filter(|path| !path.starts_with('/')) {
                error(at, format!("{} is not an absolute path", quoted(path)), "");
            }
            for (glob, wanted) in &case.expect.findings {
                if matches!(wanted, ExpectFinding::More(more) if *more == ExpectMore::default()) {
                    error(at, format!("nothing is expected of {}", quoted(glob)), "");
                }
            }
        }
    }

    /// The policy.
    #[must_use]
    pub fn source(&self) -> Source {
        match Source::named(&self.policy) {
            Source::File(path) => Source::File(self.directory.join(path)),
            source => source,
        }
    }

    /// A path that the file names.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// What is said of inputs for a case: its own words win.
    #[must_use]
    pub fn sets(&self, case: &Case) -> Vec<(String, String)> {
        let all = self.set.iter().chain(&case.set);
        all.map(|(key, Word(value))| (key.clone(), value.clone())).collect()
    }
}

impl Case {
    /// The day by which waivers expire.
    #[must_use]
    pub fn today(&self) -> Date {
        self.today.map_or_else(Date::today, |Day(date)| date)
    }
}

/// The entries of `cases`.
fn entries(root: &Value) -> impl Iterator<Item = &Value> {
    let Kind::Map(entries) = &root.kind else { return [].iter() };
    let cases = entries.iter().find(|(key, _)| key.text == "cases").map(|(_, value)| &value.kind);
    match cases {
        Some(Kind::Seq(items)) => items.iter(),
        _ => [].iter(),
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Word;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text, a number, true or false")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
                Ok(Word(text.to_owned()))
            }

            fn visit_bool<E: de::Error>(self, is: bool) -> Result<Word, E> {
                Ok(Word(is.to_string()))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let date = String::deserialize(deserializer)?.parse();
        date.map(Self).map_err(|e: super::BadDate| de::Error::custom(e))
    }
}

impl<'de> Deserialize<'de> for Octal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o7777);
        mode.map(Self).ok_or_else(|| de::Error::custom(format!("{} is not a mode: \"0755\"", quoted(&text))))
    }
}

fn verdict<E: de::Error>(word: &str) -> Result<Verdict, E> {
    let all = [Verdict::Pass, Verdict::Warn, Verdict::Fail, Verdict::Skip];
    let found = all.into_iter().find(|verdict| verdict.as_str() == word);
    found.ok_or_else(|| {
        E::custom(format!("there is no verdict {}; there are pass, warn, fail, skip", quoted(word)))
    })
}

/// Reads a verdict, a list of them, and with `more` a map.
struct VerdictVisitor {
    more: bool,
}

impl<'de> de::Visitor<'de> for VerdictVisitor {
    type Value = ExpectFinding;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.more {
            "a verdict, a list of them, or a map that says more"
        } else {
            "a verdict, or a list of them"
        })
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<ExpectFinding, E> {
        Ok(ExpectFinding::Verdict(Verdicts(vec![verdict(word)?])))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<ExpectFinding, A::Error> {
        let mut all = Vec::new();
        while let Some(word) = items.next_element::<String>()? {
            all.push(verdict(&word)?);
        }
        if all.is_empty() {
            Err(de::Error::custom("no verdict will do"))
        } else {
            Ok(ExpectFinding::Verdict(Verdicts(all)))
        }
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ExpectFinding, A::Error> {
        if !self.more {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &self));
        }
        ExpectMore::deserialize(de::value::MapAccessDeserializer::new(map)).map(ExpectFinding::More)
    }
}

impl<'de> Deserialize<'de> for ExpectFinding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VerdictVisitor { more: true })
    }
}

impl<'de> Deserialize<'de> for Verdicts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(VerdictVisitor { more: false })? {
            ExpectFinding::Verdict(verdicts) => Ok(verdicts),
            ExpectFinding::More(_) => Err(de::Error::custom("expected a verdict")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "apiVersion: preflight/v1\nkind: PolicyTest\npolicy: p.yaml\nset: {kubernetesVersion: 1.30}\ncases:\n";

    fn parse(cases: &str) -> Result<Cases, String> {
        let text = format!("{GOOD}{cases}");
        Cases::parse("t.yaml", Path::new("/d"), &text).map_err(|d| d.render(false))
    }

    #[test]
    fn a_case() {
        let cases = parse(
            "  - name: one\n    node: {root: n}\n    set: {role: worker}\n    today: 2027-01-31\n    expect:\n      verdict: [pass, warn]\n      findings:\n        a/*: pass\n        b: {verdict: fail, reason: x}\n",
        )
        .unwrap();
        let case = &cases.cases[0];
        assert_eq!((case.place.as_str(), case.today().to_string().as_str()), ("t.yaml:6", "2027-01-31"));
        let sets =
            [("kubernetesVersion", "1.30"), ("role", "worker")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(cases.sets(case), sets);
        assert_eq!(cases.source(), Source::File("/d/p.yaml".into()));
        assert_eq!(case.expect.verdict, Some(Verdicts(vec![Verdict::Pass, Verdict::Warn])));
        assert_eq!(case.expect.findings["a/*"], ExpectFinding::Verdict(Verdicts(vec![Verdict::Pass])));
    }

    #[test]
    fn cases_change_the_node_of_all() {
        let all = "node:\n  files: {/a: one, /b: two}\ncases:\n";
        let text = GOOD.replace("cases:\n", all)
            + "  - {name: x, node: {files: {/b: three, /c: four}, missing: [/a]}, expect: {verdict: pass}}\n  - {name: y, expect: {verdict: pass}}\n";
        let cases = Cases::parse("t", Path::new(""), &text).map_err(|d| d.render(false)).unwrap();
        let files = |case: &Case| case.node.files.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        assert_eq!(files(&cases.cases[0]), ["/b=three", "/c=four"]);
        assert_eq!(files(&cases.cases[1]), ["/a=one", "/b=two"]);
    }

    #[test]
    fn mistakes_have_places() {
        for (cases, says) in [
            ("  []\n", "there is no case"),
            ("  - {name: a, node: {root: n}, expect: {}}\n", "t.yaml:6:5: error: the case expects nothing"),
            ("  - {name: a, node: {}, expect: {verdict: pass}}\n", "has no node"),
            ("  - {name: a, node: {root: n}, expect: {verdict: good}}\n", "there is no verdict `good`"),
            ("  - {name: a, node: {root: n}, expect: {verdict: {}}}\n", "expected a verdict"),
            ("  - {name: a, node: {root: n}, expect: {findings: {x: {}}}}\n", "nothing is expected of `x`"),
            (
                "  - {name: a, nodes: {root: n}, expect: {verdict: pass}}\n",
                "t.yaml:6:15: error: unknown key `nodes`",
            ),
            (
                "  - {name: a, node: {files: {/x: x}, missing: [/y]}, expect: {verdict: pass}}\n",
                "`/y` is not there anyway",
            ),
            ("  - {name: a, node: {files: {etc: x}}, expect: {verdict: pass}}\n", "not an absolute path"),
        ] {
            let error = parse(cases).unwrap_err();
            assert!(error.contains(says), "{cases}: {error}");
        }
        let twice = "  - {name: a, node: {root: n}, expect: {verdict: pass}}\n";
        assert!(parse(&format!("{twice}{twice}")).unwrap_err().contains("two cases are called `a`"));
        let other = Cases::parse(
            "t",
            Path::new(""),
            "apiVersion: preflight/v1\nkind: Policy\npolicy: x\ncases: []\n",
        );
        assert!(other.unwrap_err().render(false).contains("write `kind: PolicyTest`"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-z:{}\\[\\], -]|\n  - ){0,80}") {
            let _ = parse(&text);
        }
    }
}
