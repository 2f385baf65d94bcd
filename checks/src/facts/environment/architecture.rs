//! The architecture of a node that can't be asked by uname(2): a tree under a root.

use crate::{evidence::Evidence, node::Node};

/// What the kernel in the tree says of itself: /proc/sys/kernel/arch (Linux 6.1), the ending of its release, or
/// the shape of /proc/cpuinfo, in this order.
pub(super) fn of_tree(node: &Node) -> Option<(String, Evidence)> {
    let arch = node.read("/proc/sys/kernel/arch");
    if let Ok(text) = arch.text()
        && is_name(text.trim())
    {
        return Some((text.trim().to_owned(), arch.quote(text.trim())));
    }
    if let Ok(release) = node.kernel_release()
        && let Some(name) = by_release(&release.text)
    {
        return Some((name.to_owned(), release.evidence.clone()));
    }
    let cpuinfo = node.read("/proc/cpuinfo");
    let name = by_cpuinfo(&cpuinfo.text().ok()?)?;
    Some((name.to_owned(), cpuinfo.quote(format!("the fields of {name}"))))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() < 65 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Distributions end the release with the architecture, by the kernel's name or by their own.
fn by_release(release: &str) -> Option<&'static str> {
    const ENDINGS: [(&str, &str); 11] = [
        (".x86_64", "x86_64"),
        ("-amd64", "x86_64"),
        (".aarch64", "aarch64"),
        ("-arm64", "aarch64"),
        (".s390x", "s390x"),
        ("-s390x", "s390x"),
        (".ppc64le", "ppc64le"),
        ("-powerpc64le", "ppc64le"),
        (".riscv64", "riscv64"),
        ("-riscv64", "riscv64"),
        ("-686-pae", "i686"),
    ];
    // Fedora and RHEL append the variant: `.x86_64+debug`, `.aarch64+64k`.
    let (base, variant) = release.rsplit_once('+').unwrap_or((release, ""));
    let release = if variant.contains(['.', '-']) { release } else { base };
    ENDINGS.iter().find(|(ending, _)| release.ends_with(ending)).map(|(_, arch)| *arch)
}

/// The fields of /proc/cpuinfo are each architecture's own (arch/*/kernel/cpu/proc.c, cpuinfo.c, setup.c).
fn by_cpuinfo(text: &str) -> Option<&'static str> {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.trim() == name).then(|| value.trim())
        })
    };
    let has = |list: Option<&str>, word: &str| list.is_some_and(|l| l.split_whitespace().any(|w| w == word));
    let flags = field("flags");
    if flags.is_some() {
        // `lm` is the processor's long mode: a 32-bit kernel on such a processor is not told apart.
        return Some(if has(flags, "lm") { "x86_64" } else { "i686" });
    }
    // A 64-bit Arm kernel shows asimd, a 32-bit one neon (arch/arm64/kernel/cpuinfo.c, arch/arm/kernel/setup.c).
    if has(field("Features"), "asimd") {
        return Some("aarch64");
    }
    if field("vendor_id") == Some("IBM/S390") {
        return Some("s390x");
    }
    field("isa").filter(|isa| isa.starts_with("rv64")).map(|_| "riscv64")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    #[test]
    fn releases() {
        for (release, want) in [
            ("6.12.107+deb13-amd64", Some("x86_64")),
            ("6.18.15+deb13-cloud-amd64", Some("x86_64")),
            ("5.14.0-503.11.1.el9_5.x86_64", Some("x86_64")),
            ("5.14.0-503.11.1.el9_5.aarch64+64k", Some("aarch64")),
            ("6.1.0-56-arm64", Some("aarch64")),
            ("6.8.0-45-generic", None),
            ("6.6.51+rpt-rpi-v8", None),
            ("", None),
        ] {
            assert_eq!(by_release(release), want, "{release}");
        }
    }

    #[test]
    fn shapes_of_cpuinfo() {
        for (text, want) in [
            ("vendor_id\t: AuthenticAMD\nflags\t\t: fpu vme lm hypervisor\n", Some("x86_64")),
            ("flags\t\t: fpu vme\n", Some("i686")),
            (
                "processor\t: 0\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU architecture: 8\n",
                Some("aarch64"),
            ),
            ("Features\t: half thumb neon vfpv4\nCPU architecture: 7\n", None),
            ("vendor_id       : IBM/S390\n# processors    : 2\n", Some("s390x")),
            ("processor\t: 0\nhart\t\t: 1\nisa\t\t: rv64imafdc\n", Some("riscv64")),
            ("", None),
        ] {
            assert_eq!(by_cpuinfo(text), want, "{text}");
        }
    }

    #[test]
    fn a_tree_is_asked_in_order() {
        let tree = Memory::new().as_root();
        let arch = |m: &Memory| Node::in_memory(m.clone()).architecture();
        assert_eq!(arch(&tree), None);
        let tree = tree.file("/proc/cpuinfo", "Features : asimd\n");
        assert_eq!(arch(&tree).as_deref(), Some("aarch64"));
        let tree = tree.file("/proc/sys/kernel/osrelease", "6.1.0-56-amd64\n");
        assert_eq!(arch(&tree).as_deref(), Some("x86_64"));
        assert_eq!(
            arch(&tree.clone().file("/proc/sys/kernel/arch", "riscv64\n")).as_deref(),
            Some("riscv64")
        );
        assert_eq!(arch(&tree.clone().file("/proc/sys/kernel/arch", "\0/../\n")).as_deref(), Some("x86_64"));
        let (_, seen) = Node::in_memory(tree).architecture_seen().unwrap();
        assert_eq!(seen.source, "/proc/sys/kernel/osrelease");
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = (by_release(&text), by_cpuinfo(&text));
        }
    }
}
