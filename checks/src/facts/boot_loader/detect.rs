//! Which carriers of a command line a node has, and which of them the running kernel was started by.

use super::{BootLoader, Candidate, Carrier, Place, Tools, files};
use crate::{
    evidence::Evidence,
    facts::environment::Kind,
    node::{Node, Origin, Read, ReadErrorKind},
};
use std::rc::Rc;

/// The most boot loader entries that are read; a node has two or three.
const ENTRIES: usize = 32;
const GRUB_DEFAULT: &str = "/etc/default/grub";
const KERNEL_CMDLINE: &str = "/etc/kernel/cmdline";
const GRUB_KEYS: [&str; 3] =
    ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX_DEFAULT_APPEND"];

pub(super) fn detect(node: &Node) -> BootLoader {
    let kind = node.environment().kind;
    let is_virtual = kind == Kind::Vm;
    let running: &[String] = node.cmdline().as_ref().map_or(&[], |c| c.words());
    if let Some(candidate) = managed(node, kind, running) {
        return BootLoader { candidates: vec![candidate], gaps: Vec::new(), is_virtual };
    }
    let mut look = Look { node, gaps: Vec::new() };
    let boot = look.names("/boot");
    let mut candidates: Vec<Candidate> = Vec::new();
    candidates.extend(look.raspberry_pi(&boot));
    let (images, entries) = (look.images(&boot), look.entries(&boot));
    let grub = look.grub(&boot, &entries);
    candidates.extend(look.unified(images));
    if grub.is_none() {
        candidates.extend(look.systemd_boot(entries));
    }
    candidates.extend(grub);
    candidates.extend(look.extlinux(&boot));
    candidates.extend(look.armbian(&boot));
    // Stable: of two that are as likely, the more particular one stays first.
    candidates.sort_by_key(|c| std::cmp::Reverse(likelihood(c, running)));
    BootLoader { candidates, gaps: look.gaps, is_virtual }
}

/// What owns the command line whatever files lie on the disk.
fn managed(node: &Node, kind: Kind, running: &[String]) -> Option<Candidate> {
    let mark = |prefix: &str| {
        let word = running.iter().find(|w| w.starts_with(prefix))?;
        Some(node.cmdline_evidence(word))
    };
    let by = |carrier, evidence| Some(Candidate::new(carrier, evidence));
    let seen = || node.environment().evidence.first().cloned();
    match kind {
        Kind::Wsl => return by(Carrier::Wsl, seen().unwrap_or_else(|| Evidence::new("environment", "wsl"))),
        // The files of a live container are those of its image.
        Kind::Container if node.origin() == Origin::Live => {
            return by(
                Carrier::Container,
                seen().unwrap_or_else(|| Evidence::new("environment", "container")),
            );
        }
        _ => {}
    }
    // Talos, reference of kernel parameters: required on each machine.
    if let Some(word) = mark("talos.platform=") {
        return by(Carrier::Talos, word);
    }
    // nixpkgs, nixos/modules/system/boot: every generation is started by its own init.
    if let Some(word) = mark("init=/nix/store/") {
        return by(Carrier::NixOs, word);
    }
    // flatcar/scripts, build_library/grub.cfg.
    if let Some(word) = ["flatcar.", "BOOT_IMAGE=/flatcar/", "coreos.oem.id="].into_iter().find_map(mark) {
        return Some(flatcar(node, word));
    }
    // ostree(1): the deployment is named on the command line, and /run/ostree-booted is made in the initramfs.
    let booted =
        || node.kind("/run/ostree-booted").is_ok().then(|| Evidence::new("/run/ostree-booted", "exists"));
    let evidence = mark("ostree=").or_else(booted)?;
    let mut candidate = Candidate::new(Carrier::Ostree, evidence);
    candidate.tools.rpm_ostree = node.kind("/usr/bin/rpm-ostree").is_ok();
    Some(candidate)
}

