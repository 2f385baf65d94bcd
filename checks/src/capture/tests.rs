use super::*;
use crate::node::{Door, Memory, Node, Origin, ReadErrorKind};
use proptest::prelude::*;
use std::sync::Arc;

fn header() -> Header {
    Header::new("0.1.0", "2026-11-28T00:00:00Z".to_owned(), "test".to_owned())
}

/// There and back through the file.
fn kept(answers: Answers) -> Capture {
    let mut file = Vec::new();
    let capture = Capture::new(header(), answers);
    capture.write(&mut file).unwrap();
    let read = Capture::read(file.as_slice()).unwrap();
    assert_eq!(read.answers, capture.answers);
    read
}

fn recorded(memory: Memory, ask: impl Fn(&Node)) -> Captured {
    let recorder = Arc::new(Recorder::new(Arc::new(memory)));
    ask(&Node::new(Arc::clone(&recorder) as Arc<dyn Door>, Arc::default()));
    Captured::new(kept(recorder.answers().0))
}

#[test]
fn what_was_answered_is_answered_again() {
    let probe = Probe::CgroupDeviceQuery { directory: "/sys/fs/cgroup".into() };
    let memory = Memory::new()
        .file("/etc/hostname", "node\n")
        .file("/etc/binary", [0, 159, 146, 150])
        .error("/etc/shadow", ReadErrorKind::Denied("EACCES"))
        .error("/etc/odd", ReadErrorKind::System("EIO".into()))
        .symlink("/etc/os-release", "../usr/lib/os-release")
        .owned_by("/etc/hostname", 1000, 0o600)
        .probe(probe.clone(), "ok, 0 programs");
    let again = recorded(memory.clone(), |node| {
        for path in ["/etc/hostname", "/etc/binary", "/etc/shadow", "/etc/odd", "/etc/nothing"] {
            node.read(path);
            let _ = (node.kind(path), node.access(path));
        }
        let _ = (node.read_at("/etc/binary", 1, 2), node.list("/etc"), node.link("/etc/os-release"));
        let _ = (node.filesystem("/etc"), node.machine());
        node.probe(&probe);
    });
    for path in ["/etc/hostname", "/etc/binary", "/etc/shadow", "/etc/odd", "/etc/nothing"] {
        assert_eq!(again.read(path, 100), memory.read(path, 100));
        assert_eq!(again.kind(path), memory.kind(path));
        assert_eq!(again.access(path), memory.access(path));
    }
    assert_eq!(again.read_at("/etc/binary", 1, 2), memory.read_at("/etc/binary", 1, 2));
    assert_eq!(again.list("/etc"), memory.list("/etc"));
    assert_eq!(again.link("/etc/os-release"), memory.link("/etc/os-release"));
    assert_eq!(again.machine(), memory.machine());
    assert_eq!(again.filesystem("/etc"), Door::filesystem(&memory, "/etc"));
    assert_eq!(again.probe(&probe), Door::probe(&memory, &probe));
    assert_eq!(again.read("/etc/hostname", 2).unwrap_err().kind, ReadErrorKind::TooLarge(2));
}

#[test]
fn what_was_not_asked_is_not_known_unless_it_follows() {
    let memory = Memory::new()
        .file("/etc/kubernetes/kubelet.conf", "x")
        .file("/proc/self/mountinfo", "1 0 0:1 / /net rw - autofs systemd-1 rw\n")
        .file("/net/x", "");
    let again = recorded(memory, |node| {
        let _ = (node.list("/etc"), node.list("/net"), node.kind("/opt"));
        node.read("/proc/self/mountinfo");
    });
    let kind = |path: &str| again.read(path, 100).unwrap_err().kind;
    assert_eq!(kind("/etc/other"), ReadErrorKind::Missing, "the directory did not list it");
    assert_eq!(kind("/etc/other/deep/down"), ReadErrorKind::Missing);
    assert_eq!(kind("/opt/cni/bin"), ReadErrorKind::Missing, "what is above it was missing");
    assert_eq!(kind("/etc/kubernetes/pki"), ReadErrorKind::NotCaptured, "its directory was not listed");
    assert_eq!(kind("/var/lib"), ReadErrorKind::NotCaptured);
    assert_eq!(kind("/net/server"), ReadErrorKind::NotCaptured, "an automount lists what is mounted only");
    assert_eq!(again.list("/etc/kubernetes").unwrap_err().kind, ReadErrorKind::NotCaptured);
    assert_eq!(again.probe(&Probe::Clock).unwrap_err().kind, ReadErrorKind::NotCaptured);
    assert_eq!(again.origin(), Origin::Live);
}

