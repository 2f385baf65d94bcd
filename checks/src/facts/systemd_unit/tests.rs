use super::*;
use crate::node::Memory;
use proptest::prelude::*;

const ETC: &str = "/etc/systemd/system";
const LIB: &str = "/usr/lib/systemd/system";

fn memory(files: &[(&str, &str)]) -> Memory {
    files.iter().fold(Memory::new(), |m, (path, text)| m.file(path, text))
}

fn ask(memory: Memory, name: &str) -> Known<Option<Rc<Unit>>> {
    Node::in_memory(memory).systemd_unit(name)
}

fn last(memory: Memory, name: &str) -> String {
    ask(memory, name).unwrap().unwrap().last("S", "A").map(|a| a.value.clone()).unwrap_or_default()
}

#[test]
fn the_first_file_and_later_drop_ins_win() {
    let shipped = ("/usr/lib/systemd/system/a.service", "[S]\nA=1\n");
    let own = ("/etc/systemd/system/a.service", "[S]\nA=2\n");
    let ten = ("/etc/systemd/system/a.service.d/10-x.conf", "[S]\nA=3\n");
    let twenty = ("/usr/lib/systemd/system/a.service.d/20-x.conf", "[S]\nA=4\n");
    // One name: the more specific directory shadows the other.
    let shadowed = ("/etc/systemd/system/service.d/20-x.conf", "[S]\nA=5\n");
    for (files, want) in [
        (&[shipped][..], "1"),
        (&[shipped, own], "2"),
        (&[shipped, own, ten], "3"),
        (&[shipped, ten, twenty], "4"),
        (&[shipped, ten, twenty, shadowed], "4"),
        (&[shipped, ten, shadowed], "5"),
    ] {
        assert_eq!(last(memory(files), "a.service"), want, "{files:?}");
    }
    let unit = ask(memory(&[shipped, ten, twenty]), "a.service").unwrap().unwrap();
    assert_eq!(unit.files, [shipped.0, ten.0, twenty.0]);
    assert_eq!(unit.evidence().observed, "exists, with 2 drop-ins");
    assert_eq!(unit.last("S", "A").unwrap().place(), format!("{}:2", twenty.0));
}

#[test]
fn lists_are_reset_by_nothing() {
    let files = [
        ("/usr/lib/systemd/system/a.service", "[S]\nA=1\nA=2\n"),
        ("/etc/systemd/system/a.service.d/x.conf", "[S]\nA=\nA=3\nA=4\n"),
    ];
    let unit = ask(memory(&files), "a.service").unwrap().unwrap();
    let values: Vec<&str> = unit.list("S", "A").iter().map(|a| a.value.as_str()).collect();
    assert_eq!(values, ["3", "4"]);
    assert_eq!(unit.all("S", "A").count(), 5);
}

#[test]
fn instances_have_the_files_of_their_template() {
    let files = [
        ("/usr/lib/systemd/system/a@.service", "[S]\nA=1\n"),
        ("/etc/systemd/system/a@.service.d/x.conf", "[S]\nA=2\n"),
    ];
    assert_eq!(last(memory(&files), "a@b.service"), "2");
    let own = memory(&files).file("/usr/lib/systemd/system/a@b.service.d/x.conf", "[S]\nA=3\n");
    assert_eq!(last(own, "a@b.service"), "3");
    assert_eq!(template("user@1000.service").as_deref(), Some("user@.service"));
    assert_eq!(template("user@.service"), None);
    assert_eq!(drop_in_names("a-b-c.service"), ["a-b-c.service", "a-b-.service", "a-.service"]);
}

