//! Whatever a policy file holds: an answer, soon, with a place.

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Loads it, and fails the test if that takes long: with room to spare, for programs that are not optimised on
/// machines that do other things too. (Optimised it is a few milliseconds; without limits 20 s and more.)
fn soon(bytes: impl Into<Vec<u8>>) -> String {
    let source = Source::Stdin(bytes.into());
    let start = Instant::now();
    let found = wrong(&source).to_string();
    let limit = if cfg!(debug_assertions) { Duration::from_secs(15) } else { Duration::from_millis(500) };
    assert!(start.elapsed() < limit, "{:?}: {found}", start.elapsed());
    assert!(found.len() < 20_000, "{}", found.len());
    found
}

fn first_line(bytes: impl Into<Vec<u8>>) -> String {
    soon(bytes).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn alias_bombs() {
    let wide = format!("a: &a {}\nb:\n{}", "x".repeat(100_000), "  - *a\n".repeat(25_000));
    assert!(wide.len() > 275_000);
    assert_eq!(
        first_line(wide),
        "standard input:43:5: error: too much is repeated through aliases (`*name`)"
    );
    let laughs = (1..9).fold("a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, i| {
        let aliases = vec![format!("*a{}", i - 1); 9].join(",");
        text + &format!("a{i}: &a{i} [{aliases}]\n")
    });
    assert!(first_line(laughs).ends_with("error: too much is repeated through aliases (`*name`)"));
    let many = format!("a: &a x\nb:\n{}", "  - *a\n".repeat(200));
    assert_eq!(
        first_line(many),
        "standard input:103:5: error: more than 100 anchors (`&name`), aliases (`*name`) or merges (`<<`)"
    );
    assert!(first_line("a: &a [*a]\n").starts_with("standard input:1:"));
    assert!(first_line("a: *nope\n").starts_with("standard input:1:4: error: "));
}

#[test]
fn nesting() {
    for text in ["[", "{a: ", "- ", "? ", "a: [", "[{"] {
        let line = first_line(text.repeat(100_000 / text.len()));
        assert!(line.ends_with("error: lists and maps nest deeper than 32"), "{text:?} {line}");
    }
}

#[test]
fn size() {
    let found = soon("a".repeat((1 << 20) + 1));
    assert_eq!(
        found,
        "standard input: error: the file has more than 1048576 bytes, the most that a policy may have\n"
    );
    let endless = wrong(&Source::File("/dev/zero".into())).to_string();
    assert!(endless.starts_with("/dev/zero: error: the file has more than"), "{endless}");
    assert!(
        first_line("- x\n".repeat(200_000)).ends_with("error: more than 10000 values: this is not a policy")
    );
    // A key of a megabyte is shown in part, and not compared with every valid name.
    assert!(
        soon(format!("{HEAD}? {}\n: 1\nchecks: [{{check: beta}}]\n", "k".repeat(1_000_000))).len() < 1000
    );
    assert!(soon(format!("{HEAD}checks: [{{check: {}}}]\n", "k".repeat(1_000_000))).len() < 1000);
    assert!(
        soon(format!("{HEAD}checks: [{{check: alpha, with: {{{}: 1}}}}]\n", "k".repeat(1000))).len() < 2000
    );
}

#[test]
fn thousands_of_mistakes() {
    let rules = soon(format!("{HEAD}checks:\n{}", "  - check: x\n".repeat(3_000)));
    assert!(rules.ends_with(" more problems\n"), "{rules}");
    soon(format!("{HEAD}checks:\n{}", "  - check: beta\n".repeat(3_000)));
    soon(format!("{HEAD}checks:\n  - check: alpha\n    with:\n      names: [{}]\n", "[],".repeat(3_000)));
    soon(format!("{HEAD}{}", "k: 1\n".repeat(4_000)));
}

#[test]
fn what_is_not_a_policy_at_all() {
    for (bytes, want) in [
        (&b""[..], "standard input:1:1: error: there is nothing in it"),
        (b"\n\n# nothing\n", "standard input:1:1: error: there is nothing in it"),
        (b"---\n", "standard input:1:1: error: there is nothing in it"),
        (b"a: \xff\n", "standard input:1:4: error: this is not UTF-8 (byte 3 of the file)"),
        (b"\xff\xfea\0:\0", "standard input:1:1: error: this is not UTF-8 (byte 0 of the file)"),
        (
            b"a:\n\tb: 1\n",
            "standard input:2:1: error: a tab in the indentation; YAML takes only spaces there",
        ),
        (
            b"a: 1\n---\nb: 2\n",
            "standard input:3:1: error: a second document starts here (`---`); a policy is one document",
        ),
        (b"a: [1", "standard input:1:4: error: unclosed bracket '['"),
        (b"{{ .Values.x }}: 1", "standard input:1:1: error: a key has to be text"),
        (
            b"a: !!python/object:os.system x\n",
            "standard input:1:30: error: unsupported tag `!!python/object:os.system`",
        ),
        (b"\x7fELF\x02\x01\x01\0\0", "standard input:1:1: error: unexpected character: `\\u{7f}'"),
    ] {
        let found = first_line(bytes);
        assert_eq!(found, want, "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn windows_has_written_it() {
    let text = format!("\u{feff}{HEAD}checks:\n  - check: gamma\n").replace('\n', "\r\n");
    assert_eq!(
        soon(text),
        "\
standard input:4:12: error: there is no check `gamma`
  |
4 |   - check: gamma
  |            ^^^^^
  = help: valid here: `alpha`, `beta`
"
    );
    let right = format!("\u{feff}{HEAD}checks:\n  - check: beta\n").replace('\n', "\r\n");
    assert!(load(&Source::Stdin(right.into()), &[]).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = load(&Source::Stdin(bytes), &[]);
    }

    #[test]
    fn any_text_of_yaml(text in r#"([-?:,\[\]{}#&*!|>'"%@` \n\t]|[a-c]|é|input|checks: |- check: alpha\n|with: ){0,40}"#) {
        let _ = load(&Source::Stdin(text.clone().into()), &[]).map_err(|e| e.to_string());
        let _ = load(&Source::Stdin(format!("{HEAD}{text}").into()), &[]).map_err(|e| e.to_string());
    }

    #[test]
    fn any_parameters(text in r#"[-:,\[\]{}a-c0-9."' ]{0,30}"#) {
        let body = format!("{HEAD}inputs: {{a: 1}}\nchecks: [{{check: alpha, with: {{count: {text}, nested: {{names: [{{input: a}}, {text}]}}}}}}]\n");
        let _ = load(&Source::Stdin(body.into()), &[]).map_err(|e| e.to_string());
    }
}
