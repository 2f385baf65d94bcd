"""configs/deploy/kubeadm: the wrapper, in dash and bash, with kubeadm as a program that writes down how it was called."""
import json
import pathlib
import shutil
import tempfile

from boots import BROKEN, FAILS, PASSES
from common import DEPLOY, hold, noticed, run, script

FILE = DEPLOY / "kubeadm" / "kubeadm-preflight"
JOIN = """apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken: { apiServerEndpoint: "10.0.0.1:6443", token: abcdef.0123456789abcdef, unsafeSkipCAVerification: true }
"""
INIT = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n"
# A failure that has one of kubeadm's names, and takes inputs that the wrapper gives.
NAMED = """apiVersion: preflight/v1
kind: Policy
metadata: { name: named }
inputs: { role: worker, kubernetesVersion: "1.30", podCIDR: "", serviceCIDR: "", apiServerPort: 1, criSocket: "", nodeName: "" }
checks:
  - check: kernel-version
    with: { requires: ">=99" }
"""


class Bench:
    """The wrapper in one shell, beside a kubeadm that writes its arguments down and ends with a status of its own."""

    def __init__(self, shell, at, preflight):
        self.shell, self.at, self.preflight = shell, at, preflight
        self.policy(PASSES)
        (at / "join.yaml").write_text(JOIN)
        self.ends(0)

    def policy(self, text):
        (self.at / "policy.yaml").write_text(text)

    def ends(self, status):
        writes = f'for word in "$@"; do printf "%s\\n" "$word"; done >{self.at}/called'
        script(self.at / "kubeadm", f"#!/bin/sh\n{writes}\nexit {status}\n")

    def call(self, *arguments, file=FILE, **env):
        """Exit status, what was said, the arguments that reached kubeadm (None: it was not started)."""
        called = self.at / "called"
        called.unlink(missing_ok=True)
        given = {"PREFLIGHT": self.preflight, "PREFLIGHT_CONFIG": self.at / "policy.yaml", "KUBEADM": self.at / "kubeadm", **env}
        status, said = run(self.shell, file, *arguments, env={name: str(value) for name, value in given.items()})
        return status, said, called.read_text().splitlines() if called.exists() else None

    def inputs(self, *arguments):
        """What preflight is told by these arguments."""
        self.policy(NAMED)
        report = self.at / "report.json"
        self.call(*arguments, PREFLIGHT_OPTIONS=f"-o json={report}")
        given = json.loads(report.read_text())["policy"]["inputs"]
        self.policy(PASSES)
        return {name: value["value"] for name, value in given.items()}


def goes_on(bench):
    """What is passed on, and that kubeadm's own exit status comes back."""
    for words in (["join", "10.0.0.1:6443", "--token", "a b", "--ignore-preflight-errors=Swap,Mem"],
                  ["init", "--config", bench.at / "join.yaml", "--skip-phases=preflight", ""], ["join"], ["init", "--v=5"]):
        for status in (0, 1, 2, 3):
            bench.ends(status)
            got = bench.call(*words)
            hold(got[::2] == (status, [str(word) for word in words]), f"{bench.shell}: {words}: {got}")
    bench.ends(0)


def as_path_finds_them(bench):
    """Without a variable in the environment, as it is deployed: both programs by PATH, and the built-in policy."""
    script(bench.at / "bin" / "preflight", f'#!/bin/sh\necho "$*" >{bench.at}/asked\n')
    shutil.copy(bench.at / "kubeadm", bench.at / "bin" / "kubeadm")
    path = f"{bench.at}/bin:/usr/bin:/bin"
    status, said = run(bench.shell, FILE, "join", "--config", "a b.yaml", env={"PATH": path})
    hold(status == 0 and (bench.at / "called").exists(), f"{bench.shell}: by PATH it ends with {status}: {said}")
    asked = (bench.at / "asked").read_text().strip()
    hold(asked == "--kubeadm-config a b.yaml --ignore-preflight-errors  --output kubeadm", f"preflight was asked {asked!r}")


