#!/usr/bin/env python3
"""Runs the role and the playbooks of configs/deploy/ansible against hosts with sshd and addresses of their own.

    tests/deploy/ansible.py FILE [SCENE...]       FILE: the static preflight (make dist); root, on Debian

Without a SCENE all are played; page comes before others that need hosts. What it runs, tests/deploy/ansible-tools brings. Everything
is in namespaces of its own (network, mounts, processes), the controller too, so that the kernel removes all of it when the first process
there ends, however that comes about.
Exit status: 0 all is well, 1 something is wrong, 77 the test could not be run (never a success; with PREFLIGHT_REQUIRE_LIVE=1 it is 1).
"""
import concurrent.futures
import ctypes
import difflib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs/ansible.md"
DEPLOY = ROOT / "configs/deploy/ansible"
CACHE = pathlib.Path(os.environ.get("PREFLIGHT_DEPLOY_CACHE")
                     or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "preflight-deploy")
NEWEST, OLDEST = CACHE / "ansible-requirements", CACHE / "ansible-requirements-oldest"
TOOLS = {"/usr/sbin/sshd": "openssh-server", "ssh": "openssh-client", "ssh-keygen": "openssh-client", "sudo": "sudo", "ip": "iproute2",
         "unshare": "util-linux", "setarch": "util-linux", "hostname": "hostname", "/usr/bin/python3": "python3"}

# The addresses of the page, which are for documentation (RFC 5737); nothing leaves the network namespace.
BRIDGE = "192.0.2.1"
NOBODY = "192.0.2.99"
ONE, TWO = "3d1b3f0e6a7c4d2c9b8a7f6e5d4c3b2a", "7e5d4c3b2a3d1b3f0e6a7c4d2c9b8a7f"
# name: address, machine-id, swap, architecture. n1 is good, n2 swaps, n3 is good by itself and has the machine-id of n1.
HOSTS = {"n1": ("192.0.2.11", ONE, "off", "x86_64"), "n2": ("192.0.2.12", TWO, "on", "x86_64"),
         "n3": ("192.0.2.13", ONE, "off", "x86_64"), "old": ("192.0.2.14", TWO, "off", "i686")}


class Wrong(Exception):
    """Something is not as it should be."""


def check(holds, *what):
    if not holds:
        raise Wrong(" ".join(str(w) for w in what))


def run(*command, status=0, **more):
    """Runs a command without a terminal; what it prints, or Wrong where it ends otherwise than it should."""
    more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "timeout": 120, **more}
    done = subprocess.run([str(c) for c in command], text=True, check=False, **more)
    if status is not None and done.returncode != status:
        raise Wrong(f"`{' '.join(map(str, command))}` ends with {done.returncode}, not {status}:\n{done.stdout}")
    return done.stdout or ""


