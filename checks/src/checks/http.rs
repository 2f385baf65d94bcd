//! `http`: Servers of HTTP answer this node, with certificates that it trusts. Takes `--allow network`.

mod answer;
mod params;

use super::reaching::{LONGEST, millis, unreached_finding, waiting};
use crate::{
    check::{Check, Meta},
    endpoint::{Endpoint, Url},
    entry::Written,
    evidence::{Evidence, Proof, Unknown},
    expect::{Expected, Property},
    facts::{
        Known,
        certificate::{Certificate, Fault},
        proxy::ProxyRules,
        reach::{Reached, Unreached},
    },
    finding::{Finding, Findings, Remedy, Severity},
    node::{Identity, Node, Probe, Probed},
    range::leading_version,
};
use answer::{Answer, Ended};
use params::{HttpParams, HttpRequest, VersionField};
use semver::Version;
use std::{net::SocketAddr, time};

/// The check `http`.
pub struct Http;

impl Check for Http {
    type Params = HttpParams;

    const META: Meta = Meta {
        id: "http",
        summary: "Servers of HTTP answer this node, with certificates that it trusts (takes --allow network)",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &HttpParams) -> Result<(), String> {
        if params.requests.is_empty() {
            return Err("name at least one of `requests`: https://registry.example/v2/".into());
        }
        if params.time.get() > LONGEST {
            return Err("half a minute for one request is the most".into());
        }
        for Written(request) in &params.requests {
            if let Some(status) = request.status.iter().find(|status| !(100..600).contains(*status)) {
                return Err(format!("{status} is no status of HTTP: they go from 100 to 599"));
            }
            if let Some(path) = request.path.as_ref().filter(|path| !path.starts_with('/')) {
                return Err(format!("`{path}` is no path of a URL: it begins with /"));
            }
            let files = [&request.ca_file, &request.cert_file, &request.key_file];
            let mut set = files.into_iter().flatten().filter(|path| !path.is_empty());
            if let Some(path) = set.find(|path| !path.starts_with('/')) {
                return Err(format!("`{path}` is not an absolute path"));
            }
            if request.cert_file.is_some() != request.key_file.is_some() {
                return Err("a certificate is shown with its key: write both `certFile` and `keyFile`".into());
            }
        }
        Ok(())
    }

    fn limit(params: &HttpParams) -> Option<time::Duration> {
        let all = params.requests.iter().map(|Written(request)| request.url.0.len()).sum();
        Some(waiting(params.time, all))
    }

    fn run(params: &HttpParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        let asked: Vec<(&Url, &HttpRequest)> = params
            .requests
            .iter()
            .flat_map(|Written(request)| request.url.0.iter().map(move |url| (url, request)))
            .collect();
        if asked.is_empty() {
            let seen = Evidence::new("policy", "requests: each is empty");
            out.push(Finding::not_applicable("requests", "no URL is given", [seen]));
        }
        let ways: Vec<Known<Way>> =
            asked.iter().map(|(url, request)| way(params, node, url, request)).collect();
        let open: Vec<&Way> = ways.iter().flatten().collect();
        let targets: Vec<&Endpoint> = open.iter().map(|way| &way.to).collect();
        node.reach_ahead(&targets, millis(params.time), |at, address| open[at].probe(address));
        for ((url, request), way) in asked.iter().zip(&ways) {
            let finding = match way {
                Ok(way) => judge(url, request, way, node),
                Err(why) => unknown(url, request.severity, why),
            };
            out.push(finding.notes(request.why.clone()));
        }
        Ok(())
    }
}

fn unknown(url: &Url, severity: Severity, why: &Unknown) -> Finding {
    let message = format!("whether {url} answers could not be determined");
    Finding::undetermined(severity, url.to_string(), "unknown", message, why)
}

/// Where to connect to for a URL, and what to say there.
struct Way {
    to: Endpoint,
    by_proxy: bool,
    url: Url,
    identity: Option<Identity>,
    body: bool,
    millis: u32,
}

impl Way {
    fn probe(&self, address: SocketAddr) -> Probe {
        let Url { tls, endpoint: Endpoint { host, port }, path, .. } = &self.url;
        Probe::Fetch {
            address,
            by_proxy: self.by_proxy,
            tls: *tls,
            host: host.clone(),
            port: *port,
            path: path.clone(),
            identity: self.identity.clone(),
            body: self.body,
            millis: self.millis,
        }
    }
}

