//! Users and groups, by the files that hold them.

use super::Known;
use crate::{
    evidence::{Evidence, Unknown},
    node::{Node, ReadError},
};

/// The users (passwd(5)).
pub const PASSWD: &str = "/etc/passwd";
/// The groups (group(5)).
pub const GROUP: &str = "/etc/group";

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: u32,
    /// The members of a group; for a user nothing.
    pub members: Vec<String>,
    /// The rest of a user's line: the number of the group, the comment, the home directory, the shell.
    pub rest: Vec<String>,
}

/// The line of `name`: `name:password:id:…`; the fourth field of a group names its members.
fn find(text: &str, name: &str, is_group: bool) -> Option<Account> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let id = fields.nth(1)?.parse().ok()?;
        let members = if is_group { fields.next().unwrap_or_default() } else { "" };
        let members = members.split(',').filter(|m| !m.is_empty()).map(str::to_owned).collect();
        Some(Account { id, members, rest: fields.map(str::to_owned).collect() })
    })
}

impl Node {
    /// The user (of [`PASSWD`]) or group (of [`GROUP`]) called `name`; none where there is none.
    ///
    /// # Errors
    /// When the file can't be read or is none of its kind, or the name may be known to others whom nsswitch.conf(5) names
    /// (LDAP, sssd): who is not in the file may be there all the same.
    pub fn account(&self, file: &'static str, name: &str) -> Known<(Option<Account>, Evidence)> {
        let read = self.read(file);
        let text = read.text().map_err(ReadError::unknown)?;
        if find(&text, "root", file == GROUP).is_none() || !text.ends_with('\n') {
            return Err(Unknown::new(format!("{file} does not hold root")).tried([read.evidence()]));
        }
        if let Some(account) = find(&text, name, file == GROUP) {
            let seen = read.quote(format!("{name}: {}", account.id));
            return Ok((Some(account), seen));
        }
        match self.other_sources(if file == GROUP { "group" } else { "passwd" }) {
            Some(seen) => {
                Err(Unknown::new(format!("{name} is not in {file}, but may be known to {}", seen.observed))
                    .tried([seen])
                    .needs(format!(
                        "ask `getent {} {name}` by hand",
                        if file == GROUP { "group" } else { "passwd" }
                    )))
            }
            None => Ok((None, read.quote(format!("no {name}")))),
        }
    }

    /// What nsswitch.conf names beside files.
    fn other_sources(&self, database: &str) -> Option<Evidence> {
        const LOCAL: [&str; 4] = ["files", "compat", "systemd", "altfiles"];
        let read = self.read("/etc/nsswitch.conf");
        let text = read.text().ok()?;
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(database)?.trim_start().strip_prefix(':'))?;
        let words = line.split_whitespace().filter(|word| !word.starts_with('[') && !LOCAL.contains(word));
        let others: Vec<&str> = words.collect();
        (!others.is_empty()).then(|| read.quote(others.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Memory;
    use proptest::prelude::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\netcd:x:998:997::/var/lib/etcd:/usr/sbin/nologin\n";

    #[test]
    fn users_and_groups() {
        let node = |memory: Memory| {
            Node::in_memory(memory.file(PASSWD, USERS).file(GROUP, "root:x:0:\nadm:x:4:a,b\n"))
        };
        let plain = node(Memory::new());
        let etcd = plain.account(PASSWD, "etcd").unwrap().0.unwrap();
        assert_eq!((etcd.id, etcd.rest.join(" ").as_str()), (998, "997  /var/lib/etcd /usr/sbin/nologin"));
        assert_eq!(plain.account(GROUP, "adm").unwrap().0.unwrap().members, ["a", "b"]);
        assert_eq!(plain.account(PASSWD, "nobody").unwrap().0, None);
        let ldap = node(
            Memory::new()
                .file("/etc/nsswitch.conf", "passwd: files systemd sss [NOTFOUND=return]\ngroup: files\n"),
        );
        assert!(ldap.account(PASSWD, "nobody").is_err());
        assert!(ldap.account(GROUP, "nobody").is_ok());
        for text in ["", "etcd:x:1:1::/:\n", &USERS[..USERS.len() - 1]] {
            assert!(
                Node::in_memory(Memory::new().file(PASSWD, text)).account(PASSWD, "etcd").is_err(),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = find(&text, "a", true);
            let _ = find(&format!("a:{text}"), "a", false);
        }
    }
}