# -- the hosts -------------------------------------------------------------------------------------------------------------------
class Host:
    """A host in namespaces of its own. What its directories hold is below `state`."""

    def __init__(self, base, name):
        self.name, self.state = name, base / "hosts" / name
        self.address, machine_id, swap, architecture = HOSTS[name]
        self.state.mkdir(parents=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", self.state / "host_key")
        shutil.copy(base / "id.pub", self.state / "id.pub")
        run("ip", "netns", "add", name)
        run("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", f"to-{name}", "master", "bridge", "up")
        with open(self.state / "log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", name, "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc",
                 "--propagation", "private", "setarch", architecture, HERE / "ansible/host", name, self.address, machine_id, swap,
                 self.state], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def known(self):
        kind, key, _ = (self.state / "host_key.pub").read_text().split()
        return f"{self.address} {kind} {key}\n"

    def wait(self):
        for _ in range(100):
            log = (self.state / "log").read_text()
            if "Server listening" in log:
                return
            check(self.process.poll() is None, f"{self.name} did not start:\n{log}")
            time.sleep(0.1)
        raise Wrong(f"{self.name}: no sshd after 10 s:\n{log}")

    def files(self):
        """Every file of its directories but those that a login leaves, with what tells a change."""
        found = {}
        for top in ("etc", "root", "home", "opt", "usr"):
            for path in (self.state / top).rglob("*"):
                if not path.is_dir() and ".ansible" not in path.parts:
                    seen = path.lstat()
                    found[str(path.relative_to(self.state))] = (seen.st_size, seen.st_mtime_ns, seen.st_mode, seen.st_uid)
        return found

    def changed(self, before):
        """Which of them came, went or changed."""
        now = self.files()
        return sorted(path for path in before.keys() | now.keys() if before.get(path) != now.get(path))

    def joined(self):
        called = self.state / "run/kubeadm-was-called"
        return called.read_text() if called.exists() else ""


# -- Ansible ---------------------------------------------------------------------------------------------------------------------
class Played:
    """What a run of ansible-playbook printed, and what its recap says of each host."""

    def __init__(self, text):
        # Ansible breaks long lines in some places, and quotes in others.
        self.text, self.flat = text, " ".join(text.replace("\\n", " ").replace('\\"', '"').split())
        self.recap = {}
        for host, counts in re.findall(r"^(\S+) +: (ok=\d.*)$", text, re.M):
            self.recap[host] = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", counts)}

    def says(self, *texts):
        for text in texts:
            check(" ".join(text.split()) in self.flat, f"nothing says '{text}':\n{self.text}")
        return self

    def silent(self, *texts):
        for text in texts:
            check(text not in self.flat, f"'{text}' is said:\n{self.text}")
        return self

    def counts(self, key, **wanted):
        for host, value in wanted.items():
            seen = self.recap.get(host, {}).get(key)
            check(seen == value, f"{host}: {key}={seen}, not {value}:\n{self.text}")
        return self


class Controller:
    """The directory that docs/ansible.md tells to make, and Ansible in it."""

    def __init__(self, base, file, hosts):
        self.at = base / "controller"
        shutil.copytree(DEPLOY, self.at)
        shutil.copy(HERE / "ansible/policy.yaml", self.at)
        shutil.copy(file, self.at / "preflight-0.1.0-x86_64-linux")
        (self.at / "inventory.yml").write_text(block("yaml", "all:"))
        (base / "known_hosts").write_text("".join(host.known() for host in hosts))
        (base / "bin").mkdir()
        (base / "bin/preflight").symlink_to(file)
        self.environment = {
            "PATH": f"{NEWEST}/bin:{base}/bin:{os.environ['PATH']}", "HOME": str(base), "LC_ALL": "C.UTF-8", "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_PRIVATE_KEY_FILE": str(base / "id"), "ANSIBLE_TIMEOUT": "2", "ANSIBLE_PIPELINING": "1",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",  # it would be looked for in each run
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(base / "cp"),
            "ANSIBLE_SSH_ARGS": f"-F none -o UserKnownHostsFile={base}/known_hosts -o GlobalKnownHostsFile=none -o IdentitiesOnly=yes "
                                "-o ControlMaster=auto -o ControlPersist=60s",
            "PYTHONDONTWRITEBYTECODE": "", "ANSIBLE_DEPRECATION_WARNINGS": "0"}

    def shell(self, line, status=0, **more):
        return run("bash", "-c", line, cwd=self.at, env={**self.environment, **more}, status=status)

    def play(self, line, status=0, **more):
        return Played(self.shell(line, status, **more))

    def scene(self, name, hosts, line="preflight.yml", status=0, **more):
        """Plays with an inventory of its own: each host with variables, those that `all` has under that name."""
        hosts = dict(hosts)
        variables = {"ansible_user": "deploy", "preflight_file": "preflight-0.1.0-x86_64-linux", "preflight_policy_file": "policy.yaml",
                     **hosts.pop("all", {})}
        (self.at / f"{name}.yml").write_text(json.dumps({"all": {"vars": variables, "hosts": {
            host: {"ansible_host": HOSTS.get(host.split("-")[0], [NOBODY])[0], **own} for host, own in hosts.items()}}}))
        return self.play(f"ansible-playbook -i {name}.yml {line}", status, **more)

    def report(self, host, directory="preflight-reports"):
        file = self.at / directory / f"{host}.json"
        check(file.stat().st_mode & 0o777 == 0o600, f"{file} can be read by others: {file.stat().st_mode:o}")
        return json.loads(file.read_text())

    def reports(self, directory="preflight-reports"):
        return sorted(file.name for file in (self.at / directory).glob("*"))


def block(kind, word):
    """The block of the page that has this word in it."""
    return next(found for found in re.findall(rf"^```{kind}\n(.*?)^```", PAGE.read_text(), re.M | re.S) if word in found)


def command(word):
    """The command of the page that has this word in it."""
    found = [line for text in re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S) for line in text.splitlines() if word in line]
    check(len(found) == 1, f"the page has not one command with '{word}': {found}")
    return found[0]


