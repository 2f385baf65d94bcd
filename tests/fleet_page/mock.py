#!/usr/bin/env python3
"""Makes pages of `preflight fleet -o html` from invented fleets: the same template, style and script, data of any kind and size.

usage: mock.py [--fleet NAME] [--nodes N] FILE
It needs Python 3.9 and its standard library. The same arguments make the same bytes.
"""

import argparse
import collections
import html
import json
import pathlib
import random
import re

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "src" / "fleet"

# Findings that are good everywhere, by the rule that they belong to.
GOOD = {
    "cgroup-controllers": "cpu cpuset memory pids devices freezer hugetlb io",
    "kernel-config": "source CONFIG_CGROUPS CONFIG_CGROUP_SCHED CONFIG_CPUSETS CONFIG_MEMCG CONFIG_NAMESPACES CONFIG_UTS_NS "
    "CONFIG_IPC_NS CONFIG_PID_NS CONFIG_NET_NS CONFIG_OVERLAY_FS CONFIG_INET CONFIG_VETH CONFIG_SECCOMP CONFIG_KEYS CONFIG_BRIDGE",
    "kernel-modules": "overlay nf_conntrack veth",
    "filesystems": "overlay proc sysfs tmpfs devpts mqueue cgroup2 bpf",
    "namespaces": "mnt uts ipc pid net cgroup user",
    "disk-space": "/var/lib/kubelet inodes:/var/lib/kubelet",
    "limits": "fs.nr_open file-handles threads conntrack keys",
    "ports": "tcp/10248 tcp/10256 tcp/30000-32767",
    "executables": "mount losetup cp",
    "joined": "/etc/kubernetes/kubelet.conf /etc/kubernetes/pki/ca.crt /etc/cni/net.d",
}
SKIPPED = {
    "proxy-ipvs-modules": "",
    "cilium-kernel": "",
    "calico-modules": "",
    "flannel-ports": "",
    "image-registry": "requests",
}

