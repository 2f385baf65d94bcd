//! The kernel command line.

use super::Known;
use crate::{
    evidence::Evidence,
    node::{Node, ReadError},
};
use semver::Version;

/// The parameters that the kernel was booted with, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cmdline {
    words: Vec<String>,
}

impl Cmdline {
    /// Parses /proc/cmdline. Words are separated by white space outside of double quotes, which the kernel
    /// strips around a value (lib/cmdline.c, `next_arg`).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut words = Vec::new();
        let mut word = String::new();
        let mut quoted = false;
        for c in text.chars() {
            match c {
                '"' => quoted = !quoted,
                c if c.is_whitespace() && !quoted => {
                    if !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                }
                c => word.push(c),
            }
        }
        if !word.is_empty() {
            words.push(word);
        }
        // What follows `--` belongs to init, not to the kernel (init/main.c).
        if let Some(end) = words.iter().position(|w| w == "--") {
            words.truncate(end);
        }
        Self { words }
    }

    /// All words, in order, without the quotes.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// The values of every `name=value`, in order. The kernel takes `-` and `_` in names as the same
    /// (kernel/params.c, `parameq`).
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fold = |s: &str| s.replace('-', "_");
        self.words.iter().filter_map(move |w| {
            let (key, value) = w.split_once('=')?;
            (fold(key) == fold(name)).then_some(value)
        })
    }

    /// Whether the line has the parameter `name`, with or without a value.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let fold = |s: &str| s.replace('-', "_");
        self.words.iter().any(|w| fold(w.split_once('=').map_or(w.as_str(), |(key, _)| key)) == fold(name))
    }

    /// The word `name=value` whose comma-separated value holds `item`, in the order of the line.
    #[must_use]
    pub fn word_listing(&self, name: &str, item: &str) -> Option<String> {
        self.values(name).find(|v| v.split(',').any(|i| i == item)).map(|v| format!("{name}={v}"))
    }
}

/// A truth value as the kernel reads it: kstrtobool() (lib/kstrtox.c) looks at the first letter alone, after an `o` at the
/// second. `e` and `d` (enabled, disabled) count since Linux 6.16 (ae5b3500856f).
#[must_use]
pub fn kernel_truth(value: &str, version: Option<&Version>) -> Option<bool> {
    let knows_words = version.is_some_and(|v| *v >= Version::new(6, 16, 0));
    match value.to_ascii_lowercase().as_bytes() {
        [b'1' | b'y' | b't', ..] | [b'o', b'n', ..] => Some(true),
        [b'0' | b'n' | b'f', ..] | [b'o', b'f', ..] => Some(false),
        [b'e', ..] if knows_words => Some(true),
        [b'd', ..] if knows_words => Some(false),
        _ => None,
    }
}

impl Node {
    /// The command line that the kernel was booted with.
    pub fn cmdline(&self) -> &Known<Cmdline> {
        self.fact(|| {
            let read = self.read("/proc/cmdline");
            read.text().map(|text| Cmdline::parse(&text)).map_err(ReadError::unknown)
        })
    }

    /// The part of the command line that matters, as evidence. Never the whole line: it may hold secrets.
    #[must_use]
    pub fn cmdline_evidence(&self, word: &str) -> Evidence {
        self.read("/proc/cmdline").quote(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_quotes_and_the_end() {
        let c = Cmdline::parse(
            "ro quiet cgroup_disable=memory dyndbg=\"file a +p\" cgroup-disable=cpu,io\n -- cgroup_disable=pids",
        );
        assert_eq!(c.values("cgroup_disable").collect::<Vec<_>>(), ["memory", "cpu,io"]);
        assert_eq!(c.values("dyndbg").collect::<Vec<_>>(), ["file a +p"]);
        assert_eq!(c.word_listing("cgroup_disable", "io").as_deref(), Some("cgroup_disable=cpu,io"));
        assert_eq!(c.word_listing("cgroup_disable", "pids"), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = Cmdline::parse(&text).values("x").count();
        }
    }
}
