"""configs/deploy/packer: an image that is fit and many that are not, by the script and by Packer itself.

The image is made up, but for its kernel's configuration, which is that of a captured node (tests/nodes): Debian's 6.1.
"""
import json
import os
import pathlib
import re
import shutil
import tarfile
import tempfile

from boots import BROKEN, NAME, OVERLAY, namespaces
from common import DEPLOY, NotRun, ROOT, hold, noticed, run, script, tool

FILES = DEPLOY / "packer"
KERNEL = "6.1.0-56-amd64"
CONFIG = f"debian-{KERNEL}/v2/root/boot/config-{KERNEL}"
MODULES = {"overlay": "fs/overlayfs/overlay.ko", "nf_conntrack": "net/netfilter/nf_conntrack.ko",
           "br_netfilter": "net/bridge/br_netfilter.ko", "veth": "drivers/net/veth.ko"}
PACKAGES = {"kubelet": "1.36.1-1.1", "kubeadm": "1.36.1-1.1"}


def configuration():
    """That of the kernel."""
    with tarfile.open(ROOT / "tests" / "nodes" / "captures.tar.gz") as captures:
        return captures.extractfile(CONFIG).read().decode()


def put(root, path, text="", mode=0o644):
    """A file of the image."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(mode)


def kernel(root, release, config):
    """A kernel with its modules."""
    at = f"/usr/lib/modules/{release}"
    put(root, f"/boot/config-{release}", config)
    put(root, f"{at}/modules.dep", "".join(f"kernel/{file}:\n" for file in MODULES.values()))
    put(root, f"{at}/modules.builtin")
    for file in MODULES.values():
        put(root, f"{at}/kernel/{file}", "\x7fELF")


def image(root, config):
    """A small one that is fit."""
    for directory in ("proc", "sys", "dev", "run", "tmp", "etc/cni/net.d"):
        (root / directory).mkdir(parents=True)
    kernel(root, KERNEL, config)
    os.symlink("usr/lib", root / "lib")
    put(root, "/etc/os-release", "ID=debian\nVERSION_ID=12\n")
    put(root, "/etc/fstab", "# swap was here\nUUID=1 / ext4 defaults 0 1\n")
    put(root, "/etc/machine-id")
    put(root, "/etc/default/grub", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    put(root, "/etc/modules-load.d/k8s.conf", "overlay\nbr_netfilter\n")
    put(root, "/etc/sysctl.d/k8s.conf", "net.bridge.bridge-nf-call-iptables = 1\nnet.ipv4.ip_forward = 1\n")
    put(root, "/usr/lib/systemd/systemd", mode=0o755)
    for name in ("mount", "losetup", "cp", "conntrack", "kubeadm", "kubelet", "containerd"):
        put(root, f"/usr/bin/{name}", mode=0o755)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    for name in ("kubelet", "containerd"):
        unit = f"[Service]\nExecStart=/usr/bin/{name}\n[Install]\nWantedBy=multi-user.target\n"
        put(root, f"/usr/lib/systemd/system/{name}.service", unit)
        os.symlink(f"/usr/lib/systemd/system/{name}.service", wants / f"{name}.service")
    status = ""
    for name, version in PACKAGES.items():
        status += f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"
        put(root, f"/var/lib/dpkg/info/{name}.list", f"/.\n/usr\n/usr/bin\n/usr/bin/{name}\n")
    put(root, "/var/lib/dpkg/status", status)


# What is wrong with an image, how it comes about, and the findings that fail then (a whole id each).
WRONGS = {
    "a module is missing": (
        lambda root: (root / f"usr/lib/modules/{KERNEL}/kernel/{MODULES['overlay']}").unlink(), ["kernel-modules/overlay"]),
    "a module is forbidden at boot": (
        lambda root: put(root, "/etc/default/grub", "GRUB_CMDLINE_LINUX='quiet module_blacklist=nf_conntrack'\n"),
        ["kernel-modules/nf_conntrack"]),
    "the kernel has no configuration": (lambda root: (root / f"boot/config-{KERNEL}").unlink(), ["kernel-config"]),
    "a second kernel has neither configuration nor modules": (
        lambda root: put(root, "/usr/lib/modules/6.1.0-57-amd64/modules.dep"), ["kernel-config", "kernel-modules/overlay"]),
    "fstab has swap": (lambda root: put(root, "/etc/fstab", "/swap.img\tnone\tswap\tsw\t0 0\n"), ["fstab//etc/fstab"]),
    "conntrack is missing": (lambda root: (root / "usr/bin/conntrack").unlink(), ["executables/conntrack"]),
    "nothing is forwarded": (
        lambda root: put(root, "/etc/sysctl.d/k8s.conf", "# net.ipv4.ip_forward = 1\n"),
        ["parameters-at-boot//etc/sysctl.d/k8s.conf"]),
    "the runtime does not start": (
        lambda root: (root / "etc/systemd/system/multi-user.target.wants/containerd.service").unlink(), ["services/containerd"]),
    "the kubelet is of no package": (lambda root: put(root, "/var/lib/dpkg/status"), ["kubelet/version"]),
    "it was part of a cluster": (
        lambda root: put(root, "/etc/kubernetes/kubelet.conf", "x"), ["joined//etc/kubernetes/kubelet.conf"]),
    "it has a machine-id": (lambda root: put(root, "/etc/machine-id", 32 * "a"), ["identity-of-its-own//etc/machine-id"]),
}


def judge(preflight, root, *options, **env):
    """Exit status and what was said."""
    return run("sh", FILES / "judge-image", root, *options, env={"PREFLIGHT": str(preflight), **env})


def failures(preflight, root):
    """Exit status, and the ids of what fails."""
    with tempfile.TemporaryDirectory() as directory:
        report = pathlib.Path(directory) / "report.json"
        status, said = judge(preflight, root, "--output", f"json={report}")
        hold(report.exists(), f"there is no report: {said}")
        found = json.loads(report.read_text())["findings"]
    return status, [f["id"] for f in found if f["verdict"] == "fail"], found


def tree(root):
    """All that is there, with its time."""
    return sorted((str(path.relative_to(root)), path.lstat().st_mtime_ns) for path in root.rglob("*"))


def by_script(preflight, make):
    """The fit image, those that are not, and what can't be judged."""
    root = make()
    before = tree(root)
    status, failed, found = failures(preflight, root)
    hold((status, failed) == (0, []), f"the fit image fails: {failed}")
    unknown = [finding["id"] for finding in found if not finding["determined"]]
    hold(not unknown, f"this is asked, and no image can tell: {unknown}")
    hold(tree(root) == before, "something was written into the image")

    for name, (change, wanted) in WRONGS.items():
        root = make()
        change(root)
        status, failed, _ = failures(preflight, root)
        hold((status, failed) == (1, wanted), f"{name}: it ends with {status}, and what fails is {failed}, not {wanted}")

    def ends(wanted, says, root, *options, **env):
        status, said = judge(preflight, root, *options, **env)
        hold(status == wanted and says in said, f"{says}: it ends with {status}, not {wanted}: {said}")

    root = make()
    ends(2, "nonsense", root, "--nonsense")
    ends(4, "NOT JUDGED", root, PREFLIGHT="/none")
    with tempfile.TemporaryDirectory() as directory:
        policy = pathlib.Path(directory) / "policy.yaml"
        policy.write_text(BROKEN)
        ends(3, "kernel-versoin", root, PREFLIGHT_CONFIG=str(policy))
        ends(4, "NOT JUDGED", root, PREFLIGHT=str(script(pathlib.Path(directory) / "killed", "#!/bin/sh\nkill -9 $$\n")))
    # A link of the whole /lib out of the image is not followed to this machine's kernels.
    os.unlink(root / "lib")
    os.symlink("/usr/lib", root / "lib")
    ends(0, KERNEL, root)
    shutil.rmtree(root / "usr/lib/modules")
    ends(4, "there is no kernel", root)
    (root / "proc").rmdir()
    ends(4, "no image of a machine", root)
    # Not one of these ends, a killed preflight included, left its view behind.
    views = [name for name in os.listdir("/tmp") if name.startswith("judge-image.")]
    hold(not views, f"views are left: {views}")


