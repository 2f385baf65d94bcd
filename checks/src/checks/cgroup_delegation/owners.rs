//! Whether a user to whom a cgroup is delegated may write there.

use super::{
    remedies,
    troubles::{Found, Trouble},
};
use crate::{
    evidence::Evidence,
    facts::cgroup::tree::{self, Step},
    finding::Severity,
    node::Node,
};

/// Which files have to belong to the user, where the kernel lists them.
const LIST: &str = "/sys/kernel/cgroup/delegate";
/// Without these and the directory nothing can be delegated (cgroup-v2.rst, Delegation, Model of Delegation). The list
/// also has files that are of use, but not needed: memory.oom.group, memory.reclaim.
const NEEDED: [&str; 3] = ["cgroup.procs", "cgroup.subtree_control", "cgroup.threads"];

/// Looks at who owns the cgroup and the files in it.
pub(super) fn judge(node: &Node, step: &Step<'_>, user: u32, found: &mut Found) {
    let listed = node.read(LIST);
    let listed = listed.text();
    // A file that the kernel at hand does not have is not on its list (cgroup.threads, Linux 4.14).
    let names = NEEDED
        .into_iter()
        .filter(|name| listed.as_ref().map_or(true, |text| tree::delegated_files(text).contains(name)));
    let paths = std::iter::once(step.directory.clone()).chain(names.map(|name| step.file(name)));
    let mut denied = Vec::new();
    for path in paths {
        match node.access(&path) {
            Ok(access) => {
                let seen = Evidence::new(&path, access.to_string());
                if access.may_write(user) {
                    found.saw([seen]);
                } else {
                    denied.push((path, seen));
                }
            }
            // cgroup.threads came with Linux 4.14; the others are in every cgroup.
            Err(e) if e.is_missing() && path.ends_with("/cgroup.threads") => {}
            Err(e) => found.unknown(Severity::Fail, e.unknown()),
        }
    }
    let Some((first, _)) = denied.first() else { return };
    let more = match denied.len() {
        1 => String::new(),
        n => format!(", nor {} of the files in it", n - 1),
    };
    let message = format!("user {user} may not write {first}{more}");
    let paths: Vec<&str> = denied.iter().map(|(path, _)| path.as_str()).collect();
    let remedy = remedies::give(step, user, &paths);
    found.troubles.push(
        Trouble::new(Severity::Fail, "not-writable", message)
            .note(format!(
                "whoever is to manage a cgroup has to own its directory and the files of {LIST}, not those that limit \
                 it; systemd gives them to the user of a unit that has `User=` and `Delegate=`"
            ))
            .evidence(denied.into_iter().map(|(_, seen)| seen))
            .remedy(remedy),
    );
}
