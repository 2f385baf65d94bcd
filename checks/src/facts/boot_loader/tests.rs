//! Every carrier with the text of a real file, the ambiguous cases, and what can't be read.

use super::*;
use crate::{
    finding::Remedy,
    node::{Memory, ReadErrorKind},
};
use proptest::prelude::*;

const WORD: &str = "cgroup_disable=memory";

/// Debian 12, /etc/default/grub as the installer writes it.
const DEBIAN: &str = r#"# If you change this file, run 'update-grub' afterwards to update
# /boot/grub/grub.cfg.
GRUB_DEFAULT=0
GRUB_TIMEOUT=5
GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX="cgroup_disable=memory"
#GRUB_CMDLINE_LINUX="cgroup_disable=memory"
"#;
/// RHEL 9, /boot/loader/entries/ID-RELEASE.conf.
const RHEL_ENTRY: &str = "title Red Hat Enterprise Linux (5.14.0-362.el9.x86_64) 9.3\nversion 5.14.0-362.el9.x86_64\n\
    linux /vmlinuz-5.14.0-362.el9.x86_64\ninitrd /initramfs-5.14.0-362.el9.x86_64.img\n\
    options root=/dev/mapper/rhel-root ro cgroup_disable=memory rd.lvm.lv=rhel/root\ngrub_users $grub_users\n";
/// Debian's u-boot-menu, /boot/extlinux/extlinux.conf.
const EXTLINUX: &str = "## /boot/extlinux/extlinux.conf\n## IMPORTANT WARNING\ndefault l0\nmenu title U-Boot menu\n\
    label l0\n\tmenu label Debian GNU/Linux 12 (bookworm)\n\tlinux /boot/vmlinuz-6.1.0-18-arm64\n\
    \tappend root=UUID=1 ro quiet cgroup_disable=memory\n";
/// Ubuntu 25.10 for the Raspberry Pi, /boot/firmware/config.txt, in short.
const UBUNTU_PI: &str =
    "[all]\nkernel=vmlinuz\ncmdline=cmdline.txt\nos_prefix=current/\n[tryboot]\nos_prefix=new/\n";

fn node(cmdline: &str) -> Memory {
    Memory::new()
        .file("/proc/sys/kernel/osrelease", "6.1.0-18-amd64\n")
        .file("/proc/2/comm", "kthreadd\n")
        .file("/proc/cmdline", cmdline)
}

fn carriers(memory: Memory) -> Vec<Carrier> {
    Node::in_memory(memory).boot_loader().candidates.iter().map(|c| c.carrier).collect()
}

fn take_out(memory: Memory) -> Remedy {
    let remedy = Node::in_memory(memory).boot_loader().remedy_remove(WORD);
    assert!(remedy.reboot);
    assert!(remedy.summary.contains(WORD));
    remedy
}

/// Commands first, then what lasts, as people read them.
fn lines(remedy: &Remedy) -> Vec<&str> {
    remedy.commands.iter().chain(&remedy.persistent).map(String::as_str).collect()
}

fn expect(memory: Memory, carrier: Carrier, remove: &[&str], add: &[&str]) {
    assert_eq!(carriers(memory.clone()), [carrier]);
    assert_eq!(lines(&take_out(memory.clone())), remove);
    let added = Node::in_memory(memory).boot_loader().remedy_add("psi=1");
    assert_eq!(lines(&added), add);
}

#[test]
fn grub_of_debian() {
    let memory = node("BOOT_IMAGE=/boot/vmlinuz-6.1.0-18-amd64 root=UUID=1 ro cgroup_disable=memory quiet")
        .file("/boot/grub/grub.cfg", "")
        .file("/usr/sbin/update-grub", "")
        .file("/etc/default/grub", DEBIAN);
    expect(
        memory.clone(),
        Carrier::Grub,
        &["/etc/default/grub, line 7, GRUB_CMDLINE_LINUX: take out `cgroup_disable=memory`", "update-grub"],
        &["/etc/default/grub, line 7, GRUB_CMDLINE_LINUX: add `psi=1`", "update-grub"],
    );
    let at = Node::in_memory(memory.clone()).boot_loader().evidence_of(WORD).unwrap();
    assert_eq!(at, Evidence::new("/etc/default/grub", "line 7: GRUB_CMDLINE_LINUX: cgroup_disable=memory"));
    // Cloud images assign anew in a fragment, which is read last.
    let cloud = memory.without("/etc/default/grub").file("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\n").file(
        "/etc/default/grub.d/50-cloudimg-settings.cfg",
        "# Cloud Image specific Grub settings\nGRUB_CMDLINE_LINUX=\"console=ttyS0 cgroup_disable=memory\"\n",
    );
    assert_eq!(
        lines(&take_out(cloud))[0],
        "/etc/default/grub.d/50-cloudimg-settings.cfg, line 2, GRUB_CMDLINE_LINUX: take out `cgroup_disable=memory`"
    );
}

