//! The facts.

use super::{Fact, Told};
use crate::{
    cel::Value,
    evidence::{Evidence, Unknown},
    facts::{
        Known,
        cgroup::LayoutKind,
        network::{Addresses, Family},
        os_release::OsRelease,
    },
    node::{FileKind, Node, ReadError},
};
use std::rc::Rc;

/// A fact of one type.
const fn fact(path: &'static str, kind: &'static str, summary: &'static str, ask: fn(&Node) -> Told) -> Fact {
    Fact { path, kind, summary, ask }
}

pub(super) const FACTS: &[Fact] = &[
    fact("node.hostname", "string", "its name in the kernel", hostname),
    fact("node.architecture", "string", "as uname -m names it: x86_64", architecture),
    fact("node.environment", "string", "bare, vm, container, wsl or unknown", environment),
    fact("node.user", "int", "the user that preflight runs as", user),
    fact("node.kernel.release", "string", "as uname -r names it", |node| {
        let release = node.kernel_release().as_ref().map_err(Clone::clone)?;
        Ok((release.text.as_str().into(), vec![release.evidence.clone()]))
    }),
    fact("node.kernel.version", "semver", "its leading numbers", |node| {
        let release = node.kernel_release().as_ref().map_err(Clone::clone)?;
        Ok((Value::Version(Rc::new(release.version.clone())), vec![release.evidence.clone()]))
    }),
    fact("node.kernel.parameters", "list(string)", "the words of its command line", |node| {
        let cmdline = node.cmdline().as_ref().map_err(Clone::clone)?;
        whole(node, "/proc/cmdline")?;
        let words = cmdline.words();
        let seen = Evidence::new("/proc/cmdline", format!("{} words", words.len()));
        Ok((words.iter().map(String::as_str).collect(), vec![seen]))
    }),
    fact("node.cgroup.layout", "string", "v2, v1, hybrid or none", layout),
    fact("node.cpu.count", "int", "processors that are online", |node| {
        let count = node.cpu_count().as_ref().map_err(Clone::clone)?;
        Ok(((count.online as u64).into(), vec![count.online_seen.clone()]))
    }),
    fact("node.cpu.features", "list(string)", "what they can do, in the kernel's words", |node| {
        let features = node.cpu_features().as_ref().map_err(Clone::clone)?;
        whole(node, "/proc/cpuinfo")?;
        let seen = Evidence::new("/proc/cpuinfo", format!("{} features", features.words.len()));
        Ok((features.words.iter().map(String::as_str).collect(), vec![seen]))
    }),
    fact("node.memory.total", "int", "bytes of the machine", |node| memory(node, "MemTotal")),
    fact("node.memory.available", "int", "bytes that programs can get; differs from run to run", |node| {
        memory(node, "MemAvailable")
    }),
    fact("node.swap.total", "int", "bytes of swap in use", |node| memory(node, "SwapTotal")),
    fact("node.os.id", "string", "debian, rhel, ubuntu, flatcar", |node| {
        os(node, |os| os.id.as_str().into())
    }),
    fact("node.os.idLike", "list(string)", "the distributions that it is like", |node| {
        os(node, |os| os.id_like.iter().map(String::as_str).collect())
    }),
    fact("node.os.version", "string", "12, 24.04; empty where it has none", |node| {
        os(node, |os| os.version.as_deref().unwrap_or_default().into())
    }),
    fact("node.os.name", "string", "for people", |node| os(node, |os| os.name.as_str().into())),
    fact("node.modules", "list(string)", "modules that are loaded", modules),
    fact("node.mounts", "list(map)", "each with path, type, source and options", mounts),
    fact("node.interfaces", "list(map)", "each with name, up, works and mtu", interfaces),
    fact("node.addresses", "list(string)", "of IPv4 and IPv6, which others can reach", addresses),
];

/// There wherever the kernel has cgroups (cgroup_init(), kernel/cgroup/cgroup.c).
const CGROUPS: &str = "/proc/cgroups";

fn layout(node: &Node) -> Told {
    let layout = node.cgroup_layout().as_ref().map_err(Clone::clone)?;
    whole(node, node.mounts().as_ref().map_err(Clone::clone)?.source())?;
    // A hierarchy of version 1 that lives somewhere: the mounts that are to be seen are not all there are.
    if matches!(layout.kind, LayoutKind::V2 | LayoutKind::None) {
        whole(node, CGROUPS)?;
        let read = node.read(CGROUPS);
        let text = read.text().map_err(ReadError::unknown)?;
        let is_bound = |line: &str| line.split_whitespace().nth(1).is_some_and(|hierarchy| hierarchy != "0");
        if text.lines().filter(|line| !line.starts_with('#')).any(is_bound) {
            let why = "/proc/cgroups has hierarchies of version 1, and no mount of one is to be seen";
            return Err(Unknown::new(why).tried(layout.evidence.iter().cloned()));
        }
    }
    Ok((layout.kind.as_str().into(), layout.evidence.clone()))
}

