#!/usr/bin/env python3
"""Installs, upgrades and removes the packages in roots of their own, and boots a systemd with the unit and a kubelet.

    tests/deploy/packages.py FILE      FILE as `make dist` made it, with the packages beside it; root, on Debian

It makes a Debian with debootstrap once, in $PREFLIGHT_DEPLOY_CACHE or preflight-deploy below $XDG_CACHE_HOME (~/.cache), and changes
only copies of it. Everything is mounted in a mount namespace of its own.
Exit status: 0 all is well, 1 something is wrong, 77 the test could not be run (never a success).
"""
import base64
import concurrent.futures
import gzip
import hashlib
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

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PAGE = ROOT / "docs/packages.md"
CACHE = pathlib.Path(os.environ.get("PREFLIGHT_DEPLOY_CACHE")
                     or pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "preflight-deploy")
SUITE, WITH = "bookworm", "systemd,man-db,bash-completion"
TOOLS = {"debootstrap": "debootstrap", "dpkg-deb": "dpkg", "lintian": "lintian", "rpm": "rpm", "rpmlint": "rpmlint",
         "shellcheck": "shellcheck", "unshare": "util-linux", "nsenter": "util-linux", "cpio": "cpio",
         "qemu-system-x86_64": "qemu-system-x86"}
POLICY = "etc/preflight/policy.yaml"
DROP_IN = "etc/systemd/system/kubelet.service.d/20-preflight.conf"
# In tenths, what `systemd-analyze security` of systemd 252 gives the unit; docs/packages.md and the unit say why it is not less.
EXPOSURE = 44


class Wrong(Exception):
    """Something is not as it should be."""


def check(holds, *what):
    if not holds:
        raise Wrong(" ".join(str(w) for w in what))


def run(*command, status=0, **more):
    """Runs a command without a terminal; what it prints, or Wrong where it ends otherwise than it should."""
    more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **more}
    done = subprocess.run([str(c) for c in command], text=True, check=False, **more)
    if status is not None and done.returncode != status:
        raise Wrong(f"`{' '.join(map(str, command))}` ends with {done.returncode}, not {status}:\n{done.stdout}")
    return done.stdout or ""


def step(what, since):
    print(f"packages: {what} ({time.monotonic() - since:.0f} s)", flush=True)
    return time.monotonic()


def shown(heading, which=0):
    """The commands that the page shows below a heading, as root runs them, each a line."""
    below = PAGE.read_text().split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    block = re.findall(r"^```sh\n(.*?)^```", below, re.M | re.S)[which]
    return [line.split("  #")[0].replace("sudo ", "").strip() for line in block.splitlines() if line.strip()]


# -- roots -----------------------------------------------------------------------------------------------------------------------
def debian():
    """A small Debian with systemd; made once."""
    name = f"{SUITE}-{hashlib.sha256(WITH.encode()).hexdigest()[:8]}"
    made = CACHE / name
    if made.exists():
        return made
    uris = run("apt-get", "update", "--print-uris", stderr=subprocess.DEVNULL)
    mirror = re.search(r"^'(.*/debian)/dists/", uris, re.M)
    if not mirror:
        not_run("this machine's apt is set up with no Debian mirror")
    CACHE.mkdir(parents=True, exist_ok=True)
    making = pathlib.Path(tempfile.mkdtemp(prefix="making-", dir=CACHE))
    try:
        print(f"packages: making a Debian {SUITE} in {CACHE}, once", flush=True)
        making.chmod(0o755)
        run("debootstrap", "--variant=minbase", f"--include={WITH}", SUITE, making, mirror[1])
        making.rename(made)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return made


class Roots:
    """Copies of it, each a thin layer in memory."""

    def __init__(self, base, directory):
        self.base, self.directory = base, directory

    def new(self, name):
        own = self.directory / name
        for part in ("upper", "work", "root"):
            (own / part).mkdir(parents=True)
        run("mount", "-t", "overlay", "-o", f"lowerdir={self.base},upperdir={own}/upper,workdir={own}/work", "overlay", own / "root")
        return own / "root"


def inside(root, *command, status=0):
    clean = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    return run("chroot", root, *command, status=status, env=clean)


def files(root):
    """Every path below a root but the books of dpkg, rpm and their like."""
    books = ("var/lib/dpkg", "var/lib/rpm", "var/log", "var/cache", "var/lib/apt", "root", "tmp", "proc")
    found = set()
    for directory, names, plain in os.walk(root):
        at = os.path.relpath(directory, root)
        names[:] = [n for n in names if os.path.normpath(os.path.join(at, n)) not in books]
        found.update(os.path.normpath(os.path.join(at, n)) for n in names + plain)
    return found


