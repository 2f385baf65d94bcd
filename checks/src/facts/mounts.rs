//! Mounts, and which of them can be seen: the last mount on a path hides what is below it.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::Node,
};
use std::collections::HashSet;

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The mount's id and its parent's; none when read from /proc/mounts, which has no ids.
    pub ids: Option<(u32, u32)>,
    /// The directory of the file system that is mounted: `/`, or a part of it for a bind mount or a container.
    pub root: String,
    /// Where it is mounted, decoded.
    pub point: String,
    /// The type of the file system: `cgroup2`.
    pub fs_type: String,
    /// How mounts below it spread; none when read from /proc/mounts, which does not tell.
    pub propagation: Option<Propagation>,
    /// The line it was read from. What is seldom asked for is cut out of it: a machine can have a hundred thousand.
    pub line: String,
}

/// How mounts spread between namespaces (Documentation/filesystems/sharedsubtree.rst); neither is private.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Propagation {
    /// `shared:N`: to all of its group, and from them.
    pub shared: bool,
    /// `master:N`: from that group.
    pub slave: bool,
}

impl Mount {
    /// Whether `option` is among the options.
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.all_options().any(|o| o == option)
    }

    /// The options of the mount and of its file system.
    pub fn all_options(&self) -> impl Iterator<Item = &str> {
        let (own, file_system) = match self.ids {
            Some(_) => {
                let super_options =
                    self.line.split_once(" - ").and_then(|(_, after)| after.split(' ').nth(2));
                (self.line.split(' ').nth(5), super_options)
            }
            None => (self.line.split(' ').nth(3), None),
        };
        let both = [own, file_system].into_iter().flatten();
        both.flat_map(|options| options.split(',')).filter(|option| !option.is_empty())
    }

    /// What is mounted: a device, a server, a word for what needs neither. As the kernel writes it (proc_pid_mountinfo(5)).
    #[must_use]
    pub fn source(&self) -> String {
        let word = match self.ids {
            Some(_) => self.line.split_once(" - ").and_then(|(_, after)| after.split(' ').nth(1)),
            None => self.line.split(' ').next(),
        };
        decode(word.unwrap_or_default())
    }
}

/// The mounts of the node, in the kernel's order.
#[derive(Clone, Debug, Default)]
pub struct Mounts {
    all: Vec<Mount>,
    visible: Vec<bool>,
    source: String,
}

impl Mounts {
    /// Parses /proc/PID/mountinfo (Documentation/filesystems/proc.rst, 3.5). A line that is none is left out.
    #[must_use]
    pub fn parse_mountinfo(source: &str, text: &str) -> Self {
        let all: Vec<Mount> = text.lines().filter_map(mountinfo_line).collect();
        let visible = visible_by_parents(&all);
        Self { all, visible, source: source.to_owned() }
    }

    /// Parses /proc/mounts, which has neither ids nor the root of the mount: there only the order tells what
    /// hides what.
    #[must_use]
    pub fn parse_mounts(source: &str, text: &str) -> Self {
        let all: Vec<Mount> = text.lines().filter_map(mounts_line).collect();
        let visible = visible_by_order(&all);
        Self { all, visible, source: source.to_owned() }
    }

    /// The mounts that can be seen, in the kernel's order.
    pub fn visible(&self) -> impl Iterator<Item = &Mount> {
        self.all.iter().zip(&self.visible).filter_map(|(m, seen)| seen.then_some(m))
    }

    /// The mounts that lie hidden below another one.
    pub fn hidden(&self) -> impl Iterator<Item = &Mount> {
        self.all.iter().zip(&self.visible).filter_map(|(m, seen)| (!seen).then_some(m))
    }

    /// The mount that is seen at exactly `point`.
    #[must_use]
    pub fn at(&self, point: &str) -> Option<&Mount> {
        self.visible().find(|m| m.point == point)
    }

    /// The mount that holds `path`, in which no symbolic link is followed.
    #[must_use]
    pub fn holding(&self, path: &str) -> Option<&Mount> {
        upwards(path).find_map(|above| self.at(above))
    }

    /// The file they were read from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// One mount, as evidence.
    #[must_use]
    pub fn evidence(&self, mount: &Mount) -> Evidence {
        Evidence::new(&self.source, &mount.line)
    }

