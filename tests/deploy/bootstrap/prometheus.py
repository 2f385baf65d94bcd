"""configs/deploy/prometheus: the units in a real systemd, the metrics through a real node_exporter, the rules by promtool."""
import http.client
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

import yaml

from boots import FAILS, PASSES
from common import DEPLOY, NotRun, Wrong, hold, noticed, run, script, tool

HERE = pathlib.Path(__file__).resolve().parent
FILES = DEPLOY / "prometheus"
RULES = FILES / "preflight.rules.yml"
UNITS = ("preflight-metrics.service", "preflight-metrics.timer")
# What the rules take from elsewhere: Prometheus itself makes it.
FOREIGN = {"up"}


def rules(text):
    """promtool's check of the rules, and their cases."""
    with tempfile.TemporaryDirectory() as directory:
        at = pathlib.Path(directory)
        (at / "preflight.rules.yml").write_text(text)
        shutil.copy(HERE / "preflight.rules.test.yml", at)
        for words in (("check", "rules", "preflight.rules.yml"), ("test", "rules", "preflight.rules.test.yml")):
            status, said = run("promtool", *words, cwd=at)
            hold(status == 0, f"promtool {' '.join(words)}: {said}")
    alerts = {rule["alert"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]}
    cases = yaml.safe_load((HERE / "preflight.rules.test.yml").read_text())["tests"]
    fire = {case["alertname"] for test in cases for case in test["alert_rule_test"] if case["exp_alerts"]}
    hold(alerts == fire, f"these alerts fire in no case: {sorted(alerts - fire)}")


def series(metrics):
    """The name and the labels' names of each sample."""
    found = {}
    for line in metrics.splitlines():
        if line and not line.startswith("#"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels or ""))
    return found


def occur(metrics, rules_text):
    """Each metric and label that the rules or their cases name is one that preflight writes."""
    there = series(metrics)
    cases = yaml.safe_load((HERE / "preflight.rules.test.yml").read_text())
    texts = [rule["expr"] for group in yaml.safe_load(rules_text)["groups"] for rule in group["rules"]]
    texts += [entry["series"] for test in cases["tests"] for entry in test["input_series"]]
    for text in texts:
        names = set(re.findall(r"\b(preflight_\w+|up)\b", text))
        hold(names and names - FOREIGN <= set(there), f"preflight writes none of {sorted(names - set(there))}: {text}")
        for name, labels in re.findall(r"(preflight_\w+)\{([^}]*)\}", text):
            given = set(re.findall(r"(\w+)=", labels)) - {"job", "instance"}
            hold(given <= there[name], f"{name} has no {sorted(given - there[name])}: {text}")


def reasons(preflight, rules_text, nodes):
    """The alert on what is undetermined knows each reason for it, and none that is one for something else."""
    [expr] = [rule["expr"] for group in yaml.safe_load(rules_text)["groups"] for rule in group["rules"]
              if rule["alert"] == "PreflightUndetermined"]
    pattern = re.compile("(?:" + re.search(r'reason=~"([^"]*)"', expr).group(1) + ")")
    seen = set()
    for words in nodes:
        _, said = run(preflight, "--output", "json", *words)
        for finding in json.loads(said)["findings"]:
            if finding["determined"] == bool(pattern.fullmatch(finding["reason"])):
                raise Wrong(f"the reason {finding['reason']} of {finding['id']}: determined is {finding['determined']}")
            seen.update([finding["reason"]] if not finding["determined"] else [])
    hold(len(seen) > 1, f"too few reasons were seen: {seen}")


