"""Judges a boot of guest/kill.sh: what killed runs of preflight left, and whether that was removed again."""

import json
import re

# What a killed run can leave, as it looks in a difference between two snapshots.
LEFT = {
    "kprobe event": r"^\+[pr]\d*:preflight",
    "tracing instance": r"^\+preflight",
    "scratch cgroup": r"^\+/\S*/cgroup/(\S*/)?preflight-[^/]*$",
}


class Kills:
    """What is right in one boot, in a line, and all that is not, in words."""

    def __init__(self, out, mode):
        self.differences, words = [], []
        rows = [line.split() for line in (out / "kills").read_text().splitlines()]
        calls, changes, how, code = rows[0][1:]
        if (how, code) != ("exit", "0"):
            said = (out / "undisturbed.err").read_text()
            self.differences.append(f"undisturbed under ptrace it ends with {how} {code}; it says: {said}")
        else:
            readings = json.loads((out / "undisturbed.json").read_text())["readings"]
            if "kprobe" not in [reading["step"] for reading in readings]:
                self.differences.append("it read no mask by a kprobe, so that these kills mean little")
        seen = {}
        for name, points, of, unit, left, failures in rows[1:]:
            seen[name] = seen.get(name, 0) + int(points)
            words.append(f"{name} at {points} of {of} {unit}" + (f" ({left} left something)" if int(left) else ""))
            if int(failures):
                self.differences.append(f"{name}: {failures} failures")
        missing = {"SIGKILL", "SIGINT", "SIGTERM", "SIGHUP"} - {name for name, points in seen.items() if points > 0}
        if missing:
            self.differences.append(f"no kill by {sorted(missing)} ({calls} calls, {changes} changes)")
        left = "\n".join(path.read_text() for path in out.glob("left.*"))
        for what, pattern in LEFT.items():
            if mode == "kill-bare" and what == "scratch cgroup":
                continue  # without a cgroup2 mount it makes none
            if not re.search(pattern, left, re.MULTILINE):
                self.differences.append(f"no SIGKILL left a {what}, so that its removal was not tested")
        wrong = (out / "wrong").read_text()
        if wrong:
            self.differences.append(wrong)
        self.text = ", ".join(words)
