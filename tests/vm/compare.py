"""Compares the answers of one boot with its truth: the states, the report as a whole, the verdicts."""

import json

import peers
import proof
from modes import ASKS, OPTIONAL, REQUIRED, USERS
from truth import Truth, lines


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
        "width of the masks": (masks["widthBits"], truth.width()),
    }
    for name, (seen, value) in want.items():
        if seen != value:
            yield f"{name}: {seen}, in truth {value}"


def compare_verdicts(report, truth):
    """Yields None for each right finding, otherwise what is wrong with it."""
    findings = {f["id"]: f for f in report["findings"] if f["reason"] != "deselected"}
    for name in REQUIRED + OPTIONAL:
        finding = findings.pop(f"cgroup-controllers/{name}", None)
        if truth.usable(name):
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


class Comparison:
    """What is right in one boot, counted, and all that is not, in words."""

    def __init__(self, out, mode):
        self.out, self.mode = out, mode
        self.truth = Truth(out, mode)
        self.differences = [f"the truth contradicts itself: {c}" for c in self.truth.contradictions()]
        self.states = self.verdicts = self.readings = 0
        self.peers = peers.Score()
        self.status = {word[0]: int(word[1]) for word in map(str.split, lines(out / "status"))}
        for name, ask in ASKS.items():
            self.compare_cgroups(name, ask)
        for user in USERS:
            self.compare_findings(user)
            self.compare_peers(user)
        changed = (out / "changed").read_text()
        if changed:
            self.differences.append(f"preflight changed something:\n{changed}")

    def compare_cgroups(self, name, ask):
        report = self.answer(name)
        if report is None:
            return
        self.states += self.take(name, compare_states(report, self.truth))
        self.readings += len(report["readings"])
        self.take(name, compare_report(report, self.truth))
        self.take(name, proof.compare(report, self.truth, ask))
        self.expect_status(name, 0)

    def compare_findings(self, user):
        name = f"{user}.findings"
        report = self.answer(name)
        if report is None:
            return
        self.verdicts += self.take(name, compare_verdicts(report, self.truth))
        self.expect_status(name, int(any(f["verdict"] == "fail" for f in report["findings"])))

    def compare_peers(self, user):
        name = f"{user}.peers"
        report = self.answer(name)
        if report is None or (self.mode, user) not in peers.CELLS:
            return
        self.take(name, self.peers.count(report, self.truth))

    def answer(self, name):
        """The JSON that one command printed."""
        try:
            return json.loads((self.out / f"{name}.json").read_text())
        except ValueError as error:
            said = (self.out / f"{name}.err").read_text()
            self.differences.append(f"{name}: no JSON ({error}), exit status {self.status.get(name)}; it says: {said}")
            return None

    def take(self, name, answers):
        """Keeps what is wrong, and counts what is right."""
        answers = list(answers)
        self.differences += [f"{name}: {answer}" for answer in answers if answer]
        return answers.count(None)

    def expect_status(self, name, want):
        if self.status.get(name) != want:
            self.differences.append(f"{name}: it ends with {self.status.get(name)}, in truth {want}")
