use super::*;
use crate::value::{Key, Kind, Span, Value};
use proptest::prelude::*;

fn value(kind: Kind) -> Value {
    Value { span: Span { start: 7, end: 8 }, kind }
}

fn map(entries: Vec<(&str, Kind)>) -> Kind {
    let key = |text: &str| Key { span: Span { start: 3, end: 4 }, text: text.into() };
    Kind::Map(entries.into_iter().map(|(k, kind)| (key(k), value(kind))).collect())
}

fn word(text: &str) -> Kind {
    Kind::Str(text.into())
}

fn list(items: Vec<Kind>) -> Kind {
    Kind::Seq(items.into_iter().map(value).collect())
}

fn number(text: &str) -> Kind {
    text.parse()
        .map_or_else(|_| Kind::Float(text.parse().unwrap(), text.into()), |i| Kind::Int(i, text.into()))
}

fn matcher(kind: Kind) -> Matcher {
    value(kind).read().unwrap_or_else(|e| panic!("{e}"))
}

fn of(kind: Kind, text: &str) -> Match {
    matcher(kind).judge(&text.into())
}

fn fails(why: &str) -> Match {
    Match::Fails(why.to_owned())
}

#[test]
fn a_word_is_what_it_equals() {
    assert_eq!(of(word("overlay"), "overlay"), Match::Holds);
    assert_eq!(of(word("overlay"), "aufs"), fails("is not `overlay`"));
    assert_eq!(of(number("1"), "01"), Match::Holds);
    assert_eq!(of(number("5.10"), "5.10"), Match::Holds, "the spelling is kept");
    assert_eq!(of(number("5.10"), "5.1"), fails("is not `5.10`"));
    assert_eq!(of(Kind::Bool(true), "true"), Match::Holds);
}

#[test]
fn each_key() {
    for (kind, holds, not, why) in [
        (map(vec![("oneOf", list(vec![number("0"), number("2")]))]), "2", "1", "is none of 0, 2"),
        (map(vec![("atLeast", word("2Gi"))]), "2147483648", "2147483647", "is less than 2Gi"),
        (map(vec![("atMost", number("0.8"))]), "0.8", "0.81", "is more than 0.8"),
        (
            map(vec![("contains", word("group = true"))]),
            "SystemdCgroup = true",
            "x",
            "does not contain `group = true`",
        ),
        (
            map(vec![("contains", map(vec![("matches", word("^b$"))]))]),
            "a\nb",
            "ab",
            "has no part that matches `^b$`",
        ),
        (map(vec![("each", map(vec![("atLeast", number("1"))]))]), "1\n2", "1\n0", "is less than 1"),
        (map(vec![("count", number("2"))]), "1\n2", "1", "has a count that is not `2`"),
        (map(vec![("matches", word("^v1\\.(3|4)"))]), "v1.36", "v1.20", "does not match `^v1\\.(3|4)`"),
        (map(vec![("version", word(">=1.7"))]), "1.7.20~ds1", "1.6.9", "does not lie within >=1.7"),
        (map(vec![("not", word("x"))]), "y", "x", "is `x`"),
        (
            map(vec![("all", list(vec![word("x"), map(vec![("contains", word("x"))])]))]),
            "x",
            "xx",
            "is not `x`",
        ),
        (map(vec![("any", list(vec![word("x"), word("y")]))]), "y", "z", "is not `x`, is not `y`"),
        (map(vec![("atLeast", number("1")), ("not", number("7"))]), "8", "7", "is `7`"),
    ] {
        let asked = matcher(kind);
        assert_eq!(asked.judge(&holds.into()), Match::Holds, "{asked:?}");
        assert_eq!(asked.judge(&not.into()), fails(why), "{asked:?}");
    }
}

#[test]
fn what_cant_be_compared_holds_in_no_way() {
    let least = || map(vec![("atLeast", number("5"))]);
    let unfit = Match::Unfit("is no number".to_owned());
    assert_eq!(of(least(), "max"), unfit);
    assert_eq!(of(map(vec![("not", least())]), "max"), unfit, "nor does its contrary");
    assert_eq!(of(map(vec![("any", list(vec![least(), word("max")]))]), "max"), Match::Holds);
    assert_eq!(of(map(vec![("any", list(vec![least(), word("min")]))]), "max"), unfit);
    assert_eq!(of(map(vec![("all", list(vec![least(), word("min")]))]), "max"), fails("is not `min`"));
    assert!(matches!(of(map(vec![("version", word(">=1"))]), "none"), Match::Unfit(_)));
}

