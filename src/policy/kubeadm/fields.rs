//! The fields of kubeadm's documents that say something about the node, and the inputs that they give.
//!
//! Names and shapes: kubernetes/kubernetes cmd/kubeadm/app/apis/kubeadm/{v1beta2,v1beta3,v1beta4}/types.go,
//! staging/src/k8s.io/kubelet/config/v1beta1/types.go, staging/src/k8s.io/kube-proxy/config/v1alpha1/types.go, read up to
//! 1.36. Of the kubelet's and kube-proxy's documents only what is named here is looked at; they have fields by the hundred.

use super::{Diagnostic, Given, Place, Text, quoted};
use crate::{
    kubeadm_names::{is_known, unknown},
    policy::read::{is_kubernetes_version, scalar_text},
};
use preflight_checks::value::{Key, Kind as Shape, Span, Value, did_you_mean};
use std::{collections::BTreeMap, net::IpAddr};

mod shapes;
mod tables;

use shapes::{Wrong, families};
pub(super) use tables::Kind;
use tables::{FIELDS, FLAGS, Field, Gives, keys_of};

/// Collects inputs from documents.
pub(super) struct Reader<'a> {
    name: &'a str,
    texts: &'a [Text],
    out: &'a mut Vec<Diagnostic>,
    documents: BTreeMap<Kind, Document<'a>>,
    inputs: BTreeMap<&'static str, Given>,
    ignored: Vec<String>,
}