#[test]
fn parts_come_out_of_larger_ones() {
    let content: Vec<u8> = (0..100).collect();
    let again = recorded(Memory::new().file("/x", &content).file("/y", &content), |node| {
        let _ = (node.read_at("/x", 10, 50), node.read_at("/x", 90, 50));
        node.read("/y");
    });
    assert_eq!(again.read_at("/x", 20, 5).unwrap(), &content[20..25]);
    assert_eq!(again.read_at("/x", 95, 20).unwrap(), &content[95..], "the file ends there");
    assert_eq!(again.read_at("/x", 55, 10).unwrap_err().kind, ReadErrorKind::NotCaptured);
    assert_eq!(again.read_at("/y", 98, 10).unwrap(), &content[98..]);
    assert_eq!(again.read_at("/y", 1000, 10).unwrap(), b"");
}

#[test]
fn of_type_information_what_concerns_cgroups_is_kept() {
    let path = crate::facts::btf::PATH;
    let whole = include_bytes!("../../tests/data/btf/btf-7.3.bin");
    let again = recorded(Memory::new().file(path, whole), |node| assert!(node.cgroup_types().is_ok()));
    let kept = again.read(path, usize::MAX).unwrap();
    assert!(kept.len() < 1000, "{} bytes", kept.len());
    let types = Node::new(Arc::new(again), Arc::default()).cgroup_types().clone();
    assert_eq!(types, Ok(crate::facts::btf::cgroup_types(whole).unwrap()));
    // What says nothing stays as it is.
    let none = recorded(Memory::new().file(path, "no BTF"), |node| assert!(node.cgroup_types().is_err()));
    assert_eq!(none.read_at(path, 0, 24).unwrap(), b"no BTF");
}

#[test]
fn how_long_a_question_may_take_is_no_part_of_it() {
    let ask = |millis| Probe::Connect { address: ([127, 0, 0, 1], 1).into(), millis };
    let again = recorded(Memory::new().probe(ask(5), "ECONNREFUSED"), |node| {
        node.probe(&ask(5));
    });
    // A connection takes an allowance, which this node has not.
    assert_eq!(again.probe(&ask(7)).unwrap_err().kind, ReadErrorKind::NotCaptured);
    assert_eq!(Look::probe(&ask(5)), Look::probe(&ask(7)));
}

#[test]
fn secrets_are_left_out() {
    let token = "abcdef.0123456789abcdef";
    for (path, text, without) in [
        ("/proc/cmdline", "ro token=hunter2 quiet\n", "ro token=(redacted-by-preflight) quiet\n"),
        ("/proc/cmdline", "rd.luks.key=/etc/key root=/dev/sda\n", "rd.luks.key=/etc/key root=/dev/sda\n"),
        ("/proc/cmdline", "iscsi_password=hunter2\n", "iscsi_password=(redacted-by-preflight)\n"),
        (
            "/proc/1/environ",
            "A=hunter2\0container=lxc\0HTTP_PROXY=http://u:hunter2@p:1\0",
            "container=lxc\0HTTP_PROXY=http://(redacted-by-preflight)@p:1\0",
        ),
        (
            "/etc/passwd",
            "root:$6$hunter2:0:0::/root:/bin/sh\nx:x:1:1::/:\n",
            "root:(redacted-by-preflight):0:0::/root:/bin/sh\nx:x:1:1::/:\n",
        ),
        (
            "/etc/kubernetes/kubelet.conf",
            "users:\n- user:\n    client-key-data: hunter2==\n    token: hunter2\n",
            "users:\n- user:\n    client-key-data: (redacted-by-preflight)\n    token: (redacted-by-preflight)\n",
        ),
        (
            "/etc/x.json",
            r#"{"password": "hunter2", "auths": 1}"#,
            r#"{"password": "(redacted-by-preflight)", "auths": 1}"#,
        ),
        (
            "/etc/containerd/config.toml",
            "password = \"hunter2\"\nidentitytoken = 'hunter2'\n",
            "password = \"(redacted-by-preflight)\"\nidentitytoken = '(redacted-by-preflight)'\n",
        ),
        (
            "/etc/hosts.toml",
            "Authorization = \"Basic hunter2\"\n",
            "Authorization = \"(redacted-by-preflight)\"\n",
        ),
        (
            "/etc/systemd/system/kubelet.service",
            "ExecStart=/x --token hunter\nEnvironment=\"HTTPS_PROXY=http://u:hunter2@h\"\n",
            "ExecStart=/x --token hunter\nEnvironment=\"HTTPS_PROXY=http://(redacted-by-preflight)@h\"\n",
        ),
        (
            "/etc/k.pem",
            "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----(redacted-by-preflight)-----END RSA PRIVATE KEY-----\n",
        ),
    ] {
        let clean = redact::file(path, text).unwrap_or_else(|| text.to_owned());
        assert_eq!(clean, without, "{path}");
    }
    // What is no secret stays as it is.
    for (path, text) in [
        (
            "/etc/kubernetes/kubelet.yaml",
            "serverTLSBootstrap: true\nauthentication:\n  webhook: {enabled: true}\n",
        ),
        ("/etc/x", "tokenFile: /etc/token\npasswordless: yes\nno_token = false\n"),
        ("/boot/config-6.1", "CONFIG_KEYS_TOKEN=y\n"),
        ("/etc/group", "root:x:0:\nadm:*:4:\n"),
        ("/proc/sys/kernel/hostname", "token=1234567\n"),
    ] {
        assert_eq!(redact::file(path, text), None, "{path}");
    }
    assert!(
        redact::words(&format!("kubeadm join --token={token}")).is_some_and(|text| !text.contains(token))
    );
}

