//! Where to connect to, as policies write it: `host:port`, `https://host/path`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, fmt, str::FromStr};

/// A host, by name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The name, or the address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A URL of http or https without user, query or fragment being told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    /// Whether it is https.
    pub tls: bool,
    /// The server.
    pub endpoint: Endpoint,
    /// From the first `/` on.
    pub path: String,
    written: String,
}

/// The host and, where one is written, the port.
fn host_and_port(text: &str) -> Option<(String, Option<&str>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        (address, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("")))
    } else if let Some((host, port)) = text.split_once(':') {
        (host, Some(port))
    } else {
        (text, Some(""))
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    let port = port?;
    (!host.is_empty() && host.len() <= 253 && host.chars().all(fits))
        .then(|| (host.to_owned(), Some(port).filter(|port| !port.is_empty())))
}

fn number(port: &str) -> Option<u16> {
    port.parse().ok().filter(|port| *port > 0)
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not host:port: write registry.example:443, 10.0.0.1:6443 or [2001:db8::1]:6443"
            )
        };
        let (host, port) = host_and_port(text.trim()).ok_or_else(wrong)?;
        let port = port.and_then(number).ok_or_else(wrong)?;
        Ok(Self { host, port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let wrong = || format!("`{text}` is no URL of http or https: write https://registry.example/v2/");
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(wrong()),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err("a URL with a user or a password has no place in a policy: they would be told in every report".into());
        }
        let path = path.split('#').next().unwrap_or_default();
        if path.chars().any(|c| c.is_ascii_control() || c == ' ' || !c.is_ascii()) {
            return Err(format!("in `{text}` is a character that has to be written as %XX"));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let (host, port) = host_and_port(authority).ok_or_else(wrong)?;
        let port = match port {
            Some(port) => number(port).ok_or_else(wrong)?,
            None if tls => 443,
            None => 80,
        };
        Ok(Self { tls, endpoint: Endpoint { host, port }, path, written: text.to_owned() })
    }
}

/// As it was written.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Endpoint {
    fn schema_name() -> Cow<'static, str> {
        "Endpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "A host and a port: registry.example:443, [2001:db8::1]:6443." })
    }
}

impl JsonSchema for Url {
    fn schema_name() -> Cow<'static, str> {
        "Url".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^https?://", "description": "A URL of http or https." })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn endpoints() {
        for (text, host, port) in [
            ("registry.example:443", "registry.example", 443),
            ("10.0.0.1:6443", "10.0.0.1", 6443),
            ("[2001:db8::1]:6443", "2001:db8::1", 6443),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.port), (host, port));
            assert_eq!(endpoint.to_string(), text);
        }
        for text in [
            "",
            "x",
            "x:",
            "x:0",
            "x:70000",
            ":1",
            "2001:db8::1:6443",
            "[x]:1",
            "a b:1",
            "https://x:1",
            "[::1]1",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn urls() {
        for (text, tls, host, port, path) in [
            ("https://registry.example/v2/", true, "registry.example", 443, "/v2/"),
            ("http://10.0.0.1", false, "10.0.0.1", 80, "/"),
            ("https://[::1]:6443/healthz?verbose#x", true, "::1", 6443, "/healthz?verbose"),
            ("http://x?y", false, "x", 80, "/?y"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.tls, url.endpoint.host.as_str(), url.endpoint.port), (tls, host, port));
            assert_eq!((url.path.as_str(), url.to_string().as_str()), (path, text));
        }
        for text in [
            "registry.example",
            "ftp://x/",
            "https://",
            "https://u:p@x/",
            "https://x:y/",
            "https://x/\r\nHost: y",
        ] {
            assert!(text.parse::<Url>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,60}") {
            let _ = text.parse::<Endpoint>();
            let _ = format!("https://{text}").parse::<Url>();
        }
    }
}