def by_packer(preflight, make):
    """The templates, as Packer reads them, and a build that judges."""
    program = tool("packer", "usr/bin/packer")
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "CHECKPOINT_DISABLE": "1", "PACKER_NO_COLOR": "1"}
        pack = lambda *words: run(program, *words, env=env, cwd=FILES)
        fit, unfit = make(), make()
        WRONGS["fstab has swap"][0](unfit)
        machine = ["-var", "host=192.0.2.1", "-var", f"preflight={preflight}", "machine.pkr.hcl"]
        hold(f"/{NAME}\"" in (FILES / "machine.pkr.hcl").read_text(), f"machine.pkr.hcl does not take {NAME}")
        for words in (["fmt", "-check", "."], ["validate", *machine], ["validate", "-var", f"root={fit}", "unpacked.pkr.hcl"]):
            status, said = pack(*words)
            hold(status == 0, f"packer {words[0]}: {said}")
        status, said = pack("validate", *machine[:-1], "-var", "nonsense=1", machine[-1])
        hold(status != 0, "packer validate takes anything")
        for root, wanted in ((fit, 0), (unfit, 1)):
            status, said = pack("build", "-var", f"root={root}", "-var", f"preflight={preflight}", "unpacked.pkr.hcl")
            hold(status == wanted and ("FAIL  fstab" in said) == bool(wanted),
                 f"packer build ends with {status}, not {wanted}: {said}")


