//! Sections of zram-generator.conf that make swap (zram-generator.conf(5)).

use super::{SwapBoot, SwapOrigin, SwapSource};
use crate::{evidence::Evidence, node::Node};
use std::collections::BTreeMap;

/// Where the file may lie; of the main file the first counts, of the others each name once.
const PLACES: [&str; 4] = ["/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd"];
const NAME: &str = "zram-generator.conf";

/// What the files say of one device.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Device {
    file: String,
    /// A file system is put on it instead.
    mounted: bool,
    /// Its size is nothing.
    none: bool,
}

pub(super) fn look(node: &Node, boot: &mut SwapBoot) {
    // systemd.zram=0 on the kernel's command line turns it off (zram-generator(8)).
    if node
        .cmdline()
        .as_ref()
        .is_ok_and(|c| c.words().iter().any(|w| w == "systemd.zram=0" || w == "systemd.zram=no"))
    {
        return;
    }
    let mut devices = BTreeMap::new();
    for place in PLACES {
        let path = format!("{place}/{NAME}");
        if let Some(text) = boot.text(node, &path) {
            parse(&path, &text, &mut devices);
            break;
        }
    }
    for path in drop_ins(node, boot) {
        if let Some(text) = boot.text(node, &path) {
            parse(&path, &text, &mut devices);
        }
    }
    for (device, about) in devices.into_iter().filter(|(_, d)| !d.mounted && !d.none) {
        boot.sources.push(SwapSource {
            origin: SwapOrigin::ZramGenerator,
            words: format!("[{device}] in {}", about.file),
            evidence: Evidence::new(&about.file, format!("[{device}]")),
            name: device,
        });
    }
}

/// By name, whatever their directory.
fn drop_ins(node: &Node, boot: &mut SwapBoot) -> Vec<String> {
    let mut by_name = BTreeMap::new();
    for place in PLACES {
        let directory = format!("{place}/{NAME}.d");
        for name in
            boot.names(node, &directory).into_iter().filter(|n| n.strip_suffix(".conf").is_some()).take(100)
        {
            let path = format!("{directory}/{name}");
            by_name.entry(name).or_insert(path);
        }
    }
    by_name.into_values().collect()
}

/// Adds what one file says; later files change what earlier ones said.
pub(super) fn parse(path: &str, text: &str, devices: &mut BTreeMap<String, Device>) {
    let mut current: Option<String> = None;
    for line in text.lines().take(10_000).map(str::trim) {
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