fn hostname(node: &Node) -> Told {
    let read = node.read("/proc/sys/kernel/hostname");
    let name = read.text().map_err(ReadError::unknown)?.trim().to_owned();
    Ok((name.as_str().into(), vec![read.quote(name)]))
}

fn architecture(node: &Node) -> Told {
    let (name, seen) =
        node.architecture_seen().ok_or_else(|| Unknown::new("the architecture of this node is not known"))?;
    Ok((name.into(), vec![seen]))
}

#[allow(clippy::unnecessary_wraps)] // as the others have it
fn environment(node: &Node) -> Told {
    let found = node.environment();
    let word = found.kind.as_str();
    let mut seen = found.evidence.clone();
    if seen.is_empty() {
        seen.push(Evidence::new("what tells a container or a virtual machine", word));
    }
    Ok((word.into(), seen))
}

fn user(node: &Node) -> Told {
    let user = node.user().ok_or_else(|| Unknown::new("this is not the machine itself"))?;
    Ok((u64::from(user).into(), vec![Evidence::new("geteuid(2)", user.to_string())]))
}

fn memory(node: &Node, key: &str) -> Told {
    let memory = node.memory().as_ref().map_err(Clone::clone)?;
    let value = memory.get(key).ok_or_else(|| Unknown::new(format!("/proc/meminfo has no {key}")))?;
    Ok((value.get().into(), vec![memory.evidence(key)]))
}

/// What is cut off within a line may lack more: an expression can ask for what is *not* there.
fn whole(node: &Node, path: &str) -> Known<()> {
    let read = node.read(path);
    let text = read.text().map_err(ReadError::unknown)?;
    if text.ends_with('\n') {
        return Ok(());
    }
    Err(Unknown::new(format!("{path} does not end with a line, so that it may be cut off"))
        .tried([read.evidence()]))
}

fn os(node: &Node, of: fn(&OsRelease) -> Value) -> Told {
    let os = node.os_release().as_ref().map_err(Clone::clone)?;
    whole(node, &os.source)?;
    Ok((of(os), vec![os.evidence()]))
}

fn modules(node: &Node) -> Told {
    whole(node, "/proc/modules")?;
    let read = node.read("/proc/modules");
    let text = read.text().map_err(ReadError::unknown)?;
    let names: Vec<String> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    let seen = read.quote(format!("{} modules", names.len()));
    Ok((names.into_iter().collect(), vec![seen]))
}

/// The longest list of maps: each takes about a kilobyte.
const LONGEST: usize = 10_000;

fn mounts(node: &Node) -> Told {
    let mounts = node.mounts().as_ref().map_err(Clone::clone)?;
    whole(node, mounts.source())?;
    let of = |mount: &crate::facts::mounts::Mount| {
        Value::map([
            ("path", mount.point.as_str().into()),
            ("type", mount.fs_type.as_str().into()),
            ("source", mount.source().into()),
            ("options", mount.all_options().collect()),
        ])
    };
    let count = mounts.visible().count();
    if count > LONGEST {
        return Err(Unknown::new(format!("there are {count} mounts, and a list has {LONGEST} at most"))
            .tried([mounts.says(format!("{count} mounts"))]));
    }
    let all: Vec<Value> = mounts.visible().map(of).collect();
    let seen = mounts.says(format!("{} mounts", all.len()));
    Ok((Value::List(Rc::new(all)), vec![seen]))
}

fn interfaces(node: &Node) -> Told {
    const NET: &str = "/sys/class/net";
    let names = node.list(NET).map_err(|e| e.unknown())?;
    let of = |name: &String| -> Known<Value> {
        let interface = node.interface(name)?;
        Ok(Value::map([
            ("name", name.as_str().into()),
            ("up", interface.is_up.into()),
            ("works", interface.works().into()),
            ("mtu", u64::from(interface.mtu).into()),
        ]))
    };
    // bonding_masters and its like are files, and no interfaces. What can't be looked at may be one.
    let is_one = |name: &&String| node.kind(&format!("{NET}/{name}")) != Ok(FileKind::File);
    let names: Vec<&String> = names.iter().filter(is_one).collect();
    let all: Vec<Value> = names.iter().map(|name| of(name)).collect::<Known<_>>()?;
    let seen: Vec<Evidence> =
        names.iter().take(8).filter_map(|name| Some(node.interface(name).ok()?.evidence())).collect();
    let seen = if seen.is_empty() { vec![Evidence::new(NET, "no interface")] } else { seen };
    Ok((Value::List(Rc::new(all)), seen))
}

fn addresses(node: &Node) -> Told {
    let mut all: Vec<String> = Vec::new();
    let mut seen = Vec::new();
    for family in [Family::Ipv4, Family::Ipv6] {
        let addresses: &Addresses = node.addresses(family).as_ref().map_err(Clone::clone)?;
        all.extend(addresses.reachable().map(|address| address.to_string()));
        seen.push(addresses.evidence());
    }
    Ok((all.into_iter().collect(), seen))
}
