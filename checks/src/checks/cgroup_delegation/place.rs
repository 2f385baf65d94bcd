//! The places that are judged, and the cgroups that they are on this node.

use crate::facts::systemd_unit::kind;
use crate::{
    evidence::{Evidence, Unknown},
    facts::mounts::Mount,
    finding::{Finding, Remedy, Severity},
    names::nearest,
    node::{FileKind, Node, ReadError},
};

/// The cgroup of all pods: with the systemd driver, and with the cgroupfs driver (kubelet, `--cgroup-root` unset).
const PODS: [&str; 2] = ["/kubepods.slice", "/kubepods"];
const SYSTEM: &str = "/system.slice";
const USERS: &str = "/user.slice";
/// The most users that are looked at.
const USER_LIMIT: usize = 64;
/// The longest path that a policy may name.
const PATH_LIMIT: usize = 4096;

/// What a policy may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Pods,
    System,
    User,
    Own,
    Path(String),
}

/// What a cgroup is for, which decides what is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The cgroup of all pods.
    Pods,
    /// The cgroup below which the kubelet will make the one of all pods.
    FuturePods,
    /// Of the services.
    System,
    /// Of the user manager of the user with this id.
    User(u32),
    /// Of this process.
    Own,
    /// Named by its path.
    Path,
}

/// One cgroup to be judged.
#[derive(Debug)]
pub(super) struct Spot {
    /// The subject of its finding.
    pub subject: String,
    /// Where it lies below the visible root.
    pub path: String,
    pub role: Role,
    /// How it was found, where that is not its path alone.
    pub evidence: Vec<Evidence>,
    pub notes: Vec<String>,
}

impl Spot {
    fn new(subject: impl Into<String>, path: impl Into<String>, role: Role) -> Self {
        Self { subject: subject.into(), path: path.into(), role, evidence: Vec::new(), notes: Vec::new() }
    }
}

impl Place {
    /// Reads the name of a place.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "pods" => Self::Pods,
            "system" => Self::System,
            "user" => Self::User,
            "own" => Self::Own,
            path if path.starts_with('/') => {
                let names: Vec<&str> = path.split('/').filter(|n| !n.is_empty()).collect();
                if names.iter().any(|n| matches!(*n, "." | "..")) || path.contains(char::is_control) {
                    return Err(format!("`{path}` is no plain path below the root of the hierarchy"));
                }
                if path.len() > PATH_LIMIT {
                    return Err(format!("a path longer than {PATH_LIMIT} bytes can't be a cgroup"));
                }
                if path.starts_with("/sys/fs/cgroup") {
                    return Err(format!(
                        "`{path}`: paths begin at the root of the hierarchy, without /sys/fs/cgroup"
                    ));
                }
                Self::Path(format!("/{}", names.join("/")))
            }
            other => {
                return Err(match nearest(other, ["pods", "system", "user", "own"]) {
                    Some(near) => format!("no place is called `{other}`; did you mean `{near}`?"),
                    None => {
                        format!("no place is called `{other}`; use `pods`, `system`, `user`, `own` or a path")
                    }
                });
            }
        })
    }

    /// The subject of findings about the place as a whole.
    pub(super) fn subject(&self) -> &str {
        match self {
            Self::Pods => "pods",
            Self::System => "system",
            Self::User => "user",
            Self::Own => "own",
            Self::Path(path) => path,
        }
    }

    /// The cgroups that it is on this node; else what is to be said of it.
    pub(super) fn spots(&self, node: &Node, mount: &Mount) -> Vec<Result<Spot, Box<Finding>>> {
        let undetermined = |unknown: &Unknown| Err(self.undetermined(unknown));
        match self {
            Self::Pods => vec![pods(node, mount).or_else(|u| undetermined(&u))],
            Self::System => vec![match is_cgroup(node, mount, SYSTEM) {
                Ok(true) => Ok(Spot::new("system", SYSTEM, Role::System)),
                Ok(false) => Err(self.apart(mount, SYSTEM)),
                Err(e) => undetermined(&e.unknown()),
            }],
            Self::User => users(node, mount).unwrap_or_else(|u| vec![undetermined(&u)]),
            Self::Own => vec![match node.own_cgroup(mount) {
                Ok((path, seen)) => Ok(Spot { evidence: vec![seen], ..Spot::new("own", path, Role::Own) }),
                Err(unknown) => undetermined(&unknown),
            }],
            Self::Path(path) => vec![match is_cgroup(node, mount, path) {
                Ok(true) => {
                    let role = user_manager(path).map_or(Role::Path, Role::User);
                    Ok(Spot::new(path, path, role))
                }
                Ok(false) => Err(self.missing(mount, path)),
                Err(e) => undetermined(&e.unknown()),
            }],
        }
    }

    fn undetermined(&self, unknown: &Unknown) -> Box<Finding> {
        let message = "where it lies could not be determined";
        Box::new(Finding::undetermined(Severity::Fail, self.subject(), "unknown", message, unknown))
    }

    fn apart(&self, mount: &Mount, path: &str) -> Box<Finding> {
        let seen = Evidence::new(format!("{}{path}", mount.point), "does not exist");
        Box::new(Finding::not_applicable(self.subject(), format!("there is no {path}"), [seen]))
    }

    fn missing(&self, mount: &Mount, path: &str) -> Box<Finding> {
        let directory = format!("{}{path}", mount.point);
        let remedy = match path.rsplit('/').next().filter(|n| matches!(kind(n), Some("slice" | "service"))) {
            Some(service) if kind(service) == Some("service") => Remedy::new(format!(
                "Start {service}; if it is not there, name another cgroup: systemd makes those of its units."
            ))
            .command(format!("systemctl start {service}"))
            .persistent(format!("systemctl enable {service}")),
            Some(slice) => Remedy::new(format!("Let systemd start {slice}."))
                .command(format!("systemctl start {slice}"))
                .persistent(format!("a unit with `Slice={slice}`, or `systemctl enable` of a {slice} that is wanted by slices.target")),
            None => Remedy::new("Make that cgroup, or name another one.").command(format!("mkdir -p {directory}")),
        };
        let finding = Finding::problem(
            Severity::Fail,
            self.subject(),
            "missing",
            format!("the cgroup {path} does not exist"),
        );
        Box::new(
            finding
                .note(
                    "a kubelet with this `--cgroup-root` refuses to start; it makes only what lies below it",
                )
                .evidence([Evidence::new(directory, "does not exist")])
                .remedy(remedy),
        )
    }
}

