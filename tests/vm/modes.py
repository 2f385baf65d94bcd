"""What is booted and what is asked there. guest/scene.sh sets the modes up and asks; the names are the same in both."""

import collections

# 6.18 is a kernel of trixie-backports, which may drop it: then the nearest that is to be had stands in.
SERIES = ["5.10", "6.1", "6.12", "6.18,6.17,6.19,6.16", "7"]
# The kernel that only the peers' table asks for: it is booted in the modes of that table.
PEERS_SERIES = "6.18,6.17,6.19,6.16"

# Words for the kernel's command line, and the layout that it gives.
Mode = collections.namedtuple("Mode", "parameters layout", defaults=("", "v2"))
MODES = {
    "v2": Mode(),
    "v1": Mode(layout="v1"),
    "hybrid": Mode(layout="hybrid"),
    "none": Mode(layout="none"),
    "v2-read-only": Mode(),
    "v2-no-memory": Mode("cgroup_disable=memory"),
    "v2-disabled": Mode("cgroup_disable=memory,perf_event"),
    "hybrid-disabled": Mode("cgroup_disable=memory,perf_event,freezer", "hybrid"),
    "v2-no-v1": Mode("cgroup_no_v1=all"),
    "hybrid-no-v1": Mode("cgroup_no_v1=all", "hybrid"),
    "hybrid-no-v1-some": Mode("cgroup_no_v1=memory,cpu", "hybrid"),
    "container": Mode(),
    "v2-perf-on-v1": Mode(),
    "hybrid-detached": Mode(layout="hybrid"),
    "v2-lockdown": Mode(),
    "v2-lockdown-boot": Mode("lockdown=confidentiality"),
    "v2-integrity": Mode("lockdown=integrity"),
    "v2-kptr": Mode(),
    "v2-no-tracefs": Mode(),
    "v2-debugfs": Mode(),
}
# Where the kernel's memory can't be read at any time, the masks come from the boot of that mode with the same kernel:
# they are fixed at boot, and the command line differs in nothing that has to do with cgroups.
BORROWED = {"v2-lockdown-boot": "v2"}

# Boots of guest/kill.sh, on the oldest and the newest kernel only, of guest/delegation.sh, and of guest/node.sh.
KILLS = {"kill": Mode(), "kill-bare": Mode(layout="none")}
KILL_SERIES = ["5.10", "7"]
DELEGATION = {"delegation": Mode()}
NODE = {"node": Mode()}
ALL = {**KILLS, **MODES, **DELEGATION, **NODE}

# One question about the subsystems: who asks, with --prove or not, and what --allow names.
Ask = collections.namedtuple("Ask", "user prove allow", defaults=(False, ()))
ASKS = {
    "root.plain": Ask("root"),
    "root.prove": Ask("root", True),
    "root.probe": Ask("root", True, ("probe",)),
    "root.write": Ask("root", True, ("probe", "write")),
    "nobody.plain": Ask("nobody"),
    "nobody.write": Ask("nobody", True, ("probe", "write")),
}
USERS = ["root", "nobody"]

# The default lists of the check cgroup-controllers, and the names of the peers' table (peers.py).
REQUIRED = ["cpu", "cpuset", "memory", "pids", "devices", "freezer"]
OPTIONAL = ["hugetlb", "io"]
PEERS = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids", "hugetlb", "io"]
LEGACY = {"io": "blkio"}
