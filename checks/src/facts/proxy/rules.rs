//! What goes by a proxy and what does not, by the rules of golang.org/x/net/http/httpproxy, which kubeadm, the kubelet and
//! containerd go by.

use ipnet::IpNet;
use std::net::IpAddr;

/// The rules of a NO_PROXY.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyRules {
    everything: bool,
    networks: Vec<IpNet>,
    addresses: Vec<(IpAddr, Option<u16>)>,
    /// A domain: with a dot in front what lies below it, without also itself.
    domains: Vec<(String, Option<u16>)>,
}

impl ProxyRules {
    /// Reads a NO_PROXY: names and addresses, with or without a port, networks, `*`, separated by commas.
    #[must_use]
    pub fn parse(no_proxy: &str) -> Self {
        let mut rules = Self::default();
        for word in no_proxy.split(',').map(|word| word.trim().to_lowercase()).filter(|word| !word.is_empty())
        {
            if word == "*" {
                rules.everything = true;
            } else if let Ok(network) = word.parse() {
                rules.networks.push(network);
            } else {
                let (host, port) = with_port(&word);
                match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
                    Ok(address) => rules.addresses.push((address, port)),
                    Err(_) => rules.domains.push((host.trim_start_matches('*').to_owned(), port)),
                }
            }
        }
        rules
    }

    /// Whether a connection to `host` and `port` goes without the proxy. The loopback addresses and `localhost` always do.
    #[must_use]
    pub fn spare(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_lowercase();
        let fits = |wanted: Option<u16>| wanted.is_none_or(|wanted| wanted == port);
        if self.everything || host == "localhost" {
            return true;
        }
        if let Ok(address) = host.parse::<IpAddr>() {
            return address.is_loopback()
                || self.networks.iter().any(|network| network.contains(&address))
                || self.addresses.iter().any(|(own, port)| *own == address && fits(*port));
        }
        self.domains.iter().any(|(domain, port)| {
            let below = domain.strip_prefix('.');
            let is_below = host.strip_suffix(below.unwrap_or(domain)).is_some_and(|rest| rest.ends_with('.'));
            (is_below || (below.is_none() && host == *domain)) && fits(*port)
        })
    }
}

/// The name and the port behind its last colon; an address of IPv6 without brackets has none.
fn with_port(word: &str) -> (&str, Option<u16>) {
    match word.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (word, None),
        },
        _ => (word, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_spared() {
        let rules = ProxyRules::parse(
            "example.com, .svc,10.0.0.0/8,2001:db8::/48,192.0.2.7:6443,[2001:db8:2::1]:443,*.wild.example",
        );
        for (host, port, spared) in [
            ("localhost", 80, true),
            ("127.0.0.9", 80, true),
            ("::1", 80, true),
            ("example.com", 443, true),
            ("a.example.com", 443, true),
            ("notexample.com", 443, false),
            ("svc", 443, false),
            ("kubernetes.default.svc", 443, true),
            ("x.wild.example", 443, true),
            ("10.96.0.1", 443, true),
            ("192.168.0.1", 443, false),
            ("2001:db8::1:15", 443, true),
            ("2001:db8:1::1:15", 443, false),
            ("192.0.2.7", 6443, true),
            ("192.0.2.7", 443, false),
            ("2001:db8:2::1", 443, true),
        ] {
            assert_eq!(rules.spare(host, port), spared, "{host}:{port}");
        }
        assert!(ProxyRules::parse("*").spare("anything", 1));
        assert!(!ProxyRules::parse("").spare("anything", 1));
    }

    proptest! {
        #[test]
        fn never_panics(no_proxy in ".{0,100}", host in ".{0,40}", port: u16) {
            let _ = ProxyRules::parse(&no_proxy).spare(&host, port);
        }
    }
}
