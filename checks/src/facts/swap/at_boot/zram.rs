//! Sections of zram-generator.conf that make swap (zram-generator.conf(5)).

use super::{AtBoot, Bringer, is_masked};
use crate::{
    evidence::Evidence,
    node::{Node, ReadError},
};
use std::collections::BTreeMap;

/// Where its files may lie: of the main file the first counts, of the others each name once (its README and manual page).
const PLACES: [&str; 4] = ["/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"];
const NAME: &str = "zram-generator.conf";
/// Without it nobody reads them.
const GENERATOR: &str = "/usr/lib/systemd/system-generators/zram-generator";

/// What the files say of one device.
#[derive(Debug, Default)]
pub(super) struct Device {
    file: String,
    /// It gets a file system instead.
    mounted: bool,
    /// Its size is nothing.
    none: bool,
}

pub(super) fn bringers(node: &Node, unread: &mut Vec<ReadError>) -> Vec<AtBoot> {
    // systemd.zram=0 on the kernel's command line turns it off (zram-generator(8)).
    let off = |word: &String| word == "systemd.zram=0" || word == "systemd.zram=no";
    if node.kind(GENERATOR).is_err() || node.cmdline().as_ref().is_ok_and(|c| c.words().iter().any(off)) {
        return Vec::new();
    }
    let mut devices = BTreeMap::new();
    let main = PLACES.iter().map(|place| format!("{place}/{NAME}"));
    for path in main {
        if let Some(text) = text(node, &path, unread) {
            parse(&path, &text, &mut devices);
            break;
        }
    }
    for path in drop_ins(node, unread) {
        if let Some(text) = text(node, &path, unread) {
            parse(&path, &text, &mut devices);
        }
    }
    let makes_swap = |device: &Device| !device.mounted && !device.none;
    devices
        .into_iter()
        .filter(|(_, device)| makes_swap(device))
        .map(|(name, Device { file, .. })| {
            let evidence = Evidence::new(&file, format!("[{name}]"));
            AtBoot { bringer: Bringer::ZramGenerator(file), evidence }
        })
        .collect()
}

/// What a file says; nothing where it is not there, and an empty text where it is masked.
fn text(node: &Node, path: &str, unread: &mut Vec<ReadError>) -> Option<String> {
    let read = node.read(path);
    match read.text() {
        Ok(text) => Some(text.into_owned()),
        Err(e) if e.is_missing() => None,
        Err(_) if is_masked(node, path) => Some(String::new()),
        Err(e) => {
            unread.push(e.clone());
            None
        }
    }
}

/// By name, whatever their directory.
fn drop_ins(node: &Node, unread: &mut Vec<ReadError>) -> Vec<String> {
    let mut by_name = BTreeMap::new();
    for place in PLACES {
        let directory = format!("{place}/{NAME}.d");
        match node.list(&directory) {
            Ok(names) => {
                for name in names.into_iter().filter(|n| n.strip_suffix(".conf").is_some()).take(100) {
                    let path = format!("{directory}/{name}");
                    by_name.entry(name).or_insert(path);
                }
            }
            Err(e) if e.is_missing() => {}
            Err(e) => unread.push(e),
        }
    }
    by_name.into_values().collect()
}

/// Adds what one file says; later files change what earlier ones said.
pub(super) fn parse(path: &str, text: &str, devices: &mut BTreeMap<String, Device>) {
    let mut current: Option<String> = None;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            current = section.starts_with("zram").then(|| section.to_owned());
            if let Some(name) = &current {
                path.clone_into(&mut devices.entry(name.clone()).or_default().file);
            }
            continue;
        }
        let device = current.as_ref().and_then(|name| devices.get_mut(name));
        let (Some(device), Some((key, value))) = (device, line.split_once('=')) else { continue };
        match (key.trim(), value.trim()) {
            ("mount-point", value) => device.mounted = !value.is_empty(),
            ("fs-type", value) => device.mounted = value != "swap",
            ("zram-size", value) => device.none = value == "0",
            _ => {}
        }
    }
}