#[test]
fn grub_with_boot_loader_entries_by_grubby_or_by_mkconfig() {
    let memory = node("BOOT_IMAGE=(hd0,gpt2)/vmlinuz-5.14.0-362.el9.x86_64 root=/dev/mapper/rhel-root ro cgroup_disable=memory")
        .file("/boot/grub2/grub.cfg", "")
        .file("/boot/loader/entries/f3b2-5.14.0-362.el9.x86_64.conf", RHEL_ENTRY)
        .file("/etc/default/grub", "GRUB_CMDLINE_LINUX=\"crashkernel=256M cgroup_disable=memory\"\nGRUB_ENABLE_BLSCFG=true\n");
    let rhel = memory.clone().file("/usr/sbin/grubby", "");
    expect(
        rhel,
        Carrier::Grub,
        &[
            "grubby --update-kernel=ALL --remove-args=\"cgroup_disable=memory\"",
            "/etc/default/grub, line 1, GRUB_CMDLINE_LINUX: take out `cgroup_disable=memory`",
        ],
        &["grubby --update-kernel=ALL --args=\"psi=1\""],
    );
    assert_eq!(
        lines(&take_out(memory)),
        [
            "/etc/default/grub, line 1, GRUB_CMDLINE_LINUX: take out `cgroup_disable=memory`",
            "grub2-mkconfig -o /boot/grub2/grub.cfg --update-bls-cmdline",
            "(it writes GRUB_CMDLINE_LINUX over what each entry in /boot/loader/entries holds: compare them first; before RHEL \
             9.3 there is no --update-bls-cmdline, and it does so without)",
        ]
    );
}

#[test]
fn the_kernelopts_of_rhel_8() {
    let memory = node("BOOT_IMAGE=(hd0,msdos1)/vmlinuz-4.18.0 ro cgroup_disable=memory")
        .file("/boot/loader/entries/a.conf", "options $kernelopts $tuned_params\n")
        .file("/boot/grub2/grubenv", "# GRUB Environment Block\nsaved_entry=a\nkernelopts=root=/dev/sda2 ro cgroup_disable=memory \n##\n");
    assert_eq!(
        lines(&take_out(memory.clone())),
        [
            "grub2-editenv - list   # shows kernelopts=…; the file is no text to edit",
            "grub2-editenv - set \"kernelopts=…\"   # the same words, but take out `cgroup_disable=memory`",
        ]
    );
    let at = Node::in_memory(memory).boot_loader().evidence_of(WORD).unwrap();
    assert_eq!(
        (at.source.as_str(), at.observed.as_str()),
        ("/boot/grub2/grubenv", "line 3: kernelopts: cgroup_disable=memory")
    );
}

#[test]
fn grub_of_suse_and_of_arch() {
    let suse = node("BOOT_IMAGE=/boot/vmlinuz root=UUID=1")
        .file("/boot/grub2/grub.cfg", "")
        .file("/etc/default/grub", "GRUB_CMDLINE_LINUX_DEFAULT=\"splash=silent cgroup_disable=memory\"\n");
    let change = "/etc/default/grub, line 1, GRUB_CMDLINE_LINUX_DEFAULT: take out `cgroup_disable=memory`";
    assert_eq!(lines(&take_out(suse.clone())), [change, "grub2-mkconfig -o /boot/grub2/grub.cfg"]);
    let added = Node::in_memory(suse.clone()).boot_loader().remedy_add("psi=1");
    assert!(lines(&added)[0].contains("GRUB_CMDLINE_LINUX_DEFAULT: add"));
    let micro = suse.clone().file("/usr/sbin/transactional-update", "");
    assert_eq!(lines(&take_out(micro)), [change, "transactional-update grub.cfg"]);
    let arch = suse.without("/boot/grub2/grub.cfg").file("/boot/grub/grub.cfg", "");
    assert_eq!(lines(&take_out(arch)), [change, "grub-mkconfig -o /boot/grub/grub.cfg"]);
    let bare = node("BOOT_IMAGE=/vmlinuz").file("/boot/grub/grub.cfg", "");
    assert!(lines(&take_out(bare))[0].starts_with("/boot/grub/grub.cfg, each line `linux`"));
}

