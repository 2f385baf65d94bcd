//! The limits of a process, as /proc/PID/limits shows them.

use super::{Known, usage::not_there};
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, Origin, ReadError},
};

/// A soft and a hard limit; `None` is unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessLimit {
    /// What binds.
    pub soft: Option<u64>,
    /// What it can be raised to.
    pub hard: Option<u64>,
    /// The line.
    pub evidence: Evidence,
}

/// A row of the table: the name is padded to 25 columns, the soft limit to 20 (fs/proc/base.c, `proc_pid_limits`).
fn parse(text: &str, name: &str) -> Option<(Option<u64>, Option<u64>, String)> {
    if !text.starts_with("Limit ") || !text.ends_with('\n') {
        return None;
    }
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    let mut words = rest.split_ascii_whitespace();
    let mut number = || match words.next()? {
        "unlimited" => Some(None),
        number => number.parse().ok().map(Some),
    };
    let (soft, hard) = (number()?, number()?);
    let shown = |n: Option<u64>| n.map_or_else(|| "unlimited".to_owned(), |n| n.to_string());
    Some((soft, hard, format!("{name}: soft {}, hard {}", shown(soft), shown(hard))))
}

impl Node {
    /// A limit of this process (`Max open files`); on a live node only: no other process of a tree is this one.
    ///
    /// # Errors
    /// When the table can't be read, or has no such row.
    pub fn process_limit(&self, name: &str) -> Known<ProcessLimit> {
        if self.origin() == Origin::Root {
            return Err(not_there("/proc/self/limits", self));
        }
        let read = self.read("/proc/self/limits");
        let text = read.text().map_err(ReadError::unknown)?;
        match parse(&text, name) {
            Some((soft, hard, line)) => Ok(ProcessLimit { soft, hard, evidence: read.quote(line) }),
            None => {
                Err(Unknown::new(format!("{} has no row `{name}`", read.path())).tried([read.evidence()]))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::{Memory, ReadErrorKind};
    use proptest::prelude::*;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units     
Max processes             96365                96365                processes 
Max open files            1024                 unlimited            files     
";

    #[test]
    fn rows() {
        let both = |name| parse(LIMITS, name).map(|(soft, hard, _)| (soft, hard));
        assert_eq!(both("Max open files"), Some((Some(1024), None)));
        assert_eq!(both("Max processes"), Some((Some(96365), Some(96365))));
        assert_eq!(both("Max open"), None);
        assert_eq!(both("Max locked memory"), None);
        for text in ["", &LIMITS[1..], LIMITS.trim_end(), &LIMITS[..120]] {
            assert_eq!(parse(text, "Max open files"), None, "{text}");
        }
    }

    #[test]
    fn of_this_process_on_a_live_node_only() {
        let path = "/proc/self/limits";
        let of = |memory: Memory| Node::in_memory(memory).process_limit("Max open files");
        assert_eq!(of(Memory::new().file(path, LIMITS)).unwrap().soft, Some(1024));
        assert!(of(Memory::new().file(path, LIMITS).as_root()).is_err());
        assert!(of(Memory::new().error(path, ReadErrorKind::Denied("EACCES"))).is_err());
        assert!(of(Memory::new()).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s)Limit .{0,100}\n", name in ".{0,10}") {
            let _ = parse(&text, &name);
        }
    }
}
