"""docs/bootstrap.md: what it shows is in the files, and its commands work, on a machine of their own."""
import os
import pathlib
import re
import shutil
import tempfile

from boots import OVERLAY, PASSES, namespaces
from common import ROOT, TOOLS, hold, noticed, run, script, tool
from packer import configuration, image

PAGE = ROOT / "docs" / "bootstrap.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
LINK = re.compile(r"\]\(\.\./(configs/deploy/[^)]+)\)")
JOIN = """apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken: { apiServerEndpoint: "10.0.0.1:6443", token: abcdef.0123456789abcdef, unsafeSkipCAVerification: true }
"""


def blocks(page):
    """The language and text of each block, and the file that was linked last before it, in its section."""
    for found in FENCE.finditer(page):
        section = page[page.rfind("\n## ", 0, found.start()):found.start()]
        files = LINK.findall(section)
        yield found.group(1), found.group(2), [ROOT / name for name in files]


def dedented(text):
    """Lines without the blanks at their beginning: a script inside YAML stands further right than on the page."""
    return "\n".join(line.lstrip() for line in text.splitlines())


def shown(page):
    """Each link leads to a file, each block that is no command is a part of a file that its section links."""
    links = LINK.findall(page)
    for name in links:
        hold((ROOT / name).exists(), f"the page links {name}, which is not there")
    parts = 0
    for language, text, files in blocks(page):
        lines = text.strip().splitlines()
        if language == "sh" and not re.match(r"\w+=", lines[0]):
            continue
        contents = [file.read_text() for file in files if file.is_file()]
        inside = any(text in content or dedented(text) in dedented(content) for content in contents)
        hold(inside, f"this block of the page is in none of {[file.name for file in files]}:\n{text}")
        parts += 1
    return parts


def commands(page):
    """The lines of all blocks with commands."""
    lines = [line for language, text, _ in blocks(page) if language == "sh" for line in text.splitlines()]
    return [line for line in lines if not re.match(r"\w+=", line)]


def machine(preflight, lines):
    """Runs them, as root on a machine whose files are this one's; nothing of it stays. Gives what the fakes were told."""
    with tempfile.TemporaryDirectory() as directory:
        at = pathlib.Path(directory)
        for name in ("systemctl", "kubeadm"):
            script(at / "bin" / name, f'#!/bin/sh\necho "{name} $*" >>/tmp/stage/told\n')
        packages = TOOLS / "cloud-init" / "usr" / "lib" / "python3" / "dist-packages"
        environment = f"PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={packages}"
        script(at / "bin" / "cloud-init", f'#!/bin/sh\n{environment} exec /usr/bin/python3 -m cloudinit.cmd.main "$@"\n')
        os.symlink(tool("packer", "usr/bin/packer"), at / "bin" / "packer")
        shutil.copy(preflight, at / "bin" / "preflight")
        image(at / "image", configuration())
        (at / "policy.yaml").write_text(PASSES)
        (at / "lines").write_text("set -ex\ncd /tmp/stage/here\n" + "\n".join(lines) + "\n")
        (at / "here").mkdir()
        (at / "here" / "join.yaml").write_text(JOIN)
        os.symlink(ROOT / "configs", at / "here" / "configs")
        (at / "start").write_text(f"""{OVERLAY}
mkdir -p ./{ROOT} mnt/image
mount --rbind {ROOT} ./{ROOT}
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs tmpfs tmp
mkdir tmp/stage
mount --bind {at} tmp/stage
mount --bind {at}/image mnt/image
export PATH=/tmp/stage/bin:$PATH HOME=/tmp CHECKPOINT_DISABLE=1
PREFLIGHT_CONFIG=/tmp/stage/policy.yaml chroot . sh /tmp/stage/lines
for file in etc/systemd/system/preflight-metrics.service etc/systemd/system/preflight-metrics.timer \\
    usr/local/sbin/kubeadm-preflight var/lib/node_exporter/textfile_collector; do
    test -e "$file" || {{ echo "$file was not installed"; exit 1; }}
done
""")
        status, said = run(*namespaces(), "bash", at / "start")
        hold(status == 0, f"the commands of the page fail: {said}")
        return (at / "told").read_text().splitlines()


def works(preflight, page):
    """The commands do what the page says."""
    told = machine(preflight, commands(page))
    wanted = ["kubeadm join --config join.yaml --ignore-preflight-errors=NumCPU,Mem"]
    wanted += ["systemctl enable --now preflight-metrics.timer"]
    hold(told == wanted, f"what was called: {told}")


def test(preflight):
    """All of it."""
    page = PAGE.read_text()
    parts = shown(page)
    other = page.replace("/etc/kubernetes/join.yaml || exit", "/etc/kubernetes/join.yaml")
    noticed("the page shows something that the file does not say", shown, other)
    works(preflight, page)
    noticed("the page has a command that fails", works, preflight, page.replace("judge-image /mnt/image", "judge-image /mnt/none"))
    return [f"{parts} blocks of the page are in the files", f"{len(commands(page))} commands of it work"]
