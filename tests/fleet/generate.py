#!/usr/bin/env python3
"""Writes the reports of a fleet, one a line: tests/fleet/generate.py NODES REPORT...

Each REPORT (of `preflight -o json`) stands for a kind of nodes; node N is of kind N modulo their number, with a host name,
machine-id, UUID and address of its own. Planted are: two nodes with one machine-id (node 1 and the last one), and a failure that
no other node has on node 2. What a test or a bench wants of a large fleet, in the time that it takes to write it.
"""
import copy
import json
import sys

MARK = "@@NODE@@"


def identity(name, source):
    evidence = [{"source": source, "observed": name}]
    return {"id": f"identity/{source}", "rule": "identity", "check": "identity", "subject": source, "verdict": "pass",
            "determined": True, "reason": "own", "message": f"it is {name}", "notes": [], "evidence": evidence, "remedy": None,
            "kubeadm": None, "blockedBy": None, "waiver": None, "durationMs": 0.01}


def kind(path):
    """A report with marks where nodes differ, as text."""
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    report["node"]["hostname"] = f"node-{MARK}"
    findings = [f for f in report["findings"] if f["check"] != "identity"]
    findings.append(identity(f"{MARK}{'0' * 26}", "/etc/machine-id"))
    findings.append(identity(f"02:00:{MARK[:2]}{MARK[2:]}", "/sys/class/net/eth0/address"))
    for finding in findings:
        if finding["verdict"] == "warn" and finding["message"].startswith("the clock"):
            finding["message"] += f" ({MARK})"
    report["findings"] = findings
    report["summary"] = {v: sum(f["verdict"] == v for f in findings) for v in ("pass", "warn", "fail", "skip")}
    return report


def text(report):
    return json.dumps(report, ensure_ascii=False, separators=(",", ":"))


def main():
    count, kinds = int(sys.argv[1]), [kind(path) for path in sys.argv[2:]]
    texts = [text(report).split(MARK) for report in kinds]
    for node in range(count):
        parts = texts[node % len(texts)]
        if node == 2:
            odd = copy.deepcopy(kinds[node % len(kinds)])
            odd["findings"].append({**identity("x", "/x"), "id": "planted/odd", "check": "planted", "verdict": "fail", "reason": "planted"})
            odd["summary"]["fail"] += 1
            odd["verdict"] = "fail"
            parts = text(odd).split(MARK)
        name = f"{node:06}"
        line = name.join(parts)
        if node == count - 1:
            line = line.replace(f"{name}{'0' * 26}", f"000001{'0' * 26}")
        # The address needs colons.
        line = line.replace(f"02:00:{name}", f"02:00:00:{name[:2]}:{name[2:4]}:{name[4:]}")
        sys.stdout.write(line + "\n")


main()
