//! What is left out of a capture: secrets. Everything else of what was read is in it.

use super::{Look, Seen};
use crate::{
    evidence::{Evidence, Unknown},
    node::{Answer, ReadError},
};
use regex_lite::{Captures, Regex, RegexBuilder};
use std::{borrow::Cow, sync::LazyLock};

/// What stands where a secret was.
pub const MARK: &str = "(redacted-by-preflight)";

/// What is taken out, and what is done with it: for the documentation.
pub const RULES: &[(&str, &str)] = &[
    ("/proc/PID/environ", "only `container` and the variables of proxies are kept"),
    (
        "the second field of /etc/passwd and /etc/group",
        "a hash of a password becomes the mark; `x`, `*` and `!` stay",
    ),
    (
        "values of words that end in password, passwd, passphrase, secret, token, credential, apikey, api-key, private-key, client-key-data, identitytoken, authorization",
        "in files below /etc, /run, /var, /usr, /boot, /opt, /root and /home, on the kernel command line, and in what live questions are asked and answer: the mark takes the value's place; paths, numbers, true and false stay",
    ),
    (
        "users and passwords in addresses (`scheme://user:password@host`)",
        "there, too: the mark takes their place, and the host stays",
    ),
    (
        "private keys in PEM",
        "there, too: the mark takes the place of what is between the first and the last line",
    ),
];

/// Whether this text lacks a secret that was taken out of it, so that nothing can be told of what it says there.
#[must_use]
pub fn is_redacted(text: &str) -> bool {
    text.contains(MARK)
}

/// Why nothing can be told of what `source` says.
pub(crate) fn unknown(source: &str) -> Unknown {
    Unknown::new(format!("a secret was taken out of {source} when the node was captured"))
        .tried([Evidence::new(source, MARK)])
        .needs("judge the node itself")
}

/// Takes the secrets out of an answer; whether there were any.
pub(super) fn answer(look: &Look, answer: &mut Result<Seen, ReadError>) -> bool {
    let Ok(seen) = answer else { return false };
    match (look, seen) {
        (Look::Read(path) | Look::Part(path, ..), Seen::Bytes(bytes)) => {
            let Ok(text) = std::str::from_utf8(bytes) else { return false };
            match file(path, text) {
                Some(clean) => {
                    *bytes = clean.into_bytes();
                    true
                }
                None => false,
            }
        }
        (Look::Probe(_), Seen::Answer(Answer::Works(text) | Answer::Errno(text))) => match words(text) {
            Some(clean) => {
                *text = clean;
                true
            }
            None => false,
        },
        _ => false,
    }
}

/// The text of a file without its secrets; none where it has none.
#[must_use]
pub fn file(path: &str, text: &str) -> Option<String> {
    if path.starts_with("/proc/") {
        return match path.rsplit('/').next() {
            Some("environ") => changed(text, environ(text).into()),
            Some("cmdline") => words(text),
            _ => None,
        };
    }
    if path == "/etc/passwd" || path == "/etc/group" {
        return changed(text, text.split_inclusive('\n').map(account).collect::<String>().into());
    }
    // Tables of the kernel's and of packages: large, and nobody's secret.
    let tables = ["/sys/", "/dev/", "/lib/modules/", "/usr/lib/modules/", "/boot/config-", "/var/lib/dpkg/"];
    if tables.iter().any(|table| path.starts_with(table)) { None } else { words(text) }
}

/// A text without the values of words that name secrets, without users in addresses and without private keys.
#[must_use]
pub fn words(text: &str) -> Option<String> {
    let keys =
        PRIVATE_KEY.replace_all(text, |found: &Captures<'_>| format!("{}{MARK}{}", &found[1], &found[2]));
    let users = USER.replace_all(&keys, |found: &Captures<'_>| format!("{}{MARK}@", &found[1]));
    let values = NAMED.replace_all(&users, |found: &Captures<'_>| {
        let (name, value) = (&found[1], &found[2]);
        if is_harmless(value) { found[0].to_owned() } else { format!("{name}{}", marked(value)) }
    });
    changed(text, values)
}

fn changed(text: &str, clean: Cow<'_, str>) -> Option<String> {
    (clean != text).then(|| clean.into_owned())
}

/// A PEM block with a private key (RFC 7468).
static PRIVATE_KEY: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----)[^-]*(-----END|$)"));

/// User and password in an address (RFC 3986, 3.2.1).
static USER: LazyLock<Regex> = LazyLock::new(|| regex(r#"([a-z][a-z0-9+.-]*://)[^\s/"'@]+(?::[^\s"'@]*)?@"#));

/// A word that names a secret, what separates it from its value, and the value.
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r#"((?:password|passwd|passphrase|secret|token|credential|api[-_]?key|private[-_]?key|client-key-data|identitytoken|authorization)\\?["']?[ \t]*[:=,][ \t]*)((?:basic |bearer )?(?:\\?"(?:[^"\\]|\\[^"])*\\?"|'[^']*'|[^\s"',;\]}]+))"#,
    )
});

fn regex(pattern: &str) -> Regex {
    #[expect(clippy::expect_used, reason = "a constant that tests read")]
    RegexBuilder::new(pattern).case_insensitive(true).build().expect("a regular expression")
}

/// Whether a value can't be a secret: nothing, a path, a number, a word of configurations.
fn is_harmless(value: &str) -> bool {
    let bare = value.trim_matches(['"', '\'', '\\']);
    bare.is_empty()
        || bare.starts_with('/')
        || bare.contains(MARK)
        || bare.parse::<i64>().is_ok() && bare.len() < 5
        || ["true", "false", "yes", "no", "null", "none", "y", "n", "m", "{}", "[", "{", "|", "|-"]
            .contains(&bare)
}

/// The mark in the quotes that the value has.
fn marked(value: &str) -> String {
    match value.chars().next() {
        Some(quote @ ('"' | '\'')) => format!("{quote}{MARK}{quote}"),
        Some('\\') => format!("\\\"{MARK}\\\""),
        _ => MARK.to_owned(),
    }
}

/// The variables that tell of a container or a proxy (proxies without their users).
fn environ(text: &str) -> String {
    let kept = |word: &&str| {
        let name = word.split('=').next().unwrap_or_default();
        name == "container" || name.to_ascii_lowercase().ends_with("_proxy")
    };
    let words: Vec<String> =
        text.split('\0').filter(kept).map(|word| words(word).unwrap_or_else(|| word.to_owned())).collect();
    words.iter().map(|word| format!("{word}\0")).collect()
}

/// A line of /etc/passwd or /etc/group (passwd(5): the second field).
fn account(line: &str) -> String {
    let mut fields: Vec<&str> = line.split(':').collect();
    if let Some(password) = fields.get_mut(1)
        && !["", "x", "*", "!", "!!", "!*"].contains(password)
    {
        *password = MARK;
    }
    fields.join(":")
}
