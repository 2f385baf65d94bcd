#!/usr/bin/env python3
"""Judges the image of containers, and runs it as configs/deploy/kubernetes says, beside the same program outside.

    tests/deploy/image.py PROGRAM        PROGRAM as `make dist` leaves it, with PROGRAM.oci.tar beside it

The archive is made twice more, elsewhere, and has to have the same bytes; skopeo, umoci and containerd have to take it. Then
the container runs under runc with what the manifests give it: the host's / at /host, read-only; two capabilities; seccomp. Its
verdicts have to be those of the program outside, and nothing may be written below /host. Exit status: 0 everything is right, 1
something is not, 77 it could not be run (never a success). It needs root, Python 3.9 and what kubernetes-tools.sh fetches.
"""

import copy
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time

# The modules lie beside this file, and shall leave nothing there.
sys.dont_write_bytecode = True

import kubernetes_pod as kubernetes
from kubernetes_pod import NotRun, ROOT

NEEDED = {"skopeo": "skopeo", "umoci": "umoci", "runc": "runc", "busybox": "busybox-static", "unshare": "util-linux",
          "ctr": "containerd"}
POLICY = kubernetes.MANIFESTS / "common/policy.yaml"
# All that may be in the image.
CONTENT = ["host", "preflight", "usr", "usr/share", "usr/share/doc", "usr/share/doc/preflight",
           "usr/share/doc/preflight/LICENSE-APACHE", "usr/share/doc/preflight/LICENSE-MIT",
           "usr/share/doc/preflight/preflight.cdx.json"]
# All capabilities, by their number (linux/capability.h).
ALL = """CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE
NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT
SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG
WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE""".split()
wrong = []


def check(good, what):
    if not good:
        wrong.append(what)
        print(f"image: WRONG: {what}", file=sys.stderr)


