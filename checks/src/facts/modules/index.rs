//! The indexes that depmod(8) writes for one kernel release, read as text: where a module's file is, what it
//! needs, which names stand for it. Pure functions; modules.dep(5) describes the format.

/// A name as the kernel writes it: `-` and `_` are the same in module names (kmod: libkmod/libkmod-util.c,
/// `modname_normalize`), and /proc/modules always shows `_`.
#[must_use]
pub fn fold(name: &str) -> String {
    name.replace('-', "_")
}

fn fold_byte(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte }
}

/// Whether two names are the same module's.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().map(fold_byte).eq(b.bytes().map(fold_byte))
}

/// The module whose file is `path`: `kernel/fs/overlayfs/overlay.ko.xz` is `overlay`. Kernels compress modules
/// with gzip, xz or zstd, or not at all (kernel/module/Kconfig, `MODULE_COMPRESS`).
pub(super) fn module_of(path: &str) -> Option<&str> {
    let file = path.rsplit('/').next()?;
    let (name, ending) = file.split_once(".ko")?;
    (!name.is_empty() && matches!(ending, "" | ".gz" | ".xz" | ".zst")).then_some(name)
}

/// modules.dep or modules.builtin: one module a line, found by name.
///
/// modules.dep of a distribution has 4,000 lines in 700 KB: the text is kept once, beside one small entry for
/// each line, so that a question costs a binary search and not a pass over the text.
pub(super) struct Index {
    text: String,
    /// The hash of a module's folded name and where its line begins, sorted.
    lines: Vec<(u32, u32)>,
}

impl Index {
    pub(super) fn parse(bytes: Vec<u8>) -> Self {
        let text =
            String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        let mut lines = Vec::new();
        let mut start = 0;
        for line in text.split('\n') {
            if let (Some(name), Ok(start)) = (name_of(line), u32::try_from(start)) {
                lines.push((hash(name), start));
            }
            start += line.len() + 1;
        }
        lines.sort_unstable();
        Self { text, lines }
    }

    /// The line of the module `name`.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        let wanted = hash(name);
        let first = self.lines.partition_point(|(hash, _)| *hash < wanted);
        self.lines
            .get(first..)?
            .iter()
            .take_while(|(hash, _)| *hash == wanted)
            .filter_map(|(_, start)| self.text.get(usize::try_from(*start).ok()?..)?.lines().next())
            .find(|line| name_of(line).is_some_and(|n| same(n, name)))
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index of {} modules", self.lines.len())
    }
}

/// The module that a line of modules.dep (`path: paths`) or modules.builtin (`path`) is about.
fn name_of(line: &str) -> Option<&str> {
    module_of(line.split(':').next()?.trim())
}

/// FNV-1a, 32 bits, over the folded name.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |h, b| (h ^ u32::from(fold_byte(b))).wrapping_mul(0x0100_0193))
}

/// A line of modules.dep: the module's file, and the files that must be loaded before it.
pub(super) fn files(line: &str) -> impl Iterator<Item = &str> {
    let (own, needed) = line.split_once(':').unwrap_or((line, ""));
    std::iter::once(own.trim()).chain(needed.split_whitespace())
}

/// The line of /proc/modules about `name`, unless it is being unloaded. Its fields are name, size, references,
/// users, state, address (Documentation/filesystems/proc.rst; kernel/module/procfs.c).
pub(super) fn loaded<'a>(proc_modules: &'a str, name: &str) -> Option<&'a str> {
    let line = proc_modules.lines().find(|l| l.split(' ').next().is_some_and(|n| same(n, name)))?;
    (line.split(' ').nth(4) != Some("Unloading")).then_some(line)
}

/// The modules that modules.alias (or the alias lines of modprobe.d) names for `name`, in order.
pub(super) fn aliases<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines().filter_map(move |line| {
        let mut words = line.strip_prefix("alias ")?.split_whitespace();
        let (pattern, module) = (words.next()?, words.next()?);
        matches(pattern, name).then_some(module)
    })
}

