//! `resolv-conf`, `proxy`, `files`, `users` and `executables`: a scene that is right and one that is not, with files that
//! are mounted over those of the machine, or an environment.

use super::{Play, evidence};
use crate::{common::process::words, scene::Viewer};

/// /etc as a file system of its own, with the accounts that are needed to run at all.
const OWN_ETC: &str =
    "cp /etc/passwd /etc/group /etc/nsswitch.conf $DIR; mount -t tmpfs tmpfs /etc; chmod 755 /etc
    cp $DIR/passwd $DIR/group $DIR/nsswitch.conf /etc";

#[test]
fn name_servers_that_pods_inherit() {
    let id = "resolv-conf//etc/resolv.conf";
    let write =
        |text: &str| format!("{OWN_ETC}\nprintf '{text}' > /etc/resolv.conf; mount -t tmpfs tmpfs /run");
    let uplink =
        "mkdir -p /run/systemd/resolve; echo 'nameserver 192.0.2.53' > /run/systemd/resolve/resolv.conf";
    let stub = format!("{}\n{uplink}", write("nameserver 127.0.0.53\\n"));
    let link = format!("{OWN_ETC}\nln -s ../run/nowhere /etc/resolv.conf");
    for (name, set, want) in [
        ("a name server", write("nameserver 192.0.2.53\\nsearch a.example\\n"), "pass usable"),
        ("itself", write("nameserver 127.0.0.53\\n"), "fail loop"),
        ("the stub of systemd-resolved", stub, "warn stub"),
        ("nobody", write("search a.example\\n"), "fail no-nameserver"),
        ("a link to nothing", link, "fail missing"),
    ] {
        for viewer in [Viewer::Me, Viewer::Nobody] {
            let Some(report) = (Play { viewer, ..Play::new(name, &set) }).judge(&["{check: resolv-conf}"])
            else {
                return;
            };
            assert_eq!(report.brief(id), want, "{name}: {report}");
        }
    }
}

#[test]
fn what_goes_by_a_proxy() {
    let rule = "{check: proxy, with: {spare: [\"10.244.0.0/16\", .svc]}}";
    let quiet = format!("{OWN_ETC}\n: > /etc/environment");
    let Some(report) = Play::new("no proxy", &quiet).judge(&[rule]) else { return };
    assert_eq!(report.brief("proxy/environment"), "pass none", "{report}");
    // What nobody may read may set one.
    let closed = format!("{quiet}; chmod 600 /etc/environment");
    let play = Play { viewer: Viewer::Nobody, ..Play::new("a closed environment", &closed) };
    let Some(report) = play.judge(&[rule]) else { return };
    assert_eq!(report.brief("proxy/environment"), "warn? unknown", "{report}");
    let proxy = "export HTTPS_PROXY=http://user:secret@proxy.example:3128";
    for (name, no_proxy, want) in
        [("spared", "10.0.0.0/8,.svc", "pass spared"), ("proxied", "localhost", "warn proxied")]
    {
        let set = format!("{quiet}\n{proxy} NO_PROXY={no_proxy}");
        let Some(report) = Play::new(name, &set).judge(&[rule]) else { return };
        let finding = &report.findings()[0];
        assert!(finding["id"].as_str().is_some_and(|id| id.ends_with("/environ")), "{finding:#}");
        assert_eq!(
            format!("{} {}", finding["verdict"], finding["reason"]).replace('"', ""),
            want,
            "{report}"
        );
        assert!(finding["evidence"].to_string().contains("proxy.example:3128"), "{finding:#}");
        assert!(!report.0.to_string().contains("secret"), "{finding:#}");
    }
    let drop_in = "mkdir -p /etc/systemd/system/containerd.service.d
        echo -e '[Service]\\nEnvironment=\"HTTP_PROXY=http://proxy:1\"' > /etc/systemd/system/containerd.service.d/proxy.conf";
    let Some(report) = Play::new("a drop-in", &format!("{quiet}\n{drop_in}")).judge(&[rule]) else { return };
    let id = "proxy//etc/systemd/system/containerd.service.d/proxy.conf";
    assert_eq!(report.brief(id), "warn proxied", "{report}");
}