#[test]
fn nothing_holds_of_what_was_taken_out() {
    let policy = crate::matcher::Matcher::equals("x");
    let mut expected = crate::expect::Expected::default();
    expected.ask("content", Some(&policy), &|| {
        Ok(crate::expect::Property::hidden("/etc/x", format!("password={}", redact::MARK)))
    });
    assert!(matches!(expected.end(), crate::expect::Judged::Unknown("content", _)));
}

#[test]
fn what_is_no_capture_is_said_to_be_none() {
    let gzip = |text: &str| {
        use std::io::Write as _;
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let head = r#"{"apiVersion":"preflight/v1","kind":"Capture","version":"0.1.0","capturedAt":"2026-11-28T00:00:00Z","policy":"x","live":true,"root":"/","user":0,"allowed":[]}"#;
    let error = |bytes: &[u8]| Capture::read(bytes).map(|_| ()).unwrap_err().to_string();
    assert!(Capture::read(gzip(head).as_slice()).is_ok());
    assert!(error(b"PK\x03\x04").contains("can't be read as a capture"));
    assert!(error(&gzip("{}")).contains("no capture"));
    assert!(error(&gzip(&head.replace("v1", "v9"))).contains("format \"preflight/v9\""));
    for (line, why) in [
        (
            "{\"look\":\"read\",\"path\":\"/x\"}",
            "line 2 of it (unpacked) is wrong: its answer is none to its question",
        ),
        ("{\"look\":\"read\",\"path\":\"x\",\"text\":\"\"}", "not absolute"),
        ("{\"look\":\"dance\",\"path\":\"/x\"}", "no kind of question"),
        ("{\"look\":\"read\",\"path\":\"/x\",\"hex\":\"0\"}", "is none to its question"),
        ("nonsense", "line 2"),
    ] {
        let told = error(&gzip(&format!("{head}\n{line}\n")));
        assert!(told.contains(why), "{line}: {told}");
    }
    // A bomb: a thousand times larger inside.
    let bomb = gzip(&format!("{head}\n{}", " ".repeat(60 << 20)));
    assert!(bomb.len() < 1 << 20 && error(&bomb).contains("24 MiB"), "{}", error(&bomb));
    assert!(error(&gzip(head)[..40]).contains("can't be read"));
}

#[test]
fn what_is_too_much_is_left_out() {
    let large = |byte: u8| vec![byte; 6 << 20];
    let memory = (0..8).fold(Memory::new(), |m, i| m.file(&format!("/sys/{i}"), large(b'a')));
    let recorder = Arc::new(Recorder::new(Arc::new(memory.file("/sys/x", large(0)))));
    let node = Node::new(Arc::clone(&recorder) as Arc<dyn Door>, Arc::default());
    (0..8).for_each(|i| drop(node.read(&format!("/sys/{i}"))));
    node.read("/sys/x");
    let (answers, left_out) = recorder.answers();
    // Bytes without a shape take six characters each.
    assert_eq!((answers.len(), left_out), (3, 6));
    kept(answers);
}

proptest! {
    #[test]
    fn any_text_survives_the_file(path in "/[a-z/]{0,20}", text in ".{0,200}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut answers = Answers::new();
        answers.insert(Look::Link(path.clone()), Ok(Seen::Text(text)));
        answers.insert(Look::Read(format!("/sys{path}")), Ok(Seen::Bytes(bytes)));
        kept(answers);
    }

    #[test]
    fn any_bytes_are_a_capture_or_none(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Capture::read(bytes.as_slice());
    }

    #[test]
    fn redacting_twice_changes_nothing_more(text in "(token|password|http://|u:p@|-----BEGIN PRIVATE KEY-----|[ -~\\n]){0,30}") {
        if let Some(once) = redact::words(&text) {
            prop_assert_eq!(redact::words(&once), None, "{}", once);
        }
    }
}
