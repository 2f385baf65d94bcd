//! Which connections go by a proxy: the environment of a process, read as Go's programs read it.
//!
//! Of an environment only these variables are kept, and of their values never what stands before `@`: it may be a password.

mod rules;

pub use rules::ProxyRules;

use super::systemd_unit::Variables;
use crate::node::{Node, ReadError, ReadErrorKind};

/// The variables, in upper case; each counts in lower case too, and then more (golang.org/x/net/http/httpproxy).
const VARIABLES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// The settings of one process or service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Where they are from: `/proc/self/environ`, a drop-in of a unit.
    pub source: String,
    /// `HTTPS_PROXY`: the proxy for https, without user and password.
    pub https: Option<String>,
    /// `HTTP_PROXY`.
    pub http: Option<String>,
    /// `NO_PROXY`: what does not go by a proxy.
    pub no_proxy: String,
}

impl ProxySettings {
    /// From pairs of names and values.
    fn of<'a>(source: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let mut values: [Option<String>; 3] = [const { None }; 3];
        let mut lower = [false; 3];
        for (name, value) in pairs {
            for (i, variable) in VARIABLES.iter().enumerate() {
                let is_lower = name == variable.to_lowercase();
                if (is_lower || name == *variable && !lower[i]) && !value.is_empty() {
                    values[i] = Some(if i == 2 { value.to_owned() } else { without_user(value) });
                    lower[i] = is_lower;
                }
            }
        }
        let [http, https, no_proxy] = values;
        (http.is_some() || https.is_some()).then(|| Self {
            source: source.to_owned(),
            https,
            http,
            no_proxy: no_proxy.unwrap_or_default(),
        })
    }
}

impl ProxySettings {
    /// From what a service is started with; the source is the file that names the proxy.
    fn of_service(variables: &Variables) -> Option<Self> {
        let pairs = variables.iter().map(|(name, (value, _))| (name.as_str(), value.as_str()));
        let mut found = Self::of("", pairs)?;
        let names = |name: &str| VARIABLES[..2].iter().any(|variable| name.eq_ignore_ascii_case(variable));
        let (_, (_, place)) = variables.iter().find(|(name, (value, _))| names(name) && !value.is_empty())?;
        place.rsplit_once(':').map_or(place.as_str(), |(file, _)| file).clone_into(&mut found.source);
        Some(found)
    }
}

/// The address of a proxy without user and password: `http://user:secret@proxy:3128` is `http://proxy:3128`.
#[must_use]
pub fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // A password may hold a slash that nobody encoded: what stands before the last `@` goes in any case.
    let host = match rest.rsplit_once('@') {
        Some((_, host)) => host.to_owned(),
        None => format!("{authority}{path}"),
    };
    if scheme.is_empty() { host } else { format!("{scheme}://{host}") }
}

/// The services of Kubernetes and container runtimes whose drop-ins are looked at.
const SERVICES: [&str; 6] = ["containerd", "crio", "docker", "kubelet", "k3s", "k0scontroller"];

impl Node {
    /// The proxy settings of this process, of every process that a login gives them to, and of the services.
    ///
    /// # Errors
    /// Never as a whole; the second part is what could not be read.
    #[must_use]
    pub fn proxy_settings(&self) -> (Vec<ProxySettings>, Vec<ReadError>) {
        let mut found = Vec::new();
        let mut unread = Vec::new();
        let environ = self.proc_self("environ");
        match self.read_once(&environ, 1 << 20) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                found.extend(ProxySettings::of(
                    &environ,
                    text.split('\0').filter_map(|word| word.split_once('=')),
                ));
            }
            Err(e) => unread.push(e),
        }
        let read = self.read("/etc/environment");
        match read.text() {
            Ok(text) => {
                let pairs =
                    text.lines().filter_map(|line| line.trim().trim_start_matches("export ").split_once('='));
                let pairs = pairs.map(|(name, value)| (name.trim(), value.trim().trim_matches(['"', '\''])));
                found.extend(ProxySettings::of("/etc/environment", pairs));
            }
            Err(e) if e.is_missing() => {}
            Err(e) => unread.push(e.clone()),
        }
        for service in SERVICES {
            // Of a service whose unit is here all that sets its environment counts; else what lies ready for one.
            match self.systemd_unit(&format!("{service}.service")) {
                Ok(Some(unit)) => match self.service_variables(&unit) {
                    Ok(variables) => found.extend(ProxySettings::of_service(&variables)),
                    Err(unknown) => {
                        unread.push(ReadError::new(&unit.fragment, ReadErrorKind::System(unknown.reason)));
                    }
                },
                Ok(None) => self.drop_ins(service, &mut found, &mut unread),
                Err(unknown) => {
                    let name = format!("{service}.service");
                    unread.push(ReadError::new(name, ReadErrorKind::System(unknown.reason)));
                }
            }
        }
        (found, unread)
    }

    fn drop_ins(&self, service: &str, found: &mut Vec<ProxySettings>, unread: &mut Vec<ReadError>) {
        let directory = format!("/etc/systemd/system/{service}.service.d");
        let names = match self.list(&directory) {
            Ok(names) => names,
            Err(e) if e.is_missing() => return,
            Err(e) => return unread.push(e),
        };
        for name in names.iter().filter(|name| name.strip_suffix(".conf").is_some()).take(64) {
            let path = format!("{directory}/{name}");
            let read = self.read(&path);
            match read.text() {
                Ok(text) => found.extend(ProxySettings::of(&path, unit_environment(&text))),
                Err(e) => unread.push(e.clone()),
            }
        }
    }
}