struct Document<'a> {
    value: &'a Value,
    /// Whether `kubeletExtraArgs` is a list there: since v1beta4.
    args_are_listed: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(name: &'a str, texts: &'a [Text], out: &'a mut Vec<Diagnostic>) -> Self {
        Self { name, texts, out, documents: BTreeMap::new(), inputs: BTreeMap::new(), ignored: Vec::new() }
    }

    fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.out.push(Diagnostic::error(Place { file: 0, span }, message).help(help));
    }

    fn warn(&mut self, span: Span, message: impl Into<String>, help: impl Into<Option<String>>) {
        self.out.push(Diagnostic::warning(Place { file: 0, span }, message).help(help));
    }

    /// Takes in one document: which it is, and whether its keys are known.
    pub(super) fn document(&mut self, value: &'a Value) {
        let Shape::Map(entries) = &value.kind else {
            let message = format!("a document of kubeadm has to be a map, this is {}", value.kind.describe());
            return self.error(value.span, message, None);
        };
        let text = |name: &str| entries.iter().find(|(key, _)| key.text == name).map(|(_, value)| value);
        let (Some(version), Some(kind)) = (text("apiVersion"), text("kind")) else {
            let help = "write for example `apiVersion: kubeadm.k8s.io/v1beta4` and `kind: JoinConfiguration`";
            return self.error(value.span, "the document names no apiVersion or no kind", help.to_owned());
        };
        let Some((kind, args_are_listed)) = self.kind(version, kind) else { return };
        if self.documents.contains_key(&kind) {
            return self.error(
                value.span,
                format!("there is already one {} in this file", kind.as_str()),
                None,
            );
        }
        self.known_keys(kind, &mut Vec::new(), value);
        self.documents.insert(kind, Document { value, args_are_listed });
    }

    /// Which document it is. None for one that says nothing about the node, or where it is not known.
    fn kind(&mut self, version: &Value, kind: &Value) -> Option<(Kind, bool)> {
        let (group, api) = version.as_text().and_then(|text| text.split_once('/')).unwrap_or_default();
        let word = kind.as_text().unwrap_or_default();
        let known: &[&str] = match group {
            "kubeadm.k8s.io" => &["v1beta4", "v1beta3", "v1beta2"],
            "kubelet.config.k8s.io" => &["v1beta1"],
            "kubeproxy.config.k8s.io" => &["v1alpha1"],
            _ => {
                let groups = ["kubeadm.k8s.io", "kubelet.config.k8s.io", "kubeproxy.config.k8s.io"];
                let message =
                    format!("{} is not read: kubeadm knows no such group", quoted(&scalar_text(version)));
                self.warn(version.span, message, did_you_mean(group, groups));
                return None;
            }
        };
        if !known.contains(&api) {
            let message = format!("{} of {group} is not known", quoted(api));
            let old = group == "kubeadm.k8s.io" && (api.starts_with("v1alpha") || api == "v1beta1");
            let migrate =
                "no kubeadm since 1.22 reads it; `kubeadm config migrate` of an older one writes it anew";
            let help = if old { Some(migrate.to_owned()) } else { did_you_mean(api, known.iter().copied()) };
            self.error(version.span, message, help);
            return None;
        }
        let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.group() == group).collect();
        if let Some(found) = kinds.iter().find(|kind| kind.as_str() == word) {
            return Some((*found, api == "v1beta4"));
        }
        if group == "kubeadm.k8s.io" && tables::SAYS_NOTHING.contains(&word) {
            return None;
        }
        let names = kinds.iter().map(|kind| kind.as_str()).chain(tables::SAYS_NOTHING.iter().copied());
        self.error(
            kind.span,
            format!("{group} has no kind {}", quoted(word)),
            did_you_mean(word, names.collect::<Vec<_>>()),
        );
        None
    }

    /// Tells keys that kubeadm does not know: it passes over them with a warning, and so does this.
    fn known_keys(&mut self, kind: Kind, path: &mut Vec<&'static str>, value: &Value) {
        let Some(known) = keys_of(kind, path) else { return };
        let entries = match &value.kind {
            Shape::Map(entries) => entries,
            Shape::Null => return,
            other => {
                let message =
                    format!("{} has to be a map, this is {}", quoted(&path.join(".")), other.describe());
                return self.error(value.span, message, None);
            }
        };
        for (key, value) in entries {
            match known.iter().find(|known| **known == key.text) {
                Some(name) => {
                    path.push(name);
                    self.known_keys(kind, path, value);
                    path.pop();
                }
                None => self.unknown_key(key, known),
            }
        }
    }

    fn unknown_key(&mut self, key: &Key, known: &'static [&'static str]) {
        let near = preflight_checks::names::nearest(&key.text, known.iter().copied());
        let help = near.map(|near| format!("did you mean `{near}`?"));
        self.warn(
            key.span,
            format!("kubeadm knows no key {} here and passes over it", quoted(&key.text)),
            help,
        );
    }

    /// Decides which of the documents speak of this node, and reads them. What comes later wins: a flag of the kubelet
    /// beats its file.
    pub(super) fn role(&mut self, role: Option<&str>) {
        let has = |kind| self.documents.contains_key(&kind);
        let (init, join) = (has(Kind::Init), has(Kind::Join));
        if let (true, true, None, Some(document)) = (init, join, role, self.documents.get(&Kind::Join)) {
            let message = "the file holds the configuration of both `kubeadm init` and `kubeadm join`";
            let help = "say which is meant: --set role=control-plane or --set role=worker".to_owned();
            return self.error(document.value.span, message, help);
        }
        let own = match (init, join) {
            (true, true) if role == Some("worker") => Kind::Join,
            (false, true) => Kind::Join,
            _ => Kind::Init,
        };
        self.role_of(own);
        for kind in [Kind::Cluster, Kind::Kubelet, Kind::KubeProxy, own] {
            let Some(document) = self.documents.get(&kind) else { continue };
            let (value, listed) = (document.value, document.args_are_listed);
            for field in FIELDS.iter().filter(|field| field.kinds.contains(&kind)) {
                if let Some(value) = at(value, field.path) {
                    self.field(field, value, listed);
                }
            }
        }
        self.derive();
    }

    fn role_of(&mut self, own: Kind) {
        let (document, role) = match (own, self.documents.get(&own), self.documents.get(&Kind::Cluster)) {
            (Kind::Join, Some(join), _) => match at(join.value, &["controlPlane"]) {
                Some(value) => (value, "control-plane"),
                None => (join.value, "worker"),
            },
            (_, Some(document), _) | (_, None, Some(document)) => (document.value, "control-plane"),
            _ => return,
        };
        self.give("role", role.to_owned(), document.span);
    }

    fn give(&mut self, name: &'static str, value: String, span: Span) {
        let (line, column) = self.texts.first().map_or((1, 1), |text| text.line_column(span.start));
        let from = format!("{}:{line}:{column}", self.name);
        self.inputs.insert(name, Given { name: name.to_owned(), value, from });
    }

    fn field(&mut self, field: &Field, value: &Value, args_are_listed: bool) {
        match field.gives {
            Gives::Ignored => self.names(value),
            Gives::Flags => self.flags(value, args_are_listed),
            Gives::Input(name, shape) => match shape(value) {
                Ok(Some(text)) => self.give(name, text, value.span),
                Ok(None) => {}
                Err(wrong) => self.wrong(&field.path.join("."), value, wrong),
            },
            Gives::Version => self.version(value),
        }
    }

    fn wrong(&mut self, what: &str, value: &Value, wrong: Wrong) {
        let shown = match &value.kind {
            Shape::Map(_) | Shape::Seq(_) | Shape::Null => value.kind.describe().to_owned(),
            _ => quoted(&scalar_text(value)),
        };
        self.error(value.span, format!("{what} has to be {}, this is {shown}", wrong.expected), wrong.help);
    }

    /// `v1.34.1`, and the labels that kubeadm looks up: `stable-1.34`. A label without a minor version says nothing.
    fn version(&mut self, value: &Value) {
        let text = scalar_text(value);
        let label = text.strip_prefix("stable-").or_else(|| text.strip_prefix("latest-"));
        if is_kubernetes_version(label.unwrap_or(&text)) {
            let version = label.unwrap_or(&text);
            self.give(
                "kubernetesVersion",
                version.strip_prefix('v').unwrap_or(version).to_owned(),
                value.span,
            );
        } else if label.is_some() || text == "stable" || text == "latest" || text.starts_with("ci/") {
            let help = "name the version, or give it with --set kubernetesVersion=1.36".to_owned();
            self.warn(
                value.span,
                format!("{} names no minor version; kubeadm asks the network for it", quoted(&text)),
                help,
            );
        } else {
            let help = "write for example `v1.36.2`, or a label such as `stable-1.36`".to_owned();
            self.error(value.span, format!("{} is not a version of Kubernetes", quoted(&text)), help);
        }
    }

    /// The list `ignorePreflightErrors`.
    fn names(&mut self, value: &Value) {
        let Shape::Seq(items) = &value.kind else {
            let wrong = Wrong::new("a list of names of checks");
            return self.wrong("ignorePreflightErrors", value, wrong);
        };
        for item in items {
            match item.as_text() {
                Some(name) if !is_known(&name.trim().to_lowercase()) => {
                    self.error(item.span, unknown(name), None);
                }
                Some(name) => self.ignored.push(name.to_owned()),
                None => {
                    self.wrong("an entry of ignorePreflightErrors", item, Wrong::new("the name of a check"));
                }
            }
        }
    }

    /// `kubeletExtraArgs`: a map up to v1beta3, a list of names and values since v1beta4.
    fn flags(&mut self, value: &Value, listed: bool) {
        let pairs: Vec<(String, &Value)> = match (&value.kind, listed) {
            (Shape::Null, _) => return,
            (Shape::Map(entries), false) => {
                entries.iter().map(|(key, value)| (key.text.clone(), value)).collect()
            }
            (Shape::Seq(items), true) => items.iter().filter_map(named).collect(),
            (_, listed) => {
                let (expected, help) = if listed {
                    ("a list since v1beta4", "write `- name: node-ip` and `value: 10.0.0.1` for each")
                } else {
                    ("a map up to v1beta3", "write `node-ip: 10.0.0.1` for each, or take v1beta4")
                };
                let wrong = Wrong { expected, help: Some(help.to_owned()) };
                return self.wrong("kubeletExtraArgs", value, wrong);
            }
        };
        for (name, value) in pairs {
            let Some((_, input, shape)) = FLAGS.iter().find(|(flag, ..)| *flag == name) else { continue };
            match shape(value) {
                Ok(Some(text)) => self.give(input, text, value.span),
                Ok(None) => {}
                Err(wrong) => self.wrong(&format!("--{name}"), value, wrong),
            }
        }
    }

    /// What follows from what was read.
    fn derive(&mut self) {
        let networks = ["podCIDR", "serviceCIDR"].iter().find_map(|name| self.inputs.get(name)).cloned();
        if let Some(given) = networks
            && let Some(family) = families(&given.value)
        {
            self.inputs
                .insert("ipFamily", Given { name: "ipFamily".to_owned(), value: family.to_owned(), ..given });
        }
        if let Some(endpoints) = self.inputs.get("etcdEndpoints").cloned() {
            let value = "external".to_owned();
            self.inputs.insert("etcd", Given { name: "etcd".to_owned(), value, ..endpoints });
        }
        // registry.example.org/k8s as the address that answers for it (OCI distribution specification, end-1).
        if let Some(repository) = self.inputs.get("imageRepository").cloned() {
            let host = repository.value.split('/').next().unwrap_or_default();
            let value = format!("https://{host}/v2/");
            self.inputs
                .insert("imageRegistry", Given { name: "imageRegistry".to_owned(), value, ..repository });
        }
        // Without a port it is that of the API server (ClusterConfiguration.controlPlaneEndpoint, types.go).
        let port =
            self.inputs.get("apiServerPort").map_or_else(|| "6443".to_owned(), |given| given.value.clone());
        if let Some(endpoint) = self.inputs.get_mut("controlPlaneEndpoint") {
            let host = endpoint.value.as_str();
            let bare = host.parse::<IpAddr>().ok();
            let has_port =
                bare.is_none() && host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            if !has_port {
                let brackets = bare.is_some_and(|address| address.is_ipv6());
                endpoint.value = if brackets { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            }
        }
    }

    pub(super) fn finish(self) -> (Vec<Given>, Vec<String>) {
        (self.inputs.into_values().collect(), self.ignored)
    }
}

/// `{ name: …, value: … }`.
fn named(item: &Value) -> Option<(String, &Value)> {
    Some((at(item, &["name"])?.as_text()?.to_owned(), at(item, &["value"])?))
}

/// The value at the end of a path of keys; nothing counts as not there.
fn at<'v>(value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    let found = path.iter().try_fold(value, |value, name| match &value.kind {
        Shape::Map(entries) => entries.iter().find(|(key, _)| key.text == *name).map(|(_, value)| value),
        _ => None,
    })?;
    (found.kind != Shape::Null).then_some(found)
}