fn is_cgroup(node: &Node, mount: &Mount, path: &str) -> Result<bool, ReadError> {
    match node.kind(&format!("{}{path}", mount.point)) {
        Ok(kind) => Ok(kind == FileKind::Directory),
        Err(e) if e.is_missing() => Ok(false),
        Err(e) => Err(e),
    }
}

fn pods(node: &Node, mount: &Mount) -> Result<Spot, Unknown> {
    let mut found: Option<Spot> = None;
    for path in PODS {
        if !is_cgroup(node, mount, path).map_err(|e| e.unknown())? {
            continue;
        }
        match &mut found {
            None => found = Some(Spot::new("pods", path, Role::Pods)),
            Some(first) => first.notes.push(format!(
                "there is also {path}: one of the two is left over from another cgroup driver"
            )),
        }
    }
    Ok(found.unwrap_or_else(|| Spot::new("pods", "/", Role::FuturePods)))
}

/// The user whose manager a path names last.
fn user_manager(path: &str) -> Option<u32> {
    let name = path.rsplit('/').find(|n| n.starts_with("user@"))?;
    name.strip_prefix("user@")?.strip_suffix(".service")?.parse().ok()
}

/// The cgroup of each user's manager.
fn users(node: &Node, mount: &Mount) -> Result<Vec<Result<Spot, Box<Finding>>>, Unknown> {
    let directory = format!("{}{USERS}", mount.point);
    let names = match node.list(&directory) {
        Ok(names) => names,
        Err(e) if e.is_missing() => Vec::new(),
        Err(e) => return Err(e.unknown()),
    };
    let mut ids: Vec<u32> =
        names.iter().filter_map(|n| n.strip_prefix("user-")?.strip_suffix(".slice")?.parse().ok()).collect();
    ids.sort_unstable();
    let mut spots = Vec::new();
    for id in ids.iter().take(USER_LIMIT) {
        let path = format!("{USERS}/user-{id}.slice/user@{id}.service");
        if is_cgroup(node, mount, &path).map_err(|e| e.unknown())? {
            spots.push(Ok(Spot::new(format!("user-{id}"), path, Role::User(*id))));
        }
    }
    if ids.len() > USER_LIMIT {
        let rest = Unknown::new(format!("of {} users only the first {USER_LIMIT} were looked at", ids.len()))
            .needs("name the path of a user's cgroup in `places`");
        spots.push(Err(Place::User.undetermined(&rest)));
    }
    if spots.is_empty() {
        spots.push(Err(no_users(&directory, ids.len())));
    }
    Ok(spots)
}

fn no_users(directory: &str, slices: usize) -> Box<Finding> {
    let seen = format!("{slices} users, none of them with a user@UID.service");
    let message = "no user has a manager to which systemd could delegate a cgroup";
    Box::new(
        Finding::problem(Severity::Fail, Place::User.subject(), "no-user-manager", message)
            .note("rootless Kubernetes runs below user@UID.service, which is there while the user is logged in or lingers")
            .evidence([Evidence::new(directory, seen)])
            .remedy(
                Remedy::new("Let the manager of the user who will run Kubernetes start at boot.")
                    .command("loginctl enable-linger USER"),
            ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_places() {
        assert_eq!(Place::parse("/a//b/"), Ok(Place::Path("/a/b".into())));
        assert_eq!(Place::parse("/"), Ok(Place::Path("/".into())));
        for (name, why) in [
            ("pod", "did you mean `pods`"),
            ("elsewhere", "use `pods`"),
            ("/a/../b", "no plain path"),
            ("/a\n", "no plain path"),
            ("/sys/fs/cgroup/a", "without /sys/fs/cgroup"),
        ] {
            assert!(Place::parse(name).unwrap_err().contains(why), "{name}");
        }
        assert!(Place::parse(&format!("/{}", "a".repeat(5000))).is_err());
    }

    #[test]
    fn whose_manager_a_path_names() {
        assert_eq!(user_manager("/user.slice/user-7.slice/user@7.service"), Some(7));
        assert_eq!(user_manager("/user.slice/user-7.slice/user@7.service/app.slice"), Some(7));
        assert_eq!(user_manager("/user.slice/user@x.service"), None);
        assert_eq!(user_manager("/"), None);
    }
}
