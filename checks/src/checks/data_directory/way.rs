//! The way to a directory: the links on it, and who owns, writes and searches what it leads through.

use super::{Seen, Trouble};
use crate::{
    evidence::{Evidence, Unknown},
    facts::disk::Way,
    finding::{Remedy, Severity},
    node::{Access, Node, Origin, ReadError, ReadErrorKind},
};

/// What stands for every user that a user namespace does not map (Documentation/admin-guide/sysctl/fs.rst, overflowuid).
const OVERFLOW: u32 = 65534;

pub(super) fn judge(path: &str, way: &Way, existing: &str, node: &Node, seen: &mut Seen) {
    for (link, target) in &way.links {
        seen.look(judge_link(path, link, target, node));
    }
    // What belongs to the directory's own user is the service's.
    let own = (existing == way.resolved).then(|| node.access(existing).ok()).flatten().map(|a| a.owner);
    for here in &way.parts {
        match node.access(here) {
            Ok(access) => {
                let step = Step { here, access, is_last: here == existing };
                seen.wrong.extend(step.writable());
                seen.wrong.extend(step.searchable());
                if !(step.is_last && own.is_some()) {
                    seen.look(step.owner(own, node.user()));
                }
            }
            // Modes count on the machine itself only; that a tree was unpacked by somebody else is no reason to doubt it.
            Err(ReadError { kind: ReadErrorKind::LiveOnly, .. }) => return,
            Err(e) if e.is_missing() => return,
            Err(e) => return seen.look(Err(e.unknown())),
        }
    }
}

/// The kubelet and others compare paths of mounts as text. Where a link leads nowhere, no directory can be made either:
/// mkdir(2) does not follow it (EEXIST).
fn judge_link(path: &str, link: &str, target: &str, node: &Node) -> Result<Option<Trouble>, Unknown> {
    let end = node.resolved(link)?;
    let evidence = Some(Evidence::new(link, format!("link to {target}")));
    match node.kind(&end) {
        Ok(_) => Ok(Some(Trouble {
            severity: Severity::Warn,
            reason: "symbolic-link",
            message: format!(
                "{} is a symbolic link to {target}: programs that compare the paths of mounts get lost",
                if link == path.trim_end_matches('/') {
                    link.to_owned()
                } else {
                    format!("{link}, on the way to {path},")
                }
            ),
            evidence,
            remedy: Remedy::new(format!("Bind-mount {end} at {link} instead of linking it"))
                .persistent(format!("echo '{end} {link} none bind 0 0' >> /etc/fstab")),
        })),
        // A tree need not have what the machine has.
        Err(e) if e.is_missing() && node.origin() == Origin::Root => {
            Err(Unknown::new(format!("{link} leads to {end}, which is not in this tree")).tried(evidence))
        }
        Err(e) if e.is_missing() => Ok(Some(Trouble {
            severity: Severity::Fail,
            reason: "dangling-link",
            message: format!(
                "{link} is a symbolic link to {end}, which does not exist: nothing can be made there"
            ),
            evidence,
            remedy: Remedy::new(format!("Make {end}, or remove the link")).command(format!("mkdir -p {end}")),
        })),
        Err(e) => Err(e.unknown()),
    }
}

/// One directory on the way.
struct Step<'a> {
    here: &'a str,
    access: Access,
    is_last: bool,
}

impl Step<'_> {
    fn trouble(&self, reason: &'static str, message: String, remedy: Remedy) -> Trouble {
        let evidence = Some(Evidence::new(self.here, self.access.to_string()));
        Trouble { severity: Severity::Warn, reason, message, evidence, remedy }
    }

    fn writable(&self) -> Option<Trouble> {
        let here = self.here;
        (self.access.mode & 0o002 != 0 && self.access.mode & 0o1000 == 0).then(|| {
            let remedy = Remedy::new(format!("Let nobody but root write to {here}"))
                .command(format!("chmod o-w {here}"));
            self.trouble("writable-by-all", format!("everybody may write to {here}"), remedy)
        })
    }

    /// Processes of containers that are not root in a user namespace of their own come this way too.
    fn searchable(&self) -> Option<Trouble> {
        let here = self.here;
        (self.access.mode & 0o001 == 0 && !self.is_last).then(|| {
            let message = format!("others may not search {here}, through which the way leads");
            let remedy =
                Remedy::new(format!("Let others search {here}")).command(format!("chmod o+x {here}"));
            self.trouble("not-searchable", message, remedy)
        })
    }

    /// Whoever owns a directory on the way can put another one in the place of what is below.
    fn owner(&self, own: Option<u32>, user: Option<u32>) -> Result<Option<Trouble>, Unknown> {
        let (here, owner) = (self.here, self.access.owner);
        if owner == OVERFLOW {
            return Err(Unknown::new(format!("this user namespace does not tell who owns {here}"))
                .tried([Evidence::new(here, self.access.to_string())])
                .needs("run outside of the user namespace"));
        }
        if owner == 0 || own == Some(owner) || user == Some(owner) {
            return Ok(None);
        }
        let message = format!("{here}, on the way, belongs to user {owner}, who can replace what lies there");
        let remedy = Remedy::new(format!("Give {here} to root")).command(format!("chown root {here}"));
        Ok(Some(self.trouble("other-owner", message, remedy)))
    }
}
