"""What was measured in one boot, and what follows from it by the rules of the kernel. Nothing of preflight is used."""

import re

from modes import LEGACY, MODES, PEERS


def lines(path):
    return path.read_text().splitlines()


class Truth:
    """What was measured in one boot."""

    def __init__(self, out, mode):
        parameters, self.layout = MODES[mode]
        self.mode = mode
        self.ids, masks = {}, {}
        for line in lines(out / "masks"):
            word = line.split()
            if word[0] == "subsystem":
                self.ids[word[2]] = int(word[1])
            else:
                masks[word[0]] = int(word[1], 16)
        self.implicit, self.inhibit, self.attached = masks["implicit"], masks["inhibit"], masks["attached"]
        self.disabled = parameters.partition("cgroup_disable=")[2].split(",")
        self.release = lines(out / "release")[0]
        rows = [line.split() for line in lines(out / "table")[1:]]
        self.hierarchy = {row[0]: int(row[1]) for row in rows}
        self.is_root = mode != "container"
        self.listed = None
        if self.layout in ("v2", "hybrid"):
            self.listed = lines(out / "listed")[0].split() if lines(out / "listed") else []
        trials = [line.split() for line in lines(out / "trials") if not line.startswith("#")]
        self.works = {name: how == "works" for name, how in trials}
        self.mounted = set()
        for line in lines(out / "mountinfo"):
            kind, _, options = line.partition(" - ")[2].split(" ", 2)
            if kind == "cgroup":
                self.mounted.update(options.split(","))
        self.cgroup = lines(out / "cgroup")

    def version(self):
        """The two leading numbers of the release."""
        return tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", self.release).groups())

    def width(self):
        """u16 up to 6.19, u32 from 7.0 on ("cgroup: increase maximum subsystem count from 16 to 32")."""
        return 32 if self.version() >= (7, 0) else 16

    def mask(self, names):
        return sum(1 << self.ids[name] for name in names)

    def control(self):
        """What cgroup_control() returns for the cgroup at the mount (kernel/cgroup/cgroup.c)."""
        return self.attached & ~(self.implicit | self.inhibit) if self.is_root else self.mask(self.listed)

    def bit(self, mask, name):
        """Whether a subsystem stands in a mask."""
        return name in self.ids and bool(mask >> self.ids[name] & 1)

    def contradictions(self):
        """Where the kernel shows something else than its memory says: then this harness is wrong."""
        for name in self.ids:
            on_v2 = self.bit(self.attached, name)
            row = self.hierarchy.get(LEGACY.get(name, name))
            if name not in self.disabled and row is not None and (row == 0) != on_v2:
                yield f"{name} is on hierarchy {row} in /proc/cgroups, attached to v2 in memory: {on_v2}"
            seen = on_v2 and not self.bit(self.implicit | self.inhibit, name)
            if self.is_root and self.listed is not None and (name in self.listed) != seen:
                yield f"{name} in cgroup.controllers: {name in self.listed}, by the masks: {seen}"
        if set(self.works) != set(PEERS):
            yield f"only these were tried: {sorted(self.works)}"
        for name in PEERS:
            if self.works.get(name) != self.usable(name):
                yield f"{name}: usable by the rules: {self.usable(name)}, by the trial: {self.works.get(name)}"
        if self.is_root and self.layout != "none" and not any("/session-1.scope" in line for line in self.cgroup):
            yield f"preflight ran in no session: {self.cgroup}"

    def state(self, name):
        """The state of a subsystem, decided in the order of the kernel (kernel/cgroup/cgroup.c, cgroup_control())."""
        if name not in self.ids:
            return "not-compiled"
        if name in self.disabled:
            return "disabled"
        if not self.bit(self.attached, name):
            return "bound-to-v1"
        if self.listed is not None and name in self.listed:
            return "listed"
        if self.bit(self.implicit, name):
            return "implicit"
        if self.bit(self.inhibit, name):
            return "inhibited"
        return "unmounted" if self.listed is None else "not-delegated"

    def usable(self, name):
        """Whether the kubelet and a runtime can use a controller, by what the guest showed of its mounts."""
        if self.layout == "none":
            return False
        if self.layout == "v2":
            return name in self.listed or name in ("devices", "freezer", "cpuacct")
        return LEGACY.get(name, name) in self.mounted

    def reasons(self, name):
        """The words with which preflight may give the true reason of its verdict."""
        state = self.state(name)
        if self.layout == "v2" and name in ("devices", "cpuacct"):
            return ["replaced"]
        if self.layout == "v2" and name == "freezer":
            # `expected` where there is no cgroup below the root that could show cgroup.freeze.
            return ["replaced", "expected"]
        if self.layout in ("v2", "none") or state in ("disabled", "not-compiled"):
            return [state]
        if self.usable(name):
            return ["mounted-v1"]
        return ["on-v2-only" if state == "listed" else "v1-not-mounted"]