# -- scenes ----------------------------------------------------------------------------------------------------------------------
FIRST = "ansible-playbook -i inventory.yml preflight.yml\n"


def page(controller, hosts):
    """What the page shows first: check mode on fresh hosts, a run, the same again, check mode on prepared hosts."""
    fresh = {host.name: host.files() for host in hosts}
    trial = controller.play(command("--check"))
    trial.says("NOT JUDGED: /usr/local/bin/preflight is not on n1 yet")
    trial.counts("failed", n1=0, n2=0, n3=0).counts("changed", n1=1, n2=1, n3=1)
    for host in hosts:
        check(not host.changed(fresh[host.name]), f"check mode changed on {host.name}: {host.changed(fresh[host.name])}")
    check(not (controller.at / "preflight-reports").exists(), "check mode wrote reports")

    line = next(line for line in block("sh", "--check").splitlines() if line == FIRST.strip())
    first = controller.play(line, 2)
    first.counts("changed", n1=1, n2=1, n3=1).counts("failed", n1=0, n2=1, n3=0)
    first.says("n1: PASS by policy ansible-test", "n3: PASS by policy ansible-test", "fail swap/active:")
    shown = block("text", "FAIL by policy").split("…")[0].strip()
    first.says(shown)
    judged(controller)

    again = controller.play(line, 2)
    again.counts("changed", n1=0, n2=0, n3=0).counts("failed", n1=0, n2=1, n3=0)
    for host in hosts:
        changed = host.changed(fresh[host.name])
        check(changed == ([] if host.name == "old" else ["usr/local/bin/preflight"]), f"changed was on {host.name}: {changed}")
        _, _, mode, user = host.files().get("usr/local/bin/preflight", (0, 0, 0o100755, 0))
        check(mode == 0o100755 and user == 0, f"{host.name}: the program is of {user} and has mode {mode:o}")

    kept = {file: controller.report(file.removesuffix(".json")) for file in controller.reports()}
    trial = controller.play(command("--check"), 2)
    trial.counts("changed", n1=0, n2=0, n3=0).counts("failed", n1=0, n2=1, n3=0).says("n1: PASS", "fail swap/active:").silent("NOT JUDGED")
    check(kept == {file: controller.report(file.removesuffix(".json")) for file in controller.reports()}, "--check wrote reports")


def judged(controller):
    """The reports of the first run are those of these hosts, of root, and for their roles."""
    check(controller.reports() == ["n1.json", "n2.json", "n3.json"], controller.reports())
    check((controller.at / "preflight-reports").stat().st_mode & 0o777 == 0o700, "others can list the reports")
    for host, verdict, asked in (("n1", "pass", "pass"), ("n2", "fail", "skip"), ("n3", "pass", "skip")):
        report = controller.report(host)
        check(report["node"]["hostname"] == host and report["node"]["user"] == 0, report["node"])
        check(report["verdict"] == verdict, host, report["verdict"], report["findings"])
        found = [finding["verdict"] for finding in report["findings"] if finding["rule"] == "control-plane"]
        check(found == [asked], f"{host} was asked for another role: {found}")
    # A fleet shows what no host can tell of itself.
    compared = controller.shell(command("preflight compare"), status=1)
    check(re.search(r"machine-id.*n1.*n3", compared, re.S) and ONE in compared, compared)


