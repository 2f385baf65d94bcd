//! How a change of the kernel command line is made, by what carries it. Shown, never run.

use super::{BootLoader, Candidate, Carrier, Place};
use crate::finding::Remedy;

/// Fedora and, since 9.3, RHEL 9 leave the entries that exist as they are without the option (release notes of RHEL 9.3,
/// "Boot loader"; voxpupuli/puppet-augeasproviders_grub#95).
const WITH_ENTRIES: &str = "grub2-mkconfig -o /boot/grub2/grub.cfg --update-bls-cmdline";

/// A change of the kernel command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    remove: Vec<String>,
    add: Vec<String>,
}

impl Edit {
    /// Takes `word` out, however often it is there.
    #[must_use]
    pub fn remove(mut self, word: impl Into<String>) -> Self {
        let word = word.into();
        if !self.remove.contains(&word) {
            self.remove.push(word);
        }
        self
    }

    /// Puts `word` in, at the end.
    #[must_use]
    pub fn append(mut self, word: impl Into<String>) -> Self {
        let word = word.into();
        if !self.add.contains(&word) {
            self.add.push(word);
        }
        self
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.add.is_empty()
    }

    /// The change in words: "take out `a`, and add `b`".
    fn in_words(&self) -> String {
        let quoted = |words: &[String]| words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(" ");
        match (self.remove.is_empty(), self.add.is_empty()) {
            (false, false) => format!("take out {}, and add {}", quoted(&self.remove), quoted(&self.add)),
            (false, true) => format!("take out {}", quoted(&self.remove)),
            _ => format!("add {}", quoted(&self.add)),
        }
    }

    /// Options of a tool that takes one per word.
    fn options(&self, remove: &str, add: &str) -> String {
        let removed = self.remove.iter().map(|w| format!(" {remove}{}", shell_word(w)));
        removed.chain(self.add.iter().map(|w| format!(" {add}{}", shell_word(w)))).collect()
    }
}

/// A word as a shell takes it unchanged.
fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=_.,:/@%+-".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

impl BootLoader {
    /// How `edit` is made on this node; `summary` says in one sentence what it is good for.
    #[must_use]
    pub fn remedy(&self, summary: impl Into<String>, edit: &Edit) -> Remedy {
        let remedy = Remedy::new(summary).reboot();
        let Some(chosen) = self.chosen(edit) else { return self.unknown(remedy, edit) };
        let remedy = chosen.remedy(remedy, edit);
        let others: Vec<&str> =
            self.candidates.iter().filter(|c| *c != chosen).map(|c| c.carrier.as_str()).collect();
        if others.is_empty() {
            return remedy;
        }
        let others = others.join(", ");
        remedy.persistent(format!("(also found: {others}; where that starts this machine, change it there)"))
    }

    /// How `word` is taken out of the command line.
    #[must_use]
    pub fn remedy_remove(&self, word: &str) -> Remedy {
        let summary = format!("Take `{word}` out of the kernel command line and reboot.");
        self.remedy(summary, &Edit::default().remove(word))
    }

    /// How `word` is put into the command line.
    #[must_use]
    pub fn remedy_add(&self, word: &str) -> Remedy {
        let summary = format!("Add `{word}` to the kernel command line and reboot.");
        self.remedy(summary, &Edit::default().append(word))
    }

    /// The candidate whose files hold what has to go, else the likeliest one.
    fn chosen(&self, edit: &Edit) -> Option<&Candidate> {
        let holds = |c: &&Candidate| edit.remove.iter().any(|w| c.holding(w).next().is_some());
        self.candidates.iter().find(holds).or(self.candidates.first())
    }

    /// Nothing is known of what starts this kernel, and the text does not pretend otherwise.
    fn unknown(&self, remedy: Remedy, edit: &Edit) -> Remedy {
        let place = match self.gaps.first() {
            Some(gap) => format!(
                "what carries the kernel command line could not be told ({} {}); there:",
                gap.source, gap.observed
            ),
            None if self.is_virtual => "no boot loader's file was found here; where this machine is defined (QEMU -append, libvirt <cmdline>):".into(),
            None => "no boot loader's file was found here; where the kernel command line is kept:".into(),
        };
        remedy.persistent(place).persistent(format!("  {}", edit.in_words())).persistent(
            "with GRUB: GRUB_CMDLINE_LINUX in /etc/default/grub, then update-grub, or grub2-mkconfig -o /boot/grub2/grub.cfg",
        )
    }
}

