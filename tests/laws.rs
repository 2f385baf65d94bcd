//! The laws of DESIGN.md 1, held against every captured node.
#![allow(clippy::disallowed_methods)] // tests start the program as users do

mod common;

use common::{
    ablation::{Player, Whole},
    laws::{POLICY, judge, load, sound, worse},
    nodes::{self, Captured},
    process::{Ran, Tree, preflight, preflight_with, walk},
};
use preflight::policy::{OnUnknown, Policy, Source};
use preflight_checks::node::{Door, Filesystem, Memory};
use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

fn under(tree: &Tree) -> Arc<dyn Door> {
    Arc::new(Filesystem::under(Path::new(tree.root())).expect("a directory"))
}

fn in_memory(captured: &Captured) -> Memory {
    walk(&captured.root)
        .into_iter()
        .fold(Memory::new(), |memory, (path, at)| memory.file(&path, fs::read(at).expect("a captured file")))
        .as_root()
}

#[test]
fn every_rule_answers_and_every_pass_has_evidence() {
    let (usual, wide) = (
        Arc::new(Policy::load(&Source::Profile("kubernetes-node".to_owned()), &[]).expect("the profile")),
        load(POLICY, OnUnknown::Warn),
    );
    for captured in nodes::all() {
        for policy in [&usual, &wide] {
            sound(policy, &judge(policy, Arc::new(in_memory(captured))), &captured.name);
        }
    }
    // A node of which nothing at all can be read.
    let report = judge(&wide, Arc::new(Memory::new().as_root()));
    sound(&wide, &report, "nothing");
    assert_eq!(report.summary.pass, 0, "{report:#?}");
}

#[test]
fn taking_evidence_away_makes_nothing_better() {
    let load = || load(POLICY, OnUnknown::Fail);
    let player = Player::new(&load);
    let (started, nodes) = (Instant::now(), nodes::all());
    // Those of one kernel one after another: they are alike, and what is alike is played once.
    let play = |nodes: &[Captured]| -> Vec<String> {
        let whole = |n: &Captured| Whole::new(&n.name, in_memory(n), walk(&n.root).into_keys());
        nodes.iter().flat_map(|captured| player.play(&whole(captured))).collect()
    };
    let faults: Vec<String> = thread::scope(|scope| {
        let (first, second) = nodes.split_at(nodes.len() / 2);
        let threads = [first, second].map(|half| scope.spawn(|| play(half)));
        threads.into_iter().flat_map(|t| t.join().expect("no panic")).collect()
    });
    eprintln!("{} runs on {} nodes took {:?}", player.runs(), nodes.len(), started.elapsed());
    assert!(faults.is_empty(), "{} findings got better:\n{}", faults.len(), faults.join("\n"));
}

type Files = Vec<(String, String)>;

/// Files in memory as a tree.
fn tree_of(files: &Files) -> Memory {
    files.iter().fold(Memory::new(), |memory, (path, text)| memory.file(path, text)).as_root()
}

fn ablate(policy: &str, name: &str, node: Memory, paths: impl IntoIterator<Item = String>) -> Vec<String> {
    let load = || load(policy, OnUnknown::Fail);
    Player::new(&load).play(&Whole::new(name, node, paths))
}

fn ablate_files(policy: &str, name: &str, files: Files) -> Vec<String> {
    ablate(policy, name, tree_of(&files), files.into_iter().map(|(path, _)| path))
}