def unfit(controller, hosts):
    """Some do not answer, are of another kind, or have a program that is none: the others are judged all the same."""
    programs = {
        "quits": "echo 'disk is gone' >&2; exit 4", "mute": "exit 0", "killed": "kill -9 $$",
        "hollow": """printf '{"apiVersion":"preflight/v1","kind":"Report","verdict":"pass"}'""",
        "lying": "/usr/local/bin/preflight \"$@\"; exit 0"}
    for name, text in programs.items():
        program = hosts[2].state / "opt" / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    (controller.at / "wrong.yaml").write_text("apiVersion: preflight/v1\nkind: Policy\nmetadata: { name: w }\nchecks:\n  - check: swapp\n")
    (controller.at / "preflight-reports/gone.json").write_text("of an earlier run")
    present = {"preflight_install": "present", "preflight_fail_on": "never"}
    own = {name: {"preflight_path": f"/opt/{name}", **present} for name in programs}
    own["lying"] = {**own["lying"], "preflight_fail_on": "warn", "preflight_inputs": {"kernel": ">=99"}}
    played = controller.scene("unfit", {
        "n1": {}, "n2": {"preflight_policy_file": "wrong.yaml", "preflight_fail_on": "never"}, "gone": {}, "old": {},
        "n1-usage": {"preflight_timeout": "soon", **present},
        "n1-input": {"preflight_inputs": {"nonsense": "1"}, **present},
        "n1-profile": {"preflight_policy_file": "", "preflight_policy": "kubernetes-nod", **present},
        **{f"n3-{name}": variables for name, variables in own.items()}}, status=4)
    # Of each host only what is said of that host.
    played.counts("failed", **{"n1": 0, "n2": 1, "old": 1, "gone": 0, "n1-input": 1, "n1-usage": 1, "n1-profile": 1})
    played.counts("failed", **{f"n3-{name}": 1 for name in own})
    played.counts("unreachable", n1=0, gone=1).says(
        "n1: PASS",
        "n2 was not judged: /usr/local/bin/preflight ended with 3 (the policy is wrong), policy wrong.yaml: standard input:5:12: error: "
        "there is no check `swapp`", "did you mean `swap`?",
        "n1-input was not judged: /usr/local/bin/preflight ended with 2 (wrong usage)", "the policy has no input `nonsense`",
        "n1-usage was not judged: /usr/local/bin/preflight ended with 2 (wrong usage), policy policy.yaml: ", "invalid value 'soon'",
        "n1-profile was not judged: /usr/local/bin/preflight ended with 3 (the policy is wrong), policy kubernetes-nod",
        "old was not judged: it is i386, and there is a preflight for x86_64 only",
        "n3-quits was not judged: /opt/quits ended with 4 (preflight itself could not do its job), policy policy.yaml: disk is gone",
        "n3-killed was not judged: /opt/killed ended with 137 (which is none of its exit statuses), policy policy.yaml: ",
        *(f"n3-{name} was not judged: /opt/{name} ended with 0, and what it printed is no report that goes with it"
          for name in ("mute", "hollow", "lying")))
    # n3 is not in this inventory.
    check(controller.reports() == ["n1.json", "n3.json"], "someone who was not judged has a report:", controller.reports())


def fail_on(controller, _hosts):
    """`warn` fails for a warning, `fail` does not, `never` does not for a failure."""
    warns = {"preflight_inputs": {"kernel": ">=99"}}
    played = controller.scene("fail-on", {"all": {"preflight_reports": "others"}, "n1": {"preflight_fail_on": "warn", **warns},
                                          "n2": {"preflight_fail_on": "never"}, "n3": warns}, status=2)
    played.counts("failed", n1=1, n2=0, n3=0).says("n1: WARN by policy", "n2: FAIL by policy", "n3: WARN by policy",
                                                   "warn kernel-version/", "fail swap/active:")
    check([controller.report(host, "others")["verdict"] for host in HOSTS if host != "old"] == ["warn", "fail", "warn"], "other verdicts")


