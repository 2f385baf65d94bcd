use super::*;
use crate::node::Memory;
use proptest::prelude::*;

fn decided(memory: Memory, key: &str) -> Option<(String, String, usize)> {
    let node = Node::in_memory(memory);
    let line = node.sysctl_boot().sets(&Key::parse(key).unwrap())?;
    Some((line.value.clone().unwrap(), line.file.clone(), line.line))
}

fn value(memory: &Memory, key: &str) -> Option<String> {
    decided(memory.clone(), key).map(|(value, ..)| value)
}

const FORWARD: &str = "net.ipv4.ip_forward";

#[test]
fn the_last_file_by_name_wins_whatever_its_directory() {
    let memory = Memory::new()
        .file("/etc/sysctl.d/10-a.conf", "# c\n; c\n\nnet.ipv4.ip_forward = 1\n")
        .file("/usr/lib/sysctl.d/90-b.conf", "net/ipv4/ip_forward=0\n");
    let found = decided(memory, FORWARD).unwrap();
    assert_eq!(found, ("0".into(), "/usr/lib/sysctl.d/90-b.conf".into(), 1));
}

#[test]
fn an_earlier_directory_masks_a_file_of_the_same_name() {
    let vendor = Memory::new().file("/usr/lib/sysctl.d/50-x.conf", "net.ipv4.ip_forward = 0\n");
    assert_eq!(value(&vendor, FORWARD).as_deref(), Some("0"));
    let own = vendor.clone().file("/run/sysctl.d/50-x.conf", "net.ipv4.ip_forward = 1\n");
    assert_eq!(value(&own, FORWARD).as_deref(), Some("1"));
    let empty = vendor.clone().file("/etc/sysctl.d/50-x.conf", "");
    assert_eq!(value(&empty, FORWARD), None);
    let null = vendor
        .error("/etc/sysctl.d/50-x.conf", ReadErrorKind::WrongKind("a device"))
        .symlink("/etc/sysctl.d/50-x.conf", "/dev/null");
    assert_eq!(value(&null, FORWARD), None);
    assert!(Node::in_memory(null).sysctl_boot().unread().is_none());
}

#[test]
fn lines_of_sysctl_d() {
    let lines = |text: &str| -> Vec<String> {
        let found = parse("/x", text).into_iter();
        found.map(|a| format!("{}={}", a.key.dotted(), a.value.unwrap_or_else(|| "-".into()))).collect()
    };
    assert_eq!(
        lines(
            "-net.ipv4.ip_forward=1\n  kernel.printk =  4\t4 1  7 \n-net.ipv4.conf.all.rp_filter\nnonsense\nnot a key = 1\n"
        ),
        ["net.ipv4.ip_forward=1", "kernel.printk=4 4 1 7", "net.ipv4.conf.all.rp_filter=-"]
    );
}

#[test]
fn a_key_goes_before_patterns_and_may_be_taken_out_of_them() {
    // systemd's own 50-default.conf.
    let memory = Memory::new().file(
        "/usr/lib/sysctl.d/50-default.conf",
        "net.ipv4.conf.default.rp_filter = 2\nnet.ipv4.conf.*.rp_filter = 1\n-net.ipv4.conf.all.rp_filter\n",
    );
    let value = |name: &str| value(&memory, &format!("net.ipv4.conf.{name}.rp_filter"));
    assert_eq!(value("default").as_deref(), Some("2"));
    assert_eq!(value("eth0").as_deref(), Some("1"));
    assert_eq!(value("all"), None);
}

#[test]
fn forwarding_may_be_set_by_its_other_name() {
    let memory = Memory::new().file("/etc/sysctl.d/x.conf", "net.ipv4.conf.all.forwarding=1\n");
    assert_eq!(value(&memory, FORWARD).as_deref(), Some("1"));
}

#[test]
fn the_old_file_counts_where_it_is_read() {
    let old = Memory::new()
        .file("/etc/sysctl.conf", "net.ipv4.ip_forward=1\n")
        .file("/etc/sysctl.d/98.conf", "net.ipv4.ip_forward=0\n");
    assert_eq!(value(&old, FORWARD).as_deref(), Some("1"), "procps reads it last");
    let systemd = old.file("/run/systemd/system/x", "");
    assert_eq!(value(&systemd, FORWARD).as_deref(), Some("0"), "systemd does not read it");
    let node = Node::in_memory(systemd.clone());
    let key = Key::parse(FORWARD).unwrap();
    assert_eq!(node.sysctl_boot().passed_over(&key).map(|a| a.line), Some(1));
    // Debian until 12.
    let linked = systemd.file("/etc/sysctl.d/99-sysctl.conf", "net.ipv4.ip_forward=1\n");
    let node = Node::in_memory(linked);
    assert!(node.sysctl_boot().passed_over(&key).is_none());
    assert_eq!(node.sysctl_boot().sets(&key).and_then(|a| a.value.as_deref()), Some("1"));
}

#[test]
fn what_cannot_be_read_is_said() {
    let denied = ReadErrorKind::Denied("EACCES");
    let unread = |memory: Memory| Node::in_memory(memory).sysctl_boot().unread().is_some();
    assert!(unread(Memory::new().error("/etc/sysctl.d", denied.clone())));
    assert!(unread(Memory::new().error("/etc/sysctl.d/x.conf", denied)));
    assert!(unread(Memory::new().file("/etc/sysctl.d/x.conf", b"\xff\xfe")));
    let file = |text: &str| Memory::new().file("/etc/sysctl.d/x.conf", text);
    assert!(unread(file("net.ipv4.ip_for")));
    assert!(
        !unread(file("net.ipv4.ip_forward = 1")) && !unread(file("# comment")) && !unread(file("nonsense\n"))
    );
    assert!(!unread(Memory::new()));
    assert!(!Node::in_memory(Memory::new()).sysctl_boot().was_seen());
}

proptest! {
    #[test]
    fn never_panics(text in "(?s).{0,200}") {
        let memory = Memory::new().file("/etc/sysctl.d/x.conf", text);
        let _ = decided(memory, FORWARD);
    }
}
