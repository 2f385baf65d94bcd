//! What the machine answered to a question.

use super::Probe;
use crate::{
    evidence::Evidence,
    node::{ReadError, ReadErrorKind},
};
use std::fmt;

/// What the machine answered. As a text it is `ok`, `ok, …` or the name of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It worked; the whole text.
    Works(String),
    /// It failed with the error of this name (`EPERM`), or `errno 95` where it has none here.
    Errno(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Works(text) | Self::Errno(text)) = self;
        f.write_str(text)
    }
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        if text == "ok" || text.starts_with("ok, ") {
            Self::Works(text.to_owned())
        } else {
            Self::Errno(text.to_owned())
        }
    }
}

/// What came of asking one question.
#[derive(Debug)]
pub struct Probed {
    pub(in crate::node) probe: Probe,
    pub(in crate::node) result: Result<Answer, ReadError>,
}

impl Probed {
    /// The system call, as it is named in evidence.
    #[must_use]
    pub fn call(&self) -> &'static str {
        self.probe.call()
    }

    /// The kernel's answer.
    ///
    /// # Errors
    /// Where the question could not be put: not on a live node, or the directory could not be opened.
    pub fn answer(&self) -> Result<&Answer, &ReadError> {
        self.result.as_ref()
    }

    /// Whether it works.
    #[must_use]
    pub fn works(&self) -> bool {
        matches!(self.result, Ok(Answer::Works(_)))
    }

    /// What stands behind `ok, ` in the answer; empty for a mere `ok`. None where it did not work.
    #[must_use]
    pub fn details(&self) -> Option<&str> {
        match &self.result {
            Ok(Answer::Works(text)) => Some(text.strip_prefix("ok, ").unwrap_or_default()),
            _ => None,
        }
    }

    /// The name of the error that the kernel gave.
    #[must_use]
    pub fn errno(&self) -> Option<&str> {
        match &self.result {
            Ok(Answer::Errno(name)) => Some(name),
            _ => None,
        }
    }

    /// What was seen, as evidence. None where there is no live kernel to ask.
    #[must_use]
    pub fn evidence(&self) -> Option<Evidence> {
        match &self.result {
            Ok(answer) => Some(Evidence::new(self.call(), answer.to_string())),
            Err(e) if e.kind == ReadErrorKind::LiveOnly => None,
            Err(e) => Some(Evidence::new(self.call(), e.to_string())),
        }
    }
}