/// `/etc/default/grub, line 6, GRUB_CMDLINE_LINUX`.
fn at(place: &Place) -> String {
    let key = if place.key.is_empty() { String::new() } else { format!(", {}", place.key) };
    format!("{}, line {}{key}", place.path, place.line)
}

impl Candidate {
    fn remedy(&self, remedy: Remedy, edit: &Edit) -> Remedy {
        let change = edit.in_words();
        match self.carrier {
            Carrier::Wsl => wsl(remedy, edit),
            Carrier::Container => remedy.persistent(format!(
                "this is a container: {change} on the kernel command line of the machine that runs it"
            )),
            Carrier::Talos => talos(remedy, edit),
            // rpm-ostree(1); without it, ostree-admin-kargs(1).
            Carrier::Ostree if self.tools.rpm_ostree => remedy.command(format!(
                "rpm-ostree kargs{}",
                edit.options("--delete-if-present=", "--append-if-missing=")
            )),
            Carrier::Ostree => ostree(remedy, edit),
            Carrier::NixOs => remedy
                .persistent(format!("/etc/nixos/configuration.nix, boot.kernelParams: {change}"))
                .persistent("nixos-rebuild boot"),
            Carrier::Flatcar => self.flatcar(remedy, edit),
            Carrier::RaspberryPi => self.raspberry_pi(remedy, edit),
            Carrier::UnifiedImage => self.unified(remedy, edit),
            Carrier::Entries if self.tools.sdbootutil => {
                self.kernel_cmdline(remedy, edit).persistent("sdbootutil update-all-entries")
            }
            Carrier::Entries => self.entries(remedy, edit),
            Carrier::Grub => self.grub(remedy, edit),
            Carrier::Extlinux => self.extlinux(remedy, edit),
            Carrier::Armbian => self.edits(remedy, edit, "extraargs"),
        }
    }

    /// One line for each place that holds a word that has to go, and one for what has to come, at `last` place that
    /// has that key.
    fn edits(&self, mut remedy: Remedy, edit: &Edit, key: &str) -> Remedy {
        let mut seen = Vec::new();
        for word in &edit.remove {
            for place in self.holding(word) {
                remedy = remedy.persistent(format!("{}: take out `{word}`", at(place)));
                seen.push(word);
            }
        }
        let file = self.file.as_deref().unwrap_or("its configuration");
        for word in edit.remove.iter().filter(|w| !seen.contains(w)) {
            remedy = remedy.persistent(format!(
                "{file}: take out `{word}`, which was not found there: it may stand in another file"
            ));
        }
        if edit.add.is_empty() {
            return remedy;
        }
        let words = edit.add.join(" ");
        // A later assignment replaces an earlier one, so the last place counts.
        match self.places.iter().rev().find(|p| p.key.eq_ignore_ascii_case(key)) {
            Some(place) => remedy.persistent(format!("{}: add `{words}`", at(place))),
            None if key.is_empty() => remedy.persistent(format!("{file}: add `{words}`")),
            None => remedy.persistent(format!("{file}: {key}=\"{words}\"")),
        }
    }

    fn flatcar(&self, mut remedy: Remedy, edit: &Edit) -> Remedy {
        let file = self.file.as_deref().unwrap_or("/oem/grub.cfg");
        for word in &edit.remove {
            let place = self.holding(word).next().map_or_else(|| file.to_owned(), at);
            remedy = remedy.persistent(format!("{place}: take out `{word}`"));
        }
        if edit.add.is_empty() {
            return remedy;
        }
        remedy.persistent(format!("{file}: set linux_append=\"$linux_append {}\"", edit.add.join(" ")))
    }

    /// The file is one line, and the firmware puts the words of the device tree in front of it (raspberrypi/linux#6980).
    fn raspberry_pi(&self, mut remedy: Remedy, edit: &Edit) -> Remedy {
        const EXTRA: &str = "/etc/default/raspi-extra-cmdline";
        let file = self.file.as_deref().unwrap_or("cmdline.txt");
        for word in &edit.remove {
            remedy = match self.holding(word).next() {
                Some(place) => remedy.persistent(format!("{}: take out `{word}`", at(place))),
                None => remedy.persistent(format!(
                    "`{word}` is not in {file}: the firmware adds it from the device tree, and it can't be taken out there"
                )),
            };
        }
        if !edit.add.is_empty() {
            let file = if self.tools.raspi_firmware { EXTRA } else { file };
            remedy =
                remedy.persistent(format!("{file}, at the end of its only line: {}", edit.add.join(" ")));
        }
        // Debian's raspi-firmware writes cmdline.txt anew with each initramfs (its kernel hook).
        if self.tools.raspi_firmware { remedy.persistent("update-initramfs -u") } else { remedy }
    }

