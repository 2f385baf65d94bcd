use super::*;
use crate::{
    finding::{Outcome, Severity},
    node::Memory,
    value::{Key, Kind, Span, Value},
};

/// A rule as a policy writes it.
fn rule(fields: &[(&str, &str)]) -> Result<FileRule, String> {
    let text = |t: &str| Value { span: Span::default(), kind: Kind::Str(t.to_owned()) };
    let key = |t: &str| Key { span: Span::default(), text: t.to_owned() };
    let map = fields.iter().map(|(k, v)| (key(k), text(v))).collect();
    let value = Value { span: Span::default(), kind: Kind::Map(map) };
    let rule = value.read::<FileRule>().map_err(|e| e.message)?;
    let params = FilesParams { paths: vec![rule.clone()] };
    Files::validate(&params).map(|()| rule)
}

fn ask(fields: &[(&str, &str)], memory: Memory) -> Finding {
    let params = FilesParams { paths: vec![rule(fields).unwrap()] };
    let mut out = Findings::default();
    Files::run(&params, &Node::in_memory(memory), &mut out).unwrap();
    out.into_inner().remove(0).0
}

fn etc() -> Memory {
    Memory::new().file("/etc/passwd", "root:x:0:0::/:/bin/sh\n").file("/etc/group", "root:x:0:\nadm:x:4:\n")
}

const CONF: &str = "/etc/kubernetes/kubelet.conf";
const STATIC: &str = "/etc/kubernetes/manifests";

#[test]
fn there_or_not() {
    let with = || etc().file(CONF, "secret: abc\n");
    for (state, memory, reason) in [
        ("present", with(), "as-wanted"),
        ("present", etc(), "missing"),
        ("absent", etc(), "absent"),
        ("absent", with(), "exists"),
        ("empty", etc(), "absent"),
        ("empty", with(), "not-empty"),
        ("empty", etc().file(CONF, ""), "empty"),
        ("file", with(), "as-wanted"),
        ("directory", with(), "wrong-kind"),
    ] {
        let found = ask(&[("path", CONF), ("state", state)], memory);
        assert_eq!(found.reason(), reason, "{state}: {found:?}");
        let passes = matches!(reason, "as-wanted" | "absent" | "empty");
        assert_eq!(found.outcome() == &Outcome::Pass, passes, "{state}");
    }
    let found = ask(&[("path", CONF), ("state", "absent")], with());
    assert_eq!(found.kubeadm_name(), Some("FileAvailable--etc-kubernetes-kubelet.conf"));
    let found = ask(&[("path", STATIC), ("state", "empty")], etc().file(&format!("{STATIC}/etcd.yaml"), ""));
    assert_eq!(
        (found.reason(), found.kubeadm_name()),
        ("not-empty", Some("DirAvailable--etc-kubernetes-manifests"))
    );
}

#[test]
fn an_absence_has_to_be_seen() {
    for memory in [
        Memory::new(),
        Memory::new().file("/proc/version", "").as_root(),
        etc().error("/etc/kubernetes", ReadErrorKind::Denied("EACCES")).error(CONF, ReadErrorKind::TimedOut),
    ] {
        let found = ask(&[("path", CONF), ("state", "absent")], memory);
        assert!(matches!(found.outcome(), Outcome::Undetermined(_)), "{found:?}");
    }
}

#[test]
fn modes_and_owners() {
    let of = |owner, mode| etc().file(CONF, "").owned_by(CONF, owner, mode);
    let mode = [("path", CONF), ("mode", "0600")];
    assert_eq!(ask(&mode, of(0, 0o600)).reason(), "as-wanted");
    assert_eq!(ask(&mode, of(0, 0o400)).reason(), "as-wanted");
    let found = ask(&mode, of(0, 0o644));
    assert_eq!(
        (found.reason(), found.mend().unwrap().commands[0].as_str()),
        ("too-open", "chmod 0600 /etc/kubernetes/kubelet.conf")
    );
    assert_eq!(ask(&[("path", CONF), ("owner", "root")], of(0, 0o644)).reason(), "as-wanted");
    assert_eq!(ask(&[("path", CONF), ("owner", "root")], of(1000, 0o644)).reason(), "wrong-owner");
    assert_eq!(ask(&[("path", CONF), ("group", "4")], of(4, 0o644)).reason(), "as-wanted");
    assert_eq!(ask(&[("path", CONF), ("owner", "etcd")], of(0, 0o644)).reason(), "unknown", "no such user");
    assert_eq!(
        ask(&mode, of(0, 0o600).as_root()).reason(),
        "unknown",
        "the owners of a tree are not those of the node"
    );
}

#[test]
fn contents_without_telling_secrets() {
    let memory = || etc().file(CONF, "user: admin\npassword: hunter2\n");
    let asked = |key: &'static str, value: &'static str| ask(&[("path", CONF), (key, value)], memory());
    assert_eq!(asked("contains", "user: admin").reason(), "as-wanted");
    assert_eq!(asked("contains", "nobody").reason(), "wrong-contents");
    assert_eq!(asked("lacks", "nobody").reason(), "as-wanted");
    let found = asked("lacks", "password");
    assert_eq!(found.reason(), "wrong-contents");
    assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    assert!(!format!("{:?}", asked("equals", "x")).contains("hunter2"));
    assert_eq!(asked("equals", "user: admin\npassword: hunter2").reason(), "as-wanted");
    let denied = etc().error(CONF, ReadErrorKind::Denied("EACCES"));
    assert!(matches!(ask(&[("path", CONF), ("contains", "x")], denied).outcome(), Outcome::Undetermined(_)));
}

#[test]
fn links() {
    let resolv = "/etc/resolv.conf";
    let memory = || etc().file(resolv, "").symlink(resolv, "../run/systemd/resolve/stub-resolv.conf");
    let asked =
        |target: &'static str| ask(&[("path", resolv), ("state", "link"), ("target", target)], memory());
    assert_eq!(asked("../run/systemd/resolve/stub-resolv.conf").reason(), "as-wanted");
    assert_eq!(asked("/run/x").reason(), "wrong-target");
    assert_eq!(ask(&[("path", resolv), ("state", "link")], etc().file(resolv, "")).reason(), "wrong-kind");
}

#[test]
fn parameters() {
    for (fields, says) in [
        (&[("path", "etc")][..], "absolute"),
        (&[("path", "/x"), ("state", "absent"), ("mode", "0600")], "nothing else"),
        (&[("path", "/x"), ("state", "directory"), ("contains", "x")], "no text"),
        (&[("path", "/x"), ("target", "y")], "state: link"),
        (&[("path", "/x"), ("mode", "rw")], "octal"),
    ] {
        let error = rule(fields).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    assert!(Files::validate(&FilesParams::default()).is_err());
    assert_eq!(rule(&[("path", "/x"), ("severity", "warn")]).unwrap().severity, Severity::Warn);
}