def same_bytes(one, other):
    return pathlib.Path(one).read_bytes() == pathlib.Path(other).read_bytes()


# -- the files -------------------------------------------------------------------------------------------------------------------
def repeatable(file, packages, directory):
    """The same bytes, made again by somebody else at another time."""
    again = directory / "again"
    again.mkdir()
    for name in (file, f"{file}.cdx.json"):
        shutil.copy(name, again)
    environment = {**os.environ, "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "HOME": os.environ.get("HOME", "/root")}
    run("sh", "-c", 'umask 077; exec "$0" "$@"', ROOT / "build/packages.py", again / file.name, env=environment)
    for package in packages:
        check(same_bytes(package, again / package.name), f"{package.name} has other bytes when it is made again")


def linted(deb, rpm, directory):
    """Nothing is found that has no reason beside it; what is wrong or has none is found."""
    # It reads any letters between other bytes of a program as words, and words as misspelt: another build, another one.
    noise = "spelling-error-in-binary"
    options = ["--allow-root", "--display-info", "--pedantic", "--fail-on", "error,warning,info,pedantic", "--suppress-tags", noise]
    run("lintian", *options, deb)
    tree = directory / "poor"
    run("dpkg-deb", "--raw-extract", deb, tree)
    shutil.rmtree(tree / "usr")
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, directory / "poor.deb")
    check("no-copyright-file" in run("lintian", *options, directory / "poor.deb", status=2), "lintian notices nothing")
    run("rpmlint", "--strict", "-c", HERE / "packages.rpmlint.toml", rpm)
    check("no-signature" in run("rpmlint", rpm, status=64), "rpmlint notices nothing")
    run("shellcheck", "--shell=sh", ROOT / "build/packages.debian/postrm", *sorted((ROOT / "build/packages.rpm").iterdir()))


def installed_well(root, file):
    """What everybody who installs it can do."""
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    check(same_bytes(root / "usr/bin/preflight", file), "the program is not the distributed file")
    out = inside(root, "/usr/bin/preflight", "--version")
    check(out.startswith(f"preflight {version} "), "--version says", out)
    inside(root, "/usr/bin/preflight", "policy", "lint", "--strict", f"/{POLICY}")
    for page in ("preflight", "preflight-policy-lint"):
        check(inside(root, "man", "-w", page).strip() == f"/usr/share/man/man1/{page}.1.gz", page)
    load = ". /usr/share/bash-completion/bash_completion; _completion_loader preflight; complete -p preflight"
    check("_preflight" in inside(root, "bash", "-c", load), "bash loads no completion")
    check((root / "usr/share/fish/vendor_completions.d/preflight.fish").exists(), "fish has no completion")
    check(len(list(root.glob("usr/share/zsh/*/_preflight"))) == 1, "zsh has no completion")
    document = json.loads((root / "usr/share/doc/preflight/preflight.cdx.json").read_text())
    hashed = document["metadata"]["component"]["hashes"][0]["content"]
    check(hashed == hashlib.sha256(file.read_bytes()).hexdigest(), "the bill of materials is of another file")
    check(inside(root, "systemctl", "is-enabled", "preflight.service", status=1).strip() == "disabled", "the unit is switched on")
    check(not (root / DROP_IN).exists() and not (root / "run/preflight").exists(), "more than files was installed")


def newer_deb(deb, version, directory, change):
    """The same package with another version, and where wanted with another configuration file."""
    tree = directory / f"deb-{version}"
    run("dpkg-deb", "--raw-extract", deb, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}-1", control.read_text(), flags=re.M))
    if change:
        (tree / POLICY).write_text((tree / POLICY).read_text() + "# new in this version\n")
    made = directory / f"preflight_{version}-1_amd64.deb"
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made)
    return made


def newer_rpm(version, directory, change):
    tree = directory / f"rpm-{version}"
    (tree / "target").mkdir(parents=True)
    shutil.copy(ROOT / "Cargo.toml", tree)
    shutil.copytree(ROOT / "build/packages.rpm", tree / "build/packages.rpm")
    shutil.copytree(ROOT / "target/packages", tree / "target/packages")
    (tree / "src").mkdir()
    (tree / "src/main.rs").touch()
    if change:
        policy = tree / "target/packages/policy.yaml"
        policy.write_text(policy.read_text() + "# new in this version\n")
    made = directory / f"preflight-{version}-1.x86_64.rpm"
    environment = {k: v for k, v in os.environ.items() if not k.endswith("TARGET_DIR")}
    run(ROOT / "target/tools/bin/cargo-generate-rpm", "--payload-compress", "none", "-s", f'version = "{version}"', "-o", made,
        cwd=tree, env=environment)
    return made