def gate(controller, hosts):
    """Only who is fit joins: n2 does not, whether it fails at once or its verdict is held against it later."""
    controller.play(command("gate.yml") + " -l n1,n2 -e preflight_max_fail_percentage=0", 2).counts("failed", n1=0, n2=1)
    check(not any(host.joined() for host in hosts), "someone joined although one failure stops all")
    controller.play(command("gate.yml"), 2).counts("failed", n1=0, n2=1, n3=0).counts("changed", n1=1, n3=1)
    check([host.name for host in hosts if host.joined()] == ["n1", "n3"], "another joined:", [host.name for host in hosts if host.joined()])
    check(hosts[0].joined() == "join --config /etc/kubernetes/join.yaml\n", hosts[0].joined())
    held = controller.play(command("gate.yml") + " -l n2 -e preflight_fail_on=never --tags nothing", 2)
    held.says("n2 does not join: its verdict is fail")
    check(not hosts[1].joined(), "n2 joined")
    hold = block("yaml", "Hold whoever").splitlines()
    check(all(line.strip() in (DEPLOY / "gate.yml").read_text() for line in hold), "the page's gate is another one than gate.yml")


def refused(controller, _hosts):
    """What is wrong with the variables is said before anybody is asked."""
    played = controller.scene("refused", {
        "all": {"preflight_reports": ""}, "n1": {"preflight_fail_on": "sometimes"}, "n1-typo": {"preflight_allow": ["everything"]},
        "n2": {"preflight_sha256": "0" * 64}, "n2-version": {"preflight_kubernetes_version": 1.3},
        "n3": {"preflight_policy_file": "nowhere.yaml"}, "n3-file": {"preflight_file": ""}}, status=2)
    played.counts("failed", **{"n1": 1, "n1-typo": 1, "n2": 1, "n2-version": 1, "n3": 1, "n3-file": 1})
    played.says("value of preflight_fail_on must be one of: fail, warn, never, got: sometimes",
                "value of preflight_allow must be one or more of",
                "is not what it should be, and was not copied", "A version without quotes is a number to YAML",
                "There is no policy file", "There is no file to copy")


def oldest(controller, _hosts):
    """The oldest Ansible that the role allows, with a policy in JSON, and with the built-in profile."""
    (controller.at / "policy.json").write_text(json.dumps({
        "apiVersion": "preflight/v1", "kind": "Policy", "metadata": {"name": "json"},
        "checks": [{"check": "hostname"}, {"check": "swap"}]}))
    played = controller.scene("oldest", {
        "all": {"preflight_reports": "others"}, "n1": {"preflight_policy_file": "policy.json"},
        "n2": {"preflight_policy_file": "", "preflight_fail_on": "never", "preflight_inputs": {"cni": "cilium"}}},
        PATH=f"{OLDEST}/bin:{controller.environment['PATH']}", ANSIBLE_PIPELINING="0")
    played.counts("failed", n1=0, n2=0).counts("changed", n1=0, n2=0).says("n1: PASS by policy json")
    report = controller.report("n2", "others")
    check(report["policy"]["name"] == "kubernetes-node" and len(report["findings"]) > 40, report["summary"])


def lint(controller, _hosts):
    """Syntax and what Ansible's own people hold against roles."""
    controller.shell("ansible-playbook -i inventory.yml --syntax-check preflight.yml gate.yml")
    copy = controller.at.parent / "lint"  # it leaves a directory where it looks
    shutil.copytree(DEPLOY, copy)
    run("ansible-lint", "--offline", "--nocolor", "--strict", "--profile", "production", "preflight.yml", "gate.yml", "roles",
        cwd=copy, env={**controller.environment, "PYTHONDONTWRITEBYTECODE": "1"})