#[test]
fn systemd_boot() {
    let entry = "title Arch Linux\nlinux /vmlinuz-linux\ninitrd /initramfs-linux.img\noptions root=UUID=1 rw\noptions cgroup_disable=memory\n";
    let memory = node("initrd=\\initramfs-linux.img root=UUID=1 rw cgroup_disable=memory")
        .file("/boot/loader/loader.conf", "")
        .file("/boot/loader/entries/arch.conf", entry);
    expect(
        memory.clone(),
        Carrier::Entries,
        &[
            "/boot/loader/entries/arch.conf, line 5, options: take out `cgroup_disable=memory`",
            "/etc/kernel/cmdline (one line, the whole command line): take out `cgroup_disable=memory`",
        ],
        &[
            "/boot/loader/entries/arch.conf, line 4, options: add `psi=1`; the same in the other entries",
            "/etc/kernel/cmdline (one line, the whole command line): add `psi=1`",
        ],
    );
    let suse = memory
        .file("/usr/bin/sdbootutil", "")
        .file("/etc/kernel/cmdline", "root=UUID=1 cgroup_disable=memory\n");
    assert_eq!(
        lines(&take_out(suse)),
        ["/etc/kernel/cmdline, line 1: take out `cgroup_disable=memory`", "sdbootutil update-all-entries"]
    );
}

#[test]
fn a_unified_kernel_image() {
    let memory = node("root=UUID=1 cgroup_disable=memory")
        .file("/efi/EFI/Linux/arch-linux.efi", "MZ")
        .file("/etc/kernel/cmdline", "root=UUID=1 cgroup_disable=memory\n");
    assert_eq!(carriers(memory.clone()), [Carrier::UnifiedImage]);
    let remedy = take_out(memory);
    assert_eq!(lines(&remedy)[0], "/etc/kernel/cmdline, line 1: take out `cgroup_disable=memory`");
    assert!(lines(&remedy)[1].starts_with("kernel-install add"));
}

#[test]
fn extlinux_as_it_is_and_as_a_tool_writes_it() {
    let memory =
        node("root=UUID=1 ro quiet cgroup_disable=memory").file("/boot/extlinux/extlinux.conf", EXTLINUX);
    expect(
        memory.clone(),
        Carrier::Extlinux,
        &["/boot/extlinux/extlinux.conf, line 8, append: take out `cgroup_disable=memory`"],
        &["/boot/extlinux/extlinux.conf, line 8, append: add `psi=1`"],
    );
    let menu = memory.file(
        "/etc/default/u-boot",
        "#U_BOOT_UPDATE=\"true\"\nU_BOOT_PARAMETERS=\"ro quiet cgroup_disable=memory\"\n",
    );
    expect(
        menu,
        Carrier::Extlinux,
        &[
            "/etc/default/u-boot, line 2, U_BOOT_PARAMETERS: take out `cgroup_disable=memory`",
            "u-boot-update",
        ],
        &["/etc/default/u-boot, line 2, U_BOOT_PARAMETERS: add `psi=1`", "u-boot-update"],
    );
    let alpine = node("BOOT_IMAGE=vmlinuz-lts initrd=initramfs-lts quiet")
        .file("/boot/extlinux.conf", "DEFAULT menu.c32\nLABEL lts\n  APPEND root=UUID=1 quiet\n")
        .file("/etc/update-extlinux.conf", "overwrite=1\ndefault_kernel_opts=\"quiet rootfstype=ext4\"\n");
    let added = Node::in_memory(alpine).boot_loader().remedy_add("psi=1");
    assert_eq!(
        lines(&added),
        ["/etc/update-extlinux.conf, line 2, default_kernel_opts: add `psi=1`", "update-extlinux"]
    );
}

