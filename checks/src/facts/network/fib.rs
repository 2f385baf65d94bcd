//! The kernel's own count of what its IPv4 tables hold, which tells an empty table from a file that is cut off.
//!
//! Tables are made with their first route (net/ipv4/fib_frontend.c, `fib_new_table`). Until then /proc/net/route has no byte,
//! not even its heading (net/ipv4/fib_trie.c, `fib_route_seq_start`), and /proc/net/fib_trie names tables only that have a
//! route. /proc/net/fib_triestat always begins with a line of its own, and counts the leaves of every table that was made
//! (`fib_triestat_seq_show`). Measured with Linux 6.18: a network namespace without IPv4 has 0, 0 and one line of 61 bytes.

use crate::node::Node;

/// What /proc/net/fib_triestat says of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tables {
    /// Whether the main table was ever made.
    pub(super) has_main: bool,
    /// The leaves of all tables: one for each destination.
    pub(super) leaves: u64,
}

/// Whether a line is the heading of a table (`fib_table_print`).
pub(super) fn is_table(line: &str) -> bool {
    let number = |line: &str| line.strip_prefix("Id ")?.strip_suffix(':')?.parse::<u32>().ok();
    line == "Main:" || line == "Local:" || number(line).is_some()
}

/// Parses /proc/net/fib_triestat. None where it is not what the kernel writes, or ends within a table.
fn parse(text: &str) -> Option<Tables> {
    let mut lines = text.strip_suffix('\n')?.lines();
    if !lines.next()?.starts_with("Basic info: size of leaf:") {
        return None;
    }
    let mut tables = Tables { has_main: false, leaves: 0 };
    let mut is_whole = true;
    for line in lines {
        if is_table(line) {
            if !is_whole {
                return None;
            }
            is_whole = false;
            tables.has_main |= line == "Main:";
        } else if let Some(leaves) = line.strip_prefix("\tLeaves:") {
            tables.leaves = tables.leaves.checked_add(leaves.trim().parse().ok()?)?;
        } else if line.starts_with("Total size:") {
            is_whole = true;
        }
    }
    is_whole.then_some(tables)
}

impl Node {
    /// The file that shows that there is nothing, where `nothing` holds of what the kernel counts in its tables. None where
    /// it does not hold, or can't be known: an empty file elsewhere is then one that was cut off.
    pub(super) fn ipv4_tables_show(&self, nothing: impl Fn(Tables) -> bool) -> Option<String> {
        let path = self.proc_self("net/fib_triestat");
        let read = self.read(&path);
        let tables = parse(&read.text().ok()?)?;
        nothing(tables).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facts::network::Family, node::Memory};
    use proptest::prelude::*;

    const HEAD: &str = "Basic info: size of leaf: 48 bytes, size of tnode: 40 bytes.\n";

    fn table(name: &str, leaves: u32) -> String {
        format!(
            "{name}:\n\tAver depth:     1.66\n\tMax depth:      2\n\tLeaves:         {leaves}\n\tPrefixes:       3\n\
             \tInternal nodes: 2\n\t  1: 1  2: 1\n\tPointers: 6\nNull ptrs: 2\nTotal size: 1  kB\n"
        )
    }

    #[test]
    fn what_the_kernel_counts() {
        assert_eq!(parse(HEAD), Some(Tables { has_main: false, leaves: 0 }));
        let local = format!("{HEAD}{}", table("Local", 3));
        assert_eq!(parse(&local), Some(Tables { has_main: false, leaves: 3 }));
        let all = format!("{HEAD}{}{}{}", table("Id 100", 1), table("Main", 0), table("Local", 0));
        assert_eq!(parse(&all), Some(Tables { has_main: true, leaves: 1 }));
    }

    #[test]
    fn what_is_cut_off_counts_nothing() {
        let whole = format!("{HEAD}{}", table("Main", 0));
        let within_the_table = HEAD.len() + 1..whole.len();
        for end in within_the_table.chain(0..HEAD.len()) {
            assert_eq!(parse(&whole[..end]), None, "{:?}", &whole[..end]);
        }
        assert_eq!(parse("x\n"), None);
    }

    fn node(route: &str, trie: &str, counted: &str) -> Node {
        let memory = Memory::new().file("/proc/self/net/route", route).file("/proc/self/net/fib_trie", trie);
        Node::in_memory(memory.file("/proc/self/net/fib_triestat", counted))
    }

    #[test]
    fn an_empty_file_alone_is_no_empty_table() {
        let route = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let made = format!("{HEAD}{}{}", table("Main", 0), table("Local", 0));
        let used = format!("{HEAD}{}{}", table("Main", 2), table("Local", 3));
        for (node, routes, addresses) in [
            (node("", "", HEAD), true, true),
            // Every address was taken away again.
            (node(route, "", &made), true, true),
            // Rules of policy routing, and no route but those of the loopback interface.
            (
                node(
                    "",
                    "Local:\n     |-- 127.0.0.1\n        /32 host LOCAL\n",
                    &used.replace("Main:", "Id 9:"),
                ),
                true,
                true,
            ),
            (node("", "", &made), false, true),
            (node("", "", &used), false, false),
            (node("", "", ""), false, false),
            (node("", "", &used[..HEAD.len() + 9]), false, false),
        ] {
            assert_eq!(node.routes(Family::Ipv4).is_ok(), routes, "{:?}", node.routes(Family::Ipv4));
            assert_eq!(node.addresses(Family::Ipv4).is_ok(), addresses, "{:?}", node.addresses(Family::Ipv4));
        }
        assert!(
            Node::in_memory(Memory::new().file("/proc/self/net/route", "")).routes(Family::Ipv4).is_err()
        );
    }

    #[test]
    fn headings_of_tables() {
        for line in ["Main:", "Local:", "Id 100:"] {
            assert!(is_table(line), "{line}");
        }
        for line in ["", "Main", "Id :", "Id x:", "\tLeaves:         0", "Iface"] {
            assert!(!is_table(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = parse(&format!("{HEAD}{text}\n"));
        }
    }
}
