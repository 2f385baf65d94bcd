//! The order of versions as rpm has it (rpmio/rpmver.cc, rpmio/rpmvercmp.cc).

use std::cmp::Ordering;

/// Compares versions like `2:1.2.3-4.fc40`: the epoch, the version, the release.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    fn parts(version: &str) -> (u64, &str, &str) {
        let (epoch, rest) = version.split_once(':').unwrap_or(("", version));
        let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
        (epoch.parse().unwrap_or(0), version, release)
    }
    let (a, b) = (parts(a), parts(b));
    let of = |a: &str, b: &str| segments(a.as_bytes(), b.as_bytes());
    a.0.cmp(&b.0).then_with(|| of(a.1, b.1)).then_with(|| of(a.2, b.2))
}

/// Compares number by number and word by word; what stands between them does not count.
fn segments(mut a: &[u8], mut b: &[u8]) -> Ordering {
    loop {
        (a, b) = (rest(a), rest(b));
        let order = rank(a).cmp(&rank(b));
        let (Some(first), Some(other), Ordering::Equal) = (a.first(), b.first(), order) else { return order };
        if !first.is_ascii_alphanumeric() {
            (a, b) = (&a[1..], &b[1..]);
            continue;
        }
        let is_number = first.is_ascii_digit();
        if is_number != other.is_ascii_digit() {
            return if is_number { Ordering::Greater } else { Ordering::Less };
        }
        let (here, there) = (segment(a), segment(b));
        (a, b) = (&a[here.len()..], &b[there.len()..]);
        let order = if is_number {
            let (here, there) = (without_zeros(here), without_zeros(there));
            here.len().cmp(&there.len()).then_with(|| here.cmp(there))
        } else {
            here.cmp(there)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// What begins with a number, a word, `~` or `^`.
fn rest(text: &[u8]) -> &[u8] {
    let counts = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'~' | b'^');
    &text[text.iter().position(counts).unwrap_or(text.len())..]
}

/// `~` sorts before the end, and the end before `^`, and that before all else.
fn rank(text: &[u8]) -> u8 {
    match text.first() {
        Some(b'~') => 0,
        None => 1,
        Some(b'^') => 2,
        Some(_) => 3,
    }
}

/// The number or word at the beginning.
fn segment(text: &[u8]) -> &[u8] {
    let is_number = text.first().is_some_and(u8::is_ascii_digit);
    let ends = |byte: &u8| !byte.is_ascii_alphanumeric() || byte.is_ascii_digit() != is_number;
    &text[..text.iter().position(ends).unwrap_or(text.len())]
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each as `rpm --eval '%{lua: print(rpm.vercmp(…))}'` of rpm 4.18 orders them.
    #[test]
    fn as_rpm_orders() {
        for (a, b, want) in [
            ("1.0", "1.0", Ordering::Equal),
            ("1.10", "1.9", Ordering::Greater),
            ("2.0.1", "2.0", Ordering::Greater),
            ("5.5p10", "5.5p1", Ordering::Greater),
            ("5.14.0-503.el9", "5.14.0-70.el9", Ordering::Greater),
            ("1.0010", "1.9", Ordering::Greater),
            ("1.05", "1.5", Ordering::Equal),
            ("xyz.4", "8", Ordering::Less),
            ("10xyz", "10.1xyz", Ordering::Less),
            ("2_0", "2.0", Ordering::Equal),
            ("1.0~rc1", "1.0", Ordering::Less),
            ("1.0~rc1~git1", "1.0~rc1", Ordering::Less),
            ("1.0^", "1.0", Ordering::Greater),
            ("1.0^git1", "1.0.1", Ordering::Less),
            ("1.0^git1~pre", "1.0^git1", Ordering::Less),
            ("1.0~rc1^git1", "1.0~rc1", Ordering::Greater),
            ("1:1.0", "2.0", Ordering::Greater),
            ("0:1.0-1", "1.0-1", Ordering::Equal),
            ("99999999999999999999999", "1", Ordering::Greater),
            ("", "0", Ordering::Less),
        ] {
            assert_eq!(compare(a, b), want, "{a} {b}");
            assert_eq!(compare(b, a), want.reverse(), "{b} {a}");
        }
    }

    proptest! {
        #[test]
        fn is_an_order(a in "[0-9a-b.~^:-]{0,8}", b in "[0-9a-b.~^:-]{0,8}", c in ".{0,8}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&c, &c), Ordering::Equal);
            let _ = compare(&a, &c);
        }
    }
}
