//! What the values of kubeadm's fields have to look like, and what they are as inputs.

use crate::policy::read::scalar_text;
use preflight_checks::value::{Kind, Value};
use std::net::IpAddr;

/// What a value should have been.
pub(super) struct Wrong {
    pub(super) expected: &'static str,
    pub(super) help: Option<String>,
}

impl Wrong {
    pub(super) fn new(expected: &'static str) -> Self {
        Self { expected, help: None }
    }
}

/// A value as the text of an input; none where it says nothing.
pub(super) type Read = Result<Option<String>, Wrong>;

pub(super) fn text(value: &Value) -> Read {
    match &value.kind {
        Kind::Str(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Kind::Int(..) | Kind::Float(..) => Ok(Some(scalar_text(value))),
        _ => Err(Wrong::new("text")),
    }
}

pub(super) fn truth(value: &Value) -> Read {
    match (&value.kind, value.as_text()) {
        (Kind::Bool(is), _) => Ok(Some(is.to_string())),
        // A flag is text.
        (_, Some(word @ ("true" | "false"))) => Ok(Some(word.to_owned())),
        _ => Err(Wrong::new("true or false")),
    }
}

/// `failSwapOn` as the mode of the rule about swap.
pub(super) fn swap(value: &Value) -> Read {
    Ok(truth(value)?.map(|fails| if fails == "true" { "off" } else { "allowed" }.to_owned()))
}

/// A port; 0 is the default.
pub(super) fn port(value: &Value) -> Read {
    match scalar_text(value).parse::<u16>() {
        Ok(0) => Ok(None),
        Ok(port) => Ok(Some(port.to_string())),
        Err(_) => Err(Wrong::new("a port from 1 to 65535")),
    }
}

pub(super) fn address(value: &Value) -> Read {
    match text(value)? {
        Some(text) if text.parse::<IpAddr>().is_err() => Err(Wrong::new("an IP address")),
        text => Ok(text),
    }
}

/// One network, or one of each family with a comma.
pub(super) fn cidrs(value: &Value) -> Read {
    match text(value)? {
        Some(text) if !text.split(',').all(is_cidr) => Err(Wrong {
            expected: "a network, or two with a comma",
            help: Some("write for example `10.244.0.0/16` or `10.244.0.0/16,fd00:10:244::/56`".to_owned()),
        }),
        text => Ok(text),
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.trim().split_once('/') else { return false };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

/// `ipv4`, `ipv6` or `dual`, by the networks.
pub(super) fn families(cidrs: &str) -> Option<&'static str> {
    let v6 = |cidr: &str| cidr.contains(':');
    match (cidrs.split(',').any(v6), cidrs.split(',').all(v6)) {
        _ if cidrs.is_empty() => None,
        (false, _) => Some("ipv4"),
        (true, true) => Some("ipv6"),
        (true, false) => Some("dual"),
    }
}

/// `unix:///run/x.sock`, or a path.
pub(super) fn socket(value: &Value) -> Read {
    match text(value)? {
        Some(text) if !text.starts_with("unix:///") && !text.starts_with('/') => Err(Wrong {
            expected: "the path of a socket",
            help: Some("write for example `unix:///run/containerd/containerd.sock`".to_owned()),
        }),
        text => Ok(text),
    }
}

/// A list of texts, with commas.
pub(super) fn list(value: &Value) -> Read {
    let Kind::Seq(items) = &value.kind else { return Err(Wrong::new("a list")) };
    let texts: Option<Vec<&str>> = items.iter().map(Value::as_text).collect();
    let texts = texts.ok_or_else(|| Wrong::new("a list of texts"))?;
    Ok(Some(texts.join(",")).filter(|text| !text.is_empty()))
}

/// The mode of kube-proxy; nothing is its default.
pub(super) fn proxy_mode(value: &Value) -> Read {
    match text(value)?.as_deref() {
        None => Ok(Some("iptables".to_owned())),
        Some(mode @ ("iptables" | "ipvs" | "nftables")) => Ok(Some(mode.to_owned())),
        Some(_) => Err(Wrong { expected: "iptables, ipvs or nftables", help: None }),
    }
}

pub(super) fn cgroup_driver(value: &Value) -> Read {
    match text(value)?.as_deref() {
        None => Ok(None),
        Some(driver @ ("systemd" | "cgroupfs")) => Ok(Some(driver.to_owned())),
        Some(_) => Err(Wrong::new("systemd or cgroupfs")),
    }
}
