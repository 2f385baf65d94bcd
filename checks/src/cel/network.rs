//! Addresses and networks, as Kubernetes' libraries for CEL have them.

use super::{
    Value,
    eval::{Result, error},
};
use ipnet::IpNet;
use std::net::IpAddr;

pub(super) fn call(name: &str, all: &[Value]) -> Option<Result> {
    Some(match (name, all) {
        ("ip", [Value::Text(text)]) => match text.parse() {
            Ok(ip) => Ok(Value::Ip(ip)),
            Err(_) => error(format!("`{text}` is no address")),
        },
        ("isIP", [Value::Text(text)]) => Ok(text.parse::<IpAddr>().is_ok().into()),
        ("cidr", [Value::Text(text)]) => match text.parse() {
            Ok(cidr) => Ok(Value::Cidr(cidr)),
            Err(_) => error(format!("`{text}` is no network")),
        },
        ("isCIDR", [Value::Text(text)]) => Ok(text.parse::<IpNet>().is_ok().into()),
        ("family", [Value::Ip(ip)]) => Ok(Value::Int(if ip.is_ipv4() { 4 } else { 6 })),
        ("containsIP", [Value::Cidr(cidr), Value::Ip(ip)]) => Ok(cidr.contains(ip).into()),
        ("containsIP", [Value::Cidr(cidr), Value::Text(text)]) => match text.parse::<IpAddr>() {
            Ok(ip) => Ok(cidr.contains(&ip).into()),
            Err(_) => error(format!("`{text}` is no address")),
        },
        ("containsCIDR", [Value::Cidr(cidr), Value::Cidr(other)]) => Ok(cidr.contains(other).into()),
        ("containsCIDR", [Value::Cidr(cidr), Value::Text(text)]) => match text.parse::<IpNet>() {
            Ok(other) => Ok(cidr.contains(&other).into()),
            Err(_) => error(format!("`{text}` is no network")),
        },
        _ => return None,
    })
}
