"""Compares what the check cgroup-delegation says of cgroups that hand controllers on well, half the way, or not at all with
what the kernel does when a controller is enabled there (guest/delegation.sh)."""

import json

from truth import lines

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


def compare(out):
    """What is right in one boot, in a line, and all that is not, in words."""
    return f"{len(CASES)} findings compared", list(wrong(out))


def wrong(out):
    """Everything that is not as the kernel showed."""
    trials = dict(line.split(" ", 1) for line in lines(out / "trials"))
    for name, want in SHOWN.items():
        if trials.get(name) != want:
            yield f"{name}: the kernel says {trials.get(name)}, and {want} was expected"
    if lines(out / "busy.type") != ["domain threaded"]:
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