# -- installing, upgrading, removing ---------------------------------------------------------------------------------------------
def life_of_deb(root, deb, file, directory):
    before = files(root)
    for package in (deb, newer_deb(deb, "0.9.1", directory, False), newer_deb(deb, "0.9.2", directory, True)):
        shutil.copy(package, root / "root")
    install = shown("## Install")[0]
    check(deb.name in install, "the page installs", install)
    inside(root, "sh", "-ec", f"cd /root; {install} --yes -qq".replace("apt install", "apt-get install"))
    check(inside(root, "dpkg-query", "-W", "-f", "${Conffiles}", "preflight").split()[0] == f"/{POLICY}", "no configuration file")
    installed_well(root, file)

    own = (root / POLICY).read_text().replace("role: worker", "role: control-plane") + "# mine\n"
    (root / POLICY).write_text(own)
    inside(root, "dpkg", "--install", "/root/preflight_0.9.1-1_amd64.deb")
    check((root / POLICY).read_text() == own, "the upgrade has changed the configuration")
    inside(root, "dpkg", "--force-confold", "--install", "/root/preflight_0.9.2-1_amd64.deb")
    check((root / POLICY).read_text() == own, "the upgrade has changed the configuration")
    check("# new in this version" in (root / f"{POLICY}.dpkg-dist").read_text(), "the new configuration is not beside it")
    check("0.9.2-1" in inside(root, "dpkg-query", "-W", "preflight"), "another version is installed")
    switched = inside(root, "systemctl", "is-enabled", "preflight.service", status=1).strip()
    check(switched == "disabled", "the upgrade switched the unit on:", switched)

    for command in [*shown("## Judge the node at each boot"), *shown("## Keep the kubelet of a bad node from starting")]:
        inside(root, "sh", "-ec", command, status=None if "daemon-reload" in command else 0)
    check((root / DROP_IN).is_symlink(), "the page's commands do not link the drop-in")
    wanted = root / "etc/systemd/system/multi-user.target.wants/preflight.service"
    check(wanted.is_symlink(), "the page's commands do not switch the unit on")
    inside(root, "dpkg", "--remove", "preflight")
    check((root / POLICY).read_text() == own, "removing has removed the configuration")
    check(not (root / "usr/bin/preflight").exists(), "removing has left the program")
    inside(root, "dpkg", "--purge", "preflight")
    left = files(root) - before
    check(not left, "purging leaves", sorted(left))


def life_of_rpm(root, rpm, file, directory):
    packages = [rpm, newer_rpm("0.9.1", directory, False), newer_rpm("0.9.2", directory, True)]
    wants = set(run("rpm", "-qp", "--requires", *packages).split("\n")) - {""}
    check({w for w in wants if not w.startswith("rpmlib(")} == {"/bin/sh"}, "it requires", wants)
    # A distribution with rpm brings them (Fedora's package filesystem); to the packages of others they do not belong.
    for directory in ("fish/vendor_completions.d", "zsh/site-functions", "licenses"):
        (root / "usr/share" / directory).mkdir(parents=True, exist_ok=True)
    check(rpm.name in shown("## Install")[1], "the page installs", shown("## Install")[1])
    before = files(root)
    # rpm(8) of Debian warns everybody who uses it on a Debian; /bin/sh is there, but rpm did not install it.
    base = ["rpm", "--root", root, "--force-debian", "--nodeps"]
    run("rpm", "--root", root, "--initdb")
    run(*base, "--install", packages[0])
    installed_well(root, file)
    check(run("rpm", "--root", root, "-qc", "preflight").split() == [f"/{POLICY}"], "no configuration file")
    check(run("rpm", "--root", root, "--verify", "--nodeps", "preflight") == "", "rpm finds other files than it installed")

    own = (root / POLICY).read_text() + "# mine\n"
    (root / POLICY).write_text(own)
    run(*base, "--upgrade", packages[1])
    check((root / POLICY).read_text() == own, "the upgrade has changed the configuration")
    run(*base, "--upgrade", packages[2])
    check((root / POLICY).read_text() == own, "the upgrade has changed the configuration")
    check("# new in this version" in (root / f"{POLICY}.rpmnew").read_text(), "the new configuration is not beside it")
    (root / f"{POLICY}.rpmnew").unlink()
    for command in [*shown("## Judge the node at each boot"), *shown("## Keep the kubelet of a bad node from starting")]:
        inside(root, "sh", "-ec", command, status=None if "daemon-reload" in command else 0)
    run(*base, "--erase", "preflight")
    left = files(root) - before
    # As everywhere with rpm: what was changed is kept, under another name.
    check(left == {"etc/preflight", f"{POLICY}.rpmsave"}, "erasing leaves", sorted(left))