/// The assignments in `Environment=` lines (systemd.exec(5)): `Environment="A=b c" D=e`.
fn unit_environment(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("Environment="));
    lines.flat_map(assignments).filter_map(|word| word.split_once('='))
}

fn assignments(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        let (word, tail) = if first == '"' || first == '\'' {
            let inner = &rest[1..];
            inner.split_once(first).unwrap_or((inner, ""))
        } else {
            rest.split_once(char::is_whitespace).unwrap_or((rest, ""))
        };
        words.push(word.trim_matches(['"', '\'']));
        rest = tail.trim_start();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    #[test]
    fn passwords_go() {
        for (url, want) in [
            ("http://user:secret@proxy.example:3128", "http://proxy.example:3128"),
            ("http://user:se/cr@et@proxy:3128/", "http://proxy:3128/"),
            ("proxy:3128", "proxy:3128"),
            ("user@proxy", "proxy"),
            ("https://proxy/path?x", "https://proxy/path?x"),
        ] {
            assert_eq!(without_user(url), want, "{url}");
        }
    }

    #[test]
    fn settings_of_processes_and_services() {
        let memory = Memory::new()
            .file("/proc/self/environ", "HOME=/root\0SECRET=x\0HTTPS_PROXY=http://a:b@p:1\0https_proxy=http://q:2\0NO_PROXY=10.0.0.0/8\0")
            .file("/etc/environment", "export HTTP_PROXY=\"http://e:3\"\n")
            .file(
                "/etc/systemd/system/containerd.service.d/http-proxy.conf",
                "[Service]\nEnvironment=\"HTTPS_PROXY=http://u:p@c:4\" NO_PROXY=localhost,.svc\n",
            )
            .file("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", "[Service]\nEnvironment=\"A=b\"\n");
        let (found, unread) = Node::in_memory(memory).proxy_settings();
        assert!(unread.is_empty());
        let brief: Vec<_> =
            found.iter().map(|s| (s.https.as_deref().or(s.http.as_deref()), s.no_proxy.as_str())).collect();
        assert_eq!(
            brief,
            [
                (Some("http://q:2"), "10.0.0.0/8"),
                (Some("http://e:3"), ""),
                (Some("http://c:4"), "localhost,.svc")
            ]
        );
        assert!(!format!("{found:?}").contains("u:p") && !format!("{found:?}").contains("SECRET"));
    }

    #[test]
    fn all_that_a_service_is_started_with() {
        let unit =
            "[Service]\nEnvironment=NO_PROXY=.svc\nEnvironmentFile=-/etc/default/containerd\nExecStart=/a\n";
        let memory = Memory::new()
            .file("/usr/lib/systemd/system/containerd.service", unit)
            .file("/etc/default/containerd", "# x\nHTTPS_PROXY='http://u:p@c:4'\n");
        let settings = |memory: Memory| Node::in_memory(memory).proxy_settings();
        let (found, _) = settings(memory.clone());
        let brief: Vec<_> =
            found.iter().map(|s| (s.source.as_str(), s.https.as_deref(), s.no_proxy.as_str())).collect();
        assert_eq!(brief, [("/etc/default/containerd", Some("http://c:4"), ".svc")]);
        let hidden = memory.error("/etc/default/containerd", ReadErrorKind::Denied("EACCES"));
        assert!(settings(hidden).1.iter().any(|e| e.to_string().contains("EACCES")));
    }

    #[test]
    fn lines_of_units() {
        assert_eq!(assignments("\"A=b c\" D=e 'F=g'"), ["A=b c", "D=e", "F=g"]);
        assert_eq!(assignments("\"A=b"), ["A=b"]);
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,100}") {
            let _ = without_user(&text);
            let _ = unit_environment(&format!("Environment={text}")).count();
        }

        #[test]
        fn nothing_before_the_at_survives(user in "[a-z]{8}", password in "[A-Z/:@]{8}") {
            let url = without_user(&format!("http://{user}:{password}@proxy:1"));
            prop_assert!(!url.contains(&user) && !url.contains(&password), "{}", url);
        }
    }
}