    /// Something about the whole list, as evidence.
    #[must_use]
    pub fn says(&self, observed: impl Into<String>) -> Evidence {
        Evidence::new(&self.source, observed)
    }
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn mountinfo_line(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut before = before.split(' ');
    let id = before.next()?.parse().ok()?;
    let parent = before.next()?.parse().ok()?;
    let root = decode(before.nth(1)?);
    let point = decode(before.next()?);
    before.next()?; // the options
    let mut propagation = Propagation::default();
    for field in before {
        propagation.shared |= field.starts_with("shared:");
        propagation.slave |= field.starts_with("master:");
    }
    let mut after = after.split(' ');
    let fs_type = after.next()?;
    Some(Mount {
        ids: Some((id, parent)),
        root,
        point,
        fs_type: fs_type.to_owned(),
        propagation: Some(propagation),
        line: line.to_owned(),
    })
}

/// `cgroup2 /sys/fs/cgroup cgroup2 rw,relatime 0 0`
fn mounts_line(line: &str) -> Option<Mount> {
    let mut words = line.split(' ');
    let point = decode(words.nth(1)?);
    let fs_type = words.next()?;
    words.next()?; // the options
    Some(Mount {
        ids: None,
        root: "/".to_owned(),
        point,
        fs_type: fs_type.to_owned(),
        propagation: None,
        line: line.to_owned(),
    })
}

/// Undoes the kernel's escapes of space, tab, newline, backslash and `#` (fs/proc_namespace.c, `mangle`):
/// a backslash and three octal digits.
pub(crate) fn decode(word: &str) -> String {
    let mut out = Vec::with_capacity(word.len());
    let mut rest = word.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if first == b'\\' => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        if let Some(byte) = code {
            out.push(byte);
            rest = tail.get(3..).unwrap_or_default();
        } else {
            out.push(first);
            rest = tail;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The path and every directory above it, innermost first: `/a/b`, `/a`, `/`.
fn upwards(path: &str) -> impl Iterator<Item = &str> {
    let above = path.rmatch_indices('/').map(|(i, _)| if i == 0 { "/" } else { &path[..i] });
    std::iter::once(path).chain(above).filter({
        let mut before = None;
        move |p| before.replace(*p) != Some(*p)
    })
}

/// Which mounts are seen, by the tree of mounts. A mount is hidden when another one is stacked on its root, when
/// a sibling (same parent) sits on a directory above it, or when its parent cannot be reached.
fn visible_by_parents(all: &[Mount]) -> Vec<bool> {
    // Sorted lists and no maps: of a hundred thousand mounts these would take ten million bytes more.
    let mut by_id: Vec<(u32, usize)> =
        all.iter().enumerate().filter_map(|(i, m)| Some((m.ids?.0, i))).collect();
    by_id.sort_unstable();
    // Where something is mounted: (the mount it is mounted on, the path).
    let mut points: Vec<(u32, &str)> = all
        .iter()
        .filter_map(|m| m.ids.filter(|(id, parent)| id != parent).map(|(_, p)| (p, m.point.as_str())))
        .collect();
    points.sort_unstable();
    let is_point = |id: u32, path: &str| points.binary_search(&(id, path)).is_ok();
    // The last of those with this id, should there be several.
    let with_id = |id: u32| {
        let after = by_id.partition_point(|(other, _)| *other <= id);
        by_id.get(after.checked_sub(1)?).filter(|(other, _)| *other == id).map(|(_, i)| *i)
    };
    // Not hidden by a sibling on a directory above. The parent's own root counts: a mount stacked on the parent
    // has that path, and hides what was mounted below before.
    let open = |m: &Mount| {
        let Some((id, parent)) = m.ids else { return true };
        id == parent || !upwards(&m.point).skip(1).any(|above| is_point(parent, above))
    };
    let mut reachable: Vec<Option<bool>> = vec![None; all.len()];
    for start in 0..all.len() {
        // Climb to the first mount whose answer is known, is the top, or was met on this climb (a loop).
        let mut way = Vec::new();
        let mut here = Some(start);
        let mut answer = true;
        while let Some(i) = here {
            if let Some(known) = reachable[i] {
                answer = known;
                break;
            }
            reachable[i] = Some(true);
            way.push(i);
            here = all[i].ids.filter(|(id, parent)| id != parent).and_then(|(_, p)| with_id(p));
        }
        for i in way.into_iter().rev() {
            answer = answer && open(&all[i]);
            reachable[i] = Some(answer);
        }
    }
    all.iter()
        .zip(reachable)
        .map(|(m, reached)| {
            let covered = m.ids.is_some_and(|(id, _)| is_point(id, &m.point));
            reached == Some(true) && !covered
        })
        .collect()
}

/// Which mounts are seen, by their order alone: what is mounted later on the same path or above it hides.
fn visible_by_order(all: &[Mount]) -> Vec<bool> {
    let mut later: HashSet<&str> = HashSet::new();
    let mut visible: Vec<bool> = all
        .iter()
        .rev()
        .map(|m| {
            let seen = !upwards(&m.point).any(|p| later.contains(p));
            later.insert(&m.point);
            seen
        })
        .collect();
    visible.reverse();
    visible
}

impl Node {
    /// The mounts of the node: mountinfo, or /proc/mounts where that is all there is.
    pub fn mounts(&self) -> &Known<Mounts> {
        self.fact(|| {
            let mut unknown: Option<Unknown> = None;
            for (name, parse) in [
                ("mountinfo", Mounts::parse_mountinfo as fn(&str, &str) -> Mounts),
                ("mounts", Mounts::parse_mounts),
            ] {
                let read = self.read(&self.proc_self(name));
                match read.text() {
                    // The kernel ends every line of it: what is cut off may be the mounts that matter. /proc/mounts
                    // is what is left, whole or not.
                    Ok(text) if name == "mountinfo" && !text.is_empty() && !text.ends_with('\n') => {
                        let cut = Unknown::new(format!("{} ends in the middle of a line", read.path()));
                        unknown.get_or_insert(cut.tried([read.evidence()]));
                    }
                    Ok(text) => {
                        let mounts = parse(read.path(), &text);
                        if mounts.all.is_empty() {
                            let empty = Unknown::new(format!("{} lists no mount", read.path()));
                            unknown.get_or_insert(empty.tried([read.evidence()]));
                            continue;
                        }
                        return Ok(mounts);
                    }
                    Err(e) => {
                        unknown.get_or_insert(e.unknown());
                    }
                }
            }
            Err(unknown.unwrap_or_else(|| Unknown::new("no list of mounts")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(mounts: &Mounts) -> Vec<&str> {
        mounts.visible().map(|m| m.point.as_str()).collect()
    }

    #[test]
    fn a_table_that_was_cut_is_not_taken_for_the_whole() {
        let cut =
            "1 0 0:2 / / rw - ext4 /dev/vda rw\n2 1 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
        let memory = crate::node::Memory::new().file("/proc/self/mountinfo", cut);
        let unknown = Node::in_memory(memory.clone()).mounts().as_ref().unwrap_err().clone();
        assert!(unknown.reason.contains("in the middle of a line"), "{unknown:?}");
        let node =
            Node::in_memory(memory.file("/proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n"));
        assert!(node.mounts().as_ref().unwrap().at("/sys/fs/cgroup").is_some());
    }

    #[test]
    fn a_line_of_mountinfo() {
        // From Documentation/filesystems/proc.rst, with an escaped space and no optional field.
        let text = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime - ext3 /dev/root rw,errors=continue\nrubbish\n";
        let mounts = Mounts::parse_mountinfo("/proc/self/mountinfo", text);
        let mount = mounts.at("/mnt 2").unwrap();
        assert_eq!((mount.root.as_str(), mount.fs_type.as_str()), ("/mnt1", "ext3"));
        assert!(mount.has_option("noatime") && mount.has_option("errors=continue"));
        assert_eq!(mount.ids, Some((36, 35)));
    }

    #[test]
    fn escapes() {
        for (word, want) in
            [("a\\040b", "a b"), ("\\134", "\\"), ("a\\04", "a\\04"), ("\\999", "\\999"), ("\\", "\\")]
        {
            assert_eq!(decode(word), want, "{word}");
        }
    }

    #[test]
    fn the_last_mount_on_a_path_is_seen() {
        let text = "\
            1 1 0:1 / / rw - rootfs rootfs rw\n\
            20 1 0:2 / /sys rw - sysfs sysfs rw\n\
            30 20 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
            31 30 0:4 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            32 31 0:5 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            33 30 0:6 / /sys/fs/cgroup/old rw - cgroup cgroup rw,pids\n";
        let mounts = Mounts::parse_mountinfo("m", text);
        assert_eq!(seen(&mounts), ["/", "/sys", "/sys/fs/cgroup", "/sys/fs/cgroup/memory"]);
        assert_eq!(mounts.at("/sys/fs/cgroup").unwrap().fs_type, "tmpfs");
        assert_eq!(mounts.hidden().count(), 2);
    }

    #[test]
    fn a_mount_above_hides_what_lies_below() {
        let text = "\
            1 0 0:1 / / rw - ext4 /dev/vda rw\n\
            2 1 0:2 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
            3 2 0:3 / /sys/fs/cgroup/a/b rw - tmpfs a rw\n\
            4 1 0:4 / /sys rw - sysfs sysfs rw\n";
        assert_eq!(seen(&Mounts::parse_mountinfo("m", text)), ["/", "/sys"]);
        // Without ids the order says the same.
        let text =
            "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\ntmpfs /sys/fs/cgroup tmpfs rw 0 0\nx /sysx ext4 rw 0 0\n";
        let mounts = Mounts::parse_mounts("m", text);
        assert_eq!(seen(&mounts), ["/sys/fs/cgroup", "/sysx"]);
        assert_eq!(mounts.at("/sys/fs/cgroup").unwrap().fs_type, "tmpfs");
    }

    #[test]
    fn a_hundred_thousand_mounts_and_a_loop_of_parents_end() {
        let mut text = String::from("1 2 0:1 / / rw - a a rw\n2 1 0:1 / /b rw - a a rw\n");
        for i in 3..100_003 {
            use std::fmt::Write;
            writeln!(text, "{i} {} 0:1 / /m{i} rw - tmpfs t rw", i - 1).unwrap();
        }
        assert_eq!(Mounts::parse_mountinfo("m", &text).all.len(), 100_002);
    }

    proptest! {
        #[test]
        fn never_panics(text in "([0-9 /a\\\\-]|\n){0,300}") {
            let a = Mounts::parse_mountinfo("m", &text);
            let b = Mounts::parse_mounts("m", &text);
            prop_assert!(a.visible().count() <= a.all.len() && b.visible().count() <= b.all.len());
        }
    }
}