# -- the unit --------------------------------------------------------------------------------------------------------------------
GOOD = """apiVersion: preflight/v1
kind: Policy
metadata: { name: good }
checks: [{ check: environment, with: { allowed: [bare, vm, container, wsl] } }]
"""
BAD = GOOD.replace("name: good", "name: bad").replace(
    "checks: [", 'checks: [{ check: kernel-version, with: { requires: ">=1000" } }, ')
UNITS = {
    # Of the usual boot only what keeps the journal.
    "sysinit.target": "[Unit]\nDefaultDependencies=no\n"
                      "Wants=systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service\n",
    "basic.target": "[Unit]\nDefaultDependencies=no\nRequires=sysinit.target\nAfter=sysinit.target\n",
    "test.target": "[Unit]\nDefaultDependencies=no\nRequires=basic.target\nWants=kubelet.service\n",
    # As the packages of Kubernetes have it, but for what it runs (kubernetes/release, cmd/krel/templates/latest/kubelet).
    "kubelet.service": "[Unit]\nWants=network-online.target\nAfter=network-online.target\n"
                       "[Service]\nExecStart=/usr/bin/sleep infinity\nRestart=always\nStartLimitInterval=0\nRestartSec=10\n"
                       "[Install]\nWantedBy=multi-user.target\n",
}
# A root with its own processes, cgroups and mounts; the network is the machine's, so that there is something to judge. The kernel's
# parameters, which systemd would set at a boot, are read-only.
BOOT = r"""
set -e
for h in $(awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/self/mounts); do
    mkdir "$h/$NAME"
    if [ -e "$h/cpuset.mems" ]; then
        cat "$h/cpuset.cpus" >"$h/$NAME/cpuset.cpus"; cat "$h/cpuset.mems" >"$h/$NAME/cpuset.mems"
    fi
    echo 0 >"$h/$NAME/cgroup.procs"
done
exec unshare --mount --pid --uts --ipc --cgroup --fork --kill-child sh -c '
set -e
cd "$R"
mount -t proc proc proc
mount --bind proc/sys proc/sys; mount -o remount,bind,ro proc/sys
unified=$(stat -f -c %T /sys/fs/cgroup)
mount -t sysfs sysfs sys
if [ "$unified" = cgroup2fs ]; then mount -t cgroup2 cgroup2 sys/fs/cgroup; else mount -t tmpfs tmpfs sys/fs/cgroup; fi
mount -t tmpfs -o mode=755 tmpfs dev
for d in null zero urandom random full tty kmsg; do touch dev/$d; mount --bind /dev/$d dev/$d; done
mount -t tmpfs -o mode=755 tmpfs run
mount --make-rshared /
export container=preflight
exec chroot . /usr/lib/systemd/systemd --system --unit=test.target --log-target=console
'
"""


