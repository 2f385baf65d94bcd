//! Patterns over ids: `*` stands for any text, `/` included, `?` for one character.
//!
//! Own and small rather than the crate wildmatch: the lint also has to know whether a pattern can match anything
//! below a rule, which no glob crate answers, and the same few lines do both.

use preflight_checks::names::nearest;
use std::mem;

/// A pattern over rule ids and finding ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Vec<char>);

impl Glob {
    /// The pattern `text`; every text is one.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut pattern: Vec<char> = text.chars().collect();
        pattern.dedup_by(|a, b| *a == '*' && *b == '*');
        Self(pattern)
    }

    /// Whether the whole of `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.after(text).last() == Some(&true)
    }

    /// Whether some text that starts with `prefix` matches: whether a pattern over findings can speak of a rule.
    #[must_use]
    pub fn can_match_below(&self, prefix: &str) -> bool {
        self.after(prefix).iter().any(|alive| *alive)
    }

    /// Which positions of the pattern can be reached once `text` is read. One pass over the text for each
    /// position, never more: there is no backtracking to blow up. Most texts are told by their first letters.
    fn after(&self, text: &str) -> Vec<bool> {
        let skip_stars = |alive: &mut [bool]| {
            for i in 0..self.0.len() {
                if alive[i] && self.0[i] == '*' {
                    alive[i + 1] = true;
                }
            }
        };
        let mut alive = vec![false; self.0.len() + 1];
        alive[0] = true;
        skip_stars(&mut alive);
        let mut next = alive.clone();
        for c in text.chars() {
            next.fill(false);
            for (i, p) in self.0.iter().enumerate().filter(|(i, _)| alive[*i]) {
                match p {
                    '*' => next[i] = true,
                    '?' => next[i + 1] = true,
                    p if *p == c => next[i + 1] = true,
                    _ => {}
                }
            }
            skip_stars(&mut next);
            mem::swap(&mut alive, &mut next);
            if !alive.contains(&true) {
                break;
            }
        }
        alive
    }
}

/// The id that a pattern which matches nothing may have meant: the one with its subject, else the nearest of `ids`
/// to the pattern, or to the part of it before the `/`.
#[must_use]
pub fn nearest_id<'a>(pattern: &str, ids: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let ids: Vec<&str> = ids.into_iter().collect();
    let plain = pattern.trim_matches('*');
    let near = |word| nearest(word, ids.iter().copied());
    by_subject(pattern, &ids).or_else(|| near(plain)).or_else(|| near(plain.split('/').next()?))
}

/// The id below a rule that the pattern allows, with the same subject but for case and `CONFIG_`, which the report
/// for people leaves out; where the pattern allows every rule, the id with the nearest subject.
fn by_subject<'a>(pattern: &str, ids: &[&'a str]) -> Option<&'a str> {
    let (rule, wanted) = pattern.split_once('/')?;
    let glob = Glob::new(rule);
    let below = || ids.iter().filter_map(|id| id.split_once('/').map(|(rule, subject)| (*id, rule, subject)));
    let is_same = |subject: &str| {
        let bare = subject.strip_prefix("CONFIG_").unwrap_or(subject);
        [subject, bare].iter().any(|s| s.eq_ignore_ascii_case(wanted))
    };
    if let Some((id, ..)) = below().find(|(_, rule, subject)| glob.matches(rule) && is_same(subject)) {
        return Some(id);
    }
    let near = nearest(wanted, below().filter(|_| rule == "*").map(|(_, _, subject)| subject))?;
    below().find(|(_, _, subject)| *subject == near).map(|(id, ..)| id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        for (pattern, text, want) in [
            ("kernel-config/CONFIG_AUFS_FS", "kernel-config/CONFIG_AUFS_FS", true),
            ("kernel-config/CONFIG_AUFS_FS", "kernel-config/CONFIG_AUFS", false),
            ("kernel-config/*", "kernel-config/CONFIG_AUFS_FS", true),
            ("*", "disk//var/lib/kubelet", true),
            ("disk/*kubelet", "disk//var/lib/kubelet", true),
            ("*AUFS*", "kernel-config/CONFIG_AUFS_FS", true),
            ("**/x", "a/b/x", true),
            ("swap/?", "swap/é", true),
            ("swap/?", "swap/", false),
            ("swap/??", "swap/1", false),
            ("", "", true),
            ("", "x", false),
            ("a.c", "abc", false),
            ("[ab]", "a", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn below_a_rule() {
        for (pattern, prefix, want) in [
            ("kernel-config/CONFIG_X", "kernel-config/", true),
            ("kernel-config/CONFIG_X", "kernel-modules/", false),
            ("kernel-config", "kernel-config/", false),
            ("kernel-*", "kernel-config/", true),
            ("*/CONFIG_X", "kernel-config/", true),
            ("swap", "swap/", false),
        ] {
            assert_eq!(Glob::new(pattern).can_match_below(prefix), want, "{pattern} {prefix}");
        }
    }

    #[test]
    fn the_id_that_was_meant() {
        let ids = ["kernel-config", "swap"];
        assert_eq!(nearest_id("kernel-confg/CONFIG_AUFS_FS", ids), Some("kernel-config"));
        assert_eq!(nearest_id("swpa", ids), Some("swap"));
        assert_eq!(nearest_id("banana/*", ids), None);
        let ids = ["kernel-config/source", "kernel-config/CONFIG_MEMCG", "cgroup-controllers/memory"];
        for (pattern, meant) in [
            ("kernel-config/MEMCG", "kernel-config/CONFIG_MEMCG"),
            ("kernel-config/memcg", "kernel-config/CONFIG_MEMCG"),
            ("kernel-*/MEMCG", "kernel-config/CONFIG_MEMCG"),
            ("*/MEMCG", "kernel-config/CONFIG_MEMCG"),
            ("*/memroy", "cgroup-controllers/memory"),
            ("cgroup-controllers/memroy", "cgroup-controllers/memory"),
        ] {
            assert_eq!(nearest_id(pattern, ids), Some(meant), "{pattern}");
        }
    }

    #[test]
    fn many_stars_take_no_time() {
        let now = std::time::Instant::now();
        assert!(!Glob::new(&"*a".repeat(100)).matches(&"b".repeat(1000)));
        assert!(now.elapsed().as_millis() < 500);
    }

    proptest! {
        #[test]
        fn never_panics(pattern in "[a*?/é]{0,12}", text in "[a/é]{0,12}") {
            let glob = Glob::new(&pattern);
            if glob.matches(&text) {
                prop_assert!(glob.can_match_below(&text));
            }
        }
    }
}
