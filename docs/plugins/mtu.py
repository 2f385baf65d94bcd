#!/usr/bin/env python3
"""A plugin of preflight: every interface that is up has at least this MTU."""

import json
import pathlib
import sys

request = json.load(sys.stdin)
least = (request.get("parameters") or {}).get("atLeast", 1500)
findings = []
for flags in sorted(pathlib.Path("/sys/class/net").glob("*/flags")):
    name = flags.parent.name
    # IFF_UP is the first bit; the loopback interface leads nowhere.
    if name == "lo" or not int(flags.read_text(), 16) & 1:
        continue
    path = flags.parent / "mtu"
    mtu = int(path.read_text())
    enough = mtu >= least
    findings.append({
        "subject": name,
        "verdict": "pass" if enough else "fail",
        "reason": "large-enough" if enough else "small-mtu",
        "message": f"the MTU {mtu} of {name} {'is enough' if enough else f'is less than {least}'}",
        "evidence": [{"source": str(path), "observed": str(mtu)}],
    })
if not findings:
    findings.append({"subject": "interfaces", "verdict": "skip", "message": "no interface is up"})
json.dump({"findings": findings}, sys.stdout)