#[test]
fn the_firmware_of_the_raspberry_pi() {
    let pi = node("vc_mem.mem_base=0x3ec00000 root=PARTUUID=1 rootwait")
        .file("/boot/firmware/config.txt", "dtparam=audio=on\n[all]\n")
        .file("/boot/firmware/cmdline.txt", "root=PARTUUID=1 rootwait\n")
        .file("/boot/cmdline.txt", "DO NOT EDIT THIS FILE\n\nThe file you are looking for has moved\n");
    expect(
        pi.clone(),
        Carrier::RaspberryPi,
        &[
            "`cgroup_disable=memory` is not in /boot/firmware/cmdline.txt: the firmware adds it from the device tree, and it \
           can't be taken out there",
        ],
        &["/boot/firmware/cmdline.txt, at the end of its only line: psi=1"],
    );
    let debian = pi
        .clone()
        .file("/etc/default/raspi-firmware", "")
        .file("/etc/default/raspi-extra-cmdline", "quiet\n");
    let added = Node::in_memory(debian).boot_loader().remedy_add("psi=1");
    assert_eq!(
        lines(&added),
        ["/etc/default/raspi-extra-cmdline, at the end of its only line: psi=1", "update-initramfs -u"]
    );
    // Raspberry Pi OS has that package, too, and keeps its words in cmdline.txt.
    let raspberry_pi_os = pi.clone().file("/etc/default/raspi-firmware", "").file("/etc/rpi-issue", "");
    let added = Node::in_memory(raspberry_pi_os).boot_loader().remedy_add("psi=1");
    assert_eq!(lines(&added), ["/boot/firmware/cmdline.txt, at the end of its only line: psi=1"]);
    let ubuntu = pi
        .file("/boot/firmware/config.txt", UBUNTU_PI)
        .file("/boot/firmware/current/cmdline.txt", "root=LABEL=writable cgroup_disable=memory\n");
    assert_eq!(
        lines(&take_out(ubuntu)),
        ["/boot/firmware/current/cmdline.txt, line 1: take out `cgroup_disable=memory`"]
    );
}

#[test]
fn a_board_with_armbian() {
    let memory = node("root=UUID=1 cgroup_disable=memory")
        .file("/boot/armbianEnv.txt", "verbosity=1\nextraargs=cgroup_disable=memory\n");
    expect(
        memory,
        Carrier::Armbian,
        &["/boot/armbianEnv.txt, line 2, extraargs: take out `cgroup_disable=memory`"],
        &["/boot/armbianEnv.txt, line 2, extraargs: add `psi=1`"],
    );
}

