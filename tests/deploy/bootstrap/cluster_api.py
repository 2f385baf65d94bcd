"""configs/deploy/cluster-api: its fields, and first boots with the user-data that Cluster API makes of it.

That user-data is made here as Cluster API v1.14.0 does (bootstrap/kubeadm/pkg/cloudinit: node.go, files.go, commands.go,
cloudinit.go; for Ignition bootstrap/kubeadm/pkg/ignition/clc/clc.go): files as blocks of text, commands as quoted lines of
runcmd, then kubeadm, in a template of Jinja.
"""
import copy
import concurrent.futures
import json
import pathlib
import tempfile
import textwrap

from boots import FAILS, PASSES, Boot, certificate, filled_in, namespaces, read, with_policy
from cloud_init import FILE as USER_DATA, valid_schema
from common import DEPLOY, NotRun, Wrong, hold, noticed, run, script

HERE = pathlib.Path(__file__).resolve().parent
FILE = DEPLOY / "cluster-api" / "kubeadmconfigtemplate.yaml"
JOIN = "join --config /run/kubeadm/kubeadm-join-config.yaml"
# What the controller adds to joinConfiguration.
DISCOVERY = """discovery:
  bootstrapToken:
    apiServerEndpoint: api.example.com:6443
    token: abcdef.0123456789abcdef
    caCertHashes: ["sha256:0000000000000000000000000000000000000000000000000000000000000000"]
"""


def fields(document):
    """Whether the API server would take it."""
    try:
        import jsonschema
    except ImportError as error:
        raise NotRun(f"{error}: run tests/deploy/bootstrap-tools") from error
    schema = json.loads((HERE / "kubeadmconfigtemplate-v1beta2.schema.json").read_text())
    wrong = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(document)]
    hold(not wrong, f"Cluster API would refuse it: {wrong}")
    # The user-data is a template of Jinja, whatever the files hold.
    for file in document["spec"]["template"]["spec"]["files"]:
        for mark in ("{{", "{%", "{#"):
            hold(mark not in file["content"], f"{file['path']} has {mark!r}, which begins something of Jinja")


def user_data(spec):
    """What the machine is given, where its format is cloud-config."""
    lines = ["## template: jinja", "#cloud-config", "", "write_files:"]
    for file in spec["files"]:
        lines += [f"-   path: {file['path']}", f"    owner: {file['owner']}", f"    permissions: '{file['permissions']}'"]
        lines += ["    content: |", textwrap.indent(file["content"], 6 * " ")]
    join = DISCOVERY + f"nodeRegistration: {{ criSocket: \"{spec['joinConfiguration']['nodeRegistration']['criSocket']}\" }}\n"
    join = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n" + join
    lines += ["-   path: /run/kubeadm/kubeadm-join-config.yaml", "    owner: root:root", "    permissions: '0640'"]
    lines += ["    content: |", "      ---", textwrap.indent(join, 6 * " ")]
    lines += ["-   path: /run/cluster-api/placeholder", "    owner: root:root", "    permissions: '0640'", '    content: "-"']
    lines += ["runcmd:", *(f"  - {json.dumps(command)}" for command in spec["preKubeadmCommands"])]
    lines += [f"  - kubeadm {JOIN}  && echo success > /run/cluster-api/bootstrap-success.complete"]
    return "\n".join(lines) + "\n"


def ignition(spec, ends):
    """/etc/kubeadm.sh, as Ignition puts it there, with a script that ends so in place of the one that judges."""
    with tempfile.TemporaryDirectory() as directory:
        at = pathlib.Path(directory)
        script(at / "bin" / "kubeadm", f"#!/bin/sh\necho \"$*\" >>{at}/called\n")
        judge = script(at / "before-kubeadm", f"#!/bin/sh\nexit {ends}\n")
        commands = [command.replace("/opt/preflight/before-kubeadm", str(judge)) for command in spec["preKubeadmCommands"]]
        hold(any(str(judge) in command for command in commands), "no command calls before-kubeadm")
        text = "\n".join(["#!/bin/bash", "set -e", *commands, "", "kubeadm join --config /etc/kubeadm.yml"])
        path = f"{at}/bin:/usr/bin:/bin"
        status, said = run("bash", script(at / "kubeadm.sh", text), env={"PATH": path})
        hold(status == ends, f"with Ignition, kubeadm.sh ends with {status}, not {ends}: {said}")
        hold((at / "called").exists() == (ends == 0), f"with Ignition, kubeadm was called or not where preflight ends with {ends}")


def test(preflight):
    """All of it."""
    text = FILE.read_text()
    fields(read(text))
    noticed("a field is misspelt", fields, read(text.replace("preKubeadmCommands", "preKubeadmCommand")))
    noticed("the API has another version", fields, read(text.replace("v1beta2\nkind", "v1beta3\nkind")))
    noticed("a file has marks of Jinja", fields, read(text.replace("set -eu", "set -eu # {{ name }}")))
    bodies = [{file["path"]: file["content"] for file in files} for files in (
        read(USER_DATA.read_text())["write_files"], read(text)["spec"]["template"]["spec"]["files"])]
    for path in bodies[1]:
        hold(bodies[0][path] == bodies[1][path], f"{path} is not the same in cloud-init's user-data")

    real = pathlib.Path(preflight).read_bytes()
    spec = read(filled_in(text, real))["spec"]["template"]["spec"]
    for ends in (0, 1, 2, 3, 4):
        ignition(spec, ends)
    unfit = copy.deepcopy(spec)
    with_policy(unfit["files"], FAILS)
    with_policy(spec["files"], PASSES)
    careless = copy.deepcopy(unfit)
    careless["preKubeadmCommands"] = [command.replace(" || exit", "") for command in careless["preKubeadmCommands"]]
    words = namespaces()
    with tempfile.TemporaryDirectory() as directory:
        pem = certificate(pathlib.Path(directory))

    def fit(boot):
        boot.joined(JOIN)
        hold("run/cluster-api/bootstrap-success.complete" in boot.files, f"Cluster API is not told: {boot.files}")

    def not_fit(boot):
        boot.stayed_out("kernel-version/release", "is not fit")
        hold("run/cluster-api/bootstrap-success.complete" not in boot.files, "Cluster API is told that it joined")

    def would_join(boot):
        hold(boot.called == [JOIN], boot.log)
        noticed("kubeadm was called", boot.stayed_out)

    cases = [("with cloud-init a fit machine joins", spec, fit), ("one that is not fit does not", unfit, not_fit),
             ("without `exit` it would join", careless, would_join)]

    def play(case):
        name, given, judge = case
        try:
            made = user_data(given)
            valid_schema(made.replace("## template: jinja\n", ""))
            judge(Boot(words, pem, made, real))
        except Wrong as error:
            raise Wrong(f"{name}: {error}") from error
        return name

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return ["its fields are those of v1beta2", *pool.map(play, cases), "with Ignition none joins that is not fit"]