/// The server itself, or the proxy that the environment of this process names for it.
fn way(params: &HttpParams, node: &Node, url: &Url, request: &HttpRequest) -> Known<Way> {
    let mut whole = url.clone();
    if let Some(path) = request.path.as_ref().filter(|_| url.path == "/") {
        whole.path.clone_from(path);
    }
    let direct = Way {
        to: url.endpoint.clone(),
        by_proxy: false,
        url: whole,
        identity: request.identity(),
        body: request.version.is_some() || request.expect.body.is_some(),
        millis: millis(params.time),
    };
    if !params.proxy {
        return Ok(direct);
    }
    let environ = node.proc_self("environ");
    let (settings, unread) = node.proxy_settings();
    if let Some(e) = unread.iter().find(|e| e.path == environ) {
        return Err(e.unknown());
    }
    let Some(own) = settings.into_iter().find(|one| one.source == environ) else { return Ok(direct) };
    let proxy = if url.tls { own.https } else { own.http };
    let Some(proxy) =
        proxy.filter(|_| !ProxyRules::parse(&own.no_proxy).spare(&url.endpoint.host, url.endpoint.port))
    else {
        return Ok(direct);
    };
    let to = proxy_endpoint(&proxy)
        .ok_or_else(|| Unknown::new(format!("the proxy {proxy} is of a kind that preflight can't go by")))?;
    Ok(Way { to, by_proxy: true, ..direct })
}

/// `http://proxy:3128`, `proxy:3128`; without a port it is 80, as for Go. Proxies that speak TLS or SOCKS are none of ours.
fn proxy_endpoint(proxy: &str) -> Option<Endpoint> {
    let url = if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") };
    url.parse().ok().filter(|url: &Url| !url.tls).map(|url| url.endpoint)
}

fn judge(url: &Url, request: &HttpRequest, way: &Way, node: &Node) -> Finding {
    let subject = url.to_string();
    let finding = match node.reach(&way.to, way.millis, |address| way.probe(address)) {
        Ok(Ok(reached)) => match Answer::of(&reached.probed) {
            Some(answer) => answered(url, request, &answer, &reached, node),
            None => unknown(url, request.severity, &not_asked(&reached.probed)),
        },
        Ok(Err(unreached)) => not_reached(&subject, request.severity, way, unreached),
        Err(why) => unknown(url, request.severity, &why),
    };
    finding.notes(
        way.by_proxy.then(|| format!("it was asked by the proxy {}, which the environment names", way.to)),
    )
}

/// Why there is no answer although somebody was reached: what this side is to show can't be had.
fn not_asked(probed: &Probed) -> Unknown {
    let Some(why) = probed.errno().and_then(|text| text.strip_prefix("client: ")) else {
        return Unknown::new("the answer of the probe is none");
    };
    let unknown = Unknown::new(why);
    if why.ends_with("EACCES") { unknown.needs("run as root") } else { unknown }
}

fn not_reached(subject: &str, severity: Severity, way: &Way, unreached: Unreached) -> Finding {
    let finding = unreached_finding(subject, &way.to, severity, unreached);
    if way.by_proxy { finding.note("what can't be reached is the proxy") } else { finding }
}

/// The finding about a server that was reached: by how it ended, then by its certificate, then by the status.
fn answered(url: &Url, request: &HttpRequest, answer: &Answer, reached: &Reached, node: &Node) -> Finding {
    let subject = url.to_string();
    let said =
        Evidence::new(format!("{} {}", reached.probed.call(), reached.address), answer.ended.to_string());
    let mut seen = reached.evidence.clone();
    seen.push(said);
    let problem = |reason, message: String, remedy: String, seen: Vec<Evidence>| {
        Finding::problem(request.severity, &subject, reason, message)
            .evidence(seen)
            .remedy(Remedy::new(remedy))
    };
    if let Some((reason, what, remedy)) = answer.ended.before_tls() {
        return problem(reason, format!("{url} can't be fetched: {what}"), remedy, seen);
    }
    let own = answer.chain.first().and_then(|der| Certificate::parse(der));
    seen.extend(own.as_ref().map(|own| own.evidence(&url.endpoint.host)));
    if url.tls {
        let authorities = match node.authorities(request.ca_file.as_deref().filter(|path| !path.is_empty())) {
            Ok(authorities) => authorities,
            Err(why) => return unknown(url, request.severity, &why.tried(seen)),
        };
        seen.push(Evidence::new(&authorities.path, format!("{} authorities", authorities.count())));
        if let Err(fault) = authorities.judge(&answer.chain, &url.endpoint.host, answer.at) {
            let (reason, what, remedy) = certificate_fault(&fault, &url.endpoint.host, &authorities.path);
            return problem(reason, format!("{url} can't be trusted: {what}"), remedy, seen);
        }
    }
    match &answer.ended {
        Ended::Status(status) if request.takes(*status) => good(url, request, own.as_ref(), answer, seen),
        Ended::Status(status) => {
            let message = format!("{url} answers with the status {status}, not {}", request.wanted());
            problem(
                "status",
                message,
                "Ask who runs that server; or name the status in `status`".to_owned(),
                seen,
            )
        }
        ended => {
            let remedy = "See that a server of HTTP listens there, with TLS as the URL says".to_owned();
            problem("no-http", format!("{url} gives no answer of HTTP: {ended}"), remedy, seen)
        }
    }
}