fn flatcar(node: &Node, word: Evidence) -> Candidate {
    let mut candidate = Candidate::new(Carrier::Flatcar, word);
    // The OEM partition moved from the one to the other; the old path stays as a link.
    let read = ["/oem/grub.cfg", "/usr/share/oem/grub.cfg"].map(|p| node.read(p));
    if let Some(read) = read.into_iter().find(|r| !r.is_missing()) {
        candidate.file = Some(read.path().to_owned());
        candidate.places = read.text().map(|t| files::flatcar(read.path(), &t)).unwrap_or_default();
    }
    candidate
}

/// How well a candidate fits the running command line: what loaders add themselves weighs most, then how many of
/// the running words its files hold.
fn likelihood(candidate: &Candidate, running: &[String]) -> usize {
    let starts = |prefix: &str| running.iter().any(|w| w.starts_with(prefix));
    let marked = match candidate.carrier {
        // GRUB (loader/i386/linux.c and others) and syslinux put it in front.
        Carrier::Grub => starts("BOOT_IMAGE="),
        Carrier::Extlinux => starts("BOOT_IMAGE=") && starts("initrd="),
        // The firmware adds them to what cmdline.txt holds (raspberrypi/linux#6980).
        Carrier::RaspberryPi => starts("vc_mem.mem_base="),
        // systemd-boot passes the initrd of an entry with the separators of EFI.
        Carrier::Entries => starts("initrd=\\"),
        _ => false,
    };
    let shared = running.iter().filter(|w| candidate.holding(w).next().is_some()).count();
    shared + if marked { 1000 } else { 0 }
}

/// Exactly: bootctl and grub-mkconfig tell `.conf` from `.CONF`, too.
fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, e)| e == extension)
}

/// One look around. What can't be looked at is a gap, not an absence.
struct Look<'a> {
    node: &'a Node,
    gaps: Vec<Evidence>,
}

/// Names in a directory: `None` where they could not be read, so that each path is tried.
type Names = Option<Vec<String>>;

fn may_have(names: &Names, name: &str) -> bool {
    names.as_ref().is_none_or(|n| n.iter().any(|n| n == name))
}

