//! The kernel's table of symbols, /proc/kallsyms: which cgroup subsystems are compiled in, and where the masks lie.
//!
//! A line is `ffffffff82d4e0c8 D cgrp_dfl_root`, with a tab and `[module]` behind it for a module's own. Variables are
//! in it only with CONFIG_KALLSYMS_ALL. Who may not see addresses (CAP_SYSLOG, kernel.kptr_restrict) gets zeros
//! (kernel/kallsyms.c, `s_show`, `kallsyms_show_value`).

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};
use memchr::{memchr, memmem, memrchr};

/// Where it is.
pub const PATH: &str = "/proc/kallsyms";
/// The most that is read, in bytes. A distribution's kernel has 10 to 20 MB; one with every module, twice that.
pub const LIMIT: usize = 128 << 20;

/// What the variables of subsystems end with: `memory_cgrp_subsys`.
const SUBSYSTEM: &[u8] = b"_cgrp_subsys";

/// What the table says of cgroups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupSymbols {
    /// The compiled-in subsystems, in the order of their addresses. Empty where the table holds no variables: that
    /// proves nothing.
    pub subsystems: Vec<String>,
    /// `cgrp_dfl_implicit_ss_mask`; zero where addresses are hidden, as all of these.
    pub implicit: Option<u64>,
    /// `cgrp_dfl_inhibit_ss_mask`
    pub inhibited: Option<u64>,
    /// `cgrp_dfl_root`
    pub root: Option<u64>,
    /// `cgroup_subsys_name`, an array of pointers.
    pub names: Option<u64>,
    /// Whether `cgroup_control` is a function of its own: compilers may put it into its callers, as in
    /// Debian's kernels from 6.1 on (measured).
    pub has_cgroup_control: bool,
}

/// Finds what the table says of cgroups. Symbols of modules are passed over; of several with one name the first counts.
#[must_use]
pub fn cgroup_symbols(table: &[u8]) -> CgroupSymbols {
    let mut found = CgroupSymbols::default();
    for symbol in symbols(table, b" cgr").filter_map(parse) {
        let place = match symbol.name {
            "cgrp_dfl_implicit_ss_mask" => &mut found.implicit,
            "cgrp_dfl_inhibit_ss_mask" => &mut found.inhibited,
            "cgrp_dfl_root" => &mut found.root,
            "cgroup_subsys_name" => &mut found.names,
            "cgroup_control" => {
                found.has_cgroup_control = true;
                continue;
            }
            _ => continue,
        };
        place.get_or_insert(symbol.address);
    }
    for symbol in symbols(table, SUBSYSTEM).filter_map(parse) {
        // `__ksymtab_` and its like are made for modules.
        if let Some(name) = symbol.name.strip_suffix("_cgrp_subsys")
            && !name.starts_with("__")
            && !found.subsystems.iter().any(|n| n == name)
        {
            found.subsystems.push(name.to_owned());
        }
    }
    found
}

struct Symbol<'a> {
    address: u64,
    name: &'a str,
}

/// The lines that hold `needle`.
fn symbols<'a>(table: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memmem::find_iter(table, needle).map(|at| {
        let start = memrchr(b'\n', &table[..at]).map_or(0, |n| n + 1);
        let end = memchr(b'\n', &table[at..]).map_or(table.len(), |n| at + n);
        &table[start..end]
    })
}

fn parse(line: &[u8]) -> Option<Symbol<'_>> {
    let line = std::str::from_utf8(line).ok()?;
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let _kind = words.next()?;
    // Clang's link-time optimisation gives static symbols a tail of their own: `cgroup_control.llvm.1234` (kernel/kallsyms.c,
    // cleanup_symbol_name(), cuts it off for searches, and not in this file).
    let name = words.next()?;
    let name = name.split_once(".llvm.").map_or(name, |(name, _)| name);
    words.next().is_none().then_some(Symbol { address, name })
}

impl CgroupSymbols {
    /// The addresses of the implicit and of the inhibit mask, where they are there and not hidden.
    ///
    /// # Errors
    /// Why not, and what would help.
    pub fn mask_addresses(&self) -> Known<(u64, u64)> {
        match (self.implicit, self.inhibited) {
            (Some(0), _) | (_, Some(0)) => Err(Unknown::new(format!("{PATH} shows all addresses as zero"))
                .tried([Evidence::new(PATH, "0000000000000000 cgrp_dfl_implicit_ss_mask")])
                .needs("run as root (CAP_SYSLOG), with kernel.kptr_restrict at 0 or 1")),
            (Some(implicit), Some(inhibited)) => Ok((implicit, inhibited)),
            // Variables are there, and these are not: up to 4.5 they were called cgrp_dfl_root_inhibit_ss_mask.
            _ if !self.subsystems.is_empty() => Err(Unknown::new(format!(
                "{PATH} has variables, and cgrp_dfl_implicit_ss_mask is not among them"
            ))
            .tried([Evidence::new(PATH, "no cgrp_dfl_implicit_ss_mask")])),
            _ => Err(Unknown::new(format!(
                "{PATH} lacks cgrp_dfl_implicit_ss_mask: this kernel has no table of its variables"
            ))
            .tried([Evidence::new(PATH, "no cgrp_dfl_implicit_ss_mask")])
            .needs("it takes a kernel with CONFIG_KALLSYMS_ALL")),
        }
    }
}