#[test]
fn masks_and_aliases() {
    let file =
        |m: Memory| m.file("/usr/lib/systemd/system/b.service", "[S]\nA=1\n[Install]\nAlias=a.service\n");
    let masked = |m: Memory| ask(m, "b.service").unwrap().unwrap().masked.clone();
    assert_eq!(masked(file(Memory::new())), None);
    assert!(masked(file(Memory::new()).symlink("/etc/systemd/system/b.service", "/dev/null")).is_some());
    assert!(masked(file(Memory::new()).file("/etc/systemd/system/b.service", "")).is_some());
    let alias = file(Memory::new())
        .symlink("/etc/systemd/system/a.service", "/usr/lib/systemd/system/b.service")
        .file("/etc/systemd/system/a.service.d/x.conf", "[S]\nA=2\n");
    assert_eq!(last(alias.clone(), "a.service"), "2");
    assert_eq!(last(alias.clone(), "b.service"), "2", "the drop-ins of all names count");
    assert_eq!(ask(alias, "a.service").unwrap().unwrap().name(), "b.service");
    let relative = file(Memory::new())
        .symlink("/etc/systemd/system/a.service", "../../../usr/lib/systemd/system/b.service");
    assert_eq!(last(relative, "a.service"), "1");
    let circle = Memory::new()
        .symlink("/etc/systemd/system/a.service", "b.service")
        .symlink("/etc/systemd/system/b.service", "a.service");
    assert!(ask(circle, "a.service").unwrap_err().reason.contains("circle"));
    // `systemctl link`, and a link to its own name.
    let linked = Memory::new()
        .symlink("/etc/systemd/system/a.service", "/opt/a.service")
        .file("/opt/a.service", "[S]\nA=7\n");
    assert_eq!(last(linked.clone(), "a.service"), "7");
    assert_eq!(ask(linked.without("/opt/a.service"), "a.service"), Ok(None));
    let itself = memory(&[("/usr/lib/systemd/system/a.service", "[S]\nA=8\n")])
        .symlink("/etc/systemd/system/a.service", "/usr/lib/systemd/system/a.service");
    assert_eq!(last(itself, "a.service"), "8");
}

#[test]
fn not_there_and_not_known_are_two() {
    assert_eq!(ask(Memory::new(), "a.service"), Ok(None));
    assert_eq!(ask(Memory::new(), "../a.service"), Ok(None));
    let denied = ReadErrorKind::Denied("EACCES");
    let fragment = format!("{LIB}/a.service");
    let file = || Memory::new().file(&fragment, "[S]\n");
    for hidden in [
        file().error(&fragment, denied.clone()),
        file().error("/etc/systemd/system/a.service.d", denied.clone()),
        file().error("/etc/systemd/system/a.service.d/x.conf", denied.clone()),
    ] {
        assert!(ask(hidden, "a.service").is_err());
    }
    let many = (0..=DROP_INS).fold(file(), |m, i| m.file(&format!("{ETC}/a.service.d/{i}.conf"), ""));
    assert!(ask(many, "a.service").unwrap_err().reason.contains("more than 256"));
}

#[test]
fn enabled_or_not() {
    let install = "[Service]\nExecStart=/a\n[Install]\nWantedBy=multi-user.target\nAlias=b.service\n";
    let unit = || memory(&[("/usr/lib/systemd/system/a.service", install)]);
    let state = |m: Memory| {
        let node = Node::in_memory(m);
        let unit = node.systemd_unit("a.service").unwrap().unwrap();
        node.systemd_enablement(&unit).map(|(state, seen)| {
            assert!(!seen.is_empty());
            state.as_str()
        })
    };
    let wants = "multi-user.target.wants/a.service";
    for (memory, want) in [
        (unit(), "disabled"),
        (unit().symlink(&format!("{ETC}/{wants}"), "/usr/lib/systemd/system/a.service"), "enabled"),
        (unit().symlink(&format!("{LIB}/{wants}"), "../a.service"), "enabled"),
        (unit().symlink(&format!("/run/systemd/system/{wants}"), "/x"), "enabled-runtime"),
        (
            unit()
                .symlink(&format!("/run/systemd/system/{wants}"), "/x")
                .symlink(&format!("{ETC}/x.target.requires/a.service"), "/x"),
            "enabled",
        ),
        (unit().symlink(&format!("{ETC}/b.service"), "/usr/lib/systemd/system/a.service"), "enabled"),
        (unit().symlink(&format!("{ETC}/b.service"), "/usr/lib/systemd/system/c.service"), "disabled"),
        (unit().symlink(&format!("{ETC}/a.service"), "/dev/null"), "masked"),
        (unit().symlink("/run/systemd/system/a.service", "/dev/null"), "masked-runtime"),
        (memory(&[("/usr/lib/systemd/system/a.service", "[Service]\n")]), "static"),
        (memory(&[("/run/systemd/generator/a.service", "[Service]\n")]), "generated"),
    ] {
        assert_eq!(state(memory), Ok(want));
    }
    // A directory that can't be listed may have a link of anybody.
    assert!(state(unit().error(ETC, ReadErrorKind::Denied("EACCES"))).is_err());
}

proptest! {
    #[test]
    fn never_panic(text in "([a-zA-Z=@. \\\\\\[\\]#-]|\n|Delegate=|\\[Service\\]\n){0,80}") {
        let _ = (drop_in_names(&text), template(&text), ask(Memory::new(), &text));
    }
}