/// The built-in modules that answer to `name`. modules.builtin.modinfo (Linux 5.2) holds `module.key=value`,
/// each ended by a NUL.
pub(super) fn builtin_aliases<'a>(modinfo: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    modinfo.split('\0').filter_map(move |entry| {
        let (module, rest) = entry.split_once('.')?;
        matches(rest.strip_prefix("alias=")?, name).then_some(module)
    })
}

/// The soft dependencies of `name` in modules.softdep: what modprobe tries to load with it, and does without.
pub(super) fn softdep<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| {
        let mut words = line.split_whitespace();
        words.next() == Some("softdep") && words.next().is_some_and(|n| same(n, name))
    })
}

/// Whether the shell pattern of an alias matches `name` (fnmatch(3): `*`, `?`, `[a-z]`, `[!a]`), `-` and `_`
/// being the same. Takes at most pattern times name steps.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on after the last `*` when what follows it does not fit: one byte further.
    let mut again = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            again = Some((p + 1, n));
            p += 1;
            continue;
        }
        match name.get(n) {
            None if p == pattern.len() => return true,
            None => return false,
            Some(&byte) => {
                if let Some(next) = one(pattern, p, byte) {
                    (p, n) = (next, n + 1);
                    continue;
                }
            }
        }
        let Some((star, from)) = again else { return false };
        again = Some((star, from + 1));
        (p, n) = (star, from + 1);
    }
}

/// Where the pattern goes on if what stands at `p` takes `byte`.
fn one(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => class(pattern, p, byte),
        literal => (fold_byte(literal) == fold_byte(byte)).then_some(p + 1),
    }
}