#[test]
fn systems_that_own_their_command_line() {
    // An ostree system has boot loader entries, too, which ostree writes.
    let ostree = node(
        "BOOT_IMAGE=(hd0,gpt3)/ostree/fedora/vmlinuz ostree=/ostree/boot.1/fedora/a/0 cgroup_disable=memory",
    )
    .file(
        "/boot/loader/entries/ostree-1.conf",
        "options ostree=/ostree/boot.1/fedora/a/0 cgroup_disable=memory\n",
    )
    .file("/usr/bin/rpm-ostree", "");
    expect(
        ostree,
        Carrier::Ostree,
        &["rpm-ostree kargs --delete-if-present=cgroup_disable=memory"],
        &["rpm-ostree kargs --append-if-missing=psi=1"],
    );
    let without_rpm = node("ostree=/ostree/boot.1/a/b/0 cgroup_disable=memory");
    expect(
        without_rpm,
        Carrier::Ostree,
        &["/boot/loader/entries/ostree-*.conf, options: take out `cgroup_disable=memory`"],
        &["ostree admin kargs edit-in-place --append-if-missing=psi=1"],
    );
    let flatcar = node("BOOT_IMAGE=/flatcar/vmlinuz-a mount.usr=/dev/mapper/usr flatcar.first_boot=detected")
        .file("/usr/share/oem/grub.cfg", "# OEM\nset linux_append=\"$linux_append cgroup_disable=memory\"\n");
    expect(
        flatcar,
        Carrier::Flatcar,
        &["/usr/share/oem/grub.cfg, line 2, linux_append: take out `cgroup_disable=memory`"],
        &["/usr/share/oem/grub.cfg: set linux_append=\"$linux_append psi=1\""],
    );
    let talos = node("talos.platform=metal console=tty0 init_on_alloc=1 slab_nomerge pti=on");
    assert_eq!(carriers(talos.clone()), [Carrier::Talos]);
    assert!(lines(&take_out(talos))[0].contains("extraKernelArgs: [\"-cgroup_disable=memory\"]"));
    let nixos = node("initrd=\\EFI\\nixos\\a.efi init=/nix/store/abc-nixos-system/init").file(
        "/boot/loader/entries/nixos-generation-1.conf",
        "options init=/nix/store/abc-nixos-system/init\n",
    );
    assert_eq!(carriers(nixos.clone()), [Carrier::NixOs]);
    assert_eq!(lines(&take_out(nixos))[1], "nixos-rebuild boot");
    let wsl = Memory::new().file("/proc/sys/kernel/osrelease", "5.15.167.4-microsoft-standard-WSL2\n");
    expect(
        wsl,
        Carrier::Wsl,
        &[
            "wsl --shutdown   # on Windows, after the change",
            r"%UserProfile%\.wslconfig: [wsl2] kernelCommandLine: take out `cgroup_disable=memory`",
        ],
        &[
            "wsl --shutdown   # on Windows, after the change",
            r"%UserProfile%\.wslconfig: [wsl2] kernelCommandLine = psi=1   # after the words that stand there already",
        ],
    );
}

#[test]
fn the_files_of_a_container_are_those_of_its_image() {
    let memory = node("BOOT_IMAGE=/vmlinuz cgroup_disable=memory")
        .file("/run/systemd/container", "podman\n")
        .file("/etc/default/grub", DEBIAN);
    assert_eq!(carriers(memory.clone()), [Carrier::Container]);
    assert!(lines(&take_out(memory.clone()))[0].contains("the machine that runs it"));
    assert_eq!(carriers(memory.as_root()), [Carrier::Grub]);
}

#[test]
fn of_several_the_one_that_holds_the_running_word_and_the_others_are_named() {
    // A Raspberry Pi that was once set up with extlinux.
    let memory = node("root=UUID=1 ro quiet cgroup_disable=memory")
        .file("/boot/extlinux/extlinux.conf", EXTLINUX)
        .file("/boot/cmdline.txt", "root=PARTUUID=2\n");
    assert_eq!(carriers(memory.clone()), [Carrier::Extlinux, Carrier::RaspberryPi]);
    let remedy = take_out(memory.clone());
    assert!(lines(&remedy)[0].starts_with("/boot/extlinux/extlinux.conf, line 8"));
    assert_eq!(
        lines(&remedy)[1],
        "(also found: the firmware of the Raspberry Pi; where that starts this machine, change it there)"
    );
    // What the loader itself adds tells more than old files; the word still names the file that holds it.
    let marked = memory.file("/proc/cmdline", "vc_mem.mem_base=0x0 root=PARTUUID=2 cgroup_disable=memory");
    assert_eq!(carriers(marked.clone()), [Carrier::RaspberryPi, Carrier::Extlinux]);
    assert!(lines(&take_out(marked))[0].starts_with("/boot/extlinux/extlinux.conf"));
}