class Machine:
    """A machine that systemd runs."""

    def __init__(self, root, directory):
        self.root, self.name = root, f"preflight-packages-{os.getpid()}"
        self.log = directory / f"{root.parent.name}.log"
        environment = {**os.environ, "R": str(root), "NAME": self.name}
        with open(self.log, "wb") as log:
            self.outer = subprocess.Popen(["sh", "-c", BOOT], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        try:
            return self.up()
        except BaseException:
            self.__exit__()
            raise

    def up(self):
        until = time.monotonic() + 60
        while time.monotonic() < until and self.outer.poll() is None:
            children = pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text().split()
            if children:
                self.pid = children[0]
                try:
                    if self("systemctl", "show", "--value", "-p", "NNames", status=None).strip().isdigit() and self.settled():
                        return self
                except FileNotFoundError:
                    pass
            time.sleep(0.1)
        raise Wrong("systemd does not come up:", self.log.read_text(errors="replace"))

    def settled(self):
        jobs = self("systemctl", "list-jobs", "--no-legend", status=None)
        return self.is_("test.target") == "active" and not jobs.replace("No jobs running.", "").strip()

    def __exit__(self, *_):
        """With the first process of its namespace all others end, and their cgroups are empty."""
        if getattr(self, "pid", None):
            run("kill", "-KILL", self.pid, status=None)
        self.outer.kill()
        self.outer.wait()
        for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
            _, point, kind = line.split()[:3]
            own = f"{point}/{self.name}"
            until = time.monotonic() + 5
            while kind in ("cgroup", "cgroup2") and os.path.isdir(own) and time.monotonic() < until:
                run("find", own, "-depth", "-type", "d", "-exec", "rmdir", "{}", "+", status=None)
                time.sleep(0.02)

    def __call__(self, *command, status=0):
        enter = ["nsenter", "--target", self.pid, "--mount", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wd", "--"]
        return run(*enter, *command, status=status, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"})

    def is_(self, unit):
        return self("systemctl", "is-active", unit, status=None).strip()

    def shows(self, unit, *what):
        return self("systemctl", "show", "--value", "-p", ",".join(what), unit).split()

    def report(self, name="preflight"):
        return json.loads(self("cat", f"/run/{name}/report.json"))

    def policy(self, text):
        pathlib.Path(f"/proc/{self.pid}/root/{POLICY}").write_text(text)


def prepared(root, deb, units):
    shutil.copy(deb, root / "root/preflight.deb")
    inside(root, "dpkg", "--install", "/root/preflight.deb")
    (root / "root/preflight.deb").unlink()
    for name, text in units.items():
        (root / "etc/systemd/system" / name).write_text(text)
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    return root


def keeps_the_kubelet(machine):
    """Without the drop-in nothing changes; with it the kubelet starts where the node is good."""
    check(machine.is_("kubelet") == "active" and machine.is_("preflight") == "inactive", "installing changed the boot")
    for command in shown("## Keep the kubelet of a bad node from starting"):
        machine("sh", "-ec", command)

    machine.policy(BAD)
    out = machine("systemctl", "restart", "kubelet", status=1)
    check("dependency" in out, "systemctl says", out)
    check(machine.is_("kubelet") == "inactive", "the kubelet of a bad node runs")
    check(machine.is_("preflight") == "failed", "preflight is", machine.is_("preflight"))
    status = machine.shows("preflight", "ExecMainStatus")
    check(status == ["1"], "its exit status is", status)
    check(machine.report()["verdict"] == "fail", "the report says", machine.report()["verdict"])
    check(machine("stat", "-c", "%a %U", "/run/preflight", "/run/preflight/report.json").split() == ["700", "root", "600", "root"],
          "others may read the report")
    command = shown("## Judge the node at each boot", 1)[0].replace("journalctl", "journalctl -o cat --no-pager")
    journal = machine("sh", "-ec", command)
    check("FAIL  kernel-version" in journal, "the journal has", journal)

    # What was not judged is not good: no program, no policy, one that is wrong.
    machine.policy(GOOD)
    absent = (f"mv /usr/bin/preflight /{POLICY} /root", "203"), ("mv /root/preflight /usr/bin", "3")
    for command, status in (*absent, (f"echo 'kind: Policy' >/{POLICY}", "3")):
        machine("sh", "-ec", command)
        machine("systemctl", "start", "kubelet", status=1)
        seen = machine.shows("preflight", "ExecMainStatus")
        check(machine.is_("kubelet") == "inactive" and seen == [status], "not judged, with exit status", seen)

    machine.policy(GOOD)
    machine("systemctl", "start", "kubelet")
    check(machine.is_("kubelet") == "active" and machine.is_("preflight") == "active", "the kubelet of a good node does not run")
    check(machine.report()["verdict"] == "pass", machine.report())


def leaves_the_kubelet(machine):
    """Once it runs, nothing that is done to preflight ends it."""
    since = machine.shows("kubelet", "MainPID")
    machine.policy(BAD)
    again = shown("## Judge the node at each boot", 2)[0]
    machine("sh", "-ec", again, status=1)
    check(machine.report()["verdict"] == "fail", "judging again made no report")
    out = machine("systemctl", "stop", "preflight", status=4)
    check("refused" in out.lower(), "systemctl says", out)
    check(machine.shows("kubelet", "MainPID") == since, "the kubelet was stopped")
    machine("systemctl", "restart", "kubelet")
    check(machine.is_("kubelet") == "active", "a restart of the kubelet asks again")

    since = machine.shows("kubelet", "MainPID")
    machine("dpkg", "--install", "/root/preflight_0.9.1-1_amd64.deb")
    check(machine.shows("kubelet", "MainPID") == since, "an upgrade ends the kubelet")
    machine("dpkg", "--remove", "preflight")
    check(machine.shows("kubelet", "MainPID") == since, "removing the package ends the kubelet")
    machine("systemctl", "restart", "kubelet")
    check(machine.is_("kubelet") == "active", "without the package the kubelet does not start")


def kubelet(roots, deb, directory):
    root = prepared(roots.new("kubelet"), deb, UNITS)
    shutil.copy(directory / "preflight_0.9.1-1_amd64.deb", root / "root")
    with Machine(root, directory) as machine:
        keeps_the_kubelet(machine)
        leaves_the_kubelet(machine)


def at_boot(roots, deb, directory):
    """The same from the first second on: the drop-in was linked before the boot."""
    root = prepared(roots.new("boot"), deb, UNITS)
    (root / POLICY).write_text(BAD)
    (root / DROP_IN).parent.mkdir()
    (root / DROP_IN).symlink_to("/usr/share/preflight/kubelet.service.d/20-preflight.conf")
    with Machine(root, directory) as machine:
        check(machine.is_("preflight") == "failed" and machine.is_("kubelet") == "inactive", "the kubelet of a bad node is",
              machine.is_("kubelet"), "and preflight", machine.is_("preflight"))


def told(report, *more):
    """What a report says, without what differs from one moment to the next, and from one unit to the next."""
    findings = {}
    for finding in report["findings"]:
        said = [finding[key] for key in ("verdict", "determined", "reason", "blockedBy", "message", *more)]
        text = re.sub(r"plain[a-z-]*\.service", "preflight.service", json.dumps(said, ensure_ascii=False))
        findings[finding["id"]] = re.sub(r"\d+(\.\d+)?", "N", text)
    return findings


def differences(one, other):
    return {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}


def plain(text):
    """The unit without its hardening."""
    text = text.split("# Hardening")[0] + "\n[Install]\nWantedBy=multi-user.target\n"
    return text.replace("RefuseManualStop=yes", "").replace("preflight/report", "plain/report").replace("=preflight\n", "=plain\n")


# Beside the rules of the package, what rules of others may ask: what is mounted where.
WIDER = """apiVersion: preflight/v1
kind: Policy
metadata: { name: wider }
extends: [packaged.yaml]
checks:
  - check: mounts
    severity: warn
    with: { mounts: [/, /usr, /etc, /boot, /home, /root, /tmp, /dev, /proc, /proc/sys, /sys, /sys/fs/cgroup, /usr/lib/modules] }
  - id: open-files
    check: limits
    with: { openFiles: 2000 }
"""
# What the unit leaves away, since preflight would see something else than the host. (PrivateDevices= and PrivateUsers= as well, but
# with them nothing starts in these namespaces.)
LEFT_AWAY = ["ProtectSystem=yes", "ProtectHome=yes", "PrivateTmp=yes", "PrivateMounts=yes", "ProtectClock=yes",
             "ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectControlGroups=yes",
             "ProtectProc=invisible", "ProcSubset=pid", "PrivateNetwork=yes", "User=nobody", "LimitNOFILE=1024"]


def judged(machine, unit):
    """What a unit reports that is started now, or is reloaded where it stays active."""
    at = pathlib.Path(f"/proc/{machine.pid}/root/run/{unit.split('-')[0].split('.')[0]}/report.json")
    at.unlink(missing_ok=True)
    machine("systemctl", "reload" if machine.is_(unit) == "active" else "start", unit, status=None)
    return told(json.loads(at.read_text()), "evidence") if at.exists() else {}


def sees_the_same(roots, deb, directory):
    """What the hardened unit finds is what one without hardening finds, down to the evidence; with each of the settings that the unit
    leaves away something else is found."""
    unit = (ROOT / "configs/deploy/systemd/preflight.service").read_text()
    units = {"plain.service": plain(unit)}
    for setting in LEFT_AWAY:
        check(setting.split("=")[0] + "=" in unit, f"the unit does not say why it has no {setting}")
        units["plain-" + setting.split("=")[0].lower() + ".service"] = plain(unit).replace("[Install]", setting + "\n[Install]")
    root = prepared(roots.new("same"), deb, {**UNITS, **units})
    (root / POLICY).rename(root / "etc/preflight/packaged.yaml")
    (root / POLICY).write_text(WIDER)
    with Machine(root, directory) as machine:
        # Another moment may have another line in the kernel's log: the report between two that are the same counts.
        for _ in range(3):
            bare, hardened, again = (judged(machine, name) for name in ("plain", "preflight", "plain"))
            if bare == again:
                break
        unlike = differences(hardened, bare)
        check(not unlike, "hardening changes what is found:", json.dumps(unlike, indent=1))
        for name in set(units) - {"plain.service"}:
            other = judged(machine, name)
            check(len(other) > 80, name, "made no report")
            check(differences(other, bare), name, "sees the same: the unit might have its setting")
        determined = sum(1 for said in bare.values() if json.loads(said)[1])
        check(determined > 80, "too little was judged to compare:", determined)
        exposure = analysed(machine, unit)
        with_the_network(machine)
    return f"{len(bare)} findings, {determined} of them determined; exposure {exposure}"


def with_the_network(machine):
    """What the page says for a policy that asks the network; without it such a rule is not determined."""
    machine.policy(GOOD.replace("checks: [", "checks: [{ check: tcp, with: { endpoints: ['127.0.0.1:1'] } }, "))
    asked = []
    for text in ("", re.search(r"^```ini\n(.*?)^```", PAGE.read_text(), re.M | re.S)[1]):
        at = pathlib.Path(f"/proc/{machine.pid}/root/etc/systemd/system/preflight.service.d")
        at.mkdir(exist_ok=True)
        (at / "override.conf").write_text(text)
        machine("systemctl", "daemon-reload")
        # It failed or not by the policy of the package; judged again it is either way.
        machine("systemctl", "start" if machine.is_("preflight") == "failed" else "reload", "preflight", status=None)
        asked += [f["determined"] for f in machine.report()["findings"] if f["rule"] == "tcp"]
    check(asked == [False, True], "asked the network:", asked)


def analysed(machine, unit):
    """systemd finds nothing wrong with the units, and little that they could leave away."""
    out = machine("systemd-analyze", "verify", "--man=yes", "preflight.service", "kubelet.service")
    check(out.strip() == "", "systemd-analyze verify says", out)
    at = pathlib.Path(f"/proc/{machine.pid}/root/etc/systemd/system/broken.service")
    at.write_text(unit.replace("Type=oneshot", "Type=onceshot"))
    out = machine("systemd-analyze", "verify", "/etc/systemd/system/broken.service", status=None)
    check("onceshot" in out, "systemd-analyze verify notices nothing:", out)
    security = ["systemd-analyze", "security", "--no-pager", f"--threshold={EXPOSURE}"]
    out = machine(*security, "preflight.service")
    machine(*security, "plain.service", status=1)
    return re.search(r"exposure level for .*: ([\d.]+)", out)[1]


# -- a whole boot ----------------------------------------------------------------------------------------------------------------
# What the machine says on its second serial line, once everything before the kubelet is done. It has no network, and therefore no
# default route: it fails by the policy of the package.
SAY = r"""#!/bin/sh
exec >/dev/ttyS1
for unit in preflight plain kubelet; do echo "$unit $(systemctl is-active $unit)"; done
for name in preflight plain; do echo "BEGIN $name"; gzip -c /run/$name/report.json | base64; echo "END $name"; done
cp /root/good.yaml /etc/preflight/policy.yaml
systemctl start kubelet
for unit in preflight kubelet; do echo "mended: $unit $(systemctl is-active $unit)"; done
sync; systemctl poweroff --force --force
"""
SAYS = ("[Unit]\nAfter=preflight.service plain.service kubelet.service\n[Service]\nType=oneshot\nExecStart=/root/say\n"
        "[Install]\nWantedBy=multi-user.target\n")
LEFT_OUT = ("usr/share/doc", "usr/share/locale", "usr/share/man", "var/cache", "var/lib/apt", "dev", "proc", "sys")


def whole_boot(root, deb, directory):
    """A machine with a kernel of its own and systemd's usual boot, with everything that the page shows in use."""
    tree = pathlib.Path(run(ROOT / "tests/vm/kernels.sh", "6.1", stderr=subprocess.DEVNULL).split()[-1])
    unit = (ROOT / "configs/deploy/systemd/preflight.service").read_text()
    units = {"plain.service": plain(unit), "says.service": SAYS, "kubelet.service": UNITS["kubelet.service"]}
    prepared(root, deb, units)
    (root / "root/good.yaml").write_text(GOOD)
    (root / "root/say").write_text(SAY)
    (root / "root/say").chmod(0o755)
    for command in shown("## Judge the node at each boot") + shown("## Keep the kubelet of a bad node from starting")[:2]:
        inside(root, "sh", "-ec", command)
    inside(root, "systemctl", "enable", "plain", "says", "kubelet")
    shutil.copytree(tree / "lib/modules", root / "lib/modules", dirs_exist_ok=True)
    (root / "init").symlink_to("lib/systemd/systemd")
    left_out = " -o ".join(f"-path './{path}/*'" for path in LEFT_OUT)
    run("sh", "-ec", f"find . \\( {left_out} \\) -prune -o -print | cpio --quiet -o -H newc >{directory}/initrd", cwd=root)
    kernel = next(tree.glob("boot/vmlinuz*"))
    # Without KVM: it is not to be had everywhere, and -cx16 as in tests/vm/boot.sh.
    run("timeout", "--kill-after=5", "180", "qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max,-cx16", "-M", "q35",
        "-m", "1536", "-smp", "1", "-display", "none", "-no-reboot", "-nic", "none", "-kernel", kernel,
        "-initrd", f"{directory}/initrd", "-append", "console=ttyS0 quiet panic=-1 rdinit=/init systemd.show_status=0",
        "-serial", f"file:{directory}/console", "-serial", f"file:{directory}/says")
    said = (directory / "says").read_text(errors="replace").replace("\r", "")
    console = (directory / "console").read_text(errors="replace")
    states = re.findall(r"^((?:mended: )?(?:preflight|kubelet) \w+)$", said, re.M)
    want = ["preflight failed", "kubelet inactive", "mended: preflight active", "mended: kubelet active"]
    check(states == want, "it says", said[:400], "and on its console", console)
    packed = dict(re.findall(r"^BEGIN (\w+)\n(.*?)^END", said, re.M | re.S))
    reports = {name: json.loads(gzip.decompress(base64.b64decode(text))) for name, text in packed.items()}
    check(reports["preflight"]["verdict"] == "fail" and reports["preflight"]["node"]["environment"] == "vm", "it is no such node")
    unlike = differences(*map(told, (reports["preflight"], reports["plain"])))
    check(not unlike, "hardening changes what is found:", json.dumps(unlike, indent=1))
    return f"{len(reports['plain']['findings'])} findings, cgroup {reports['plain']['node']['cgroup']}"


# -- all of it -------------------------------------------------------------------------------------------------------------------
def everything(file, directory):
    version = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    deb, rpm = file.parent / f"preflight_{version}-1_amd64.deb", file.parent / f"preflight-{version}-1.x86_64.rpm"
    for package in (deb, rpm):
        check(package.exists(), f"{package} is not there; make it with build/packages.py {file}")
    at = time.monotonic()
    roots = Roots(debian(), directory)
    at = step(f"a Debian {SUITE}", at)
    repeatable(file, (deb, rpm), directory)
    at = step("made again, both have the same bytes", at)
    # They take their time, and share nothing with the others.
    with concurrent.futures.ThreadPoolExecutor() as beside:
        lint = beside.submit(linted, deb, rpm, directory)
        boot = beside.submit(whole_boot, roots.new("whole"), deb, directory)
        in_roots(roots, deb, rpm, file, directory)
        at = time.monotonic()
        lint.result()
        at = step("lintian and rpmlint find nothing", at)
        said = boot.result()
    step(f"a whole boot of a bad node ends without its kubelet, and the unit sees what one without hardening sees: {said}", at)


def in_roots(roots, deb, rpm, file, directory):
    at = time.monotonic()
    life_of_deb(roots.new("deb"), deb, file, directory)
    at = step("the .deb is installed, upgraded, removed and purged", at)
    life_of_rpm(roots.new("rpm"), rpm, file, directory)
    at = step("the .rpm is installed, upgraded and erased", at)
    said = sees_the_same(roots, deb, directory)
    at = step(f"the unit sees what one without hardening sees: {said}", at)
    kubelet(roots, deb, directory)
    at = step("the kubelet of a bad node does not start, that of a good one does and stays", at)
    at_boot(roots, deb, directory)
    step("nor does it at boot", at)


def not_run(why):
    print(f"packages: NOT RUN: {why}", file=sys.stderr)
    sys.exit(77)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if os.geteuid() != 0:
        not_run("only root can make roots and start a systemd")
    missing = {package for tool, package in TOOLS.items() if not shutil.which(tool)}
    if missing:
        not_run(f"missing, by packages of Debian: {' '.join(sorted(missing))}")
    if os.environ.get("PREFLIGHT_PACKAGES_INSIDE") != "1":
        namespace = ["unshare", "--mount", "--propagation", "private"]
        os.execvpe("unshare", [*namespace, sys.executable, *sys.argv], {**os.environ, "PREFLIGHT_PACKAGES_INSIDE": "1"})
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    directory = pathlib.Path(tempfile.mkdtemp(prefix="preflight-packages-"))
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", directory)
    try:
        everything(pathlib.Path(sys.argv[1]).resolve(), directory)
    except Wrong as why:
        print(f"packages: WRONG: {why}", file=sys.stderr)
        sys.exit(1)
    finally:
        run("umount", "--recursive", "--lazy", directory, status=None)
        directory.rmdir()


main()