fn class(pattern: &[u8], p: usize, byte: u8) -> Option<usize> {
    let body = pattern.get(p + 1..)?;
    let negated = matches!(body.first(), Some(b'!' | b'^'));
    let body = if negated { body.get(1..)? } else { body };
    // A `]` right after the opening stands for itself.
    let end = 1 + body.get(1..)?.iter().position(|b| *b == b']')?;
    let mut set = body.get(..end)?;
    let mut within = false;
    while let [first, rest @ ..] = set {
        set = if let [b'-', last, after @ ..] = rest {
            within |= (*first..=*last).contains(&byte);
            after
        } else {
            within |= *first == byte;
            rest
        };
    }
    (within != negated).then_some(p + 1 + usize::from(negated) + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn module_files() {
        for (path, want) in [
            ("kernel/fs/overlayfs/overlay.ko", Some("overlay")),
            ("kernel/fs/overlayfs/overlay.ko.xz", Some("overlay")),
            ("kernel/net/sched/act-x.ko.zst", Some("act-x")),
            ("updates/dkms/zfs.ko.gz", Some("zfs")),
            ("kernel/fs/overlayfs/overlay.ko.bak", None),
            ("kernel/fs/overlayfs", None),
            ("kernel/.ko", None),
            ("", None),
        ] {
            assert_eq!(module_of(path), want, "{path}");
        }
    }

    // Lines as depmod (kmod 30) writes them for Debian's 6.1.0-56-amd64 and Fedora's compressed modules.
    const DEP: &str = "\
kernel/fs/overlayfs/overlay.ko:
kernel/net/netfilter/xt_conntrack.ko.xz: kernel/net/netfilter/nf_conntrack.ko.xz kernel/lib/libcrc32c.ko.xz
kernel/net/bridge/br_netfilter.ko.zst: kernel/net/bridge/bridge.ko.zst kernel/net/802/stp.ko.zst
kernel/crypto/aes-generic.ko:

no module here
kernel/net/last.ko: ";

    #[test]
    fn a_module_is_found_by_either_spelling() {
        let index = Index::parse(DEP.into());
        assert_eq!(index.find("overlay"), Some("kernel/fs/overlayfs/overlay.ko:"));
        assert_eq!(index.find("aes_generic"), Some("kernel/crypto/aes-generic.ko:"));
        assert_eq!(index.find("br-netfilter").map(|l| files(l).count()), Some(3));
        assert_eq!(
            index.find("last").map(|l| files(l).collect::<Vec<_>>()),
            Some(vec!["kernel/net/last.ko"])
        );
        for absent in ["overla", "overlay.ko", "kernel", "", "no module here"] {
            assert_eq!(index.find(absent), None, "{absent}");
        }
    }

    #[test]
    fn the_first_of_two_files_of_one_name_counts() {
        let index = Index::parse("updates/x.ko:\nkernel/x.ko:\n".into());
        assert_eq!(index.find("x"), Some("updates/x.ko:"));
    }

    #[test]
    fn loaded_modules() {
        // From a captured Debian 6.12 node.
        let text = "brd 12288 1 - Live 0xffffffffc05bc000\nxt_cgroup 12288 0 - Live 0xffffffffc05b6000\n\
                    x_tables 53248 1 xt_cgroup, Live 0xffffffffc05a5000\ngone 1 0 - Unloading 0x0\n";
        assert_eq!(loaded(text, "x-tables"), Some("x_tables 53248 1 xt_cgroup, Live 0xffffffffc05a5000"));
        assert_eq!(loaded(text, "xt"), None);
        assert_eq!(loaded(text, "gone"), None);
        assert_eq!(loaded("", "x"), None);
    }

    #[test]
    fn names_that_stand_for_modules() {
        let text = "# Aliases extracted from modules themselves.\nalias fs-overlay overlay\n\
                    alias pci:v00008086d00001533sv*sd*bc*sc*i* igb\nalias ipt_MASQUERADE xt_MASQUERADE\nalias\n";
        let all = |name| aliases(text, name).collect::<Vec<_>>();
        assert_eq!(all("fs_overlay"), ["overlay"]);
        assert_eq!(all("ipt-MASQUERADE"), ["xt_MASQUERADE"]);
        assert_eq!(all("pci:v00008086d00001533sv00008086sd00000001bc02sc00i00"), ["igb"]);
        assert!(all("overlay").is_empty());
        let modinfo = "ext4.license=GPL\0ext4.alias=fs-ext4\0ext4.alias=ext3\0broken\0";
        assert_eq!(builtin_aliases(modinfo, "fs_ext4").collect::<Vec<_>>(), ["ext4"]);
        let soft = "# Soft dependencies\nsoftdep nf_conntrack pre: nf_defrag_ipv4 post: x\n";
        assert!(softdep(soft, "nf-conntrack").is_some());
        assert_eq!(softdep(soft, "nf"), None);
    }

    #[test]
    fn shell_patterns() {
        for (pattern, name, want) in [
            ("usb:v*p*", "usb:v1p2", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*", "", true),
            ("?", "", false),
            ("x[0-9]y", "x5y", true),
            ("x[!0-9]y", "x5y", false),
            ("x[]a]y", "x]y", true),
            ("x[", "x[", false),
            ("net-pf-10", "net_pf_10", true),
            ("", "", true),
            ("**a", "bca", true),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        }
        assert!(!matches(&"a*".repeat(200), &"a".repeat(150)));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400), name in "[a-z_*\\[\\]!-]{0,9}") {
            let text = String::from_utf8_lossy(&bytes);
            let _ = (loaded(&text, &name), aliases(&text, &name).count(), softdep(&text, &name));
            let _ = (builtin_aliases(&text, &name).count(), matches(&text, &name), matches(&name, &text));
            let _ = Index::parse(bytes).find(&name);
        }

        #[test]
        fn every_line_is_found(names in proptest::collection::hash_set("[a-z][a-z0-9_]{0,12}", 0..40)) {
            let lines: Vec<_> = names.iter().map(|n| format!("kernel/x/{n}.ko.xz: kernel/y/z.ko")).collect();
            let index = Index::parse(lines.join("\n").into_bytes());
            for name in &names {
                prop_assert!(index.find(name).is_some_and(|l| module_of(files(l).next().unwrap()) == Some(name)));
            }
        }

        #[test]
        fn a_literal_pattern_matches_itself(name in "[a-z0-9_:-]{0,30}") {
            prop_assert!(matches(&name, &name) && matches("*", &name));
        }
    }
}