fn owned(files: &[(&str, &str)]) -> Files {
    files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// Files that stand for a distribution with SELinux and systemd, whose settings are all a little wrong.
fn with_selinux(mode: &str, config: &str) -> Files {
    owned(&[
        ("/sys/kernel/security/lsm", "lockdown,capability,yama,selinux,bpf"),
        ("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n"),
        ("/sys/fs/selinux/enforce", mode),
        ("/sys/fs/selinux/booleans/httpd_can_network_connect", "0 0"),
        ("/etc/selinux/config", config),
        // One module: without it the store is gone.
        ("/var/lib/selinux/targeted/active/modules/100/base/cil", "x"),
        ("/proc/filesystems", "nodev\tsysfs\nnodev\tproc\nnodev\tselinuxfs\n\text4\n\txfs\n"),
        ("/proc/cmdline", "BOOT_IMAGE=/vmlinuz root=/dev/sda1 ro quiet\n"),
        ("/proc/1/comm", "systemd\n"),
        ("/proc/1/attr/current", "system_u:system_r:init_t:s0\0"),
        ("/proc/2/comm", "kthreadd\n"),
        ("/proc/sys/kernel/osrelease", "5.14.0-503.11.1.el9_5.x86_64\n"),
        ("/proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread trap errno trace allow\n"),
        ("/proc/sys/kernel/modules_disabled", "0\n"),
        ("/proc/sys/kernel/unprivileged_bpf_disabled", "1\n"),
        ("/proc/sys/kernel/io_uring_disabled", "2\n"),
        ("/proc/sys/kernel/kexec_load_disabled", "1\n"),
        ("/sys/module/module/parameters/sig_enforce", "Y\n"),
        ("/sys/class/dmi/id/sys_vendor", "QEMU\n"),
        ("/sys/class/dmi/id/product_name", "Standard PC (Q35 + ICH9, 2009)\n"),
        ("/etc/os-release", "ID=rocky\nID_LIKE=\"rhel centos\"\nVERSION_ID=9.5\n"),
        ("/usr/lib/os-release", "ID=rocky\nID_LIKE=\"rhel centos\"\nVERSION_ID=9.5\n"),
        ("/usr/lib/systemd/libsystemd-shared-252-46.el9_5.so", "x"),
        ("/sbin/init", "x"),
        ("/usr/sbin/chroot", "x"),
    ])
}

#[test]
fn taking_evidence_of_selinux_away_makes_nothing_better() {
    let policy = load(POLICY, OnUnknown::Fail);
    let config = |mode: &str| format!("# SELINUX= can take\nSELINUX={mode}\nSELINUXTYPE=targeted\n");
    for (name, mode, config, want) in [
        ("no policy for containers", "1", config("enforcing"), "no-container-policy"),
        ("changes at boot", "0", config("enforcing"), "changes-at-boot"),
    ] {
        let files = with_selinux(mode, &config);
        let whole =
            files.iter().fold(Memory::new(), |memory, (path, text)| memory.file(path, text)).as_root();
        let report = judge(&policy, Arc::new(whole.clone()));
        let found = report.findings.iter().find(|f| f.id == "selinux/mode").expect("the finding");
        assert_eq!(found.reason, want, "{found:#?}");
        let faults = ablate_files(POLICY, name, files);
        assert!(faults.is_empty(), "{} findings got better:\n{}", faults.len(), faults.join("\n"));
    }
}

/// What the kubelet is told stands in files that are evidence of it only where it has to be there.
#[test]
fn taking_files_of_the_kubelet_away_makes_nothing_better() {
    const RULE: &str = "apiVersion: preflight/v1\nkind: Policy\nmetadata: {name: kubelet}\nchecks:\n\
        - {check: kubelet, with: {kubernetesVersion: \"1.31\"}}\n";
    let config = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n\
        protectKernelDefaults: true\nresolvConf: /etc/nowhere\nkubeReserved:\n  memory: 9Gi\nevictionHard:\n  memory.available: 90%\n";
    let files = owned(&[
        ("/usr/bin/kubelet", "x"),
        ("/usr/bin/true", "x"),
        ("/var/lib/dpkg/status", "Package: kubelet\nStatus: install ok installed\nVersion: 1.36.1-1.1\n\n"),
        ("/var/lib/dpkg/info/kubelet.list", "/.\n/usr/bin/kubelet\n"),
        ("/usr/lib/systemd/systemd", "x"),
        (
            "/usr/lib/systemd/system/kubelet.service",
            "[Service]\nExecStart=/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml\n[Install]\nWantedBy=multi-user.target\n",
        ),
        ("/var/lib/kubelet/config.yaml", config),
        ("/var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS=\"\"\n"),
        ("/etc/kubernetes/kubelet.conf", "x"),
        ("/proc/meminfo", "MemTotal: 4194304 kB\nMemAvailable: 2097152 kB\n"),
        ("/sys/devices/system/cpu/online", "0-1\n"),
        ("/proc/sys/kernel/panic", "0\n"),
        ("/proc/sys/kernel/panic_on_oops", "1\n"),
        ("/proc/sys/vm/overcommit_memory", "0\n"),
        ("/proc/sys/vm/panic_on_oom", "0\n"),
        ("/proc/sys/kernel/keys/root_maxkeys", "1000000\n"),
        ("/proc/sys/kernel/keys/root_maxbytes", "25000000\n"),
    ]);
    let policy = load(RULE, OnUnknown::Fail);
    let report = judge(&policy, Arc::new(tree_of(&files)));
    for (id, want) in [
        ("version", "newer"),
        ("unit", "disabled"),
        ("protectKernelDefaults", "differs"),
        ("reserved", "more-than-there-is"),
        ("evictionHard", "would-evict"),
        ("resolvConf", "missing"),
    ] {
        let found = report.findings.iter().find(|f| f.id == format!("kubelet/{id}")).expect(id);
        assert_eq!(found.reason, want, "{found:#?}");
    }
    let faults = ablate_files(RULE, "kubelet", files);
    assert!(faults.is_empty(), "{} findings got better:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn taking_marks_of_the_environment_away_makes_nothing_better() {
    let policy = load(POLICY, OnUnknown::Fail);
    let alias = "cpu:type:x86,ven0000fam0006mod0055:feature:,0000,0001,0002,009D,009E,009F,00C0\n";
    let release = "6.12.107+deb13-amd64\n";
    let machine = |release: &str| {
        owned(&[
            ("/proc/sys/kernel/osrelease", release),
            ("/proc/1/comm", "systemd\n"),
            ("/proc/2/comm", "kthreadd\n"),
            ("/sys/devices/system/cpu/modalias", alias),
            ("/sys/kernel/security/lsm", "capability,apparmor"),
            ("/sbin/init", "x"),
            ("/usr/sbin/chroot", "x"),
        ])
    };
    let container = |mark: &str, text: &str| {
        let mut files = machine(release);
        files.retain(|(path, _)| path != "/proc/2/comm");
        files.push((mark.to_owned(), text.to_owned()));
        files
    };
    for (name, files, kind) in [
        ("virtual machine", machine(release), "vm"),
        ("WSL", machine("5.15.167.4-microsoft-standard-WSL2\n"), "wsl"),
        ("systemd's mark", container("/run/systemd/container", "docker\n"), "container"),
        ("docker's mark", container("/.dockerenv", ""), "container"),
        ("the environment's mark", container("/proc/1/environ", "container=lxc\0"), "container"),
    ] {
        let report = judge(&policy, Arc::new(tree_of(&files)));
        assert_eq!(report.node.environment.as_str(), kind, "{name}");
        let faults = ablate_files(POLICY, name, files);
        assert!(faults.is_empty(), "{} findings got better:\n{}", faults.len(), faults.join("\n"));
    }
}

/// What depends on the database of packages; some of it holds, some does not.
const PACKAGES: &str = "
apiVersion: preflight/v1
kind: Policy
metadata: {name: packages}
checks:
  - check: packages
    with:
      required: [{name: kernel, version: '<5.14'}, {name: containerd, version: '>=2.0.0'}, util-linux, kubelet]
      forbidden: [nothing, docker]
  - check: executables
    with: {required: [{name: mount, version: '>=2.41'}, {name: containerd, version: '>=1'}]}
";

#[test]
fn taking_databases_of_rpm_away_makes_nothing_better() {
    const SQLITE: &[u8] = include_bytes!("../checks/tests/data/rpm/rpmdb.sqlite.gz");
    const NDB: &[u8] = include_bytes!("../checks/tests/data/rpm/Packages.db.gz");
    const BERKELEY: &[u8] = include_bytes!("../checks/tests/data/rpm/Packages.gz");
    let policy = load(PACKAGES, OnUnknown::Fail);
    for (path, packed, beside) in [
        ("/usr/lib/sysimage/rpm/rpmdb.sqlite", SQLITE, &["-wal", "-shm"][..]),
        ("/var/lib/rpm/rpmdb.sqlite", SQLITE, &["-wal"]),
        ("/usr/lib/sysimage/rpm/Packages.db", NDB, &[]),
        ("/var/lib/rpm/Packages.db", NDB, &[]),
        ("/var/lib/rpm/Packages", BERKELEY, &[]),
    ] {
        let mut database = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut database).expect("a database");
        let mut paths = vec![path.to_owned()];
        let mut node = Memory::new().file(path, database);
        for (path, text) in beside
            .iter()
            .map(|end| (format!("{path}{end}"), ""))
            .chain(["mount", "containerd"].map(|name| (format!("/usr/bin/{name}"), "x")))
        {
            node = node.file(&path, text).owned_by(&path, 0, 0o755);
            paths.push(path);
        }
        let node = node.as_root();
        let report = judge(&policy, Arc::new(node.clone()));
        let told: Vec<String> = report.findings.iter().map(|f| format!("{} {}", f.id, f.reason)).collect();
        assert_eq!(
            told,
            [
                "packages/kernel wrong-version",
                "packages/containerd wrong-version",
                "packages/util-linux installed",
                "packages/kubelet missing",
                "packages/nothing present",
                "packages/docker absent",
                "executables/mount wrong-version",
                "executables/containerd found",
            ],
            "{path}"
        );
        let faults = ablate(PACKAGES, path, node, paths);
        assert!(faults.is_empty(), "{} findings got better:\n{}", faults.len(), faults.join("\n"));
    }
}

#[test]
fn a_good_node_has_no_failure() {
    for kernel in ["debian-6.1.0-56-amd64", "debian-6.12.107+deb13-amd64", "debian-6.18.15+deb13-cloud-amd64"]
    {
        let captured = nodes::named(&format!("{kernel}/v2"));
        let root = captured.root.to_str().expect("UTF-8");
        let report = preflight(&["-o", "json", "--root", root]).report();
        assert_eq!(report.0["summary"]["fail"], 0, "{kernel}: {report}");
    }
}

#[test]
fn the_same_node_and_policy_give_the_same_bytes() {
    let bytes = |ran: &Ran| {
        let mut lines: Vec<&str> = ran.stdout.lines().collect();
        lines.retain(|l| !l.contains("\"startedAt\"") && !l.contains("\"durationMs\""));
        lines.join("\n")
    };
    for name in
        ["debian-6.1.0-56-amd64/v2", "debian-5.10.0-46-amd64/hybrid", "debian-6.12.107+deb13-amd64/none"]
    {
        let root = nodes::named(name).root.to_str().expect("UTF-8");
        let ask = || preflight_with(POLICY, &["-c", "-", "-o", "json", "--root", root]);
        let (first, second) = (ask(), ask());
        assert_eq!(first.report().lasting(), second.report().lasting(), "{name}");
        // The order of keys and findings, too. Times stand on lines of their own.
        assert!(first.stdout.lines().count() > 100, "{name}: one line only");
        assert_eq!(bytes(&first), bytes(&second), "{name}");
    }
}

#[test]
fn a_copy_elsewhere_gives_the_same_findings_as_memory() {
    let captured = nodes::named("debian-6.12.107+deb13-amd64/hybrid");
    let policy = load(POLICY, OnUnknown::Warn);
    let memory = judge(&policy, Arc::new(in_memory(captured)));
    let root = captured.root.to_str().expect("UTF-8");
    let process = preflight_with(POLICY, &["-c", "-", "-o", "json", "--root", root]).report();
    let ids = |report: &[serde_json::Value]| -> Vec<(String, String)> {
        report.iter().map(|f| (f["id"].to_string(), f["message"].to_string())).collect()
    };
    let memory = serde_json::to_value(&memory).expect("a report");
    assert_eq!(ids(memory["findings"].as_array().expect("findings")), ids(process.findings()));
}

/// What may lie where a file is expected.
#[derive(Clone, Copy, Debug)]
enum Trap {
    /// Opening it waits for a writer.
    Fifo,
    /// Opening it fails (ENXIO).
    Socket,
    /// A terabyte of zeros.
    Sparse,
    /// Reading it never ends; only root can make one.
    Zero,
    /// A link to the machine's own endless file, which --root must not follow.
    Outside,
    /// A link to itself.
    Loop,
    Directory,
}

impl Trap {
    const ALL: [Self; 7] =
        [Self::Fifo, Self::Socket, Self::Sparse, Self::Zero, Self::Outside, Self::Loop, Self::Directory];

    /// Lays it; false where this machine or user can't.
    fn lay(self, at: &Path) -> bool {
        let command = |program: &str, arguments: &[&str]| {
            Command::new(program).arg(at).args(arguments).output().is_ok_and(|o| o.status.success())
        };
        match self {
            Self::Fifo => command("mkfifo", &[]),
            // A socket's path may have 108 bytes.
            Self::Socket => UnixListener::bind(at).is_ok(),
            Self::Sparse => {
                let file = fs::File::create(at).expect("a file");
                [1 << 40, 1 << 36, 1 << 30].into_iter().any(|length| file.set_len(length).is_ok())
            }
            Self::Zero => command("mknod", &["c", "1", "5"]),
            Self::Outside => symlink("/dev/zero", at).is_ok(),
            Self::Loop => symlink(at.file_name().expect("a name"), at).is_ok(),
            Self::Directory => fs::create_dir(at).is_ok(),
        }
    }
}

/// The files that the facts are made of; every one becomes a trap.
const TRAPPED: [&str; 9] = [
    "/proc/cmdline",
    "/proc/cgroups",
    "/proc/filesystems",
    "/proc/modules",
    "/proc/self/mountinfo",
    "/proc/sys/kernel/osrelease",
    "/sys/fs/cgroup/cgroup.controllers",
    "/sys/kernel/btf/vmlinux",
    "/boot/config-6.1.0-56-amd64",
];

#[test]
fn traps_cost_a_finding_and_never_the_run() {
    let captured = nodes::named("debian-6.1.0-56-amd64/v2");
    let policy = load(POLICY, OnUnknown::Warn);
    let whole = judge(&policy, Arc::new(in_memory(captured)));
    for trap in Trap::ALL {
        for trapped in TRAPPED {
            let tree = Tree::new();
            for (path, at) in walk(&captured.root) {
                if path != trapped {
                    let copy = tree.at(&path);
                    fs::create_dir_all(copy.parent().expect("a directory")).expect("directories");
                    fs::hard_link(&at, &copy).or_else(|_| fs::copy(&at, &copy).map(drop)).expect("a copy");
                }
            }
            let at = tree.at(trapped);
            fs::create_dir_all(at.parent().expect("a directory")).expect("directories");
            if !trap.lay(&at) {
                eprintln!("SKIPPED: {trap:?} can't be made here at {}", at.display());
                break;
            }
            let started = Instant::now();
            let ran = preflight_with(POLICY, &["-c", "-", "-o", "json", "--root", tree.root()]);
            let took = started.elapsed();
            let report = ran.report();
            // Nothing waits for a time limit: each of these is refused, or ends at the size limit.
            assert!(took < Duration::from_secs(8), "{trap:?} at {trapped}: {took:?}{report}");
            let answered: BTreeSet<_> = report.findings().iter().filter_map(|f| f["rule"].as_str()).collect();
            let asked: BTreeSet<_> = policy.rules.iter().map(|r| r.id.as_str()).collect();
            assert_eq!(answered, asked, "{trap:?} at {trapped}");
            for finding in report.findings() {
                assert_ne!(finding["reason"], "panicked", "{trap:?} at {trapped}: {finding:#}");
            }
            // A link that leads nowhere inside the root is a file that is not there.
            if !matches!(trap, Trap::Outside) {
                let missing = worse(&whole, &judge(&policy, under(&tree)));
                assert!(missing.is_empty(), "{trap:?} at {trapped}: {missing:#?}");
            }
        }
    }
}