def stops(bench, file=FILE):
    """What keeps kubeadm from being started, each with a status of its own."""
    def stopped(wanted, says, *words, **env):
        status, said, called = bench.call(*words, file=file, **env)
        hold(called is None, f"{bench.shell}: {words}, {env}: kubeadm was called: {called}\n{said}")
        hold(status == wanted and says in said and "kubeadm was not started" in said,
             f"{bench.shell}: {words}, {env}: it ends with {status}, not {wanted}: {said}")

    config = f"--config={bench.at}/join.yaml"
    bench.policy(FAILS)
    stopped(101, "[ERROR SystemVerification]", "join", config)
    stopped(101, "is not fit", "join")
    stopped(101, "is not fit", "join", "--ignore-preflight-errors=Swap")
    bench.policy(BROKEN)
    stopped(103, "kernel-versoin", "join", config)
    bench.policy(PASSES)
    stopped(103, "cannot be read", "join", "--config", bench.at / "none.yaml")
    (bench.at / "both.yaml").write_text(JOIN + "---\n" + INIT)
    stopped(103, "--set role", "join", "--config", bench.at / "both.yaml")
    stopped(102, "NoSuchCheck", "join", "--ignore-preflight-errors=NoSuchCheck")
    stopped(102, "--nonsense", "join", PREFLIGHT_OPTIONS="--nonsense")
    for words in ([], ["reset"], ["upgrade", "node"], ["join", "phase", "preflight"], ["--v=5", "join"]):
        stopped(102, "call kubeadm itself", *words)
    stopped(102, "wants a value", "join", "--config")
    stopped(102, "characters", "join", "--node-name", "a\nb")
    stopped(104, "127", "join", PREFLIGHT=str(bench.at / "none"))
    for ends, says in (("exit 4", "4"), ("exit 77", "77"), ("kill -9 $$", "137")):
        stopped(104, says, "join", PREFLIGHT=str(script(bench.at / "other", f"#!/bin/sh\n{ends}\n")))


def ignores(bench):
    """--ignore-preflight-errors, in each form, from the command line and from the file."""
    bench.policy(NAMED)
    for words in (["--ignore-preflight-errors=SystemVerification"], ["--ignore-preflight-errors", "Swap,SystemVerification"],
                  ["--ignore-preflight-errors=Swap", "--ignore-preflight-errors=systemverification"],
                  ["--ignore-preflight-errors=all"]):
        got = bench.call("join", "10.0.0.1:6443", *words)
        hold(got[::2] == (0, ["join", "10.0.0.1:6443", *words]), f"{bench.shell}: {words}: {got}")
    file = bench.at / "ignored.yaml"
    file.write_text(JOIN + "nodeRegistration: { ignorePreflightErrors: [SystemVerification] }\n")
    hold(bench.call("join", "--config", file)[0] == 0, f"{bench.shell}: the file's own list does not count")
    bench.policy(PASSES)


def tells(bench):
    """What preflight learns of kubeadm's flags, and of its file."""
    init = ["init", "--kubernetes-version", "v1.35.2", "--pod-network-cidr=10.1.0.0/16", "--service-cidr", "10.2.0.0/16",
            "--apiserver-bind-port", "7443", "--cri-socket=unix:///run/x.sock", "--node-name", "it's"]
    wanted = {"role": "control-plane", "kubernetesVersion": "1.35.2", "podCIDR": "10.1.0.0/16", "serviceCIDR": "10.2.0.0/16",
              "apiServerPort": "7443", "criSocket": "unix:///run/x.sock", "nodeName": "it's"}
    got = bench.inputs(*init)
    hold(got == wanted, f"{bench.shell}: {init}: {got}")
    for words, role in ((["join"], "worker"), (["join", "--control-plane"], "control-plane"),
                        (["join", "--control-plane=false"], "worker"), (["join", "--config", bench.at / "join.yaml"], "worker")):
        got = bench.inputs(*words)
        hold(got["role"] == role, f"{bench.shell}: {words}: {got}")


def test(preflight):
    """All of it, in both shells."""
    for shell in ("dash", "bash"):
        with tempfile.TemporaryDirectory() as directory:
            bench = Bench(shell, pathlib.Path(directory), preflight)
            for part in (goes_on, as_path_finds_them, stops, ignores, tells):
                part(bench)
            # A wrapper that takes "nothing was judged" for good, and one that loses a failure.
            text = FILE.read_text()
            for change in (('*) stop 104', '*) exec "$KUBEADM" "$@"'), ("|| judged=$?", "|| :")):
                broken = script(bench.at / "broken", text.replace(*change))
                noticed(f"the wrapper was changed to {change[1]}", stops, bench, broken)
    return ["its arguments and kubeadm's status come through", "101 to 104 keep kubeadm from starting", "dash and bash"]
