//! Names that this node knows by itself: hosts(5).

use std::net::IpAddr;

/// The file.
pub const HOSTS: &str = "/etc/hosts";

/// The addresses that lines of /etc/hosts give to a name, each with its line; upper and lower case are the same.
pub fn addresses<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (IpAddr, &'a str)> {
    let of_line = move |line: &'a str| {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut words = line.split_whitespace();
        let address: IpAddr = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(name)).then_some((address, line))
    };
    text.lines().filter_map(of_line).take(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_their_addresses() {
        let text =
            "127.0.0.1 localhost\n# 10.0.0.9 n1\n10.0.0.1\tn1.example N1 # here\n2001:db8::1 n1\nx n1\n";
        let found: Vec<String> = addresses(text, "n1").map(|(a, line)| format!("{a}: {line}")).collect();
        assert_eq!(found, ["10.0.0.1: 10.0.0.1\tn1.example N1", "2001:db8::1: 2001:db8::1 n1"]);
        assert_eq!(addresses(text, "here").count(), 0);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}", name in ".{0,20}") {
            let _ = addresses(&text, &name).count();
        }
    }
}