#[test]
fn files_as_they_should_be_and_not() {
    let set = "mount -t tmpfs tmpfs /mnt; chmod 755 /mnt; mkdir /mnt/empty /mnt/full; echo x > /mnt/full/x
        echo 'a: 1' > /mnt/key; chmod 600 /mnt/key; echo 'a: 1' > /mnt/open; chmod 666 /mnt/open
        mkdir -m 700 /mnt/closed; echo x > /mnt/closed/x; ln -s key /mnt/link";
    let paths = [
        ("key, mode: \"0600\", owner: root, contains: \"a: 1\"", "pass as-wanted", "warn? unknown"),
        ("open, mode: \"0600\"", "fail too-open", "fail too-open"),
        ("nothing", "fail missing", "fail missing"),
        ("nowhere/at/all, state: absent", "pass absent", "pass absent"),
        ("full/x, state: absent", "fail exists", "fail exists"),
        ("full, state: empty", "fail not-empty", "fail not-empty"),
        ("empty, state: empty", "pass empty", "pass empty"),
        ("link, state: link, target: key", "pass as-wanted", "pass as-wanted"),
        // What nobody may look at is neither there nor missing for nobody.
        ("closed/x", "pass as-wanted", "warn? unknown"),
        ("closed/y, state: absent", "pass absent", "warn? unknown"),
    ];
    let rules: Vec<String> = paths.iter().map(|(path, ..)| format!("{{path: /mnt/{path}}}")).collect();
    let rule = format!("{{check: files, with: {{paths: [{}]}}}}", rules.join(", "));
    for viewer in [Viewer::Me, Viewer::Nobody] {
        let Some(report) = (Play { viewer, ..Play::new("files", set) }).judge(&[&rule]) else { return };
        for (path, root, nobody) in paths {
            let path = path.split(',').next().expect("a path");
            let want = if viewer == Viewer::Me { root } else { nobody };
            assert_eq!(report.brief(&format!("files//mnt/{path}")), want, "{viewer:?} {path}: {report}");
        }
    }
}

#[test]
fn users_and_groups() {
    let set = [
        OWN_ETC,
        "printf 'root:x:0:0::/:/bin/sh\\nkubelet:x:991:991::/:/bin/false\\n' > /etc/passwd",
        "printf 'root:x:0:\\netcd:x:990:kubelet\\n' > /etc/group",
        "echo 'passwd: files' > /etc/nsswitch.conf; echo 'group: files' >> /etc/nsswitch.conf",
        "echo kubelet:65536:65536 | tee /etc/subuid > /etc/subgid",
    ]
    .join("\n");
    let rule = "{check: users, with: {users: [{name: kubelet, id: 991, subordinateIds: 65536}, nosuch], \
                groups: [{name: etcd, members: [kubelet]}, {name: root, id: 5}]}}";
    let more = "{id: more, check: users, with: {users: [{name: kubelet, subordinateIds: 65537}]}}";
    for viewer in [Viewer::Me, Viewer::Nobody] {
        let Some(report) = (Play { viewer, ..Play::new("users", &set) }).judge(&[rule, more]) else { return };
        for (id, want) in [
            ("users/kubelet", "pass there"),
            ("users/nosuch", "fail missing"),
            ("users/group:etcd", "pass there"),
            ("users/group:root", "fail wrong-id"),
            ("more/kubelet", "fail too-few-ids"),
        ] {
            assert_eq!(report.brief(id), want, "{report}");
        }
    }
    // Somebody else may know who is not in the file.
    let ldap = format!("{set}\necho 'passwd: files ldap' > /etc/nsswitch.conf");
    let Some(report) = Play::new("LDAP", &ldap).judge(&[rule]) else { return };
    assert_eq!(report.brief("users/nosuch"), "warn? unknown", "{report}");
}