#[test]
fn lists() {
    let options: Subject<'_> = ["rw", "noexec", "size=64k"].into_iter().collect();
    let judge = |kind| matcher(kind).judge(&options);
    assert_eq!(judge(map(vec![("contains", word("noexec"))])), Match::Holds);
    assert_eq!(judge(map(vec![("contains", word("exec"))])), fails("does not contain `exec`"), "whole items");
    assert_eq!(judge(map(vec![("contains", map(vec![("contains", word("exec"))]))])), Match::Holds);
    assert_eq!(judge(map(vec![("not", map(vec![("contains", word("rw"))]))])), fails("contains `rw`"));
    assert_eq!(judge(map(vec![("matches", word("^size="))])), Match::Holds);
    assert_eq!(judge(map(vec![("count", map(vec![("atMost", number("3"))]))])), Match::Holds);
    assert!(matches!(judge(word("rw")), Match::Unfit(_)));
    let none: Subject<'_> = std::iter::empty::<&str>().collect();
    assert_eq!(matcher(map(vec![("contains", word("rw"))])).judge(&none), fails("does not contain `rw`"));
    assert_eq!(matcher(map(vec![("each", word("rw"))])).judge(&none), Match::Holds);
}

#[test]
fn in_words() {
    let asked = matcher(map(vec![("atLeast", number("5")), ("not", number("7"))]));
    assert_eq!(asked.describe(), "is at least 5 and is not `7`");
    assert_eq!(asked.only(), None);
    assert_eq!(matcher(word("x")).only(), Some("x"));
}

#[test]
fn mistakes() {
    for (kind, says) in [
        (map(vec![]), "nothing is expected"),
        (map(vec![("oneOf", list(vec![]))]), "`oneOf` is empty"),
        (map(vec![("atLeast", number("5")), ("atMost", number("4"))]), "nothing is at least 5 and at most 4"),
        (map(vec![("atLeast", word("many"))]), "no number"),
        (map(vec![("matches", word("("))]), "no regular expression"),
        (map(vec![("version", word("1.7"))]), "alone is not a range"),
        (map(vec![("contain", word("x"))]), "unknown key `contain`"),
        (list(vec![word("x")]), "expected a word, a number, or a map"),
        (Kind::Null, "expected a word, a number, or a map"),
    ] {
        let error = value(kind.clone()).read::<Matcher>().unwrap_err();
        assert!(error.message.contains(says), "{kind:?}: {error}");
    }
    let typo = value(map(vec![("all", list(vec![map(vec![("equal", word("x"))])]))]));
    let errors = typo.read_all::<Matcher>().unwrap_err();
    assert_eq!((errors.len(), errors[0].span.unwrap().start), (1, 3), "{errors:?}");
    assert_eq!(errors[0].help.as_deref(), Some("did you mean `equals`?"));
}

proptest! {
    #[test]
    fn the_contrary_of_what_holds_does_not(text in "[0-9a-c]{0,4}", wanted in "[0-9a-c]{1,4}", least in 0_u32..2000) {
        for part in [word(&wanted), map(vec![("atLeast", number(&least.to_string()))]), map(vec![("contains", word(&wanted))])] {
            let (is, not) = (of(part.clone(), &text), of(map(vec![("not", part)]), &text));
            prop_assert_eq!(is == Match::Holds, matches!(not, Match::Fails(_)));
            prop_assert_eq!(matches!(is, Match::Fails(_)), not == Match::Holds);
        }
    }

    #[test]
    fn never_panics(text in ".{0,80}", wanted in ".{0,20}") {
        for key in ["equals", "contains", "matches", "version", "atLeast"] {
            if let Ok(matcher) = value(map(vec![(key, word(&wanted))])).read::<Matcher>() {
                let _ = matcher.judge(&text.as_str().into());
            }
        }
    }
}
