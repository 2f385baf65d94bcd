#!/usr/bin/env python3
"""Boots real kernels with cgroups that hand controllers on well, half the way, or not at all, and compares what the check
cgroup-delegation says of each with what the kernel does when a controller is enabled there (guest/delegation.sh).

Exit status: 0 everything is right, 1 something is not, 77 it could not be run (never a success).
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import run as harness

PASS = ("pass", "delegated")
BUSY, THREADED, LACKS = ("fail", "busy"), ("fail", "threaded"), ("fail", "not-delegated")
# Run, subject, the trial, and what each answer of the kernel makes of the finding.
CASES = [
    ("pods-withheld", "pods", "pods-withheld", {"OK": ("warn", "not-delegated")}),
    ("pods-there", "pods", "pods-there", {"OK": PASS}),
    ("pods-future", "pods", "pods-future", {"OK": ("pass", "can-be-delegated")}),
    ("root", "pods", "pods-future", {"OK": ("pass", "can-be-delegated")}),
    ("root", "system", "system", {"OK": ("warn", "no-delegate")}),
    ("root", "/good.slice", "/good.slice", {"OK": PASS}),
    ("root", "/half.slice/leaf.slice", "/half.slice/leaf.slice", {"ENOENT": LACKS}),
    ("root", "/busy.slice", "/busy.slice", {"EBUSY": BUSY}),
    ("root", "/crowd.slice", "/crowd.slice", {"EBUSY": BUSY}),
    ("root", "/threaded.slice", "/threaded.slice", {"EOPNOTSUPP": THREADED}),
    # Two more for the same reason: the first stands for them.
    ("root", "/threaded.slice/part", "/threaded.slice/part", {"ENOENT": "/threaded.slice", "EOPNOTSUPP": "/threaded.slice"}),
    ("root", "/threaded.slice/lost", "/threaded.slice/lost", {"EOPNOTSUPP": "/threaded.slice"}),
    ("root", "/shallow.slice", "/shallow.slice", {"EAGAIN": ("fail", "too-deep")}),
    ("root", "/deep.slice", "/deep.slice", {"OK": PASS}),
    ("root", "/full.slice", "/full.slice", {"EAGAIN": ("fail", "few-cgroups")}),
    ("root", "/tasks.slice", "/tasks.slice", {"EAGAIN": ("fail", "few-tasks")}),
    ("root", "/nowhere.slice", "/nowhere.slice", {"ENOENT": ("fail", "missing")}),
    ("root", "user-1000", "user-1000", {"ENOENT": LACKS}),
    ("root", "user-1001", "user-1001", {"EACCES": ("fail", "not-writable")}),
    ("root", "user-1002", "user-1002", {"OK": PASS}),
    ("own", "own", "system", {"OK": ("warn", "no-delegate")}),
    ("inside-busy", "pods", "inside-busy", {"EBUSY": BUSY}),
    ("inside-empty", "pods", "inside-empty", {"OK": ("pass", "can-be-delegated")}),
    ("inside-read-only", "pods", "inside-read-only", {"EROFS": ("fail", "read-only")}),
]
# The remedies that were tried, and what else the kernel was made to show.
SHOWN = {"half-above": "OK", "half-mended": "OK", "busy-threads": "OK"}


def wrong(out):
    """Everything that is not as the kernel showed."""
    trials = dict(line.split(" ", 1) for line in harness.lines(out / "trials"))
    for name, want in SHOWN.items():
        if trials.get(name) != want:
            yield f"{name}: the kernel says {trials.get(name)}, and {want} was expected"
    if harness.lines(out / "busy.type") != ["domain threaded"]:
        yield "a cgroup with a process and +pids did not become a threaded domain"
    reports = {}
    for name in {case[0] for case in CASES} | {"nobody"}:
        try:
            reports[name] = {f["subject"]: f for f in json.loads((out / f"{name}.json").read_text())["findings"]}
        except (OSError, ValueError) as error:
            yield f"{name}: no report ({error}): {(out / f'{name}.err').read_text()}"
            return
    for name, subject, trial, answers in CASES:
        finding, answer = reports[name].get(subject), trials.get(trial)
        if finding is None:
            yield f"{name} {subject}: no finding"
            continue
        want = answers.get(answer)
        said = (finding["verdict"], finding["reason"])
        if isinstance(want, str):
            want, said = f"cgroup-delegation/{want}", finding["blockedBy"]
        if said != want:
            yield f"{name} {subject}: the kernel says {answer}: {want} was expected\n{json.dumps(finding, indent=2)}"
    for subject, finding in reports["root"].items():
        other = reports["nobody"].get(subject, {})
        if (finding["verdict"], finding["reason"]) != (other.get("verdict"), other.get("reason")):
            yield f"as nobody {subject} is {other.get('verdict')} {other.get('reason')}"
    if changed := (out / "changed").read_text():
        yield f"preflight changed something:\n{changed}"


def scene(kernel, programs, out):
    """One boot and its comparison."""
    for attempt in (1, 2):
        shutil.rmtree(out, ignore_errors=True)
        command = [str(harness.HERE / "boot.sh")]
        for program in programs:
            command += ["-p", str(program)]
        script = harness.HERE / "guest/delegation.sh"
        status = subprocess.run([*command, kernel, str(out), str(script)], check=False).returncode
        if status not in (124, 125) or attempt == 2:
            break
    if status != 0:
        console = (out / "console").read_text() if (out / "console").exists() else ""
        return [f"the boot ended with {status}\n{console[-3000:]}"]
    return list(wrong(out))


def boots(arguments, work):
    if not os.access(arguments.preflight, os.X_OK):
        raise harness.NotRun(f"{arguments.preflight} is not there; make it with `make dist`")
    program = work / "preflight"
    shutil.copy(arguments.preflight, program)
    programs = [program, *harness.build(work)]
    failed = 0
    for kernel in harness.kernels(arguments.kernel or harness.SERIES):
        differences = scene(kernel, programs, work / kernel.name / "delegation")
        failed += bool(differences)
        print(f"{kernel.name} delegation: {f'FAILED: {len(differences)} differences' if differences else f'{len(CASES)} findings right'}")
        for difference in differences:
            print(harness.indent(difference), flush=True)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preflight", help="the static binary, as `make dist` builds it")
    parser.add_argument("--kernel", action="append", help="a series or a release")
    parser.add_argument("--keep", type=pathlib.Path, help="a directory for what the guests leave")
    arguments = parser.parse_args()
    try:
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            return boots(arguments, arguments.keep)
        with tempfile.TemporaryDirectory() as work:
            return boots(arguments, pathlib.Path(work))
    except harness.NotRun as reason:
        print(f"vm: NOT RUN: {reason}", file=sys.stderr)
        return 77


if __name__ == "__main__":
    sys.exit(main())