#[test]
fn programs_where_services_find_them() {
    let set = "mount -t tmpfs tmpfs /mnt; chmod 755 /mnt; mkdir /mnt/a /mnt/b /mnt/closed
        echo x > /mnt/a/conntrack; chmod 644 /mnt/a/conntrack; cp /bin/true /mnt/b/conntrack
        echo x > /mnt/a/socat; chmod 644 /mnt/a/socat; ln -s ../b/conntrack /mnt/a/nft; ln -s nowhere /mnt/a/ip
        cp /bin/true /mnt/closed/ebtables; chmod 700 /mnt/closed";
    let rule = "{check: executables, with: {path: [/mnt/a, /mnt/b, /mnt/closed], required: [conntrack, socat, nft, ip, ebtables], \
                optional: [ethtool]}}";
    for viewer in [Viewer::Me, Viewer::Nobody] {
        let Some(report) = (Play { viewer, ..Play::new("programs", set) }).judge(&[rule]) else { return };
        // Nobody can't see whether what root finds missing lies in the closed directory.
        let missing = if viewer == Viewer::Me { "missing" } else { "unknown" };
        for (name, reason) in [
            ("conntrack", "found"),
            ("nft", "found"),
            ("socat", missing),
            ("ip", missing),
            ("ebtables", if viewer == Viewer::Me { "found" } else { "unknown" }),
            ("ethtool", missing),
        ] {
            let finding = report.finding(&format!("executables/{name}"));
            assert_eq!(finding["reason"], reason, "{viewer:?}: {report}");
            assert_eq!(finding["verdict"] == "pass", reason == "found", "{report}");
            assert_eq!(finding["determined"] == false, reason == "unknown", "{report}");
        }
        let found = report.finding("executables/conntrack");
        assert!(
            evidence(found).contains("/mnt/b/conntrack") && !words(found).contains("/mnt/a"),
            "{found:#}"
        );
    }
}

/// The kernel tells what a copy of grep(1) gains when nobody starts it; the check has to say the same of its file.
#[test]
fn what_a_program_gains_whoever_starts_it() {
    let set = r#"
        mkdir $DIR/nosuid; chmod 755 $DIR/nosuid
        for at in setuid attribute other-attribute permitted plain nosuid/setuid nosuid/attribute; do
            [ -d $DIR/${at%%/*} ] || mkdir $DIR/$at
            mountpoint -q $DIR/${at%%/*} || mount -t tmpfs -o mode=755$([ ${at%%/*} = nosuid ] && echo ,nosuid || true) tmpfs $DIR/${at%%/*}
            mkdir -p $DIR/$at; cp /bin/grep $DIR/$at/newuidmap; chmod 755 $DIR/$at/newuidmap
        done
        give() { python3 -c "import os,sys; os.setxattr(sys.argv[1], 'security.capability', bytes.fromhex(sys.argv[2]))" $DIR/$1/newuidmap $2; }
        chmod 4755 $DIR/setuid/newuidmap $DIR/nosuid/setuid/newuidmap
        give attribute 0100000280000000000000000000000000000000
        give nosuid/attribute 0100000280000000000000000000000000000000
        give other-attribute 0100000240000000000000000000000000000000
        give permitted 0000000280000000000000000000000000000000
        for at in setuid attribute other-attribute permitted plain nosuid/setuid nosuid/attribute; do
            line=$(setpriv --reuid=65534 --regid=65534 --clear-groups $DIR/$at/newuidmap CapEff: /proc/self/status)
            echo "$at $(( 0x${line##*[[:space:]]} >> 7 & 1 ))" >> $DIR/said
            mkdir -p /usr/local/places/$at; mount --bind $DIR/$at /usr/local/places/$at
        done"#;
    let set = format!("mount -t tmpfs -o mode=755 tmpfs /usr/local\n{set}");
    let places =
        ["setuid", "attribute", "other-attribute", "permitted", "plain", "nosuid/setuid", "nosuid/attribute"];
    let rules = places.map(|at| {
        format!(
            "{{check: executables, id: {}, with: {{path: [/usr/local/places/{at}], \
             required: [{{name: newuidmap, capability: cap_setuid}}]}}}}",
            at.replace('/', "-")
        )
    });
    let rules = rules.each_ref().map(String::as_str);
    for viewer in [Viewer::Me, Viewer::Nobody] {
        let play = Play { viewer, ..Play::new("a program that gains a capability", &set) };
        let Some(seen) = play.see(&rules) else { return };
        for at in places {
            let gains = seen.said.lines().any(|line| line == format!("{at} 1"));
            let want = match at {
                "setuid" | "attribute" => "pass found",
                "nosuid/setuid" | "nosuid/attribute" => "fail nosuid",
                _ => "fail unprivileged",
            };
            let report = &seen.report;
            assert_eq!(report.brief(&format!("{}/newuidmap", at.replace('/', "-"))), want, "{report}");
            assert_eq!(want.starts_with("pass"), gains, "the kernel says otherwise of {at}: {}", seen.said);
        }
    }
}
