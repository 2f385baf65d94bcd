"""Compares the ladder of evidence and the masks that were read with what had to be possible in that boot."""

import re

ERRNO = r"\b(EACCES|EPERM)\b"
# Who may not see addresses does not come as far as an error: kallsyms shows zeros.
HIDDEN = r"\b(EACCES|EPERM|CAP_SYSLOG)\b"
LOCKED_DOWN = ("v2-lockdown", "v2-lockdown-boot")
LOCKDOWN = r"\bE[A-Z]+\b.*lockdown"


def compare(report, truth, ask):
    """Yields what is wrong with the ladder, the readings, and what is called measured."""
    if report["disagreements"]:
        yield f"disagreements: {report['disagreements']}"
    yield from compare_ladder(report, truth, ask)
    yield from compare_readings(report, truth, ask)
    yield from compare_basis(report)


def kcore(truth, ask):
    """The status of the step that reads /proc/kcore, and what its detail has to tell."""
    if not ask.prove:
        return "not-asked", "--prove"
    if ask.user == "nobody":
        return "unavailable", HIDDEN
    if truth.mode in LOCKED_DOWN:
        return "unavailable", LOCKDOWN
    if truth.mode == "v2-kptr":
        return "unavailable", "kptr_restrict"
    return "answered", ""


def kprobe(truth, ask):
    """The same of the kprobe events."""
    if not ask.prove or "probe" not in ask.allow:
        return "not-asked", "probe"
    if ask.user == "nobody":
        return "unavailable", ERRNO
    if truth.mode in LOCKED_DOWN:
        return "unavailable", LOCKDOWN
    if truth.mode == "v2-no-tracefs" and "write" not in ask.allow:
        return "unavailable", "--allow probe,write"
    # cgroup_control() is a function of its own in 5.10 and inlined in all later ones.
    return "answered", "" if truth.version() < (6, 0) else r"takes no event on cgroup_control\b"


def subtree_control(truth, ask):
    """The same of `-NAME` in a scratch cgroup."""
    if "write" not in ask.allow:
        return "not-asked", "write"
    if truth.listed is None:
        return "unavailable", "no cgroup2 is mounted"
    if truth.mode in ("v2-read-only", "container"):
        return "unavailable", r"\bEROFS\b"
    if ask.user == "nobody":
        return "unavailable", ERRNO
    return "answered", ""


def cgroup_stat(truth):
    """The same of the names in cgroup.stat, which came with 6.12."""
    if truth.listed is None:
        return "unavailable", "no cgroup2 is mounted"
    return "answered" if truth.version() >= (6, 12) else "unavailable", ""


def compare_ladder(report, truth, ask):
    ladder = {rung["step"]: rung for rung in report["ladder"]}
    want = {
        "kcore": kcore(truth, ask),
        "kprobe": kprobe(truth, ask),
        "subtree-control": subtree_control(truth, ask),
        "cgroup-stat": cgroup_stat(truth),
    }
    for step, (status, detail) in want.items():
        seen = ladder.get(step)
        if seen is None:
            yield f"the ladder has no step {step}"
        elif seen["status"] != status or not re.search(detail, seen["detail"], re.DOTALL):
            yield f"step {step} of the ladder: {seen}, in truth {status} with {detail or 'any words'}"


def compare_readings(report, truth, ask):
    """Every number is that of masks.c, and every method that has to work has read them."""
    kinds = []
    for reading in report["readings"]:
        want = {"implicit": truth.implicit, "inhibited": truth.inhibit, "widthBits": truth.width()}
        if reading["attached"] is not None or reading["step"] == "kcore":
            want["attached"] = truth.attached
        if reading["control"] is not None:
            want["control"] = truth.control()
        wrong = [f"{key} is {reading[key]}, in truth {value}" for key, value in want.items() if reading[key] != value]
        if wrong:
            yield f"a reading: {'; '.join(wrong)}: {reading}"
        kinds.append(kind(reading))
    want = expected_readings(truth, ask)
    if sorted(kinds) != sorted(want):
        yield f"read by {kinds}, in truth it can be read by {want}"


def kind(reading):
    """The method of a reading, in one word."""
    if reading["step"] == "kprobe" and reading["control"] is not None:
        return "kretprobe"
    words = [word for word in ("symbol", "address") if word in reading["method"]]
    return " by ".join([reading["step"], *words])


def expected_readings(truth, ask):
    want = ["kcore"] if kcore(truth, ask)[0] == "answered" else []
    if kprobe(truth, ask)[0] == "answered":
        want.append("kprobe by symbol")
        if truth.mode != "v2-kptr":
            want.append("kprobe by address")
        # Without a cgroup2 mount nothing calls cgroup_control(); the masks are fetched at another function then.
        if truth.version() < (6, 0) and truth.listed is not None:
            want.append("kretprobe")
    return want


def compare_basis(report):
    """Nothing is measured without a reading; with one, the masks are, and whatever stands in them."""
    read = bool(report["readings"])
    if (report["masks"]["basis"] == "measured") != read:
        yield f"the basis of the masks is {report['masks']['basis']}, with {len(report['readings'])} readings"
    for controller in report["controllers"]:
        measured = controller["basis"] == "measured"
        words = f"{controller['name']} ({controller['state']}): basis {controller['basis']}, step {controller['step']}"
        if measured and (not read or controller["step"] not in ("kcore", "kprobe")):
            yield f"{words}, with {len(report['readings'])} readings"
        if read and not measured and controller["state"] in ("implicit", "inhibited"):
            yield f"{words}, and its mask was read"
