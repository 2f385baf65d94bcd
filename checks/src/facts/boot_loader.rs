//! What carries the kernel command line on this node, and how a word is taken out of it or put into it.
//!
//! Asked only where a remedy is wanted: a good node costs no look at /boot. Nothing here is ever run or written.

mod detect;
mod files;
mod remedy;

pub use files::Place;
pub use remedy::Edit;

use crate::{evidence::Evidence, node::Node};

/// What can carry the kernel command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// WSL2: `.wslconfig` on Windows.
    Wsl,
    /// The machine that runs this container: its files are not visible here.
    Container,
    /// Talos Linux: the machine configuration, or the image.
    Talos,
    /// An ostree system: `rpm-ostree kargs`.
    Ostree,
    /// NixOS: `boot.kernelParams`.
    NixOs,
    /// Flatcar Container Linux: grub.cfg of the OEM partition.
    Flatcar,
    /// The firmware of a Raspberry Pi: cmdline.txt.
    RaspberryPi,
    /// A unified kernel image, which holds the command line itself.
    UnifiedImage,
    /// systemd-boot, or another loader of boot loader entries that is not GRUB.
    Entries,
    /// GRUB 2, with or without boot loader entries.
    Grub,
    /// extlinux, syslinux, or U-Boot that reads extlinux.conf.
    Extlinux,
    /// Armbian's script for U-Boot.
    Armbian,
}

impl Carrier {
    /// Its name for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wsl => "WSL2",
            Self::Container => "the machine that runs this container",
            Self::Talos => "Talos",
            Self::Ostree => "ostree",
            Self::NixOs => "NixOS",
            Self::Flatcar => "Flatcar",
            Self::RaspberryPi => "the firmware of the Raspberry Pi",
            Self::UnifiedImage => "a unified kernel image",
            Self::Entries => "boot loader entries (systemd-boot)",
            Self::Grub => "GRUB",
            Self::Extlinux => "extlinux.conf",
            Self::Armbian => "armbianEnv.txt",
        }
    }
}

/// The tools that write a boot loader's configuration on this node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says that one tool is there, and they are independent"
)]
pub(crate) struct Tools {
    /// `grubby` (Fedora, RHEL), which edits entries and grub.cfg alike.
    pub(crate) grubby: bool,
    /// `update-grub` (Debian, Ubuntu).
    pub(crate) update_grub: bool,
    /// `transactional-update` (openSUSE `MicroOS`), where the root is read-only.
    pub(crate) transactional: bool,
    /// `sdbootutil` (openSUSE with boot loader entries).
    pub(crate) sdbootutil: bool,
    /// `/boot/grub2` instead of `/boot/grub`.
    pub(crate) grub2: bool,
    /// GRUB reads boot loader entries.
    pub(crate) entries: bool,
    /// Debian's u-boot-menu, which writes extlinux.conf.
    pub(crate) u_boot_menu: bool,
    /// Debian's raspi-firmware, which writes cmdline.txt.
    pub(crate) raspi_firmware: bool,
    /// `rpm-ostree`.
    pub(crate) rpm_ostree: bool,
}

/// One thing that may carry the command line, with what was found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it is.
    pub carrier: Carrier,
    /// The file that a change belongs in, where it is one file.
    pub file: Option<String>,
    /// The places of its files that hold words of a command line.
    pub places: Vec<Place>,
    /// What showed that it is there.
    pub evidence: Vec<Evidence>,
    /// The tools that belong to it.
    pub(crate) tools: Tools,
}

impl Candidate {
    fn new(carrier: Carrier, evidence: Evidence) -> Self {
        Self { carrier, file: None, places: Vec::new(), evidence: vec![evidence], tools: Tools::default() }
    }

    /// The places that hold `word`.
    pub fn holding<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a Place> {
        self.places.iter().filter(move |p| p.holds(word))
    }
}

/// What carries the kernel command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootLoader {
    /// All that was found, the likeliest first. Empty: nothing that is known here.
    pub candidates: Vec<Candidate>,
    /// What could not be looked at and might have told more.
    pub gaps: Vec<Evidence>,
    /// Whether the node is a virtual machine, which may get its command line from outside.
    pub(crate) is_virtual: bool,
}

impl BootLoader {
    /// The likeliest carrier.
    #[must_use]
    pub fn carrier(&self) -> Option<Carrier> {
        self.candidates.first().map(|c| c.carrier)
    }

    /// Where `word` stands, by file and line: what a boot with it follows from.
    #[must_use]
    pub fn evidence_of(&self, word: &str) -> Option<Evidence> {
        self.candidates.iter().find_map(|c| c.holding(word).next()).map(|place| {
            let key = if place.key.is_empty() { String::new() } else { format!("{}: ", place.key) };
            // Never the whole line: a command line may hold secrets.
            Evidence::new(&place.path, format!("line {}: {key}{word}", place.line))
        })
    }
}

impl Node {
    /// What carries the kernel command line: told from files, live and under a root alike.
    pub fn boot_loader(&self) -> &BootLoader {
        self.fact(|| detect::detect(self))
    }
}

#[cfg(test)]
mod tests;
