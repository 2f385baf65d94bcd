#!/usr/bin/env python3
"""Boots real kernels, and compares what preflight says of their cgroups with what was measured in the same boot.

The truth comes from the kernel's own memory (guest/masks.c), from the mode that was set up, and from trying every
controller afterwards (guest/scene.sh); nothing of preflight is used for it. Exit status: 0 everything is right, 1 something
is not, 77 it could not be run (never a success). It needs Python 3.9 and its standard library.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SERIES = ["5.10", "6.1", "6.12", "7"]
# Mode: words for the kernel's command line, and the layout that it gives. guest/scene.sh knows how to set it up.
MODES = {
    "v2": ("", "v2"),
    "v1": ("", "v1"),
    "hybrid": ("", "hybrid"),
    "none": ("", "none"),
    "v2-read-only": ("", "v2"),
    "v2-disabled": ("cgroup_disable=memory,perf_event", "v2"),
    "hybrid-disabled": ("cgroup_disable=memory,perf_event,freezer", "hybrid"),
    "v2-no-v1": ("cgroup_no_v1=all", "v2"),
    "hybrid-no-v1": ("cgroup_no_v1=all", "hybrid"),
    "hybrid-no-v1-some": ("cgroup_no_v1=memory,cpu", "hybrid"),
    "container": ("", "v2"),
    "v2-perf-on-v1": ("", "v2"),
    "hybrid-detached": ("", "hybrid"),
    "v2-lockdown": ("", "v2"),
    "v2-kptr": ("", "v2"),
}
USERS = ["root", "nobody"]
REQUIRED = ["cpu", "cpuset", "memory", "pids", "devices", "freezer"]
OPTIONAL = ["hugetlb", "io"]
LEGACY = {"io": "blkio"}


class NotRun(Exception):
    """Something that the run needs is not there."""


class Truth:
    """What was measured in one boot."""

    def __init__(self, out, mode):
        parameters, self.layout = MODES[mode]
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
        if set(self.works) != set(REQUIRED + OPTIONAL):
            yield f"only these were tried: {sorted(self.works)}"

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

    def reasons(self, name):
        """The words with which preflight may give the true reason of its verdict."""
        state = self.state(name)
        if self.layout == "v2" and name == "devices":
            return ["replaced"]
        if self.layout == "v2" and name == "freezer":
            # `expected` where there is no cgroup below the root that could show cgroup.freeze.
            return ["replaced", "expected"]
        if self.layout in ("v2", "none") or state in ("disabled", "not-compiled"):
            return [state]
        if self.works[name]:
            return ["mounted-v1"]
        return ["on-v2-only" if state == "listed" else "v1-not-mounted"]


def lines(path):
    return path.read_text().splitlines()


def compare_states(report, truth):
    """Yields None for each subsystem that is right in the report, otherwise what is wrong with it."""
    found = {c["name"]: c for c in report["controllers"]}
    for name in sorted(set(found) | set(truth.ids)):
        if name not in found:
            yield f"{name}: not in the report"
            continue
        seen = found[name]
        want = {"state": truth.state(name), "id": truth.ids.get(name)}
        if want["state"] not in ("not-compiled", "disabled"):
            want["listed"] = None if truth.listed is None else name in truth.listed
            want["alsoInhibited"] = truth.bit(truth.inhibit, name)
            want["hierarchy"] = truth.hierarchy.get(seen["legacyName"])
        wrong = [f"{key} is {seen[key]}, in truth {value}" for key, value in want.items() if seen[key] != value]
        yield f"{name}: {'; '.join(wrong)}\n{json.dumps(seen, indent=2)}" if wrong else None


def compare_report(report, truth):
    """Yields what is wrong with the report as a whole."""
    masks = report["masks"]
    want = {
        "layout": (report["layout"], truth.layout),
        "kernel": (report["kernel"], truth.release),
        "isRootCgroup": (report["isRootCgroup"], None if truth.listed is None else truth.is_root),
        "implicit mask": (masks["implicit"]["value"], truth.implicit),
        "inhibit mask": (masks["inhibited"]["value"], truth.inhibit),
        # u16 up to 6.19, u32 from 7.0 on ("cgroup: increase maximum subsystem count from 16 to 32").
        "width of the masks": (masks["widthBits"], 32 if int(truth.release.split(".")[0]) >= 7 else 16),
    }
    for name, (seen, value) in want.items():
        if seen != value:
            yield f"{name}: {seen}, in truth {value}"
    if "measured" in [masks["basis"]] + [c["basis"] for c in report["controllers"]]:
        yield "it calls something measured, and no mask was read"


def compare_verdicts(report, truth):
    """Yields None for each right finding, otherwise what is wrong with it."""
    findings = {f["id"]: f for f in report["findings"] if f["reason"] != "deselected"}
    for name in REQUIRED + OPTIONAL:
        finding = findings.pop(f"cgroup-controllers/{name}", None)
        if truth.works[name]:
            verdict = "pass"
        elif truth.layout == "none":
            verdict = "skip"
        else:
            verdict = "fail" if name in REQUIRED else "warn"
        yield judge(finding, name, verdict, truth.reasons(name), truth.layout == "none")
    layout = findings.pop("cgroup-hierarchy/layout", None)
    good = truth.layout == "v2"
    reasons = {"v2": ["v2"], "none": ["none"]}.get(truth.layout, ["refused"])
    yield judge(layout, "layout", "pass" if good else "fail", reasons, False)
    for finding in findings.values():
        yield f"a finding that nobody knows here:\n{json.dumps(finding, indent=2)}"


def judge(finding, name, verdict, reasons, blocked):
    if finding is None:
        return f"{name}: no finding"
    wrong = []
    if finding["verdict"] != verdict:
        wrong.append(f"verdict {finding['verdict']}, in truth {verdict}")
    if blocked:
        if finding["blockedBy"] != "cgroup-hierarchy/layout":
            wrong.append(f"blocked by {finding['blockedBy']}, in truth by cgroup-hierarchy/layout")
    elif finding["reason"] not in reasons:
        wrong.append(f"reason {finding['reason']}, in truth {' or '.join(reasons)}")
    if not finding["determined"]:
        wrong.append("undetermined, and it can be told")
    return f"{name}: {'; '.join(wrong)}\n{json.dumps(finding, indent=2)}" if wrong else None


def compare(out, mode):
    """What is right, as (states, verdicts), and all that is not."""
    truth = Truth(out, mode)
    differences = [f"the truth contradicts itself: {c}" for c in truth.contradictions()]
    right = [0, 0]
    status = dict(line.rsplit(" ", 1) for line in lines(out / "status"))
    for user in USERS:
        try:
            report, findings = (json.loads((out / f"{user}.{k}.json").read_text()) for k in ("cgroups", "findings"))
        except ValueError as error:
            errors = [(out / f"{user}.{k}.err").read_text() for k in ("cgroups", "findings")]
            differences.append(f"as {user}: no JSON ({error}); it says {errors}")
            continue
        for kind, answers in enumerate((compare_states(report, truth), compare_verdicts(findings, truth))):
            for answer in answers:
                right[kind] += answer is None
                differences += [f"as {user}: {answer}"] if answer else []
        differences += [f"as {user}: {d}" for d in compare_report(report, truth)]
        failed = any(f["verdict"] == "fail" for f in findings["findings"])
        for command, want in (("cgroups", "0"), ("findings", "1" if failed else "0")):
            seen = status.get(f"{user} {command}")
            if seen != want:
                differences.append(f"as {user}: {command} ends with {seen}, in truth {want}")
    changed = (out / "changed").read_text()
    if changed:
        differences.append(f"preflight changed something:\n{changed}")
    return right, differences


def boot(kernel, mode, programs, out):
    """Boots once, or twice where the emulator lets the guest die. The exit status and the seconds of the last try."""
    for attempt in (1, 2):
        shutil.rmtree(out, ignore_errors=True)
        command = [str(HERE / "boot.sh"), "-a", MODES[mode][0]]
        for program in programs:
            command += ["-p", str(program)]
        start = time.monotonic()
        status = subprocess.run([*command, kernel, str(out), str(HERE / "guest/scene.sh"), mode], check=False).returncode
        seconds = time.monotonic() - start
        if status not in (124, 125) or attempt == 2:
            return status, seconds
        print(f"{kernel.name} {mode}: the guest died ({status}) and is booted again", flush=True)


def scene(kernel, mode, programs, out):
    """One boot and its comparison: whether all is right, and the text for it."""
    status, seconds = boot(kernel, mode, programs, out)
    name = f"{kernel.name} {mode}"
    if status != 0:
        console = (out / "console").read_text() if (out / "console").exists() else ""
        return False, f"{name}: FAILED: the boot ended with {status} after {seconds:.1f} s\n{indent(console[-3000:])}"
    try:
        right, differences = compare(out, mode)
    except (OSError, KeyError, IndexError, ValueError) as error:
        return False, f"{name}: FAILED: what the guest left can't be understood: {error!r}"
    text = f"{right[0]} states right, {right[1]} verdicts right, {seconds:.1f} s"
    if not differences:
        return True, f"{name}: {text}"
    return False, "\n".join([f"{name}: FAILED: {len(differences)} differences, {text}", *map(indent, differences)])


def indent(text):
    return "\n".join(f"    {line}" for line in text.splitlines())


def build(work):
    """The programs of the guest."""
    for name in ("masks", "enter"):
        command = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", str(work / name), str(HERE / f"guest/{name}.c")]
        if subprocess.run(command, check=False).returncode != 0:
            raise NotRun(f"guest/{name}.c could not be compiled and linked statically")
    return [work / "masks", work / "enter"]


def kernels(wanted):
    """The directory of a kernel for each series or release."""
    done = subprocess.run([str(HERE / "kernels.sh"), *wanted], check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise NotRun("not every kernel is to be had")
    return [pathlib.Path(line) for line in done.stdout.splitlines()]


def run(arguments, work):
    for command, package in (("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static"), ("cpio", "cpio"), ("cc", "gcc")):
        if not shutil.which(command):
            raise NotRun(f"{command} is missing (Debian: {package})")
    if not os.access(arguments.preflight, os.X_OK):
        raise NotRun(f"{arguments.preflight} is not there; make it with `make dist`")
    program = work / "preflight"
    shutil.copy(arguments.preflight, program)
    programs = [program, *build(work)]
    scenes = [(k, m) for k in kernels(arguments.kernel or SERIES) for m in arguments.mode or MODES]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        futures = [pool.submit(scene, k, m, programs, work / k.name / m) for k, m in scenes]
        for future in futures:
            good, text = future.result()
            failed += not good
            print(text, flush=True)
    print(f"vm: {len(scenes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preflight", help="the static binary, as `make dist` builds it")
    parser.add_argument("--kernel", action="append", help=f"a series or a release (default: {' '.join(SERIES)})")
    parser.add_argument("--mode", action="append", choices=MODES, help="one of the modes (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="boots side by side (default: 2)")
    parser.add_argument("--keep", type=pathlib.Path, help="a directory for what the guests leave")
    arguments = parser.parse_args()
    try:
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            return run(arguments, arguments.keep)
        with tempfile.TemporaryDirectory() as work:
            return run(arguments, pathlib.Path(work))
    except NotRun as reason:
        print(f"vm: NOT RUN: {reason}", file=sys.stderr)
        return 77


if __name__ == "__main__":
    sys.exit(main())
