"""configs/deploy/cloud-init: cloud-init's own check of its schema, and first boots that join or do not."""
import concurrent.futures
import pathlib
import tempfile

from boots import BROKEN, FAILS, NAME, PASSES, ZEROS, Boot, certificate, filled_in, namespaces, read, sha256, with_policy, written
from common import DEPLOY, TOOLS, Wrong, hold, noticed, run, script, tool

FILE = DEPLOY / "cloud-init" / "user-data.yaml"
JOIN = "join --config /etc/kubernetes/join.yaml"
# What the file may say at its top: cloud-init of Debian 12 passes over a key that nobody knows.
KEYS = {"write_files", "runcmd"}


def valid_schema(text):
    """As cloud-init judges a user-data before it is deployed."""
    tool("cloud-init", "usr/lib/python3/dist-packages/cloudinit/cmd/main.py")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        packages = str(TOOLS / "cloud-init" / "usr" / "lib" / "python3" / "dist-packages")
        env = {"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
        status, said = run("/usr/bin/python3", "-m", "cloudinit.cmd.main", "schema", "--config-file", file.name, env=env)
    hold(status == 0 and "Valid cloud-config" in said, f"cloud-init refuses it: {said}")


def valid(text):
    """The same, and nothing in it that cloud-init would pass over."""
    valid_schema(text)
    hold(set(read(text)) == KEYS, f"its keys are {sorted(read(text))}")


def statuses(text):
    """The script itself, with a program in preflight's place that ends with each status, and with none that can be started."""
    [found] = [file["content"] for file in read(text)["write_files"] if file["path"].endswith("/before-kubeadm")]
    with tempfile.TemporaryDirectory() as directory:
        at = pathlib.Path(directory)
        usual = [(f"exit {status}", status) for status in range(5)]
        for ends, status in (*usual, ("exit 77", 4), ("kill -9 $$", 4)):
            program = script(at / "preflight", f"#!/bin/sh\n{ends}\n")
            here = found.replace(ZEROS, sha256(program.read_bytes()))
            here = here.replace("program=/opt/preflight/preflight", f"program={program}")
            for shell in ("dash", "bash"):
                got, said = run(shell, script(at / "before-kubeadm", here), "/etc/kubernetes/join.yaml")
                hold(got == status, f"{shell}: where preflight does `{ends}` it ends with {got}, not {status}: {said}")
                hold(("NOT JOINING" in said) == (status != 0), f"{shell}: it says {said!r} where preflight does `{ends}`")
        got, said = run("dash", at / "before-kubeadm")
        hold(got not in (0, 1), f"without a file it ends with {got}: {said}")
    return "each other status of preflight keeps a machine out"


def policies(preflight, text):
    """Those that are deployed are right."""
    [policy] = [file["content"] for file in read(text)["write_files"] if file["path"].endswith("/policy.yaml")]
    for words in ([DEPLOY / "packer" / "image.yaml"], ["-"]):
        status, said = run(preflight, "policy", "lint", "--strict", *words, input=policy)
        hold(status == 0, f"preflight policy lint: {said}")


def cases(text, preflight):
    """Name, user-data, what is served, what has to come of it."""
    real = pathlib.Path(preflight).read_bytes()

    def user_data(policy=PASSES, content=real, change=lambda document: None):
        document = read(filled_in(text, content))
        if policy:
            with_policy(document["write_files"], policy)
        change(document)
        return written(document)

    yield "a fit machine joins", user_data(), real, lambda boot: boot.joined(JOIN)
    # The policy that is deployed, and /run is empty: there is no socket of a runtime.
    yield "one without a container runtime does not", user_data(policy=None), real, \
        lambda boot: boot.stayed_out("container-runtime/socket", "is not fit")
    yield "nor one whose kernel is too old", user_data(FAILS), real, \
        lambda boot: boot.stayed_out("kernel-version/release", "is not fit")
    yield "nor one with a broken policy", user_data(BROKEN), real, \
        lambda boot: boot.stayed_out("kernel-versoin", "policy is wrong")
    yield "nor one that was given another file", user_data(), real + b"!", lambda boot: (
        boot.stayed_out("SHA-256"), hold(not any("opt/preflight/preflight" in file for file in boot.files), boot.files))
    yield "nor one that was given none", user_data(), None, lambda boot: boot.stayed_out("can't be fetched", "404")
    def without_exit(document):
        document["runcmd"][0] = document["runcmd"][0].replace(" || exit", "")

    # cloud-init's script goes on after a line that failed: without `exit` a machine that is not fit would join.
    yield "without `exit` it would join", user_data(FAILS, change=without_exit), real, \
        lambda boot: (hold(boot.called == [JOIN], boot.log), noticed("kubeadm was called", boot.stayed_out))


def test(preflight):
    """All of it."""
    text = FILE.read_text()
    valid(text)
    noticed("write_files has a file without a path", valid, text.replace("  - path: /etc/preflight", "  - pth: /etc/preflight"))
    noticed("runcmd is misspelt", valid, text.replace("runcmd:", "runcmmd:"))
    hold(NAME in text, f"it does not fetch {NAME}")
    policies(preflight, text)
    words = namespaces()
    with tempfile.TemporaryDirectory() as directory:
        pem = certificate(pathlib.Path(directory))

    def play(case):
        name, user_data, served, judge = case
        try:
            judge(Boot(words, pem, user_data, served))
        except Wrong as error:
            raise Wrong(f"{name}: {error}") from error
        return name

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [statuses(text), *pool.map(play, cases(text, preflight))]