impl Look<'_> {
    fn names(&mut self, directory: &str) -> Names {
        match self.node.list(directory) {
            Ok(names) => Some(names),
            Err(e) if matches!(e.kind, ReadErrorKind::Missing | ReadErrorKind::WrongKind(_)) => {
                Some(Vec::new())
            }
            Err(e) => {
                self.gaps.push(e.evidence());
                None
            }
        }
    }

    /// A file that exists; one that can't be read is a gap, too.
    fn read(&mut self, path: &str) -> Option<Rc<Read>> {
        let read = self.node.read(path);
        if read.is_missing() {
            return None;
        }
        if read.bytes().is_err() {
            self.gaps.push(read.evidence());
        }
        Some(read)
    }

    fn places(&mut self, path: &str, parse: impl Fn(&str, &str) -> Vec<Place>) -> Option<Vec<Place>> {
        let read = self.read(path)?;
        Some(read.text().map(|t| parse(path, &t)).unwrap_or_default())
    }

    fn has(&self, path: &str) -> bool {
        self.node.kind(path).is_ok()
    }

    /// Below /boot/firmware (Raspberry Pi OS 12, Ubuntu, Debian) or in /boot (before): in the newer layout
    /// /boot/cmdline.txt only says where the file went.
    fn raspberry_pi(&mut self, boot: &Names) -> Option<Candidate> {
        let directories = [("firmware", "/boot/firmware"), ("cmdline.txt", "/boot")];
        for (_, directory) in directories.into_iter().filter(|(name, _)| may_have(boot, name)) {
            let config = self.node.read(&format!("{directory}/config.txt"));
            let name =
                config.text().map_or_else(|_| "cmdline.txt".to_owned(), |t| files::pi_command_line(&t));
            // A prefix without files falls back to none (raspberrypi.com, `os_prefix`).
            let tried = [format!("{directory}/{name}"), format!("{directory}/cmdline.txt")];
            let Some((path, mut places)) = tried
                .into_iter()
                .find_map(|path| self.places(&path, files::bare).map(|places| (path, places)))
            else {
                continue;
            };
            places.truncate(1);
            let mut candidate = Candidate::new(Carrier::RaspberryPi, Evidence::new(&path, "exists"));
            candidate.places = places;
            // Raspberry Pi OS has a package of that name too, and there cmdline.txt itself is edited (raspberrypi.com,
            // "Kernel command line").
            candidate.tools.raspi_firmware =
                self.has("/etc/default/raspi-firmware") && !self.has("/etc/rpi-issue");
            if candidate.tools.raspi_firmware {
                const EXTRA: &str = "/etc/default/raspi-extra-cmdline";
                candidate.places.extend(self.places(EXTRA, files::bare).unwrap_or_default());
            }
            candidate.file = Some(path);
            return Some(candidate);
        }
        None
    }

    /// Boot loader entries with their places; they lie on the EFI or the boot partition.
    fn entries(&mut self, boot: &Names) -> Vec<(String, Vec<Place>)> {
        let mut found = Vec::new();
        for (gate, directory) in [
            ("loader", "/boot/loader/entries"),
            ("efi", "/boot/efi/loader/entries"),
            ("", "/efi/loader/entries"),
        ] {
            if !gate.is_empty() && !may_have(boot, gate) {
                continue;
            }
            for name in self.names(directory).unwrap_or_default() {
                if has_extension(&name, "conf") && found.len() < ENTRIES {
                    let path = format!("{directory}/{name}");
                    let places = self.places(&path, files::entry).unwrap_or_default();
                    found.push((path, places));
                }
            }
        }
        found
    }

    /// Unified kernel images (UAPI.1, "Type #2").
    fn images(&mut self, boot: &Names) -> Option<String> {
        for (gate, directory) in
            [("EFI", "/boot/EFI/Linux"), ("efi", "/boot/efi/EFI/Linux"), ("", "/efi/EFI/Linux")]
        {
            if !gate.is_empty() && !may_have(boot, gate) {
                continue;
            }
            let names = self.names(directory).unwrap_or_default();
            if let Some(name) = names.iter().find(|n| n.to_ascii_lowercase().ends_with(".efi")) {
                return Some(format!("{directory}/{name}"));
            }
        }
        None
    }

    fn unified(&mut self, image: Option<String>) -> Option<Candidate> {
        let mut candidate = Candidate::new(Carrier::UnifiedImage, Evidence::new(image?, "exists"));
        candidate.places = self.places(KERNEL_CMDLINE, files::bare).unwrap_or_default();
        candidate.file = Some(KERNEL_CMDLINE.into());
        Some(candidate)
    }

    fn systemd_boot(&mut self, entries: Vec<(String, Vec<Place>)>) -> Option<Candidate> {
        let (first, _) = entries.first()?;
        let mut candidate = Candidate::new(Carrier::Entries, Evidence::new(first, "exists"));
        candidate.tools.sdbootutil = self.has("/usr/bin/sdbootutil");
        candidate.places = entries.into_iter().flat_map(|(_, places)| places).collect();
        candidate.places.extend(self.places(KERNEL_CMDLINE, files::bare).unwrap_or_default());
        Some(candidate)
    }

    fn grub(&mut self, boot: &Names, entries: &[(String, Vec<Place>)]) -> Option<Candidate> {
        let directory = ["grub2", "grub"].into_iter().find(|name| {
            // An unreadable /boot does not show it: then the tools' own file has to.
            boot.as_ref().is_some_and(|n| n.iter().any(|n| n == name))
        });
        let defaults = self.places(GRUB_DEFAULT, |path, text| files::shell(path, text, &GRUB_KEYS));
        let evidence = match (&defaults, directory) {
            (Some(_), _) => Evidence::new(GRUB_DEFAULT, "exists"),
            (None, Some(name)) => Evidence::new(format!("/boot/{name}"), "exists"),
            (None, None) => return None,
        };
        let mut candidate = Candidate::new(Carrier::Grub, evidence);
        candidate.file = defaults.is_some().then(|| GRUB_DEFAULT.into());
        candidate.places = defaults.unwrap_or_default();
        // Debian's grub-mkconfig reads them after the file itself, so they win.
        for name in self.names("/etc/default/grub.d").unwrap_or_default() {
            if has_extension(&name, "cfg") {
                let path = format!("/etc/default/grub.d/{name}");
                let parse = |path: &str, text: &str| files::shell(path, text, &GRUB_KEYS);
                candidate.places.extend(self.places(&path, parse).unwrap_or_default());
            }
        }
        candidate.tools = Tools {
            grubby: self.has("/usr/sbin/grubby") || self.has("/sbin/grubby"),
            update_grub: self.has("/usr/sbin/update-grub"),
            transactional: self.has("/usr/sbin/transactional-update"),
            sdbootutil: !entries.is_empty() && self.has("/usr/bin/sdbootutil"),
            grub2: directory == Some("grub2") || self.has("/usr/sbin/grub2-mkconfig"),
            entries: !entries.is_empty(),
            ..Tools::default()
        };
        candidate.places.extend(entries.iter().flat_map(|(_, places)| places.iter().cloned()));
        // RHEL 8: the entries say `$kernelopts`, a variable of GRUB.
        if entries.iter().any(|(_, places)| places.iter().any(|p| p.holds("$kernelopts"))) {
            let parse = |path: &str, text: &str| files::shell(path, text, &["kernelopts"]);
            candidate.places.extend(self.places("/boot/grub2/grubenv", parse).unwrap_or_default());
        }
        if candidate.tools.sdbootutil {
            candidate.places.extend(self.places(KERNEL_CMDLINE, files::bare).unwrap_or_default());
        }
        Some(candidate)
    }

    fn extlinux(&mut self, boot: &Names) -> Option<Candidate> {
        let paths = [
            ("extlinux", "/boot/extlinux/extlinux.conf"),
            ("extlinux.conf", "/boot/extlinux.conf"),
            ("syslinux", "/boot/syslinux/syslinux.cfg"),
        ];
        for (_, path) in paths.into_iter().filter(|(name, _)| may_have(boot, name)) {
            let Some(places) = self.places(path, files::extlinux) else { continue };
            let mut candidate = Candidate::new(Carrier::Extlinux, Evidence::new(path, "exists"));
            candidate.file = Some(path.into());
            candidate.places = places;
            // u-boot-update(8) of Debian's u-boot-menu, and update-extlinux of Alpine.
            for (source, key) in [
                ("/etc/default/u-boot", "U_BOOT_PARAMETERS"),
                ("/etc/update-extlinux.conf", "default_kernel_opts"),
            ] {
                let parse = |path: &str, text: &str| files::shell(path, text, &[key]);
                if let Some(places) = self.places(source, parse) {
                    candidate.tools.u_boot_menu = source == "/etc/default/u-boot";
                    candidate.file = Some(source.into());
                    candidate.places.extend(places);
                    break;
                }
            }
            return Some(candidate);
        }
        None
    }

    fn armbian(&mut self, boot: &Names) -> Option<Candidate> {
        const PATH: &str = "/boot/armbianEnv.txt";
        if !may_have(boot, "armbianEnv.txt") {
            return None;
        }
        // docs.armbian.com, "Boot": the script of U-Boot appends it.
        let places = self.places(PATH, |path, text| files::shell(path, text, &["extraargs"]))?;
        let mut candidate = Candidate::new(Carrier::Armbian, Evidence::new(PATH, "exists"));
        candidate.file = Some(PATH.into());
        candidate.places = places;
        Some(candidate)
    }
}
