"""The cells on which preflight is measured against its peers: nine modes, nine controllers, each kernel.

system-validators v1.12.1 judges 54.6 % of them rightly and k0s sysinfo 90.6 %, measured on five kernels (405 cells); of
the 55 controllers that can't be used although some cgroup file system is mounted, neither gives the true reason for one.
The truth is what the guest showed itself. Version 2: a controller that reaches the visible root is usable, and devices,
freezer and cpuacct always are. Version 1 and hybrid: usable exactly if mounted as version 1. None: nothing is.
"""

from modes import PEERS

# The mode and who asks.
CELLS = [
    ("v2", "root"),
    ("v1", "root"),
    ("hybrid", "root"),
    ("none", "root"),
    ("v2-no-memory", "root"),
    ("hybrid-no-v1-some", "root"),
    ("v2-read-only", "root"),
    ("v2", "nobody"),
    ("container", "root"),
]


class Score:
    """How many cells are right, and for how many of the unusable controllers the reason is the true one."""

    def __init__(self):
        self.cells = self.right = self.unusable = self.reasons = 0

    def add(self, other):
        for key, value in vars(other).items():
            setattr(self, key, getattr(self, key) + value)

    def __str__(self):
        return f"{self.right} of {self.cells} cells right, {self.reasons} of {self.unusable} reasons right"

    def whole(self):
        return self.right == self.cells and self.reasons == self.unusable

    def count(self, report, truth):
        """Counts the nine cells of one mode; yields what is wrong."""
        findings = {f["id"]: f for f in report["findings"]}
        layout = findings.get("cgroup-hierarchy/layout", {})
        for name in PEERS:
            finding = findings.get(f"cgroup-controllers/{name}", {})
            blocked = finding.get("blockedBy") == "cgroup-hierarchy/layout" and layout.get("verdict") == "fail"
            said = {"pass": True, "fail": False, "skip": False if blocked else None}.get(finding.get("verdict"))
            right = said == truth.usable(name) and finding.get("determined") is True
            self.cells += 1
            self.right += right
            if not right:
                yield f"{name}: usable in truth: {truth.usable(name)}, and the finding is {finding}"
            # With no cgroups at all the layout has one reason for the nine, and peers have it too: it does not count.
            if truth.usable(name) or truth.layout == "none":
                continue
            true_reason = finding.get("reason") in truth.reasons(name)
            self.unusable += 1
            self.reasons += true_reason
            if not true_reason:
                yield f"{name}: the true reason is {truth.reasons(name)}, and the finding is {finding}"
