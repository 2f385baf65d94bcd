//! Lines of /etc/fstab that swap is made of (fstab(5)).

use super::{SwapBoot, SwapOrigin, SwapSource, UNITS, masked};
use crate::{
    evidence::{Evidence, Unknown},
    facts::swaps::unescape,
    node::Node,
};

const PATH: &str = "/etc/fstab";
const LINES: usize = 10_000;

pub(super) fn look(node: &Node, boot: &mut SwapBoot) {
    let Some(text) = boot.text(node, PATH) else { return };
    let last = text.lines().last().unwrap_or_default().trim();
    if !text.ends_with('\n')
        && !last.starts_with('#')
        && (1..4).contains(&last.split_ascii_whitespace().count())
    {
        boot.unread.get_or_insert(Unknown::new(format!("{PATH} ends in the middle of a line")));
    }
    let mut found = false;
    for (line, what) in lines(&text) {
        if let Some(unit) = unit(&what).filter(|u| masked(node, &format!("{UNITS}/{u}"))) {
            boot.notes.push(format!("line {line} of {PATH} does nothing: {unit} is masked"));
            continue;
        }
        found = true;
        boot.sources.push(SwapSource {
            origin: SwapOrigin::Fstab,
            name: what.clone(),
            words: format!("line {line} of {PATH}"),
            evidence: Evidence::new(PATH, format!("line {line}: {what} of type swap")),
        });
    }
    if !found {
        boot.nothing.push(Evidence::new(PATH, "no line of type swap"));
    }
}

/// The number of each line of type swap that is used at boot, and what it names.
pub(super) fn lines(text: &str) -> Vec<(usize, String)> {
    let rows = text.lines().take(LINES).enumerate();
    rows.filter_map(|(i, line)| {
        let line = line.trim();
        if line.starts_with('#') {
            return None;
        }
        let mut words = line.split_ascii_whitespace();
        let (what, _, kind) = (words.next()?, words.next()?, words.next()?);
        // swapon -a and systemd leave out what says noauto.
        let automatic = !words.next().unwrap_or_default().split(',').any(|o| o == "noauto");
        (kind == "swap" && automatic).then(|| (i + 1, unescape(what)))
    })
    .collect()
}

/// The unit that systemd makes of a line (systemd.swap(5)): the path of the device or file, escaped.
pub(super) fn unit(what: &str) -> Option<String> {
    let tags =
        [("UUID=", "uuid"), ("LABEL=", "label"), ("PARTUUID=", "partuuid"), ("PARTLABEL=", "partlabel")];
    let tag = tags.iter().find_map(|(tag, directory)| Some((what.strip_prefix(tag)?, directory)));
    let path = match tag {
        Some((value, directory)) => format!("/dev/disk/by-{directory}/{}", value.trim_matches('"')),
        None => what.to_owned(),
    };
    let path = path.strip_prefix('/')?;
    let mut unit = String::new();
    for (i, byte) in path.bytes().enumerate() {
        match byte {
            b'/' => unit.push('-'),
            b'.' if i > 0 => unit.push('.'),
            b'_' | b':' => unit.push(char::from(byte)),
            b if b.is_ascii_alphanumeric() => unit.push(char::from(b)),
            b => unit.push_str(&format!("\\x{b:02x}")),
        }
    }
    Some(unit + ".swap")
}