def said(*command, **more):
    """What a command prints; it has to succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)
    if done.returncode != 0:
        raise ValueError(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def archive(program, work):
    """Whether it is the same again, and what others make of it: the version."""
    image = program.with_name(program.name + ".oci.tar")
    environment = {"PATH": os.environ["PATH"], "TZ": "Pacific/Kiritimati", "LC_ALL": "C"}
    for name in ("HOME", "SOURCE_DATE_EPOCH", "PYENV_VERSION", "PYENV_ROOT"):
        if name in os.environ:
            environment[name] = os.environ[name]
    again = work / "again"
    with open(again, "wb") as out:
        subprocess.run([str(ROOT / "build/image.py"), str(program)], stdout=out, check=True, cwd="/", env=environment, umask=0o077)
    check(again.read_bytes() == image.read_bytes(), f"{image.name} made again has other bytes, or the source is another one by now: make dist")
    other = subprocess.run([str(ROOT / "build/image.py"), str(program)], stdout=subprocess.PIPE, check=True,
                           env={**environment, "SOURCE_DATE_EPOCH": "86400"}).stdout
    check(other != image.read_bytes(), "SOURCE_DATE_EPOCH changes nothing")

    config = json.loads(said("skopeo", "inspect", "--config", f"oci-archive:{image}"))
    labels, run = config["config"]["Labels"], config["config"]
    version = labels["org.opencontainers.image.version"]
    check((run["Entrypoint"], run["Cmd"], run["User"]) == (["/preflight"], ["--root", "/host"], "0:0"), f"it runs {run}")
    for name in ("title", "description", "licenses", "created"):
        check(labels.get(f"org.opencontainers.image.{name}"), f"there is no label {name}")
    check(said(program, "--version").startswith(f"preflight {version} "), f"the program is not {version}")
    # It reads every blob, and compares the digests.
    said("skopeo", "copy", "--quiet", f"oci-archive:{image}", f"dir:{work}/copied")
    broken = work / "broken.oci.tar"
    broken.write_bytes(image.read_bytes().replace(b"ELF", b"ELV", 1))
    try:
        said("skopeo", "copy", "--quiet", f"oci-archive:{broken}", f"dir:{work}/copied-broken")
        check(False, "skopeo takes an image with other bytes in it, so its word counts for nothing")
    except ValueError:
        pass

    layout = work / "layout"
    with tarfile.open(image) as tar:
        tar.extractall(layout)
    said("umoci", "unpack", "--image", f"{layout}:{version}", work / "bundle")
    (work / "bundle/image.json").write_text(json.dumps(config))
    rootfs = work / "bundle/rootfs"
    found = sorted(str(path.relative_to(rootfs)) for path in rootfs.rglob("*"))
    check(found == CONTENT, f"in it are {found}")
    check((rootfs / "preflight").read_bytes() == program.read_bytes(), "the program in it is another one")
    check((rootfs / "preflight").stat().st_mode & 0o7777 == 0o755, "the program in it can't be executed by all, or be written")
    imported(image, version, work)
    print(f"image: {image.name}: the same bytes again; skopeo, umoci and containerd take it; no shell, {len(found)} entries")
    return version


def imported(image, version, work):
    """Whether containerd, which brings images to a kubelet, takes it under the name that the manifests ask for."""
    config, at = work / "containerd.toml", work / "containerd"
    config.write_text(f'version = 2\nroot = "{at}/root"\nstate = "{at}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                      f'[grpc]\n  address = "{at}/socket"\n[plugins."io.containerd.internal.v1.opt"]\n  path = "{at}/opt"\n')
    with open(work / "containerd.log", "wb") as log:
        daemon = subprocess.Popen(["containerd", "--config", str(config)], stdout=log, stderr=log)
    try:
        ctr = ["ctr", "--address", f"{at}/socket", "--namespace", "k8s.io", "images"]
        for _ in range(300):
            if (at / "socket").exists() or daemon.poll() is not None:
                break
            time.sleep(0.1)
        said(*ctr, "import", "--no-unpack", image)
        names = said(*ctr, "list", "--quiet").split()
        check(names == [f"localhost/preflight:{version}"], f"containerd calls it {names}")
        wanted = kubernetes.judge(kubernetes.deployed_pod())["image"]
        check(wanted in names, f"the manifests want {wanted}")
    finally:
        daemon.terminate()
        daemon.wait(30)


class Scene:
    """A host of its own (namespaces, with a process 1, a name, a network), in which the pod runs."""

    def __init__(self, program, work):
        self.program, self.work, self.runs = program, work, 0
        self.pod = kubernetes.deployed_pod()
        self.policy = work / "policy"
        self.policy.mkdir()
        shutil.copy(POLICY, self.policy)
        self.words = work / "last-words"
        # A file that only its owner may read, who is not root, and a file system below / that can be written.
        (self.policy / "secret.yaml").write_text(
            "apiVersion: preflight/v1\nkind: Policy\nmetadata: {name: secret}\nchecks:\n"
            f"  - check: files\n    with: {{paths: [{{path: {work}/mounted/secret, contains: x}}, "
            f"{{path: {work}/mounted/closed/inner, state: present}}]}}\n")
        self.mounted = work / "mounted"

    def set_up(self):
        said("ip", "link", "set", "lo", "up")
        said("hostname", "pf-scene")
        pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1\n")
        self.mounted.mkdir()
        said("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.mounted)
        closed = self.mounted / "closed"
        closed.mkdir()
        for path in (closed / "inner", self.mounted / "secret"):
            path.write_text("x")
            path.chmod(0o400)
            os.chown(path, 65534, 65534)
        os.chown(closed, 65534, 65534)
        closed.chmod(0o700)

    def outside(self, *more):
        """The report of the program on the host, asked the same."""
        arguments = [word.replace("/host", "/").replace("/etc/preflight", str(self.policy)) for word in self.arguments()]
        return self.report([str(self.program), *arguments, *more])

    def arguments(self):
        """Of the container, but for where its last words go."""
        return [word for word in kubernetes.judge(self.pod)["args"] if "node-condition" not in word]

    @staticmethod
    def report(command):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise ValueError(f"{' '.join(command)}: {done.returncode}: {done.stderr.strip()}")
        check(done.stdout.count("\n") == 1, f"the report is {done.stdout.count(chr(10))} lines")
        return done.returncode, json.loads(done.stdout)

    def run(self, change=None, command=None):
        """Runs the container, and says how it ended and what it printed. `change` gets the pod and its container first."""
        pod = copy.deepcopy(self.pod)
        container = kubernetes.judge(pod)
        if change:
            change(pod, container)
        self.words.write_text("")
        self.words.chmod(0o666)
        bundle = self.work / "bundle"
        pristine = self.work / "config.json"
        if not pristine.exists():
            shutil.copy(bundle / "config.json", pristine)
        shutil.copy(pristine, bundle / "config.json")
        config = kubernetes.runtime_config(bundle, pod, container, self.policy, self.words)
        if command:
            config["process"]["args"] = command
            busybox = {"destination": "/busybox", "type": "bind", "source": shutil.which("busybox")}
            config["mounts"].append({**busybox, "options": ["bind", "ro"]})
        self.runs += 1
        name = f"{self.work.name}-{self.runs}"
        config["linux"]["cgroupsPath"] = f"/{name}"
        (bundle / "config.json").write_text(json.dumps(config))
        runc = ["runc", "--root", str(self.work / "runc"), "run", "--bundle", str(bundle), name]
        return subprocess.run(runc, capture_output=True, text=True, check=False)

    def inside(self, change=None):
        done = self.run(change)
        if done.returncode not in (0, 1) or not done.stdout:
            raise ValueError(f"the container ended with {done.returncode}: {done.stderr.strip()}")
        return done.returncode, json.loads(done.stdout)


def verdicts(report):
    return {one["id"]: (one["verdict"], one["determined"], one["reason"]) for one in report["findings"]}


def differences(left, right):
    left, right = verdicts(left), verdicts(right)
    return {key: (left.get(key), right.get(key)) for key in sorted({*left, *right}) if left.get(key) != right.get(key)}


def same(scene):
    """The pod says what the program says outside. What changes by itself meanwhile (pressure) is asked again."""
    for _ in range(5):
        status, before = scene.outside()
        ended, report = scene.inside()
        words = scene.words.read_text()
        _, after = scene.outside()
        if not differences(before, after):
            break
    found = differences(before, report)
    check(not found, f"the container says something else than the program outside: {found}")
    check(status == ended, f"it ends with {ended}, and outside with {status}")
    check(len(report["findings"]) > 100, f"only {len(report['findings'])} findings")
    check(report["node"]["hostname"] == "pf-scene", f"the node is called {report['node']['hostname']}")
    check(len(words) <= 4096, "its last words are too long for Kubernetes")
    condition = json.loads(words)
    agrees = condition["type"] == "PreflightPassed" and (condition["status"] == "False") == (ended == 1)
    check(agrees, f"its last words: {condition}")
    # All that is unknown because a tree was asked is expected by the policy, and none of it is a pass.
    for one in report["findings"]:
        only_live = any("can be asked on the live machine only" in text for text in [one["message"], *one["notes"]])
        check(one["determined"] or not only_live or one["verdict"] == "skip", f"policy.yaml does not expect {one['id']}")
    arguments = [word for word in scene.arguments() if "--root" not in word and "--config" not in word]
    live = scene.report([str(scene.program), *arguments, f"--config={scene.policy}/policy.yaml"])[1]
    known = {key for key, (_, determined, _) in verdicts(live).items() if determined}
    lost = {one["rule"] for one in report["findings"] if not one["determined"] and one["id"] in known}
    page = (ROOT / "docs/kubernetes.md").read_text()
    for rule in lost:
        check(f"| `{rule}`" in page, f"docs/kubernetes.md does not say that `{rule}` can't be judged in a pod")
    print(f"image: {len(report['findings'])} findings inside as outside; not judged in a pod: {', '.join(sorted(lost))}")


def needed(scene):
    """Each of the things that the manifests give is missed where it is taken away; nothing that is not given would add anything."""
    _, whole = scene.inside()

    def unlike(change):
        """What differs when this is changed; how busy and how full the machine is differs by itself."""
        found = differences(whole, scene.inside(change)[1])
        by_itself = differences(whole, scene.inside()[1])
        return {key: value for key, value in found.items() if key not in by_itself and not key.startswith("pressure/")}

    def without(name):
        return lambda pod, container: container["securityContext"]["capabilities"]["add"].remove(name)

    def own_network(pod, container):
        pod["hostNetwork"] = False

    def secret(change):
        def asked(pod, container):
            container["args"] = ["--root=/host", "--config=/etc/preflight/secret.yaml", "--output=ndjson"]
            if change:
                change(pod, container)
        return verdicts(scene.inside(asked)[1])

    found = unlike(own_network)
    check("sysctl-forwarding/net.ipv4.ip_forward" in found, f"without hostNetwork nothing of the network differs: {found}")
    found = unlike(without("SYS_PTRACE"))
    check("proxy/environment" in found, f"without SYS_PTRACE nothing is missing: {found}")
    lost = [key for key, (_, after) in found.items() if after and after[1]]
    check(not lost, f"without SYS_PTRACE something else is said, and not that it is unknown: {lost}")
    with_it, without_it = secret(None), secret(without("DAC_READ_SEARCH"))
    check(all(one[1] for one in with_it.values()), f"with DAC_READ_SEARCH something is unknown: {with_it}")
    check(any(not one[1] for one in without_it.values()), f"without DAC_READ_SEARCH nothing is missing: {without_it}")

    def privileged(pod, container):
        mask = int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("CapPrm")), 16)
        container["securityContext"]["capabilities"]["add"] = [name for bit, name in enumerate(ALL) if mask >> bit & 1]
        container["securityContext"]["allowPrivilegeEscalation"] = True

    found = unlike(privileged)
    check(not found, f"with all capabilities it says something else: {found}")
    print("image: hostNetwork, SYS_PTRACE and DAC_READ_SEARCH are needed, and no other capability adds anything")


def sealed(scene):
    """A second process in the same container can write nothing below /host, neither on / nor on what is mounted below it."""
    places = [f"/host{scene.work}/x", f"/host{scene.mounted}/x", "/host/dev/shm/pf-image-x", "/host/proc/sys/kernel/hostname", "/x"]
    script = "; ".join(f"(echo x >{place}) 2>/dev/null && echo wrote {place}" for place in places) + "; /busybox id -u"
    shell = ["/busybox", "sh", "-c", script]
    done = scene.run(command=shell)
    check(done.stdout == "0\n", f"in the container can be written: {done.stdout}{done.stderr}")
    # That this test can fail: what each of the two settings prevents.

    def flat(pod, container):
        container["volumeMounts"][0].pop("recursiveReadOnly")

    def writable(pod, container):
        flat(pod, container)
        container["volumeMounts"][0]["readOnly"] = False

    done = scene.run(flat, shell)
    could = f"wrote /host{scene.mounted}/x" in done.stdout
    check(could, f"without recursiveReadOnly nothing can be written: {done.stdout}{done.stderr}")
    check(f"wrote /host{scene.work}/x" not in done.stdout, "readOnly does not hold for / itself")
    done = scene.run(writable, shell)
    check(f"wrote /host{scene.work}/x" in done.stdout, f"without readOnly nothing can be written: {done.stdout}{done.stderr}")
    pathlib.Path("/dev/shm/pf-image-x").unlink(missing_ok=True)
    check(scene.run(command=["/bin/sh"]).returncode != 0, "there is a shell in the image")
    print("image: nothing below /host can be written; without recursiveReadOnly what is mounted below it could")


def inside_scene(program, work):
    scene = Scene(program, work)
    scene.set_up()
    same(scene)
    needed(scene)
    sealed(scene)


def run(program, work):
    for command, package in NEEDED.items():
        if not shutil.which(command):
            raise NotRun(f"{command} is missing (Debian: {package})")
    if os.geteuid() != 0:
        raise NotRun("it needs root")
    if not kubernetes.SECCOMP.exists():
        raise NotRun(f"{kubernetes.SECCOMP} is missing (Debian: golang-github-containers-common)")
    for file in (program, program.with_name(program.name + ".oci.tar")):
        if not file.exists():
            raise NotRun(f"{file} is not there; make it with `make dist`")
    kubernetes.tools()
    archive(program, work)
    namespaces = ["unshare", "--mount", "--propagation=private", "--net", "--uts", "--pid", "--fork", "--kill-child"]
    namespaces.append("--mount-proc")
    if subprocess.run([*namespaces, "true"], check=False).returncode != 0:
        raise NotRun("no namespaces to be had")
    try:
        done = subprocess.run([*namespaces, sys.executable, __file__, "--inside", str(program), str(work)], check=False)
    finally:
        # What a container leaves that was killed with its scene.
        for pattern in (f"{work.name}-*", f"*/{work.name}-*"):
            for left in pathlib.Path("/sys/fs/cgroup").glob(pattern):
                left.rmdir()
    return 1 if done.returncode or wrong else 0


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if sys.argv[1:2] == ["--inside"]:
        try:
            inside_scene(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
        except ValueError as error:
            check(False, str(error))
        return 1 if wrong else 0
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        with tempfile.TemporaryDirectory(prefix="pf-image-") as work:
            try:
                status = run(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(work))
            except ValueError as error:
                check(False, str(error))
                status = 1
    except NotRun as reason:
        print(f"image: NOT RUN: {reason}", file=sys.stderr)
        return 1 if os.environ.get("PREFLIGHT_REQUIRE_LIVE") else 77
    print("image: all is well" if status == 0 else "image: something is WRONG, see above")
    return status


if __name__ == "__main__":
    sys.exit(main())