Trouble = collections.namedtuple("Trouble", "id reason verdict determined message remedy commands evidence blocks share")
TROUBLES = [
    Trouble(
        "swap/active",
        "swap-on",
        "fail",
        True,
        "/dev/zram0 is swapped to, and the kubelet does not start with swap",
        "Switch it off, and let nothing bring it back at boot.",
        ["swapoff -a", "systemctl mask dev-zram0.swap"],
        [("/proc/swaps", "/dev/zram0 partition 8388604 0 100"), ("/etc/fstab", "#{n} no swap")],
        [],
        0.011,
    ),
    Trouble(
        "cgroup-hierarchy/layout",
        "refused",
        "fail",
        True,
        "the cgroup layout is hybrid, which the kubelet takes for cgroup v1; the kubelet 1.37 refuses to start on it",
        "Boot into cgroup v2: let init mount cgroup2 alone on /sys/fs/cgroup, and give the kernel `cgroup_no_v1=all`.",
        [],
        [
            ("/proc/self/mountinfo", "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw"),
            ("/proc/self/mountinfo", "3{n} 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu"),
        ],
        ["cgroup-delegation", "cgroup-controllers-v1"],
        0.006,
    ),
    Trouble(
        "sysctl-forwarding/net.ipv4.ip_forward",
        "wrong-value",
        "fail",
        True,
        "net.ipv4.ip_forward is 0, and has to be 1",
        "Set it, and keep it.",
        ["sysctl -w net.ipv4.ip_forward=1"],
        [("/proc/sys/net/ipv4/ip_forward", "0")],
        [],
        0.004,
    ),
    Trouble(
        "kernel-modules/br_netfilter",
        "missing",
        "fail",
        True,
        "br_netfilter is not loaded, and no file of it lies in /lib/modules",
        "Install the package of the kernel's modules.",
        ["apt install linux-modules-extra-$(uname -r)"],
        [("/proc/modules", "no br_netfilter among {n} modules")],
        ["sysctl-bridge/net.bridge.bridge-nf-call-iptables", "sysctl-bridge/net.bridge.bridge-nf-call-ip6tables"],
        0.003,
    ),
    Trouble(
        "disk-space//var/lib/containerd",
        "too-little",
        "fail",
        True,
        "1.{n}Gi of 80Gi (2 %) are free for /var/lib/containerd, and 10 % are wanted",
        "Make room, or give it a disk of its own.",
        ["crictl rmi --prune"],
        [("statfs(/var/lib/containerd)", "1.{n}Gi of 80Gi")],
        [],
        0.0012,
    ),
    Trouble(
        "container-runtime/socket",
        "no-runtime",
        "fail",
        True,
        "no container runtime runs here: none of its sockets is there",
        "Start the one that is installed.",
        ["systemctl enable --now containerd"],
        [("/run/containerd/containerd.sock", "does not exist")],
        ["cgroup-driver/containerd", "runtime-config/containerd"],
        0.0006,
    ),
    Trouble(
        "ports/tcp/10250",
        "taken",
        "fail",
        True,
        "tcp/10250 is taken by node-agent (process 4{n})",
        "Stop what listens there.",
        [],
        [("/proc/net/tcp6", "*:10250, inode 9{n}")],
        [],
        0.0005,
    ),
    Trouble(
        "sysctl-capacity/fs.inotify.max_user_instances",
        "wrong-value",
        "warn",
        True,
        "fs.inotify.max_user_instances is 128, and has to be at least 512",
        "Set it, and keep it.",
        ["sysctl -w fs.inotify.max_user_instances=8192"],
        [("/proc/sys/fs/inotify/max_user_instances", "128")],
        [],
        0.05,
    ),
    Trouble(
        "clock/synchronisation",
        "unsynchronised",
        "warn",
        True,
        "nobody keeps the clock right: the kernel calls it unsynchronised, and no program that would do it was found",
        "Install chrony or systemd-timesyncd.",
        ["apt install chrony"],
        [("adjtimex()", "STA_UNSYNC"), ("/proc", "no chronyd, ntpd")],
        [],
        0.025,
    ),
    Trouble(
        "kernel-log/disks",
        "told",
        "warn",
        True,
        "the kernel's log tells of errors of disks in the last 24h",
        "Replace the disk.",
        [],
        [("/dev/kmsg", "blk_update_request: I/O error, dev sdb, sector {n}")],
        [],
        0.004,
    ),
    Trouble(
        "hostname/name",
        "loopback",
        "warn",
        True,
        "/etc/hosts says that the host name is 127.0.1.1, where only this machine reaches it",
        "Let the name stand for the node's address.",
        [],
        [("/etc/hosts", "127.0.1.1 node")],
        [],
        0.003,
    ),
    Trouble(
        "kernel-restrictions/lockdown",
        "unknown",
        "warn",
        False,
        "whether the kernel restricts lockdown could not be determined: /sys/kernel/security/lockdown: permission denied",
        "",
        [],
        [("/sys/kernel/security/lockdown", "EACCES")],
        [],
        0.003,
    ),
    Trouble(
        "firewall/nftables",
        "unknown",
        "warn",
        False,
        "the rules of nftables could not be read: netlink: operation not permitted",
        "Run it as root.",
        [],
        [],
        [],
        0.002,
    ),
] + [
    Trouble(
        f"sysctl-tuning/{key}",
        "wrong-value",
        "warn",
        True,
        f"{key} is not what this fleet wants",
        "Set it.",
        [f"sysctl -w {key}=1"],
        [(f"/proc/sys/{key.replace('.', '/')}", "0")],
        [],
        0.0008,
    )
    for key in (
        "net.core.somaxconn net.ipv4.tcp_tw_reuse vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops "
        "net.ipv4.conf.all.rp_filter net.ipv4.neigh.default.gc_thresh1 net.netfilter.nf_conntrack_max fs.file-max "
        "net.ipv4.ip_local_reserved_ports kernel.keys.root_maxkeys user.max_user_namespaces vm.swappiness"
    ).split()
]
GROUPS = [
    ("kubernetes-worker · role=worker", 0.9, "worker"),
    ("kubernetes-worker · role=gpu", 0.07, "gpu"),
    ("kubernetes-control-plane · role=control-plane", 0.03, "control"),
]
KERNELS = ["6.1.0-56-amd64", "6.1.0-56-amd64", "6.12.107+deb13-amd64", "5.10.0-46-amd64"]


class Table:
    """Values that are written once, and their numbers."""

    def __init__(self):
        self.values, self.numbers = [], {}

    def number(self, key, value):
        if key not in self.numbers:
            self.numbers[key] = len(self.values)
            self.values.append(value)
        return self.numbers[key]