def variables(_controller, _hosts):
    """The table of the page is argument_specs.yml in other words, and the defaults are those of defaults/main.yml."""
    import yaml  # of Ansible's environment
    options = yaml.safe_load((DEPLOY / "roles/preflight/meta/argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    defaults = yaml.safe_load((DEPLOY / "roles/preflight/defaults/main.yml").read_text())
    check(set(options) == set(defaults), "without default or specification:", set(options) ^ set(defaults))
    rows = []
    for name, option in options.items():
        default = option["default"]
        check("{{" in str(defaults[name]) or defaults[name] == default, f"{name}: {defaults[name]} is not {default}")
        text = option["description"] if isinstance(option["description"], str) else " ".join(option["description"])
        text = re.sub(r"\b[VOC]\(([^)]*)\)", r"`\1`", text)
        if "choices" in option:
            words = ", ".join(f"`{choice}`" if choice else "empty" for choice in option["choices"])
            text += f" {'Any' if option['type'] == 'list' else 'One'} of {words}."
        rows.append(f"| `{name}` | {'' if default in ('', [], {}) else f'`{default}`'} | {text} |")
    seen = [line for line in PAGE.read_text().splitlines() if line.startswith("| `preflight_")]
    check(seen == rows, f"{PAGE} has another table than argument_specs.yml:\n" + "\n".join(difflib.unified_diff(seen, rows, lineterm="")))


# Those of the second row touch no host and no report, and are played beside the others.
SCENES = ((page, unfit, fail_on, gate, oldest), (variables, lint, refused))


def play(scenes, controller, hosts):
    """Plays some scenes; how many of them went wrong: none or one, which is the last."""
    for scene in scenes:
        start = time.monotonic()
        try:
            scene(controller, hosts)
        except Exception as error:  # whatever stops it is told, and the other row goes on
            print(f"ansible: WRONG: {scene.__name__}: {error if isinstance(error, Wrong) else traceback.format_exc()}", file=sys.stderr)
            return 1
        print(f"ansible: {scene.__name__}: {scene.__doc__.splitlines()[0]} ({time.monotonic() - start:.1f} s)", flush=True)
    return 0


def inside(file, base, wanted):
    """In namespaces of its own, with the Python of Ansible's environment."""
    # `ip netns` keeps names in /run/netns: here they are in nobody's way.
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "bridge", "type", "bridge")
    run("ip", "address", "add", f"{BRIDGE}/24", "dev", "bridge")
    run("ip", "link", "set", "bridge", "up")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "controller", "-f", base / "id")
    hosts = [Host(base, name) for name in HOSTS]
    controller = Controller(base, file, hosts)
    for host in hosts:
        host.wait()
    rows = [[scene for scene in row if scene.__name__ in wanted or not wanted] for row in SCENES]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return int(any(list(pool.map(lambda row: play(row, controller, hosts), rows))))


def not_run(why):
    print(f"ansible: NOT RUN: {why}", file=sys.stderr)
    return 1 if os.environ.get("PREFLIGHT_REQUIRE_LIVE") == "1" else 77


def with_parent():
    """The process ends where this one is killed (prctl(2), PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def main():
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        print(f"ansible: WRONG: {' '.join(sys.argv[1:2]) or 'FILE'} is not there; make it with 'make dist'", file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        return not_run("it takes root: namespaces, and hosts with users of their own")
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if missing:
        return not_run(f"missing are (Debian) {' '.join(missing)}")
    for environment in NEWEST, OLDEST:
        if not (environment / "made-of").exists():
            return not_run(f"there is no {environment}: tests/deploy/ansible-tools makes it")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    base = pathlib.Path(tempfile.mkdtemp(prefix="preflight-ansible-"))
    process = None
    try:
        process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
             NEWEST / "bin/python", __file__, "--inside", pathlib.Path(sys.argv[1]).resolve(), base, *sys.argv[2:]],
            stdin=subprocess.DEVNULL, preexec_fn=with_parent)
        return process.wait()
    finally:
        if process and process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        sys.exit(inside(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4:]))
    sys.exit(main())
