//! Whether a node carries what a feature needs: the function first, then what the kernel was built with, then its version.

use crate::{
    checks::kernel_version::vendor,
    evidence::{Evidence, Proof, Unknown},
    facts::{
        cgroup::{CGROUP_ROOT, LayoutKind},
        kernel_config::Setting,
        kubernetes::Feature,
        kubernetes::short,
        modules::ModuleState,
        namespaces::Namespace,
    },
    node::{Node, Origin, ReadError, ReadErrorKind},
};
use rustix::io::Errno;

/// What there is to say of a feature on a node.
pub(super) enum Answer {
    /// It is carried; holds the end of a sentence.
    Carried(String, Proof),
    /// It is not.
    Lacking(Lack),
    /// Could not be told.
    Unknown(Unknown),
    /// It is missing, but means nothing on such a node.
    NotAsked(Lack),
    /// Only the number of a vendor's kernel speaks against it; holds the vendor.
    MayBeBackported(Lack, &'static str),
}

/// What is missing.
pub(super) struct Lack {
    /// As the end of `X needs …`.
    pub(super) what: String,
    /// What showed it.
    pub(super) evidence: Vec<Evidence>,
    /// The cause that others share.
    pub(super) cause: Option<String>,
    /// Whether a newer kernel would have it.
    pub(super) newer_helps: bool,
    /// Whether a word on the kernel command line would switch it on.
    pub(super) is_off: bool,
}

impl Lack {
    fn of(what: impl Into<String>, evidence: impl IntoIterator<Item = Evidence>) -> Answer {
        Answer::Lacking(Self::new(what, evidence))
    }

    fn new(what: impl Into<String>, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        let evidence = evidence.into_iter().collect();
        Self { what: what.into(), evidence, cause: None, newer_helps: false, is_off: false }
    }

