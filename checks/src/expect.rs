//! What a policy expects of the properties of one thing: the same words in every check (`expect: { size: { atMost: 64Ki } }`).

use crate::{
    capture::redact,
    evidence::{Evidence, Unknown},
    facts::Known,
    finding::Finding,
    matcher::{Match, Matcher, Subject},
};

/// A property as it was found.
pub(crate) struct Property<'a> {
    /// Where it was seen.
    pub(crate) source: String,
    /// What it is.
    pub(crate) value: Subject<'a>,
    /// Whether it may stand in a report. Texts of files may not: they hold secrets.
    pub(crate) shown: bool,
}

impl<'a> Property<'a> {
    /// One that may be shown.
    pub(crate) fn shown(source: impl Into<String>, value: impl Into<Subject<'a>>) -> Self {
        Self { source: source.into(), value: value.into(), shown: true }
    }

    /// One of which nothing is told but how it compares.
    pub(crate) fn hidden(source: impl Into<String>, value: impl Into<Subject<'a>>) -> Self {
        Self { shown: false, ..Self::shown(source, value) }
    }
}

/// Compares one property after the other; what is not as expected counts before what is not known.
#[derive(Default)]
pub(crate) struct Expected {
    seen: Vec<Evidence>,
    unexpected: Option<(String, Evidence)>,
    unknown: Option<(&'static str, Unknown)>,
}

/// What came of it.
pub(crate) enum Judged {
    /// All is as expected; what shows it, which is nothing where nothing was expected.
    AsExpected(Vec<Evidence>),
    /// Something is not: a clause (`its size is more than 64Ki`), and what shows it.
    Unexpected(String, Evidence),
    /// A property could not be determined, and no other one was wrong.
    Unknown(&'static str, Unknown),
}

impl Expected {
    /// Looks at `property` where something is expected of it.
    pub(crate) fn ask<'a>(
        &mut self,
        property: &'static str,
        matcher: Option<&Matcher>,
        look: &dyn Fn() -> Known<Property<'a>>,
    ) {
        let Some(matcher) = matcher else { return };
        let found = match look() {
            Ok(found) => found,
            Err(why) => {
                self.unknown.get_or_insert((property, why));
                return;
            }
        };
        if redact::is_redacted(&found.value.shown()) {
            self.unknown.get_or_insert((property, redact::unknown(&found.source)));
            return;
        }
        let told = |how: String| {
            let observed = if found.shown { found.value.shown().into_owned() } else { how };
            Evidence::new(&found.source, format!("{property}: {observed}"))
        };
        match matcher.judge(&found.value) {
            Match::Holds => self.seen.push(told(matcher.describe())),
            Match::Fails(why) | Match::Unfit(why) => {
                let value = if found.shown { format!(" ({})", short(&found.value)) } else { String::new() };
                let message = format!("its {property}{value} {why}");
                self.unexpected.get_or_insert((message, told(why)));
            }
        }
    }

    /// What came of all of it.
    pub(crate) fn end(self) -> Judged {
        match (self.unexpected, self.unknown) {
            (Some((message, seen)), _) => Judged::Unexpected(message, seen),
            (_, Some((property, why))) => Judged::Unknown(property, why),
            _ => Judged::AsExpected(self.seen),
        }
    }
}

impl Judged {
    /// What shows that all is as expected, or the finding that `problem` (message, evidence) or `unknown` makes of it.
    pub(crate) fn or(
        self,
        subject: &str,
        problem: &dyn Fn(String, Evidence) -> Finding,
        unknown: &dyn Fn(&Unknown) -> Finding,
    ) -> Result<Vec<Evidence>, Box<Finding>> {
        match self {
            Self::AsExpected(seen) => Ok(seen),
            Self::Unexpected(how, seen) => Err(Box::new(problem(format!("{subject}: {how}"), seen))),
            Self::Unknown(property, why) => {
                let reason = format!("its {property}: {}", why.reason);
                Err(Box::new(unknown(&Unknown { reason, ..why })))
            }
        }
    }
}

/// The beginning of a value, on one line.
fn short(value: &Subject<'_>) -> String {
    let shown = value.shown();
    let line = shown.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(60).collect();
    if cut.len() == shown.len() { cut } else { format!("{cut}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(matcher: &str, look: &dyn Fn() -> Known<Property<'static>>) -> Judged {
        let mut all = Expected::default();
        all.ask("size", Some(&Matcher::equals(matcher)), look);
        all.ask("mode", None, &|| panic!("nobody asked"));
        all.end()
    }

    #[test]
    fn shown_hidden_and_unknown() {
        let number = || Ok(Property::shown("/x", "7"));
        assert!(matches!(expected("7", &number), Judged::AsExpected(seen) if seen[0].observed == "size: 7"));
        let Judged::Unexpected(how, seen) = expected("8", &number) else { panic!() };
        assert_eq!((how.as_str(), seen.observed.as_str()), ("its size (7) is not `8`", "size: 7"));
        let secret = || Ok(Property::hidden("/x", "hunter2"));
        let Judged::Unexpected(how, seen) = expected("8", &secret) else { panic!() };
        assert_eq!((how.as_str(), seen.observed.as_str()), ("its size is not `8`", "size: is not `8`"));
        let closed = || Err(Unknown::new("EACCES"));
        assert!(matches!(expected("8", &closed), Judged::Unknown("size", _)));
    }

    #[test]
    fn what_is_wrong_counts_before_what_is_not_known() {
        let mut all = Expected::default();
        all.ask("text", Some(&Matcher::equals("x")), &|| Err(Unknown::new("EACCES")));
        all.ask("mode", Some(&Matcher::equals("0600")), &|| Ok(Property::shown("/x", "0644")));
        assert!(matches!(all.end(), Judged::Unexpected(..)));
    }
}
