"""Compares what preflight says of a node whose modules are loaded bit by bit with what was done to it (guest/node.sh)."""

import json
import re
import shutil
import subprocess

from truth import lines

MODULES = ["zram", "xfs", "overlay", "loop", "br_netfilter", "nf_tables", "tcp_diag"]
# What compresses for zram where it has no own way yet (before Linux 6.12).
COMPRESSORS = ["lzo-rle"]
# Images of XFS, with and without what overlayfs needs (mkfs.xfs(8): -n ftype; always on with -m crc=1).
IMAGES = {"ftype0.xfs": ["-m", "crc=0", "-n", "ftype=0"], "ftype1.xfs": []}


def modules(kernel):
    """The modules of that kernel that are to be had in the guest."""
    [index] = kernel.glob("lib/modules/*/modules.dep")
    return MODULES + [name for name in COMPRESSORS if f"/{name}.ko:" in index.read_text()]


def images(work):
    """The images, or nothing where they can't be made."""
    made = []
    for name, options in IMAGES.items():
        image = work / name
        image.unlink(missing_ok=True)
        with image.open("wb") as file:
            file.truncate(32 << 20)
        tool = shutil.which("mkfs.xfs", path="/usr/sbin:/sbin:/usr/bin:/bin")
        # Smaller than mkfs.xfs wants it for real data: the guest has it in its memory.
        command = [tool or "", "--unsupported", "-q", *options, str(image)]
        if not tool or subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            return None
        made.append(image)
    return made


# Run, finding, and what it has to say.
CASES = [
    *[(run, finding, want) for run in ("bare", "nobody") for finding, want in {
        "swap/active": ("pass", "off"),
        "kernel-modules/overlay": ("pass", "loadable"),
        "kernel-modules/br_netfilter": ("pass", "loadable"),
        "kernel-modules/tcp_diag": ("pass", "loadable"),
        "sysctl/net.bridge.bridge-nf-call-iptables": ("fail", "missing"),
        "ports/tcp/10250": ("pass", "free"),
        "firewall/nftables": ("pass", "open"),
        "mounts//mnt/ftype1": ("fail", "not-mounted"),
        "kernel-log/oom": ("pass", "none"),
    }.items()],
    ("bare", "kernel-log/filesystems", ("pass", "none")),
    ("used", "swap/active", ("fail", "active")),
    ("used", "kernel-modules/overlay", ("pass", "loaded")),
    ("used", "kernel-modules/tcp_diag", ("pass", "loadable")),
    ("used", "sysctl/net.bridge.bridge-nf-call-iptables", ("pass", "right")),
    ("used", "ports/tcp/10250", ("fail", "in-use")),
    ("used", "filesystems/overlay", ("pass", "registered")),
    ("used", "data-directory//mnt/ftype0", ("fail", "no-entry-types")),
    ("used", "data-directory//mnt/ftype1", ("pass", "fit")),
    ("used", "mounts//mnt/ftype1", ("pass", "as-wanted")),
    # Now that the kernel can be asked for listeners without loading a module.
    ("asked", "ports/tcp/10250", ("fail", "in-use")),
    ("cgroup-oom", "kernel-log/oom", ("pass", "in-cgroups-only")),
    ("oom", "kernel-log/oom", ("warn", "killed")),
    ("oom", "swap/active", ("pass", "off")),
]


# From which Linux on a run can be held by each, and how much of Landlock it then has (Documentation/userspace-api/landlock.rst:
# files from 5.13, truncation from 6.2, TCP from 6.7, devices from 6.10).
LANDLOCK = [((6, 10), 'INFO preflight::run::confine: confined by="Landlock" how="all of it"'),
            ((5, 13), 'INFO preflight::run::confine: confined by="Landlock" how="as far as this kernel goes"'),
            ((0, 0), 'INFO preflight::run::confine: not confined by="Landlock"')]

# The largest capture of a usual node, in bytes.
LARGEST = 1_000_000


def compare(out):
    """What is right in one boot, in a line, and all that is not, in words."""
    return f"{len(CASES)} findings compared", [*wrong(out), *not_captured(out), *not_confined(out)]


def not_captured(out):
    """Where a capture says something else than the run that it was made of."""
    def findings(name):
        all_of_it = json.loads((out / f"{name}.json").read_text())["findings"]
        return [{key: value for key, value in finding.items() if key != "durationMs"} for finding in all_of_it]

    try:
        live, replayed, whole = (findings(name) for name in ("live", "replayed", "whole"))
    except (OSError, ValueError) as error:
        yield f"capture: no report ({error}): {lines(out / 'captured')} {lines(out / 'replayed.err')}"
        return
    yield from (f"live: {one}\ncaptured: {two}" for one, two in zip(live, replayed) if one != two)
    if len(live) != len(replayed) or len(whole) < 80:
        yield f"{len(live)} findings live, {len(replayed)} captured, {len(whole)} of the default profile"
    if (size := (out / "node.pfcap").stat().st_size) > LARGEST:
        yield f"a capture of {size} bytes"


def not_confined(out):
    """What a run should have taken from itself on this kernel, and has not."""
    log = "\n".join(lines(out / "confined"))
    major, minor = re.search(r"(\d+)\.(\d+)", out.parent.name).groups()
    landlock = next(text for since, text in LANDLOCK if (int(major), int(minor)) >= since)
    for want in (landlock, 'confine: confined by="capabilities"', 'confine: confined by="seccomp"'):
        if want not in log:
            yield f"{want} was expected:\n{log}"


def wrong(out):
    """Everything that is not as it was made."""
    trials = lines(out / "trials")
    if [trial.split(":")[0] for trial in trials] != ["ftype0 fails", "ftype1 works"]:
        yield f"overlayfs on XFS: {trials}"
    killed = lines(out / "killed")
    if not any(line.count("Memory cgroup out of memory") for line in killed) or len(killed) < 2:
        yield f"the kernel killed nothing: {killed}"
    reports = {}
    for name, finding, want in CASES:
        if name not in reports:
            try:
                reports[name] = {f["id"]: f for f in json.loads((out / f"{name}.json").read_text())["findings"]}
            except (OSError, ValueError) as error:
                yield f"{name}: no report ({error}): {(out / f'{name}.err').read_text()}"
                return
        found = reports[name].get(finding)
        if found is None:
            yield f"{name} {finding}: no finding"
        elif (found["verdict"], found["reason"]) != want:
            yield f"{name} {finding}: {want} was expected\n{json.dumps(found, indent=2)}"
    sources = {run: str(reports[run]["ports/tcp/10250"]["evidence"]) for run in ("bare", "asked")}
    if "netlink" in sources["bare"]:
        yield f"listeners were asked for although that loads a module: {sources['bare']}"
    if changed := (out / "changed").read_text():
        yield f"preflight changed something:\n{changed}"
