//! What a policy may say of servers of HTTP.

use crate::{
    duration::Duration,
    endpoint::Url,
    entry::{Entry, Written},
    finding::Severity,
    matcher::{Match, Matcher},
    node::Identity,
    range::Range,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use std::{borrow::Cow, str::FromStr};

/// Servers of HTTP answer this node, with certificates that it trusts. Takes `--allow network`.
///
/// ## What it looks at
/// It connects as `tcp` does, shakes hands, asks for the path (GET, without a body, a cookie or a user), and reads the first
/// line of the answer, with `version` all of it; redirections are not followed. With `certFile` and `keyFile` the server is
/// shown who asks. The certificate is judged by the authorities of this node, or those in
/// `caFile`: who signed it, for which names, from when until when. Where the environment names a proxy (HTTPS_PROXY,
/// HTTP_PROXY, NO_PROXY, by Go's rules), it goes that way, as kubeadm does; user and password of a proxy are never read.
///
/// `answers` passes; `expires-soon` warns. The others do not pass: `refused`, `timeout`, `no-route`, `no-name`,
/// `name-servers` as of `tcp`; `proxy` (it does not pass this on); `no-tls`, `tls` (the handshake fails);
/// `unknown-issuer`, `expired`, `not-yet-valid`, `wrong-name`, `bad-certificate`; `client-certificate` (the server wants to know
/// who asks, or does not take it); `no-http`, `status`; `wrong-version`, `no-version`;
/// `unexpected` (of `expect`).
///
/// ## Why it matters
/// Images that can't be fetched are the most common end of a first install. Which of these it is decides who can mend it: a
/// proxy that opens TLS shows as `unknown-issuer`, a wrong clock as `not-yet-valid` or `expired`.
///
/// ## How to mend it
/// As each finding says. An authority of one's own: /usr/local/share/ca-certificates and `update-ca-certificates`, or
/// /etc/pki/ca-trust/source/anchors and `update-ca-trust`; then restart the container runtime.
///
/// ## Sources
/// RFC 9110; RFC 5280; Go crypto/x509/root_linux.go (where authorities are); golang.org/x/net/http/httpproxy; OCI
/// distribution specification (401 is how a registry asks who is there).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpParams {
    /// What to ask for: URLs, or maps that say more. Empty words, as of inputs that are not set, are left out.
    pub requests: Vec<Written<HttpRequest>>,
    /// How long one request may take, and one question to a name server. Default: 5s; half a minute is the most.
    pub time: Duration,
    /// Whether the proxy that the environment names is gone by. Default: true.
    pub proxy: bool,
}

impl Default for HttpParams {
    fn default() -> Self {
        Self { requests: Vec::new(), time: Duration::from_millis(5000), proxy: true }
    }
}

/// What to ask for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpRequest {
    /// The URL, or several with commas, each of which is asked.
    pub url: Urls,
    /// What is asked for where a URL names no path: `/version`. Default: `/`.
    #[serde(default)]
    pub path: Option<String>,
    /// The statuses that are right. Default: all from 200 to 399, and 401.
    #[serde(default)]
    pub status: Vec<u16>,
    /// A file with the authorities that may have signed the certificate. Default: those that the node trusts.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// A file with the certificate that is shown to the server, where it wants to know who asks.
    #[serde(default)]
    pub cert_file: Option<String>,
    /// The file with its private key.
    #[serde(default)]
    pub key_file: Option<String>,
    /// A version that the answer, a JSON object, has to tell.
    #[serde(default)]
    pub version: Option<VersionField>,
    /// What is expected of the answer besides.
    #[serde(default)]
    pub expect: HttpExpectations,
    /// Fewer days than this until the certificate is no longer good are a warning. Default: 14.
    #[serde(default = "fortnight")]
    pub days: u32,
    /// What it is for, told where it does not answer.
    #[serde(default)]
    pub why: Option<String>,
    /// The most that it can yield. Default: fail.
    #[serde(default)]
    pub severity: Severity,
}

/// What is expected of an answer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpExpectations {
    /// The status; it takes the place of `status`.
    pub status: Option<Matcher>,
    /// The body, at most 16 KiB of it. Nothing of it is shown in reports.
    pub body: Option<Matcher>,
}

/// A version in an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VersionField {
    /// The name of the field: `etcdserver`, `gitVersion`.
    pub field: String,
    /// The versions that will do: `>=3.5.24`.
    pub requires: Range,
}

/// URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Urls(pub(super) Vec<Url>);

impl FromStr for Urls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Urls {
    fn schema_name() -> Cow<'static, str> {
        "Urls".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A URL, or several with commas: `https://registry.example/v2/`; empty for none."
        })
    }
}

fn fortnight() -> u32 {
    14
}

impl HttpRequest {
    /// Whether a status is right.
    pub(super) fn takes(&self, status: u16) -> bool {
        if let Some(matcher) = &self.expect.status {
            return matcher.judge(&status.to_string().into()) == Match::Holds;
        }
        if self.status.is_empty() {
            (200..400).contains(&status) || status == 401
        } else {
            self.status.contains(&status)
        }
    }

    /// What is shown to the server.
    pub(super) fn identity(&self) -> Option<Identity> {
        let set = |file: &Option<String>| file.clone().filter(|path| !path.is_empty());
        Some(Identity { certificate: set(&self.cert_file)?, key: set(&self.key_file)? })
    }

    /// The statuses that are right, in words.
    pub(super) fn wanted(&self) -> String {
        if let Some(matcher) = &self.expect.status {
            return format!("one that {}", matcher.describe());
        }
        if self.status.is_empty() {
            return "200 to 399 or 401".to_owned();
        }
        self.status.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ")
    }
}

impl Entry for HttpRequest {
    const WORD: &'static str = "a URL";

    fn from_word(word: &str) -> Result<Self, String> {
        Ok(Self {
            url: word.parse()?,
            path: None,
            status: Vec::new(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            version: None,
            expect: HttpExpectations::default(),
            days: fortnight(),
            why: None,
            severity: Severity::Fail,
        })
    }
}