def fleet(count=10_000, troubles=None, drift=True, duplicates=True, broken=True, seed=8, scatter=0.0):
    """A fleet; `scatter` is the part of nodes that are of a kind of their own."""
    troubles = TROUBLES if troubles is None else troubles
    dice = random.Random(seed)
    ids = [
        "/".join(filter(None, (rule, subject)))
        for rules in (GOOD, SKIPPED)
        for rule, subjects in rules.items()
        for subject in (subjects.split() or [""])
    ]
    skipped = {f"{rule}/{subject}".rstrip("/") for rule, subject in SKIPPED.items()}
    order = [trouble.id for trouble in sorted(troubles, key=lambda one: (one.verdict != "fail", -one.share))]
    order += sorted({blocked for trouble in troubles for blocked in trouble.blocks} | set(ids))
    place = {name: at for at, name in enumerate(order)}
    outcomes, details, patterns, nodes = Table(), Table(), Table(), []

    def outcome(name, verdict, determined, reason, blocker=-1):
        f = place[name]
        return outcomes.number(
            (f, verdict, determined, reason, blocker), {"f": f, "v": verdict, "d": determined, "r": reason, "b": blocker}
        )

    failed, alone, follow, examples = (collections.Counter() for _ in range(4))
    weights = [share for _, share, _ in GROUPS]
    for at in range(count):
        group = dice.choices(range(len(GROUPS)), weights)[0]
        has = [one for one in troubles if dice.random() < one.share * (6 if group == 1 and "inotify" in one.id else 1)]
        if dice.random() < scatter:
            has += [one for one in troubles if one not in has and dice.random() < 0.4]
        pattern, evidence, blocked = [], [], {name: place[one.id] for one in has for name in one.blocks}
        of = {one.id: one for one in has}
        for name in order:
            if name in of:
                one, n = of[name], dice.randrange(20)
                o = outcome(name, one.verdict, one.determined, one.reason)
                told = details.number(
                    (name, n),
                    {
                        "m": one.message.replace("{n}", str(n)),
                        "n": ["the kubelet's failSwapOn is true by default"] if name == "swap/active" else [],
                        "e": [[source, seen.replace("{n}", str(n))] for source, seen in one.evidence],
                        "x": one.remedy,
                        "c": one.commands,
                    },
                )
                evidence.append([o, told])
                examples.setdefault(o, told)
            elif name in blocked:
                o = outcome(name, "skip", True, "follows", blocked[name])
            elif name in skipped:
                o = outcome(name, "skip", True, "not-applicable")
            elif group == 2 and name.startswith("kernel-config/CONFIG_V"):
                continue
            else:
                o = outcome(name, "pass", True, "right")
            pattern.append(o)
        verdict = "fail" if any(one.verdict == "fail" for one in has) else "warn" if has else "pass"
        for one in has:
            o = outcome(one.id, one.verdict, one.determined, one.reason)
            failed[o] += 1
            follow[o] += len(one.blocks)
            alone[o] += [other.verdict for other in has].count(one.verdict) == 1
        kernel = KERNELS[3] if "cgroup-hierarchy/layout" in of else dice.choice(KERNELS[:3])
        nodes.append(
            {
                "n": f"{GROUPS[group][2]}-{at:05}.example.net",
                "k": kernel,
                "s": f"reports/{GROUPS[group][2]}-{at:05}.json",
                "t": f"2026-11-22T12:{at // 60 % 60:02}:{at % 60:02}Z",
                "g": group,
                "p": patterns.number(tuple(pattern), pattern),
                "v": verdict,
                "e": evidence,
            }
        )
    causes = [
        {"o": o, "nodes": number, "alone": alone[o], "follow": follow[o], "detail": examples[o]} for o, number in failed.items()
    ]
    causes.sort(key=lambda one: (outcomes.values[one["o"]]["v"] != "fail", -one["nodes"], one["o"]))
    verdicts = collections.Counter(node["v"] for node in nodes)
    bad = [at for at, node in enumerate(nodes) if node["v"] == "fail"]
    data = {
        "generatedAt": "2026-11-28T05:00:00Z",
        "tool": "preflight 0.1.0",
        "totals": {
            "nodes": count,
            "fail": verdicts["fail"],
            "warn": verdicts["warn"],
            "pass": verdicts["pass"],
            "undetermined": sum(number for o, number in failed.items() if not outcomes.values[o]["d"]),
            "broken": 2 if broken else 0,
            "superseded": 3 if drift else 0,
        },
        "findings": [{"id": name, "check": name.split("/")[0]} for name in order],
        "outcomes": outcomes.values,
        "patterns": patterns.values,
        "groups": [{"name": name, "nodes": sum(node["g"] == at for node in nodes)} for at, (name, _, _) in enumerate(GROUPS)],
        "nodes": nodes,
        "details": details.values,
        "causes": causes,
        "duplicates": [
            {"what": "machine-id", "value": "3d1219c7c4c5404aaa1f6d2a48adfda4", "nodes": [3, 77 % count]},
            {"what": "mac-address", "value": "02:fc:00:00:00:01", "nodes": list(range(0, count, 999))[:12]},
        ]
        if duplicates and count > 77
        else [],
        "odd": [
            {"node": at, "apart": len(nodes[at]["e"]), "outcomes": [pair[0] for pair in nodes[at]["e"]]}
            for at in sorted(bad, key=lambda at: (-len(nodes[at]["e"]), at))[:40]
        ]
        if count > 1
        else [],
        "drift": None,
        "broken": [
            {"source": "reports/worker-00017.json:12", "why": "ends in the middle of a value"},
            {"source": "reports/lost+found/core.gz", "why": "is no report of preflight: apiVersion is missing"},
        ]
        if broken
        else [],
        "dropped": 0,
    }
    if drift and causes and count > 100:
        data["drift"] = {
            "against": "last-week/",
            "worse": [{"o": causes[0]["o"], "nodes": bad[:40]}, {"o": causes[1]["o"], "nodes": bad[40:43]}],
            "better": [{"o": causes[2]["o"], "nodes": [4, 5]}], "unclear": [{"o": causes[0]["o"], "nodes": [7]}],
            "gone": [f"gone-{at}" for at in range(30)],
            "new": [10, 11, 12, 13],
        }
    return data


