//! `privileges`: Preflight itself may see everything.

use crate::{
    check::{Check, Meta},
    evidence::{Evidence, Unknown},
    finding::{Finding, Findings, Remedy, Severity},
    node::Node,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Preflight itself runs as root, so that nothing of the node is hidden from it.
///
/// ## What it looks at
/// The effective user of this very process, and /proc/self/uid_map: root of a user namespace is not the machine's root. It
/// is asked on a live machine only.
///
/// `root` passes; `not-root` and `mapped-root` do not.
///
/// ## Why it matters
/// Who is not root is told less: what holds a port, whether device access control works, files below /var/lib. Such findings
/// are undetermined then, one by one, and all others are still judged. kubeadm looks at nothing at all without root.
///
/// ## How to mend it
/// Run preflight with sudo.
///
/// ## Sources
/// kubernetes cmd/kubeadm/app/preflight/checks_unix.go (IsPrivilegedUserCheck); user_namespaces(7).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PrivilegesParams {}

/// The check `privileges`.
pub struct Privileges;

const SUBJECT: &str = "user";
const MAP: &str = "/proc/self/uid_map";

impl Check for Privileges {
    type Params = PrivilegesParams;

    const META: Meta = Meta {
        id: "privileges",
        summary: "Preflight itself may see everything",
        since: "0.1.0",
        kubeadm: Some("IsPrivilegedUser"),
    };

    fn run(_: &PrivilegesParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        out.push(judge(node));
        Ok(())
    }
}

fn judge(node: &Node) -> Finding {
    let Some(user) = node.user() else {
        return Finding::not_applicable(SUBJECT, "who reads a tree is not a matter of the node", []);
    };
    let seen = Evidence::new("geteuid(2)", user.to_string());
    let problem = |reason, message: String, evidence: Vec<Evidence>| {
        Finding::problem(Severity::Fail, SUBJECT, reason, message)
            .note("what only root may see is undetermined; all else is judged")
            .evidence(evidence)
            .remedy(Remedy::new("Run preflight as root of the machine.").command("sudo preflight"))
    };
    if user != 0 {
        return problem("not-root", format!("preflight runs as user {user}, not as root"), vec![seen]);
    }
    let map = node.read(MAP);
    let Ok(text) = map.text() else {
        // A kernel without user namespaces has no such file; then 0 is root.
        return match map.unknown() {
            Some(why) if !map.is_missing() => {
                let message = "whether this root is the machine's root could not be determined";
                Finding::undetermined(Severity::Fail, SUBJECT, "unknown", message, &why)
            }
            _ => Finding::pass(SUBJECT, "root", "preflight runs as root", seen),
        };
    };
    let line: Vec<&str> = text.split_ascii_whitespace().take(3).collect();
    if line.first() == Some(&"0") && line.get(1).is_some_and(|outside| *outside != "0") {
        let message = "preflight runs as root of a user namespace, not of the machine".to_owned();
        return problem("mapped-root", message, vec![seen, map.quote(line.join(" "))]);
    }
    Finding::pass(SUBJECT, "root", "preflight runs as root", seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        finding::Outcome,
        node::{Memory, ReadErrorKind},
    };

    fn run(memory: Memory) -> Finding {
        judge(&Node::in_memory(memory))
    }

    #[test]
    fn who_asks() {
        const WHOLE: &str = "         0          0 4294967295\n";
        let root = || Memory::new().as_user(0);
        for (memory, reason) in [
            (root().file(MAP, WHOLE), "root"),
            (root(), "root"),
            (root().file(MAP, "         0       1000          1\n"), "mapped-root"),
            (root().file(MAP, "         0     100000      65536\n"), "mapped-root"),
            (root().error(MAP, ReadErrorKind::Denied("EACCES")), "unknown"),
            (Memory::new().as_user(1000).file(MAP, WHOLE), "not-root"),
            (Memory::new().as_root(), "not-applicable"),
        ] {
            let found = run(memory);
            assert_eq!(found.reason(), reason);
            let passes = matches!(found.outcome(), Outcome::Pass);
            assert_eq!(passes, reason == "root");
        }
    }
}