fn good(
    url: &Url,
    request: &HttpRequest,
    own: Option<&Certificate>,
    answer: &Answer,
    mut seen: Vec<Evidence>,
) -> Finding {
    let subject = url.to_string();
    let days = own.and_then(|own| own.days_left(answer.at));
    if let (Some(own), Some(days)) = (own, days)
        && days < u64::from(request.days)
    {
        let message = format!("{url} answers, but its certificate is good until {} only", own.not_after);
        return Finding::problem(Severity::Warn, &subject, "expires-soon", message)
            .evidence(seen)
            .remedy(Remedy::new("Have its certificate renewed"));
    }
    let mut tells = String::new();
    if let Some(wanted) = &request.version {
        match told_version(answer, wanted) {
            Ok((version, by)) if wanted.requires.contains(&version) => {
                tells = format!(", {} {version}", wanted.field);
                seen.push(by);
            }
            Ok((version, by)) => {
                let VersionField { field, requires } = wanted;
                let message = format!("{url} tells {field} {version}, and {requires} is needed");
                return Finding::problem(request.severity, &subject, "wrong-version", message)
                    .evidence([by])
                    .evidence(seen)
                    .remedy(Remedy::new("Upgrade what serves it"));
            }
            Err(by) => {
                let message = format!("{url} answers, and tells no version as {}", wanted.field);
                return Finding::problem(request.severity, &subject, "no-version", message)
                    .evidence([by])
                    .evidence(seen)
                    .remedy(Remedy::new("See which server answers there"));
            }
        }
    }
    let mut expected = Expected::default();
    expected.ask("body", request.expect.body.as_ref(), &|| {
        Ok(Property::hidden(&subject, String::from_utf8_lossy(&answer.body).into_owned()))
    });
    let unexpected =
        |message, by| Finding::problem(request.severity, &subject, "unexpected", message).evidence([by]);
    match expected.end().or(&subject, &unexpected, &|why| unknown(url, request.severity, why)) {
        Ok(more) => seen.extend(more),
        Err(finding) => return finding.evidence(seen),
    }
    let Some(proof) = Proof::of(seen) else {
        return unknown(url, request.severity, &Unknown::new("nothing showed it"));
    };
    Finding::pass(&subject, "answers", format!("{url} answers ({}{tells})", answer.ended), proof)
}

/// The version that an answer tells, or what stands there instead.
fn told_version(answer: &Answer, wanted: &VersionField) -> Result<(Version, Evidence), Evidence> {
    let object: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(text) = object.get(&wanted.field).and_then(serde_json::Value::as_str) else {
        let text = String::from_utf8_lossy(&answer.body);
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(120).collect();
        return Err(Evidence::new("its answer", if line.is_empty() { "(empty)".to_owned() } else { line }));
    };
    let seen = Evidence::new(format!("its answer, {}", wanted.field), text);
    // v1.35.0 of Kubernetes, 3.5.24 of etcd.
    match leading_version(text.strip_prefix('v').unwrap_or(text)) {
        Some(version) => Ok((version, seen)),
        None => Err(seen),
    }
}

/// The reason, what it means, and what mends it.
fn certificate_fault(fault: &Fault, host: &str, authorities: &str) -> (&'static str, String, String) {
    const CLOCK: &str = "Have the certificate renewed; if it is good, this node's clock is wrong";
    match fault {
        Fault::UnknownIssuer => (
            "unknown-issuer",
            format!("no authority in {authorities} signed its certificate"),
            "Add the authority that did to those of this node, and restart the container runtime; \
             nobody but a proxy that opens TLS, or an attacker, shows such a certificate for a public server"
                .to_owned(),
        ),
        Fault::Expired => ("expired", "its certificate is no longer good".to_owned(), CLOCK.to_owned()),
        Fault::NotYetValid => {
            ("not-yet-valid", "its certificate is not good yet".to_owned(), CLOCK.to_owned())
        }
        Fault::WrongName => (
            "wrong-name",
            format!("its certificate is not for {host}"),
            "Use a name that the certificate has, or have one made for this name".to_owned(),
        ),
        Fault::Other(why) => (
            "bad-certificate",
            format!("its certificate can't be verified: {why}"),
            "Have a certificate made that follows RFC 5280".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests;
