//! `users`: Users and groups are there, with their numbers, members and subordinate ids.

use crate::{
    check::{Check, Meta},
    entry::{Entry, Written},
    evidence::{Evidence, Proof, Unknown},
    expect::{Expected, Property},
    facts::users::{Account, GROUP, PASSWD},
    finding::{Finding, Findings, Remedy, Severity},
    matcher::Matcher,
    node::{Node, ReadError},
};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::HashSet;

/// Users and groups are there, with their numbers, members and subordinate ids.
///
/// ## What it looks at
/// /etc/passwd and /etc/group; with `subordinateIds` also /etc/subuid and /etc/subgid. Nobody is looked up elsewhere: where
/// nsswitch.conf names LDAP, sssd or others, somebody who is not in the files is undetermined.
///
/// `there` passes; `missing`, `wrong-id`, `not-a-member`, `too-few-ids` and `unexpected` (of `expect`) do not. A group is `group:NAME` in the report.
///
/// ## Why it matters
/// Pods with `hostUsers: false` take ranges of subordinate ids of the user `kubelet` where there is one, 65536 for each pod;
/// rootless runtimes take those of their user. Volumes are shared by number: etcd as 998 on one node and 997 on the next
/// can't read its data after a restore.
///
/// ## How to mend it
/// `useradd --system`, `usermod --append --groups`, `usermod --add-subuids FIRST-LAST`.
///
/// ## Sources
/// passwd(5), group(5), subuid(5), nsswitch.conf(5); KEP-127 and kubernetes.io, Use a User Namespace With a Pod (the user
/// kubelet, at least 65536 ids times the number of pods).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct UsersParams {
    /// The users: names, or maps that say more.
    pub users: Vec<Written<UserRule>>,
    /// The groups: names, or maps that say more.
    pub groups: Vec<Written<GroupRule>>,
}

/// What is asked of one user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct UserRule {
    /// The name.
    pub name: String,
    /// The number that it has to have.
    #[serde(default)]
    pub id: Option<u32>,
    /// How many subordinate user and group ids it has to have.
    #[serde(default)]
    pub subordinate_ids: Option<u64>,
    /// What is expected of it besides.
    #[serde(default)]
    pub expect: UserExpectations,
}

/// What is expected of a user.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct UserExpectations {
    /// Its number.
    pub id: Option<Matcher>,
    /// The number of its group.
    pub group: Option<Matcher>,
    /// Its home directory.
    pub home: Option<Matcher>,
    /// Its shell.
    pub shell: Option<Matcher>,
}

/// What is asked of one group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GroupRule {
    /// The name.
    pub name: String,
    /// The number that it has to have.
    #[serde(default)]
    pub id: Option<u32>,
    /// Users that have to be its members.
    #[serde(default)]
    pub members: Vec<String>,
}

impl Entry for UserRule {
    const WORD: &'static str = "the name of a user";

    fn from_word(name: &str) -> Result<Self, String> {
        let expect = UserExpectations::default();
        Ok(Self { name: name.to_owned(), id: None, subordinate_ids: None, expect })
    }
}

impl Entry for GroupRule {
    const WORD: &'static str = "the name of a group";

    fn from_word(name: &str) -> Result<Self, String> {
        Ok(Self { name: name.to_owned(), id: None, members: Vec::new() })
    }
}

/// The check `users`.
pub struct Users;

impl Check for Users {
    type Params = UsersParams;

    const META: Meta = Meta {
        id: "users",
        summary: "Users and groups are there, with their numbers, members and subordinate ids",
        since: "0.1.0",
        kubeadm: None,
    };

    fn validate(params: &UsersParams) -> Result<(), String> {
        let mut seen = HashSet::new();
        let users = params.users.iter().map(|Written(rule)| (&rule.name, "user"));
        for (name, what) in users.chain(params.groups.iter().map(|Written(rule)| (&rule.name, "group"))) {
            if name.is_empty() || name.contains([':', '/', '\n']) {
                return Err(format!("`{name}` can't be the name of a {what}"));
            }
            if !seen.insert((name, what)) {
                return Err(format!("the {what} `{name}` is named twice"));
            }
        }
        if seen.is_empty() {
            Err("nobody is named; write some under `users` or `groups`".into())
        } else {
            Ok(())
        }
    }

