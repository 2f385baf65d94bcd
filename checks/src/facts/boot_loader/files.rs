//! The files that hold kernel command lines: where in them which words stand.

/// The most places that one file is taken to have. A GRUB configuration has two, a menu of kernels some dozens.
const PLACES: usize = 256;

/// A place in a file that holds words of a kernel command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: String,
    /// The line, counted from 1.
    pub line: usize,
    /// What the line sets: `GRUB_CMDLINE_LINUX`, `options`, `append`. Empty where the line is the command line.
    pub key: String,
    /// The words.
    pub words: Vec<String>,
}

impl Place {
    /// Whether `word` is one of its words.
    #[must_use]
    pub fn holds(&self, word: &str) -> bool {
        self.words.iter().any(|w| w == word)
    }
}

/// The words of a value. Quotes around or inside them are not part of them.
fn words(value: &str) -> Vec<String> {
    value.split_whitespace().map(|w| w.replace(['"', '\'', '\\'], "")).filter(|w| !w.is_empty()).collect()
}

/// The lines of which `of` makes a key and a value.
fn places<'a>(path: &str, text: &'a str, of: impl Fn(&'a str) -> Option<(&'a str, &'a str)>) -> Vec<Place> {
    let found = text.lines().enumerate().filter_map(|(i, line)| {
        let (key, value) = of(line.trim())?;
        Some(Place { path: path.to_owned(), line: i + 1, key: key.to_owned(), words: words(value) })
    });
    found.take(PLACES).collect()
}

/// `NAME="value"` of a file that a shell reads, for the names given: /etc/default/grub (GNU GRUB manual, "Simple
/// configuration"), /etc/default/u-boot (u-boot-update(8)).
pub(super) fn shell(path: &str, text: &str, names: &[&str]) -> Vec<Place> {
    places(path, text, |line| {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (key, value) = line.split_once('=')?;
        // `NAME+=` is bash, and files that bash reads have it.
        let key = key.strip_suffix('+').unwrap_or(key);
        names.contains(&key).then_some((key, value))
    })
}

/// The `options` of a boot loader entry (UAPI.1 Boot Loader Specification, "Type #1"); the key may come several times.
pub(super) fn entry(path: &str, text: &str) -> Vec<Place> {
    places(path, text, |line| {
        let (key, value) = line.split_once(char::is_whitespace)?;
        (key == "options").then_some((key, value))
    })
}

/// The `append` lines of extlinux.conf and syslinux.cfg (syslinux wiki, "Config"; U-Boot, boot/pxe_utils.c), in any case.
pub(super) fn extlinux(path: &str, text: &str) -> Vec<Place> {
    places(path, text, |line| {
        let (key, value) = line.split_once(char::is_whitespace)?;
        key.eq_ignore_ascii_case("append").then_some((key, value))
    })
}

/// A file that is the command line: cmdline.txt, of which the firmware reads the first line only; /etc/kernel/cmdline,
/// of which every line counts that is no comment (kernel-install(8)).
pub(super) fn bare(path: &str, text: &str) -> Vec<Place> {
    places(path, text, |line| (!line.is_empty() && !line.starts_with('#')).then_some(("", line)))
}

/// `set linux_append="$linux_append word"` of Flatcar's grub.cfg (flatcar.org, "Adding custom kernel boot options").
pub(super) fn flatcar(path: &str, text: &str) -> Vec<Place> {
    places(path, text, |line| {
        let (key, value) = line.strip_prefix("set ")?.trim_start().split_once('=')?;
        ["linux_append", "linux_console"].contains(&key).then_some((key, value))
    })
}

/// Which file the firmware of a Raspberry Pi reads the command line from, below its own directory: `cmdline=` and
/// `os_prefix=` of config.txt, outside of sections that hold for some boots only (raspberrypi.com, `config.txt`).
/// Ubuntu's newer images have `os_prefix=current/`.
pub(super) fn pi_command_line(config: &str) -> String {
    let (mut prefix, mut name) = ("", "cmdline.txt");
    let mut for_all = true;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            for_all = line == "[all]";
        } else if for_all && let Some((key, value)) = line.split_once('=') {
            match key.trim() {
                "os_prefix" => prefix = value.trim(),
                "cmdline" => name = value.trim(),
                _ => {}
            }
        }
    }
    format!("{prefix}{name}")
}