    fn caused_by(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

/// Decides, adds to what was seen, or has nothing to say.
type Rung = fn(&Feature, &Node, &mut Vec<Evidence>) -> Option<Answer>;

/// Goes down the rungs until one decides; what was seen on the way is evidence.
pub(super) fn ask(feature: &Feature, node: &Node) -> Answer {
    let mut seen = Vec::new();
    for rung in [layout as Rung, proof, namespace, files, module] {
        match rung(feature, node, &mut seen) {
            None => {}
            Some(Answer::Unknown(unknown)) => return by_option(feature, node, unknown),
            Some(answer) => return answer,
        }
    }
    by_number(feature, node, seen)
}

fn layout(feature: &Feature, node: &Node, _: &mut Vec<Evidence>) -> Option<Answer> {
    if !feature.cgroup_v2 {
        return None;
    }
    match node.cgroup_layout() {
        // One that is mounted elsewhere is of no use to the kubelet.
        Ok(layout) if layout.unified.as_ref().is_some_and(|m| m.point == CGROUP_ROOT) => None,
        Ok(layout) => {
            let kind = layout.kind;
            let what = format!("cgroup v2 on {CGROUP_ROOT}; the layout here is {}", kind.as_str());
            let lack = Lack::new(what, layout.evidence.iter().cloned());
            let v1 = matches!(kind, LayoutKind::V1 | LayoutKind::Hybrid);
            let not_asked = feature.v2_alone && v1;
            Some(if not_asked {
                Answer::NotAsked(lack)
            } else {
                Answer::Lacking(lack.caused_by(kind.cause()))
            })
        }
        Err(unknown) => Some(Answer::Unknown(unknown.clone())),
    }
}

/// The file that shows the function. What it says changes; that it says something does not (law 7).
fn proof(feature: &Feature, node: &Node, seen: &mut Vec<Evidence>) -> Option<Answer> {
    let path = feature.proof?;
    let read = node.read(path);
    let error = match read.bytes() {
        Ok([]) => {
            let unknown = Unknown::new(format!("{path} is empty")).tried([read.evidence()]);
            return Some(Answer::Unknown(unknown));
        }
        Ok(_) => {
            return Some(Answer::Carried(
                format!("{path} shows that this kernel has it"),
                read.quote("readable").into(),
            ));
        }
        Err(error) => error,
    };
    let off = |what: String| {
        let lack = Lack { is_off: true, ..Lack::new(what, [error.evidence()]) };
        Some(Answer::Lacking(lack))
    };
    if error.kind == ReadErrorKind::System(Errno::OPNOTSUPP.to_string()) {
        return off(format!("what {path} shows, and it is off in this kernel"));
    }
    match feature.beside {
        _ if !error.is_missing() => Some(Answer::Unknown(error.unknown())),
        Some(beside) if node.kind(beside).is_ok() => {
            off(format!("what {path} shows, and this kernel has no such file"))
        }
        Some(_) => Some(Answer::Unknown(error.unknown())),
        None => {
            seen.push(error.evidence());
            None
        }
    }
}

fn namespace(feature: &Feature, node: &Node, seen: &mut Vec<Evidence>) -> Option<Answer> {
    if !feature.user_namespace {
        return None;
    }
    let user = Namespace::User;
    match node.namespaces() {
        Ok(known) if known.has(user) => seen.push(known.evidence(user)),
        Ok(known) => {
            let lack = Lack::new("user namespaces, and this kernel has none", [known.evidence(user)]);
            return Some(Answer::Lacking(lack.caused_by("CONFIG_USER_NS")));
        }
        Err(unknown) => return Some(Answer::Unknown(unknown.clone())),
    }
    match node.namespace_limit(user) {
        Ok(Some((0, limit))) => Some(Lack::of("user namespaces, and user.max_user_namespaces is 0", [limit])),
        Ok(limit) => {
            seen.extend(limit.map(|(_, limit)| limit));
            None
        }
        Err(unknown) => Some(Answer::Unknown(unknown)),
    }
}

/// A tree need not hold all of /proc/sys: only a live kernel shows by a missing file that it has none.
fn files(feature: &Feature, node: &Node, seen: &mut Vec<Evidence>) -> Option<Answer> {
    for path in feature.files {
        match node.kind(path) {
            Ok(_) => seen.push(Evidence::new(*path, "exists")),
            Err(e) if !e.is_missing() => return Some(Answer::Unknown(ReadError::unknown(&e))),
            Err(e) if node.origin() == Origin::Live && node.kind("/proc/sys/kernel").is_ok() => {
                return Some(Lack::of(format!("{path}, which does not exist here"), [e.evidence()]));
            }
            Err(_) => {}
        }
    }
    None
}

fn module(feature: &Feature, node: &Node, seen: &mut Vec<Evidence>) -> Option<Answer> {
    let name = feature.module?;
    let lack = |what: String, proof: Proof| {
        let lack = Lack::new(what, proof.into_evidence());
        Some(Answer::Lacking(lack.caused_by(format!("module:{name}"))))
    };
    match node.module(name) {
        ModuleState::BuiltIn(proof) | ModuleState::Loaded(proof) | ModuleState::Loadable(_, proof) => {
            seen.extend(proof.into_evidence());
            None
        }
        ModuleState::Blocked(why, proof) => {
            lack(format!("the module {name}, which will not be loaded: {why}"), proof)
        }
        ModuleState::Missing(proof) => {
            lack(format!("the module {name}, which this kernel does not have"), proof)
        }
        ModuleState::Unknown(unknown) => Some(Answer::Unknown(unknown)),
    }
}

/// Where the function could not be told: what was not built in is certainly not there. What was may be off.
fn by_option(feature: &Feature, node: &Node, unknown: Unknown) -> Answer {
    let config = feature.option.and_then(|option| Some((option, node.kernel_config().as_ref().ok()?)));
    match config {
        Some((option, config)) if config.get(option) == Setting::NotSet => {
            let what = format!("CONFIG_{option}, which is not set in this kernel");
            let lack = Lack::new(what, [config.evidence(option)]);
            Answer::Lacking(lack.caused_by(format!("CONFIG_{option}")))
        }
        _ => Answer::Unknown(unknown),
    }
}

fn by_number(feature: &Feature, node: &Node, seen: Vec<Evidence>) -> Answer {
    let release = match node.kernel_release() {
        Ok(release) => release,
        Err(unknown) => return Answer::Unknown(unknown.clone()),
    };
    if release.version >= feature.kernel {
        let proof = Proof::new(release.evidence.clone()).and_all(seen);
        return Answer::Carried(format!("this kernel is {} and has it", release.text), proof);
    }
    let mut what = format!("Linux {}; this kernel is {}", short(&feature.kernel), release.text);
    if let Some(judge) = feature.judge {
        what.push_str(&format!(", and {judge} itself compares the number"));
    }
    let lack =
        Lack { newer_helps: true, ..Lack::new(what, [release.evidence.clone()].into_iter().chain(seen)) };
    match vendor(&release.text).filter(|_| feature.judge.is_none()) {
        Some(vendor) => Answer::MayBeBackported(lack, vendor),
        None => Answer::Lacking(lack),
    }
}