    fn kernel_cmdline(&self, remedy: Remedy, edit: &Edit) -> Remedy {
        const FILE: &str = "/etc/kernel/cmdline";
        let place = self.places.iter().find(|p| p.path == FILE);
        let place = place.map_or_else(|| format!("{FILE} (one line, the whole command line)"), at);
        remedy.persistent(format!("{place}: {}", edit.in_words()))
    }

    /// The command line is a section of the image, which has to be built anew (ukify(1), kernel-install(8)).
    fn unified(&self, remedy: Remedy, edit: &Edit) -> Remedy {
        self.kernel_cmdline(remedy, edit)
            .persistent("kernel-install add \"$(uname -r)\" \"/lib/modules/$(uname -r)/vmlinuz\"   # with mkinitcpio: mkinitcpio -P; with dracut: dracut -f")
            .persistent("(the image of a vendor, signed as it is, can't be changed: systemd-stub(7) takes add-ons that only add words)")
    }

    /// systemd-boot reads the entries at each boot, so they are what is edited; kernel-install writes the next ones
    /// from /etc/kernel/cmdline, and without that from /proc/cmdline (kernel-install(8)).
    fn entries(&self, mut remedy: Remedy, edit: &Edit) -> Remedy {
        let of_entries = |p: &&Place| p.key == "options";
        for word in &edit.remove {
            for place in self.holding(word).filter(of_entries) {
                remedy = remedy.persistent(format!("{}: take out `{word}`", at(place)));
            }
        }
        let no_place = edit.remove.iter().any(|w| self.holding(w).next().is_none());
        if no_place || !edit.add.is_empty() {
            let first = self.places.iter().find(of_entries).map_or_else(|| "each entry".to_owned(), at);
            let words = if no_place { edit.in_words() } else { format!("add `{}`", edit.add.join("` `")) };
            remedy = remedy.persistent(format!("{first}: {words}; the same in the other entries"));
        }
        self.kernel_cmdline(remedy, edit)
    }

    fn grub(&self, remedy: Remedy, edit: &Edit) -> Remedy {
        let tools = self.tools;
        if tools.sdbootutil {
            return self.kernel_cmdline(remedy, edit).persistent("sdbootutil update-all-entries");
        }
        // grubby(8): it changes all entries; what kernels to come inherit stands in /etc/default/grub.
        if tools.grubby {
            let group = |option: &str, words: &[String]| {
                if words.is_empty() { String::new() } else { format!(" {option}=\"{}\"", words.join(" ")) }
            };
            let (remove, add) = (group("--remove-args", &edit.remove), group("--args", &edit.add));
            let mut remedy = remedy.command(format!("grubby --update-kernel=ALL{remove}{add}"));
            for word in &edit.remove {
                for place in self.holding(word).filter(|p| p.key.starts_with("GRUB_")) {
                    remedy = remedy.persistent(format!("{}: take out `{word}`", at(place)));
                }
            }
            return remedy;
        }
        // GNU GRUB manual, "Simple configuration": the one is for every entry, the other for all but recovery.
        let has = |key: &str| self.places.iter().any(|p| p.key == key);
        let key = if !has("GRUB_CMDLINE_LINUX") && has("GRUB_CMDLINE_LINUX_DEFAULT") {
            "GRUB_CMDLINE_LINUX_DEFAULT"
        } else {
            "GRUB_CMDLINE_LINUX"
        };
        if self.file.is_none() && self.places.is_empty() {
            let directory = if tools.grub2 { "grub2" } else { "grub" };
            return remedy.persistent(format!(
                "/boot/{directory}/grub.cfg, each line `linux`: {} (there is no /etc/default/grub)",
                edit.in_words()
            ));
        }
        // The entries are written from these; they are named only where nothing else holds the word.
        let own = self.places.iter().filter(|p| p.key.starts_with("GRUB_")).cloned().collect();
        let of_defaults = Self { places: own, ..self.clone() };
        let told = edit.remove.iter().all(|w| of_defaults.holding(w).next().is_some());
        if !told && edit.remove.iter().all(|w| self.holding(w).any(|p| p.key == "kernelopts")) {
            return environment_block(remedy, edit);
        }
        let remedy = if told { &of_defaults } else { self }.edits(remedy, edit, key);
        let remedy = remedy.persistent(self.update_command());
        if self.update_command() != WITH_ENTRIES {
            return remedy;
        }
        remedy.persistent(
            "(it writes GRUB_CMDLINE_LINUX over what each entry in /boot/loader/entries holds: compare them first; before RHEL \
             9.3 there is no --update-bls-cmdline, and it does so without)",
        )
    }

