//! What is asked of a node with a word: of one parameter, option, file, package.

use super::Told;
use crate::{
    cel::Value,
    evidence::{Evidence, Unknown},
    facts::{kernel_config::Setting, packages::State, sysctl::Key},
    node::{FileKind, Node},
};

/// The functions that ask the node, each with what it takes and gives.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("sysctl", "the value of a kernel parameter, a string: sysctl(\"net.ipv4.ip_forward\") == \"1\""),
    (
        "kernelConfig",
        "y, m, n or the value of an option of the kernel, a string: kernelConfig(\"CONFIG_CGROUPS\") == \"y\"",
    ),
    ("fileExists", "whether a file or directory is there: fileExists(\"/etc/kubernetes/kubelet.conf\")"),
    ("packageVersion", "the version of an installed package, a string; null where it is not installed"),
    (
        "disk",
        "the file system that holds a path, a map of size and available, in bytes: disk(\"/var/lib\").available",
    ),
    (
        "filesystemSupported",
        "whether the kernel has a type of file system ready: filesystemSupported(\"overlay\")",
    ),
];

pub(super) fn call(function: &str, argument: &str, node: &Node) -> Option<Told> {
    Some(match function {
        "sysctl" => sysctl(argument, node),
        "kernelConfig" => kernel_config(argument, node),
        "fileExists" => file_exists(argument, node),
        "packageVersion" => package_version(argument, node),
        "disk" => disk(argument, node),
        "filesystemSupported" => node
            .filesystems()
            .as_ref()
            .map_err(Clone::clone)
            .map(|known| (known.has(argument).into(), vec![known.evidence(argument)])),
        _ => return None,
    })
}

fn sysctl(name: &str, node: &Node) -> Told {
    let key = Key::parse(name).filter(|key| !key.is_pattern());
    let key = key.ok_or_else(|| Unknown::new(format!("`{name}` is not the name of one parameter")))?;
    let value = node.sysctl(&key).map_err(|e| e.unknown())?;
    Ok((value.text.as_str().into(), vec![value.evidence()]))
}

fn kernel_config(option: &str, node: &Node) -> Told {
    let option = option.strip_prefix("CONFIG_").unwrap_or(option);
    let config = node.kernel_config().as_ref().map_err(Clone::clone)?;
    let value = match config.get(option) {
        Setting::BuiltIn => "y".to_owned(),
        Setting::Module => "m".to_owned(),
        Setting::Value(value) => value,
        Setting::NotSet | Setting::Absent => "n".to_owned(),
    };
    Ok((value.into(), vec![config.evidence(option)]))
}

fn file_exists(path: &str, node: &Node) -> Told {
    if !path.starts_with('/') {
        return Err(Unknown::new(format!("`{path}` is no absolute path")));
    }
    match node.kind(path) {
        Ok(kind) => {
            let what = if kind == FileKind::Directory { "a directory" } else { "exists" };
            Ok((true.into(), vec![Evidence::new(path, what)]))
        }
        // That it is missing counts only where the directory that would hold it can be looked at.
        Err(e) if e.is_missing() && node.first_existing(path)? != "/" => {
            Ok((false.into(), vec![e.evidence()]))
        }
        Err(e) => Err(e.unknown()),
    }
}

fn package_version(name: &str, node: &Node) -> Told {
    let (found, seen) = node.package(name)?;
    let installed = found.filter(|package| package.state == State::Installed);
    Ok((installed.map_or(Value::Null, |package| package.version.as_str().into()), vec![seen]))
}

fn disk(path: &str, node: &Node) -> Told {
    let place = node.first_existing(path)?;
    let found = node.filesystem(&place).map_err(|e| e.unknown())?;
    let seen = Evidence::new(
        format!("statfs({place})"),
        format!("{} bytes, {} available", found.size, found.available),
    );
    let entries = [("size", found.size.into()), ("available", found.available.into())];
    Ok((Value::map(entries), vec![seen]))
}
