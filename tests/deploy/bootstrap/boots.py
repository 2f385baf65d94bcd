"""First boots with cloud-init: what scene.sh needs, and what came of it."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile

import yaml

from common import NotRun, ROOT, TOOLS, hold, run, script, tool

HERE = pathlib.Path(__file__).resolve().parent
# The file as `make dist` calls it: the version in what is deployed is that of this source.
VERSION = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
NAME = f"preflight-{VERSION}-x86_64-linux"
ZEROS = "sha256=" + 64 * "0"

# Policies that any machine passes, and none.
PASSES = """apiVersion: preflight/v1
kind: Policy
metadata: { name: passes }
checks:
  - check: kernel-version
    with: { requires: ">=3.10" }
"""
FAILS = PASSES.replace("3.10", "99").replace("passes", "fails")
BROKEN = PASSES.replace("kernel-version", "kernel-versoin")

# The root of a machine whose files are this one's: what is written reaches nobody, and is gone with the mount namespace.
OVERLAY = """set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root"""


def namespaces():
    """The command that starts the first process of a machine of its own."""
    words = ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--propagation", "private"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]
    status, said = run(*words, "sh", "-c", OVERLAY)
    if status != 0:
        raise NotRun(f"no machine of its own to be had (namespaces and an overlay of /); run it as root: {said.strip()}")
    return words


def certificate(at):
    """A key and a certificate of downloads.example.com in one file."""
    status, said = run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                       "-subj", "/CN=downloads.example.com", "-addext", "subjectAltName=DNS:downloads.example.com",
                       "-keyout", at / "key", "-out", at / "cert")
    hold(status == 0, f"openssl makes no certificate: {said}")
    return (at / "key").read_text() + (at / "cert").read_text()


class Boot:
    """A first boot with this user-data, and what came of it."""

    def __init__(self, words, pem, user_data, served):
        tool("cloud-init", "usr/lib/python3/dist-packages/cloudinit/cmd/main.py")
        with tempfile.TemporaryDirectory(prefix="preflight-boot-") as directory:
            at = pathlib.Path(directory)
            (at / "user-data").write_text(user_data)
            (at / "meta-data").write_text("instance-id: i-1\nlocal-hostname: node-1\n")
            (at / "tls.pem").write_text(pem)
            for name in ("out", "www", "bin", "cloud-init"):
                (at / name).mkdir()
            if served is not None:
                (at / "www" / NAME).write_bytes(served)
            shutil.copytree(TOOLS / "cloud-init" / "usr" / "lib", at / "cloud-init" / "usr" / "lib", symlinks=True)
            script(at / "bin" / "kubeadm", "#!/bin/sh\necho \"$*\" >>/tmp/scene/out/called\n")
            status, said = run(*words, "bash", HERE / "scene.sh", at)
            hold(status == 0, f"the scene broke down: {said}\n{self.text(at, 'log')}")
            self.log, self.files = self.text(at, "log"), self.text(at, "files").split()
            self.status, self.called = self.text(at, "status"), self.text(at, "called").splitlines()
            self.stages = json.loads(self.text(at, "status.json") or "{}").get("v1", {})

    @staticmethod
    def text(at, name):
        """What the scene left under this name."""
        file = at / "out" / name
        return file.read_text() if file.exists() else ""

    def joined(self, command):
        """kubeadm was called so, once, and cloud-init is content."""
        hold(self.called == [command], f"kubeadm was called as {self.called}, not as {command!r}:\n{self.log}")
        hold("status: done" in self.status and "exit: 0" in self.status, f"cloud-init says:\n{self.status}\n{self.log}")
        hold("var/log/preflight.json" in self.files, f"no report was left: {self.files}")

    def stayed_out(self, *says):
        """kubeadm was not called, cloud-init says so, and the log says why."""
        hold(self.called == [], f"kubeadm was called: {self.called}:\n{self.log}")
        hold("status: error" in self.status and "exit: 0" not in self.status, f"cloud-init says:\n{self.status}\n{self.log}")
        errors = self.stages.get("modules-final", {}).get("errors", [])
        hold(any("scripts-user" in error for error in errors), f"cloud-init names another error: {self.stages}")
        for word in ("NOT JOINING", *says):
            hold(word in self.log, f"the log does not say {word!r}:\n{self.log}")


def sha256(content):
    """As the files hold it."""
    return "sha256=" + hashlib.sha256(content).hexdigest()


def filled_in(text, content):
    """A deployed file as the user fills it in, with the sum of what is to be served."""
    hold(text.count(ZEROS) == 1, "the place of the SHA-256 is not there, or more than once")
    return text.replace(ZEROS, sha256(content))


def with_policy(files, policy):
    """The files of a user-data or a template with this policy."""
    found = [file for file in files if file["path"] == "/etc/preflight/policy.yaml"]
    hold(len(found) == 1, "the file of the policy is not there, or more than once")
    found[0]["content"] = policy


def read(text):
    """YAML."""
    return yaml.safe_load(text)


def written(document, header="#cloud-config\n"):
    """A user-data of it."""
    return header + yaml.safe_dump(document, width=1000)