HOSTILE = (
    "<img src=x onerror=\"document.title='taken'\"></script><script>document.title='taken'</script><!--<script>"
    "{{script}}{{data}}\u202eabc\x1b[31m\n&amp;'\"`javascript:alert(1)"
)


def hostile():
    """Every text of a small fleet is hostile."""
    data = fleet(200)

    def spoil(value, key=""):
        if isinstance(value, dict):
            return {name: spoil(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [spoil(one, key) for one in value]
        return value if not isinstance(value, str) or key == "v" else f"{value}{HOSTILE}"

    return spoil(data)


FLEETS = {
    "many": fleet,
    "kinds": lambda count=10_000: fleet(count, scatter=1.0),
    "good": lambda count=300: fleet(count, troubles=[], drift=False, duplicates=False, broken=False),
    "one": lambda count=1: fleet(
        count, troubles=[one._replace(share=1) for one in TROUBLES[:1]], drift=False, duplicates=False, broken=False
    ),
    # Every trouble on every node: the darkest cells.
    "all": lambda count=60: fleet(count, troubles=[one._replace(share=1) for one in TROUBLES]),
    "hostile": lambda count=200: hostile(),
    "empty": lambda count=0: fleet(0, drift=False, duplicates=False),
}


def summary(data):
    """What is there without JavaScript."""
    text, totals = (lambda one: html.escape(str(one))), data["totals"]
    lines = [f"<h1>{totals['fail']} of {totals['nodes']} nodes fail</h1>", "<ol>"]
    for cause in data["causes"][:10]:
        outcome = data["outcomes"][cause["o"]]
        lines.append(
            f"<li>{cause['nodes']} nodes: <code>{text(data['findings'][outcome['f']]['id'])}</code> {text(data['details'][cause['detail']]['m'])}</li>"
        )
    return "\n".join([*lines, "</ol>"])


def page(data):
    """The page, put together as the program does it: in one pass, so that nothing in the data is taken for a place."""
    told = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "title": "preflight: fleet",
        "style": (SOURCE / "page.css").read_text(),
        "script": (SOURCE / "page.js").read_text(),
        "data": told,
        "summary": summary(data),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], (SOURCE / "page.html").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fleet", choices=sorted(FLEETS), default="many")
    parser.add_argument("--nodes", type=int)
    parser.add_argument("file", type=pathlib.Path)
    asked = parser.parse_args()
    data = FLEETS[asked.fleet](*([asked.nodes] if asked.nodes is not None else []))
    asked.file.write_text(page(data), encoding="utf-8")


if __name__ == "__main__":
    main()