    /// What writes grub.cfg from /etc/default/grub.
    fn update_command(&self) -> &'static str {
        let tools = self.tools;
        if tools.transactional {
            // transactional-update(8)
            "transactional-update grub.cfg"
        } else if tools.update_grub {
            "update-grub"
        } else if tools.grub2 && tools.entries {
            WITH_ENTRIES
        } else if tools.grub2 {
            "grub2-mkconfig -o /boot/grub2/grub.cfg"
        } else {
            "grub-mkconfig -o /boot/grub/grub.cfg"
        }
    }

    fn extlinux(&self, remedy: Remedy, edit: &Edit) -> Remedy {
        match self.file.as_deref() {
            Some("/etc/default/u-boot") => {
                self.generated(remedy, edit, "U_BOOT_PARAMETERS").persistent("u-boot-update")
            }
            Some("/etc/update-extlinux.conf") => {
                self.generated(remedy, edit, "default_kernel_opts").persistent("update-extlinux")
            }
            _ => self.edits(remedy, edit, "append"),
        }
    }

    /// As [`Self::edits`], where a tool writes extlinux.conf from `key` of another file: only that file is edited.
    fn generated(&self, remedy: Remedy, edit: &Edit, key: &str) -> Remedy {
        let places = self.places.iter().filter(|p| p.key == key).cloned().collect();
        Self { places, ..self.clone() }.edits(remedy, edit, key)
    }
}

/// `edit-in-place` only adds (its one option; ostree, src/ostree/ot-admin-kargs-builtin-edit-in-place.c). So
/// what shall go is taken out of the entry itself; that a later deployment takes its words from there was not measured.
fn ostree(mut remedy: Remedy, edit: &Edit) -> Remedy {
    if !edit.add.is_empty() {
        let add = Edit { remove: Vec::new(), ..edit.clone() };
        let options = add.options("", "--append-if-missing=");
        remedy = remedy.command(format!("ostree admin kargs edit-in-place{options}"));
    }
    for word in &edit.remove {
        remedy = remedy.persistent(format!("/boot/loader/entries/ostree-*.conf, options: take out `{word}`"));
    }
    remedy
}

/// RHEL 8 keeps the words in a block of 1024 bytes, which an editor would break (GNU GRUB manual, "The GRUB environment
/// block").
fn environment_block(remedy: Remedy, edit: &Edit) -> Remedy {
    remedy.persistent("grub2-editenv - list   # shows kernelopts=…; the file is no text to edit").persistent(
        format!("grub2-editenv - set \"kernelopts=…\"   # the same words, but {}", edit.in_words()),
    )
}

/// WSL has no boot loader: its service on Windows starts the kernel (learn.microsoft.com, "Advanced settings
/// configuration in WSL"; microsoft/WSL#6662).
fn wsl(mut remedy: Remedy, edit: &Edit) -> Remedy {
    const FILE: &str = r"%UserProfile%\.wslconfig";
    remedy = remedy.command("wsl --shutdown   # on Windows, after the change");
    for word in &edit.remove {
        remedy = remedy.persistent(format!("{FILE}: [wsl2] kernelCommandLine: take out `{word}`"));
    }
    if edit.add.is_empty() {
        return remedy;
    }
    remedy.persistent(format!(
        "{FILE}: [wsl2] kernelCommandLine = {}   # after the words that stand there already",
        edit.add.join(" ")
    ))
}

/// Talos, configuration reference (`extraKernelArgs`: a minus in front takes a word away) and "Boot Loader" of 1.10:
/// with systemd-boot the field is ignored, and the words belong to the image. `grubUseUKICmdline`, which configurations
/// for 1.12 set, does the same to GRUB, and the two exclude each other (siderolabs/talos, v1alpha1 validation).
fn talos(remedy: Remedy, edit: &Edit) -> Remedy {
    let removed = edit.remove.iter().map(|w| format!("-{w}"));
    let words =
        removed.chain(edit.add.iter().cloned()).map(|w| format!("{w:?}")).collect::<Vec<_>>().join(", ");
    remedy
        .persistent(format!("machine configuration: machine.install.extraKernelArgs: [{words}], then talosctl upgrade"))
        .persistent(format!(
            "with systemd-boot (UEFI, Talos 1.10 or later) or machine.install.grubUseUKICmdline (1.12) instead: customization.extraKernelArgs: [{words}] of the \
             image's schematic, and an upgrade to that image"
        ))
}