#[test]
fn nothing_found_and_nothing_readable_are_two_things() {
    let nothing = take_out(node("quiet"));
    assert!(lines(&nothing)[0].starts_with("no boot loader's file was found here"), "{nothing:?}");
    let vm = node("quiet").file("/sys/class/dmi/id/sys_vendor", "QEMU\n");
    assert!(lines(&take_out(vm))[0].contains("where this machine is defined"));
    let denied = node("quiet").error("/boot", ReadErrorKind::Denied("EACCES"));
    let remedy = take_out(denied);
    assert!(lines(&remedy)[0].contains("could not be told (/boot permission denied (EACCES))"), "{remedy:?}");
    // Fedora's entries are for root only: GRUB is known all the same, and so is what to run.
    let nobody = node("BOOT_IMAGE=/vmlinuz cgroup_disable=memory")
        .as_user(65534)
        .file("/boot/grub2/x", "")
        .file("/usr/sbin/grubby", "")
        .file("/boot/loader/entries/a.conf", "")
        .error("/boot/loader/entries", ReadErrorKind::Denied("EACCES"));
    assert_eq!(
        lines(&take_out(nobody.clone()))[0],
        "grubby --update-kernel=ALL --remove-args=\"cgroup_disable=memory\""
    );
    assert_eq!(Node::in_memory(nobody).boot_loader().gaps.len(), 1);
    // The word is in no file that could be read.
    let unread = node("BOOT_IMAGE=/vmlinuz cgroup_disable=memory")
        .file("/usr/sbin/update-grub", "")
        .error("/etc/default/grub", ReadErrorKind::Denied("EACCES"));
    let remedy = take_out(unread);
    assert!(lines(&remedy)[0].contains("was not found there"), "{remedy:?}");
}

#[test]
fn links_of_a_tree_stay_in_the_tree() {
    use crate::node::Filesystem;
    use std::{fs, os::unix::fs::symlink, sync::Arc};
    let tree = tempfile::tempdir().unwrap();
    let at = |p: &str| tree.path().join(p);
    for directory in ["boot/extlinux", "etc/default", "proc", "srv"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    fs::write(at("srv/extlinux.conf"), EXTLINUX).unwrap();
    fs::write(at("proc/cmdline"), "root=UUID=1 cgroup_disable=memory\n").unwrap();
    symlink("/srv/extlinux.conf", at("boot/extlinux/extlinux.conf")).unwrap();
    // Out of the tree: /etc/passwd of this machine is no file of that node.
    symlink("../../../../../../etc/passwd", at("etc/default/grub")).unwrap();
    let door = Filesystem::under(tree.path()).unwrap();
    let node = Node::new(Arc::new(door), Arc::default());
    let loader = node.boot_loader();
    assert_eq!(loader.carrier(), Some(Carrier::Extlinux));
    assert_eq!(loader.candidates.len(), 1);
    assert_eq!(loader.evidence_of(WORD).unwrap().source, "/boot/extlinux/extlinux.conf");
}

#[test]
fn several_words_and_what_a_shell_would_eat() {
    let ostree = Node::in_memory(node("ostree=/a").file("/usr/bin/rpm-ostree", ""));
    let edit = Edit::default().remove("a=$(reboot)").append("b=1").append("it's");
    assert_eq!(
        ostree.boot_loader().remedy("x", &edit).commands,
        [
            r"rpm-ostree kargs --delete-if-present='a=$(reboot)' --append-if-missing=b=1 --append-if-missing='it'\''s'"
        ]
    );
}

proptest! {
    #[test]
    fn parsers_never_panic_and_places_are_lines(text in "(?s).{0,300}", more in "((options|append|GRUB_CMDLINE_LINUX=|set linux_append=|os_prefix=)[ \"']?[a-z=\"' ]{0,20}\n){0,8}") {
        let text = format!("{text}{more}");
        let lines = text.lines().count();
        let all = [
            files::shell("/f", &text, &["GRUB_CMDLINE_LINUX"]),
            files::entry("/f", &text),
            files::extlinux("/f", &text),
            files::bare("/f", &text),
            files::flatcar("/f", &text),
        ];
        for place in all.iter().flatten() {
            prop_assert!(place.line >= 1 && place.line <= lines);
            prop_assert!(place.words.iter().all(|w| !w.is_empty() && !w.contains(char::is_whitespace)));
        }
        let _ = files::pi_command_line(&text);
    }

    #[test]
    fn no_garbage_on_the_disk_keeps_the_remedy_away(grub in "(?s).{0,120}", entry in "(?s).{0,120}", cmdline in ".{0,80}") {
        let memory = node(&cmdline)
            .file("/etc/default/grub", grub)
            .file("/boot/loader/entries/a.conf", &entry)
            .file("/boot/cmdline.txt", entry);
        let remedy = Node::in_memory(memory).boot_loader().remedy_remove(WORD);
        prop_assert!(!lines(&remedy).is_empty());
    }
}