    fn run(params: &UsersParams, node: &Node, out: &mut Findings) -> Result<(), Unknown> {
        for Written(rule) in &params.users {
            out.push(user(rule, node));
        }
        for Written(rule) in &params.groups {
            out.push(group(rule, node));
        }
        Ok(())
    }
}

fn unknown(subject: &str, unknown: &Unknown) -> Finding {
    let message = format!("whether there is {subject} could not be determined");
    Finding::undetermined(Severity::Fail, subject, "unknown", message, unknown)
}

fn problem(subject: &str, reason: &'static str, message: String, seen: Evidence, remedy: Remedy) -> Finding {
    Finding::problem(Severity::Fail, subject, reason, message).evidence([seen]).remedy(remedy)
}

fn wrong_id(subject: &str, wanted: Option<u32>, has: u32, seen: &Evidence) -> Option<Finding> {
    let wanted = wanted.filter(|wanted| *wanted != has)?;
    let message = format!("the number of {subject} is {has}, and has to be {wanted}");
    let remedy = Remedy::new("Change the number, and the owner of the files that have the old one");
    Some(problem(subject, "wrong-id", message, seen.clone(), remedy))
}

fn user(rule: &UserRule, node: &Node) -> Finding {
    let name = rule.name.as_str();
    let (account, seen) = match node.account(PASSWD, name) {
        Ok((Some(account), seen)) => (account, seen),
        Ok((None, seen)) => {
            let remedy = Remedy::new("Make the user").command(format!("useradd --system {name}"));
            return problem(name, "missing", format!("there is no user {name}"), seen, remedy);
        }
        Err(why) => return unknown(name, &why),
    };
    if let Some(finding) = wrong_id(name, rule.id, account.id, &seen) {
        return finding;
    }
    let mut proof = Proof::new(seen);
    if let Some(least) = rule.subordinate_ids {
        for file in ["/etc/subuid", "/etc/subgid"] {
            match subordinate(file, name, account.id, node) {
                Ok((count, seen)) if count >= least => proof = proof.and(seen),
                Ok((count, seen)) => {
                    let message = format!("{name} has {count} subordinate ids in {file}, and needs {least}");
                    let option = if file == "/etc/subuid" { "--add-subuids" } else { "--add-subgids" };
                    let remedy = Remedy::new("Give the user a range of its own")
                        .command(format!("usermod {option} FIRST-LAST {name}"));
                    return problem(name, "too-few-ids", message, seen, remedy);
                }
                Err(why) => return unknown(name, &why),
            }
        }
    }
    match expectations(rule, &account) {
        Ok(more) => Finding::pass(name, "there", format!("the user {name} is there"), proof.and_all(more)),
        Err(finding) => *finding,
    }
}

/// Compares a user with what `expect` says.
fn expectations(rule: &UserRule, account: &Account) -> Result<Vec<Evidence>, Box<Finding>> {
    let (name, expect) = (rule.name.as_str(), &rule.expect);
    let mut expected = Expected::default();
    let id = account.id.to_string();
    let rest = |at: usize| account.rest.get(at).map_or("", String::as_str);
    for (property, matcher, value) in [
        ("id", &expect.id, id.as_str()),
        ("group", &expect.group, rest(0)),
        ("home", &expect.home, rest(2)),
        ("shell", &expect.shell, rest(3)),
    ] {
        expected.ask(property, matcher.as_ref(), &|| Ok(Property::shown(PASSWD, value)));
    }
    let unexpected =
        |message, seen| problem(name, "unexpected", message, seen, Remedy::new("Change it with usermod(8)"));
    expected.end().or(&format!("the user {name}"), &unexpected, &|why| unknown(name, why))
}

/// How many ids the ranges of a user add up to: `name-or-number:first:count` (subuid(5)).
fn subordinate(file: &str, name: &str, id: u32, node: &Node) -> Result<(u64, Evidence), Unknown> {
    let read = node.read(file);
    let text = match read.text() {
        Ok(text) => text,
        // /etc was seen: the user was found in it.
        Err(e) if e.is_missing() => return Ok((0, e.evidence())),
        Err(e) => return Err(ReadError::unknown(e)),
    };
    let id = id.to_string();
    let count = |line: &str| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        (owner == name || owner == id).then(|| fields.nth(1)?.parse::<u64>().ok())?
    };
    let sum = text.lines().filter_map(count).fold(0_u64, u64::saturating_add);
    Ok((sum, read.quote(format!("{name}: {sum} ids"))))
}