def on_the_machine(preflight, make):
    """The last provisioner of machine.pkr.hcl, on a machine whose files are this one's and, on top, the image's."""
    [inline] = re.findall(r"inline = \[\n(.*?)\n *\]", (FILES / "machine.pkr.hcl").read_text(), re.S)
    inline = inline.replace("${basename(var.preflight)}", preflight.name)
    lines = [json.loads(line.strip().rstrip(",")) for line in inline.splitlines()]
    words, unfit = namespaces(), make()
    WRONGS["a module is missing"][0](unfit)
    for root, wanted in ((make(), 0), (unfit, 1)):
        with tempfile.TemporaryDirectory() as directory:
            at = pathlib.Path(directory)
            # What Packer's file provisioner does; what of this machine is no image's goes first.
            (at / "stage").write_text(f"""{OVERLAY}
rm -rf usr/lib/modules etc/ssh/ssh_host_* etc/kubernetes etc/cni etc/machine-id etc/fstab boot/* var/lib/dpkg/info
mount -t tmpfs tmpfs tmp
mount -t proc proc proc
(cd {root} && tar -c --exclude=./lib --exclude=./proc --exclude=./sys --exclude=./dev --exclude=./tmp \\
    --exclude=./usr/bin/cp --exclude=./usr/bin/mount .) | tar -x
cp {preflight} {FILES}/judge-image {FILES}/image.yaml tmp/
cp {at}/inline tmp/
status=0
chroot . sh /tmp/inline || status=$?
ls tmp
exit $status
""")
            (at / "inline").write_text("\n".join(lines) + "\n")
            status, said = run(*words, "bash", at / "stage")
        hold(status == wanted and f"its kernel {KERNEL}" in said, f"on the machine it ends with {status}, not {wanted}: {said}")
        hold(said.splitlines()[-1] == "inline", f"something stays in the image's /tmp: {said}")


def test(preflight):
    """All of it."""
    if os.geteuid() != 0:
        raise NotRun("only root can mount")
    with tempfile.TemporaryDirectory() as directory:
        config, count = configuration(), iter(range(1000))

        def make(name="an image"):
            root = pathlib.Path(directory) / f"{name}{next(count)}"
            image(root, config)
            return root

        by_script(preflight, make)
        noticed("the image has no overlay, and that counts", broken_image_is_fit, preflight, make)
        by_packer(preflight, make)
        on_the_machine(preflight, lambda: make("image"))
    return ["a fit image passes, nothing of it unknown", f"{len(WRONGS)} that are not are caught", "Packer builds or stops",
            "the machine itself is judged by its files"]


def broken_image_is_fit(preflight, make):
    """What has to fail: an image that lacks a module, taken for a fit one."""
    root = make()
    WRONGS["a module is missing"][0](root)
    hold(failures(preflight, root)[0] == 0, "it is not fit")