def exported(metrics, at):
    """What a node_exporter on this machine makes of the file; none of its other collectors is wanted."""
    program = tool("prometheus-node-exporter", "usr/bin/prometheus-node-exporter")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (at / "preflight.prom").write_text(metrics)
    words = [str(program), f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults", "--collector.textfile"]
    child = subprocess.Popen([*words, f"--collector.textfile.directory={at}"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
                connection.request("GET", "/metrics")
                return connection.getresponse().read().decode()
            except OSError:
                time.sleep(0.1)
    finally:
        child.kill()
        child.wait()
    raise Wrong("node_exporter does not answer")


def scraped(metrics):
    """Every sample comes through, under its own name."""
    with tempfile.TemporaryDirectory() as directory:
        seen = exported(metrics, pathlib.Path(directory))
    hold("node_textfile_scrape_error 0" in seen.splitlines(), "node_exporter could not read the file")
    for name, labels in series(metrics).items():
        # It sorts labels and adds none.
        hold(series(seen).get(name) == labels, f"{name} with {sorted(labels)} does not come through node_exporter")
    hold(metrics.count("\npreflight_finding_verdict{") == seen.count("\npreflight_finding_verdict{"), "some findings got lost")


def read_by_promtool(metrics):
    """promtool's check of the text itself."""
    status, said = run("promtool", "check", "metrics", input=metrics)
    hold(status == 0 and not said.strip(), f"promtool check metrics: {said}")


def verified(units):
    """systemd-analyze verify."""
    with tempfile.TemporaryDirectory() as directory:
        at = pathlib.Path(directory)
        for name, text in units.items():
            # It wants the program to be there; verify looks for nothing else.
            (at / name).write_text(text.replace("/usr/local/bin/preflight", "/bin/true"))
        status, said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *[at / name for name in units])
        # What other units of this machine have is told as well.
        own = [line for line in said.splitlines() if "preflight-metrics" in line]
        hold(status == 0 and not own, f"systemd-analyze verify: {said}")


def booted(preflight, units, policy):
    """The reports that a systemd with these units leaves: of the hardened service, and of one without its fences."""
    with tempfile.TemporaryDirectory() as directory:
        at = pathlib.Path(directory)
        for name in ("units", "reports"):
            (at / name).mkdir()
        shutil.copy(preflight, at / "preflight")
        service, timer = (units[name] for name in UNITS)
        (at / "reports" / "policy.yaml").write_text(policy)
        mine = "/var/lib/node_exporter/textfile_collector"
        if policy:
            service = service.replace("--config kubernetes-node --skip joined* --skip ports*", f"--config {mine}/policy.yaml")
        start = re.search(r"^ExecStart=(.*)$", service, re.M).group(1)
        later = "OnBootSec=2min\nOnUnitActiveSec=15min\nRandomizedDelaySec=1min"
        hold(later in timer, "the timer says something else of when")

        def write(name, text):
            (at / "units" / name).write_text(text.replace("[Unit]\n", "[Unit]\nDefaultDependencies=no\n", 1))

        write("preflight-metrics.service", service)
        write("preflight-metrics.timer", timer.replace(later, "OnBootSec=1ms\nAccuracySec=1ms"))
        start = start.replace("preflight.prom", "plain.prom")
        write("plain.service", f"[Unit]\n[Service]\nType=oneshot\nSuccessExitStatus=1\nExecStart={start}\n")
        ask = script(at / "reports" / "ask", f"""#!/bin/sh
while [ ! -e {mine}/preflight.prom ] && ! systemctl is-failed --quiet preflight-metrics.service; do sleep 0.1; done
while systemctl is-active --quiet preflight-metrics.service; do sleep 0.1; done
systemctl show --property=Result,ExecMainStatus,ActiveState preflight-metrics.service >{mine}/state
touch {mine}/done
""")
        write("ask.service", f"[Unit]\nAfter=plain.service\n[Service]\nType=oneshot\nExecStart={mine}/{ask.name}\n")
        write("test.target", "[Unit]\nWants=preflight-metrics.timer plain.service ask.service\n")
        for name in ("shutdown.target", "sysinit.target", "timers.target"):
            write(name, "[Unit]\n")
        status, said = run("bash", HERE / "systemd.sh", at)
        if status != 0:
            raise NotRun(f"no systemd of its own could be started; run it as root: {said}")

        def text(name):
            file = at / "reports" / name
            return file.read_text() if file.exists() else ""

        left = sorted(file.name for file in (at / "reports").iterdir())
        hold(not [name for name in left if name.endswith(".tmp")], f"it left {left}")
        mode = (at / "reports" / "preflight.prom").stat().st_mode & 0o777 if "preflight.prom" in left else None
        return text("preflight.prom"), text("plain.prom"), text("state"), mode


def verdicts(metrics):
    """Each finding with its verdict, but for what the two runs measure at different moments."""
    lines = [line for line in metrics.splitlines() if line.startswith("preflight_finding_verdict{")]
    return sorted(line for line in lines if 'rule="pressure"' not in line)


def in_systemd(preflight, units):
    """The service makes a report that others can read, and its fences hide nothing from it."""
    fenced, plain, state, mode = booted(preflight, units, "")
    hold(fenced and plain, "the service makes no report")
    differ = set(verdicts(fenced)) ^ set(verdicts(plain))
    hold(not differ, f"the fences of the service change what is found: {sorted(differ)}")
    hold(len(verdicts(fenced)) > 100, "too few findings")
    hold(mode == 0o644, f"node_exporter could not read it: its mode is {mode:o}")
    hold("Result=success" in state, f"systemd says: {state}")
    return fenced


def fails_in_systemd(preflight, units):
    """A node that is not fit is no failure of the service; a policy that is broken is one, and makes no report."""
    report, _, state, _ = booted(preflight, units, FAILS)
    hold('preflight_verdict{policy="fails"} 3' in report, "the report does not say that the node fails")
    hold("Result=success" in state and "ExecMainStatus=1" in state, f"systemd says: {state}")
    report, _, state, _ = booted(preflight, units, PASSES.replace("kernel-version", "kernel-versoin"))
    hold(not report and "Result=exit-code" in state and "ExecMainStatus=3" in state, f"with a broken policy systemd says: {state}")


def test(preflight):
    """All of it."""
    if not shutil.which("promtool"):
        raise NotRun("promtool is missing (Debian: prometheus)")
    text = RULES.read_text()
    rules(text)
    noticed("the rules take 2 for a failure", rules, text.replace("preflight_verdict == 3", "preflight_verdict == 2"))
    noticed("nothing is stale", rules, text.replace("> 3600", "> 360000"))
    units = {name: (FILES / name).read_text() for name in UNITS}
    verified(units)
    noticed("the service has a key that systemd does not know", verified,
            {**units, UNITS[0]: units[UNITS[0]].replace("Type=oneshot", "Type=once")})
    metrics = in_systemd(preflight, units)
    noticed("a fence of the service changes the mounts", in_systemd, preflight,
            {**units, UNITS[0]: units[UNITS[0]].replace("NoNewPrivileges", "ProtectSystem=full\nNoNewPrivileges")})
    fails_in_systemd(preflight, units)
    read_by_promtool(metrics)
    noticed("a line is no metric", read_by_promtool, metrics + "preflight verdict 1\n")
    occur(metrics, text)
    other = text.replace("preflight_verdict ==", "preflight_result ==")
    noticed("the rules name a metric that nobody writes", occur, metrics, other)
    with tempfile.TemporaryDirectory() as empty:
        nodes = [["--root", empty], ["--root", empty, "--config", "k3s"], ["--config", "docker"], ["--timeout", "1ms"]]
        reasons(preflight, text, nodes)
        noticed("a reason is missing", reasons, preflight, text.replace("(.+-)?unknown|", ""), [["--root", empty]])
    scraped(metrics)
    noticed("the file is broken", scraped, metrics + "preflight_broken{ 1\n")
    return ["alerts fire as they should", "the units run in systemd", "node_exporter passes every metric on"]
