"""shellcheck on every script: those that are files, those inside YAML and HCL, and the tests' own."""
import json
import re
import shutil
import tempfile

import yaml

from common import DEPLOY, NotRun, ROOT, hold, noticed, run

FOLDERS = ("cloud-init", "cluster-api", "kubeadm", "packer", "prometheus")


def scripts():
    """Where each comes from, and its text."""
    tests = ROOT / "tests" / "deploy"
    files = [file for folder in FOLDERS for file in (DEPLOY / folder).iterdir()]
    files += [*tests.glob("bootstrap-*"), *(tests / "bootstrap").iterdir()]
    for file in sorted(file for file in files if file.is_file()):
        text = file.read_text()
        if re.match(r"#!.*\b(sh|bash)\n", text):
            yield file.name, text
    user_data = yaml.safe_load((DEPLOY / "cloud-init" / "user-data.yaml").read_text())
    template = yaml.safe_load((DEPLOY / "cluster-api" / "kubeadmconfigtemplate.yaml").read_text())["spec"]["template"]["spec"]
    for name, files, lines in (("cloud-init", user_data["write_files"], user_data["runcmd"]),
                               ("cluster-api", template["files"], template["preKubeadmCommands"])):
        for file in files:
            if file["content"].startswith("#!"):
                yield f"{name}: {file['path']}", file["content"]
        yield f"{name}: its commands", "#!/bin/sh\n" + "\n".join(lines) + "\n"
    for file in (DEPLOY / "packer").glob("*.pkr.hcl"):
        for inline in re.findall(r"inline *= \[(.*?)\]\n", file.read_text(), re.S):
            words = re.findall(r'"(?:[^"\\]|\\.)*"', inline)
            yield file.name, "#!/bin/sh\n" + "\n".join(json.loads(re.sub(r"\$\{[^}]*\}", "x", word)) for word in words) + "\n"


def checked(name, text):
    """As shellcheck reads it."""
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(text)
        file.flush()
        status, said = run("shellcheck", file.name)
    hold(status == 0, f"shellcheck: {name}: {said}")


def test(_):
    """All of it."""
    if not shutil.which("shellcheck"):
        raise NotRun("shellcheck is missing")
    found = list(scripts())
    for name, text in found:
        checked(name, text)
    noticed("a variable is not quoted", checked, "x", "#!/bin/sh\nrm $1\n")
    wanted = {"kubeadm-preflight", "judge-image", "bootstrap-tools", "scene.sh", "systemd.sh"}
    wanted |= {"machine.pkr.hcl", "unpacked.pkr.hcl"}
    for name in ("cloud-init", "cluster-api"):
        wanted |= {f"{name}: /opt/preflight/before-kubeadm", f"{name}: its commands"}
    hold(wanted <= {name for name, _ in found}, f"not looked at: {sorted(wanted - {name for name, _ in found})}")
    return [f"shellcheck is content with {len(found)} scripts"]