fn group(rule: &GroupRule, node: &Node) -> Finding {
    let name = rule.name.as_str();
    let subject = format!("group:{name}");
    let (account, seen) = match node.account(GROUP, name) {
        Ok((Some(account), seen)) => (account, seen),
        Ok((None, seen)) => {
            let remedy = Remedy::new("Make the group").command(format!("groupadd --system {name}"));
            return problem(&subject, "missing", format!("there is no group {name}"), seen, remedy);
        }
        Err(why) => return unknown(&subject, &why),
    };
    if let Some(finding) = wrong_id(&subject, rule.id, account.id, &seen) {
        return finding;
    }
    if let Some(other) = rule.members.iter().find(|member| !account.members.contains(member)) {
        let message = format!("{other} is no member of the group {name}");
        let remedy = Remedy::new("Add the user").command(format!("usermod --append --groups {name} {other}"));
        return problem(&subject, "not-a-member", message, seen, remedy)
            .note("a user whose own group this is need not be listed");
    }
    Finding::pass(&subject, "there", format!("the group {name} is there"), seen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{finding::Outcome, node::Memory};

    fn etc() -> Memory {
        Memory::new()
            .file(PASSWD, "root:x:0:0::/:/bin/sh\nkubelet:x:991:991::/:/bin/false\n")
            .file(GROUP, "root:x:0:\ndocker:x:990:ann,bob\n")
            .file("/etc/subuid", "kubelet:65536:7208960\nann:1:2\n")
            .file("/etc/subgid", "991:65536:65536\n991:200000:65536\n")
    }

    fn ask_user(rule: UserRule, memory: Memory) -> Finding {
        let params = UsersParams { users: vec![Written(rule)], groups: vec![] };
        Users::validate(&params).unwrap();
        let mut out = Findings::default();
        Users::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    fn ask_group(rule: GroupRule, memory: Memory) -> Finding {
        let params = UsersParams { users: vec![], groups: vec![Written(rule)] };
        let mut out = Findings::default();
        Users::run(&params, &Node::in_memory(memory), &mut out).unwrap();
        out.into_inner().remove(0).0
    }

    #[test]
    fn users() {
        let kubelet = || UserRule::from_word("kubelet").unwrap();
        assert_eq!(ask_user(kubelet(), etc()).reason(), "there");
        assert_eq!(ask_user(UserRule { id: Some(5), ..kubelet() }, etc()).reason(), "wrong-id");
        let ids = |count| UserRule { subordinate_ids: Some(count), ..kubelet() };
        assert_eq!(ask_user(ids(131_072), etc()).reason(), "there", "by name and by number, all ranges");
        assert_eq!(ask_user(ids(131_073), etc()).reason(), "too-few-ids");
        assert_eq!(ask_user(ids(1), etc().without("/etc/subgid")).reason(), "too-few-ids");
        let shell = |text: &str| {
            let expect =
                UserExpectations { shell: Some(Matcher::equals(text)), ..UserExpectations::default() };
            ask_user(UserRule { expect, ..kubelet() }, etc()).reason()
        };
        assert_eq!([shell("/bin/false"), shell("/bin/sh")], ["there", "unexpected"]);
        assert_eq!(ask_user(UserRule::from_word("etcd").unwrap(), etc()).reason(), "missing");
        let found = ask_user(kubelet(), Memory::new());
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)));
    }

    #[test]
    fn groups() {
        let docker = |members: &[&str]| GroupRule {
            members: members.iter().map(|m| (*m).to_owned()).collect(),
            ..GroupRule::from_word("docker").unwrap()
        };
        let found = ask_group(docker(&["bob"]), etc());
        assert_eq!((found.reason(), found.subject()), ("there", "group:docker"));
        assert_eq!(ask_group(docker(&["eve"]), etc()).reason(), "not-a-member");
        assert_eq!(ask_group(GroupRule::from_word("adm").unwrap(), etc()).reason(), "missing");
    }

    #[test]
    fn parameters() {
        assert!(Users::validate(&UsersParams::default()).is_err());
        let twice = UsersParams {
            users: ["a", "a"].map(|n| Written(UserRule::from_word(n).unwrap())).into(),
            groups: vec![],
        };
        assert!(Users::validate(&twice).unwrap_err().contains("twice"));
    }
}