impl Node {
    /// What the kernel's table of symbols says of cgroups. Reading it takes some ten milliseconds.
    ///
    /// # Errors
    /// When it is not there or can't be read.
    pub fn cgroup_symbols(&self) -> &Known<CgroupSymbols> {
        self.fact(|| {
            self.read_once(PATH, LIMIT).map(|t| cgroup_symbols(&t)).map_err(|e| ReadError::unknown(&e))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From a boot of Debian's 6.1.0-56-amd64.
    const TABLE: &str = "ffffffff9d1c2a50 t cgroup_controllers_show
ffffffff9e2f0000 r __ksymtab_memory_cgrp_subsys
ffffffff9e40e0c0 r cgroup_subsys_name
ffffffff9e8ab3a0 D cpuset_cgrp_subsys
ffffffff9e8ad0e0 D memory_cgrp_subsys_enabled_key
ffffffff9e8b1d00 D memory_cgrp_subsys
ffffffff9e8b1d00 D cgrp_dfl_root
ffffffff9f3c1b52 b cgrp_dfl_implicit_ss_mask
ffffffff9f3c1b54 b cgrp_dfl_inhibit_ss_mask
ffffffffc0a81000 t cgroup_control	[vendor]
ffffffffc0a82000 d nvm_cgrp_subsys	[vendor]
";

    #[test]
    fn subsystems_and_addresses() {
        let found = cgroup_symbols(TABLE.as_bytes());
        assert_eq!(found.subsystems, ["cpuset", "memory"]);
        assert_eq!(found.mask_addresses().unwrap(), (0xffff_ffff_9f3c_1b52, 0xffff_ffff_9f3c_1b54));
        assert_eq!(found.names, Some(0xffff_ffff_9e40_e0c0));
        assert!(!found.has_cgroup_control);
        assert!(cgroup_symbols(b"ffffffff9d1c2a50 t cgroup_control\n").has_cgroup_control);
    }

    /// Names as Clang's thin link-time optimisation writes them (Android's and CachyOS' kernels).
    #[test]
    fn the_tail_of_link_time_optimisation_is_cut_off() {
        let table = "ffffffff9f3c1b52 b cgrp_dfl_implicit_ss_mask.llvm.1234567890\nffffffff9f3c1b54 b cgrp_dfl_inhibit_ss_mask.llvm.1234567890\nffffffff9d1c2a50 t cgroup_control.llvm.77\n";
        let found = cgroup_symbols(table.as_bytes());
        assert_eq!(found.mask_addresses().unwrap(), (0xffff_ffff_9f3c_1b52, 0xffff_ffff_9f3c_1b54));
        assert!(found.has_cgroup_control);
    }

    /// Linux 4.5 has other names for the masks: its configuration is not what is missing.
    #[test]
    fn variables_without_the_masks_are_no_missing_option() {
        let table =
            "ffffffff9e8ab3a0 D cpuset_cgrp_subsys\nffffffff9f3c1b54 b cgrp_dfl_root_inhibit_ss_mask\n";
        let unknown = cgroup_symbols(table.as_bytes()).mask_addresses().unwrap_err();
        assert_eq!(unknown.needs, None);
        assert!(unknown.reason.contains("has variables"), "{}", unknown.reason);
    }

    #[test]
    fn hidden_and_absent_addresses_are_told_apart() {
        let hidden =
            "0000000000000000 b cgrp_dfl_implicit_ss_mask\n0000000000000000 b cgrp_dfl_inhibit_ss_mask\n";
        let unknown = |table: &str| cgroup_symbols(table.as_bytes()).mask_addresses().unwrap_err();
        assert!(unknown(hidden).needs.unwrap().contains("CAP_SYSLOG"));
        assert!(unknown("").needs.unwrap().contains("CONFIG_KALLSYMS_ALL"));
        assert_eq!(cgroup_symbols(b"").subsystems, Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn never_panics(table in "([0-9a-f ]{0,17}[a-z_ \t\n\\[]{0,12}(_cgrp_subsys| cgrp_dfl_root)?\n?){0,20}") {
            let _ = cgroup_symbols(table.as_bytes()).mask_addresses();
        }
    }
}
