#!/usr/bin/env python3
"""Judges configs/deploy/kubernetes and configs/deploy/node-problem-detector, and runs the commands of docs/kubernetes.md.

    tests/deploy/kubernetes.py PROGRAM        PROGRAM as `make dist` leaves it

kubectl renders the manifests and applies them (--dry-run=client); the schemas of several versions of Kubernetes judge them, and
have to notice what is spoiled. There is no cluster: a small server gives kubectl the answers of one, so that what the page says
about logs, conditions and nodes is run as it stands there. The container itself is run by image.py. Exit status: 0 everything
is right, 1 something is not, 77 it could not be run (never a success). Python 3.9, and what kubernetes-tools.sh fetches.
"""

import copy
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

# The modules lie beside this file, and shall leave nothing there.
sys.dont_write_bytecode = True

import kubernetes_pod as kubernetes
from kubernetes_pod import MANIFESTS, NotRun, ROOT, TOOLS, of_kind, rendered

VERSIONS = ["1.34.0", "1.35.0", "1.36.0", "1.37.0"]
NPD = ROOT / "configs/deploy/node-problem-detector/preflight-monitor.json"
PAGE = ROOT / "docs/kubernetes.md"
wrong = []


def check(good, what):
    if not good:
        wrong.append(what)
        print(f"kubernetes: WRONG: {what}", file=sys.stderr)


def ran(*command, **more):
    """A command and what it printed, however it ended."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **more)


def problems(objects, version):
    """What the schemas of that version have against these objects; a field that they do not name counts."""
    import kubernetes_validate

    found = []
    for one in objects:
        try:
            kubernetes_validate.validate(one, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{one['kind']}: {error.message}")
    return found


def rules(objects):
    """What the API server wants beyond the schemas (kubernetes pkg/apis/core/validation, pkg/apis/{apps,batch}/validation)."""
    workload = next(one for one in objects if "template" in one.get("spec", {}))
    template, pod = workload["spec"]["template"], workload["spec"]["template"]["spec"]
    policy = of_kind(objects, "ConfigMap")["metadata"]["name"]
    if any(one.get("recursiveReadOnly") and one.get("mountPropagation", "None") != "None"
           for one in kubernetes.judge(pod)["volumeMounts"]):
        yield "recursiveReadOnly allows no mountPropagation"
    if workload["kind"] == "DaemonSet":
        if workload["spec"]["selector"]["matchLabels"].items() - template["metadata"]["labels"].items():
            yield "the selector does not select the pods"
        if pod.get("restartPolicy", "Always") != "Always":
            yield "a DaemonSet restarts its containers"
    elif pod.get("restartPolicy") not in ("Never", "OnFailure"):
        yield "a Job restarts no container that is done"
    if policy not in [one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one]:
        yield f"nobody mounts the policy {policy}"
    containers = pod.get("initContainers", []) + pod["containers"]
    mounted = {one["name"] for container in containers for one in container.get("volumeMounts", [])}
    if mounted != {one["name"] for one in pod["volumes"]}:
        yield "volumes and mounts are not the same"
    if pod.get("automountServiceAccountToken") is not False:
        yield "the pod could speak to the API server"
    if any(one["metadata"].get("namespace") != "preflight" for one in objects if one["kind"] != "Namespace"):
        yield "something is outside of the namespace"


def manifests():
    """Both ways are right for every version, and have the same container."""
    containers = []
    for way in ("daemonset", "job"):
        objects = rendered(MANIFESTS / way)
        for version in VERSIONS:
            check(not (found := problems(objects, version)), f"{way} for {version}: {found}")
        check(not (found := list(rules(objects))), f"{way}: {found}")
        workload = next(one for one in objects if "template" in one.get("spec", {}))
        pod = workload["spec"]["template"]["spec"]
        containers.append((kubernetes.judge(pod), pod["volumes"], pod["securityContext"], pod["hostNetwork"], pod["tolerations"]))
    check(containers[0] == containers[1], "the DaemonSet and the Job do not judge in the same way")
    print(f"kubernetes: DaemonSet and Job are right for {', '.join(VERSIONS)}")


def spoiled():
    """What is wrong is noticed: a copy of the manifests is spoiled in one place after the other."""
    places = [
        ("daemonset/daemonset.yaml", "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
        ("daemonset/daemonset.yaml", "runAsUser: 0", "runAsUser: root"),
        ("daemonset/daemonset.yaml", "drop: [ALL]", "drop: ALL"),
        ("daemonset/daemonset.yaml", "hostNetwork: true", "hostNetworks: true"),
        ("daemonset/daemonset.yaml", "apps/v1", "apps/v2"),
        ("daemonset/daemonset.yaml", "readOnly: true\n", "readOnly: true\n              mountPropagation: HostToContainer\n"),
        ("daemonset/daemonset.yaml", "matchLabels: { app: preflight }", "matchLabels: { app: other }"),
        ("daemonset/daemonset.yaml", "name: preflight-policy", "name: policy"),
        ("daemonset/kustomization.yaml", "resources:", "resource:"),
        ("daemonset/kustomization.yaml", "- daemonset.yaml", "- daemon.yaml"),
    ]
    for name, good, bad in places:
        with tempfile.TemporaryDirectory() as work:
            tree = pathlib.Path(work) / "kubernetes"
            shutil.copytree(MANIFESTS, tree)
            text = (tree / name).read_text()
            check(good in text, f"{name} has no `{good}` to spoil")
            (tree / name).write_text(text.replace(good, bad))
            try:
                objects = rendered(tree / "daemonset")
                found = problems(objects, VERSIONS[-1]) + list(rules(objects))
            except Exception as error:  # whatever it is, it was noticed
                found = [error]
            check(found, f"nobody notices `{bad}` in {name}")
    print(f"kubernetes: {len(places)} mistakes were noticed")


def node_problem_detector(program):
    """The monitor is as node-problem-detector v1.36 wants it, and what it makes of the program's exit status is right.

    Sources: pkg/custompluginmonitor/types/config.go and types.go (fields, defaults, Validate), plugin/plugin.go (run),
    custom_plugin_monitor.go (toConditionStatus). It is not in any registry that tests reach, so this follows its source."""
    monitor = json.loads(NPD.read_text())
    fields = {
        "": {"plugin", "pluginConfig", "source", "conditions", "rules", "metricsReporting"},
        "pluginConfig": {"invoke_interval", "timeout", "max_output_length", "concurrency",
                         "enable_message_change_based_condition_update", "skip_initial_status"},
        "conditions": {"type", "reason", "message"},
        "rules": {"type", "condition", "reason", "path", "args", "timeout", "invoke_interval"},
    }
    check(set(monitor) <= fields[""], f"unknown: {set(monitor) - fields['']}")
    for part in ("pluginConfig", "conditions", "rules"):
        for one in monitor[part] if isinstance(monitor[part], list) else [monitor[part]]:
            check(set(one) <= fields[part], f"unknown in {part}: {set(one) - fields[part]}")
    setting, rule = monitor["pluginConfig"], monitor["rules"][0]

    def seconds(text):
        return int(re.fullmatch(r"(\d+)s", text)[1])

    own = next(word for word in rule["args"] if word.startswith("--timeout="))
    check(monitor["plugin"] == "custom" and rule["type"] == "permanent", "it is no custom plugin that sets a condition")
    check(rule["condition"] in [one["type"] for one in monitor["conditions"]], "the condition has no default")
    check(seconds(own.split("=")[1]) < seconds(rule["timeout"]) <= seconds(setting["timeout"]),
          "it would be killed before it can say what it found")
    check(setting["skip_initial_status"], "a node would be well before anybody looked")
    # A message has 512 characters at most; none is cut within a character.
    check(setting["max_output_length"] >= 4 * 512, "messages would be cut")

    def status(*more):
        done = ran(program, *rule["args"], *more)
        output = done.stdout.strip()[:setting["max_output_length"]]
        return {0: "False", 1: "True"}.get(done.returncode, "Unknown"), output

    with tempfile.TemporaryDirectory() as work:
        tree = pathlib.Path(work)
        (tree / "proc/sys/kernel").mkdir(parents=True)
        (tree / "proc/sys/kernel/pid_max").write_text("7\n")

        def asked(name, wanted, *more):
            # What --skip names has to be there.
            skipped = ("joined", "ports", "cni-ports")
            text = ", ".join(f"{{id: {one}, check: kernel-version, with: {{requires: '>=1'}}}}" for one in skipped)
            policy = tree / f"{name}.yaml"
            policy.write_text(f"apiVersion: preflight/v1\nkind: Policy\nmetadata: {{name: {name}}}\nchecks: [{text}, "
                              f"{{id: it, check: sysctl, with: {{settings: [{wanted}]}}}}]\n")
            arguments = [word for word in rule["args"] if not word.startswith("--config=")]
            done = ran(program, *arguments, f"--root={tree}", f"--config={policy}", *more)
            return {0: "False", 1: "True"}.get(done.returncode, "Unknown"), done.stdout.strip()

        for name, expected, more, wanted, message in [
            ("good", "{key: kernel.pid_max, atLeast: 7}", [], "False", "1 passed, "),
            ("bad", "{key: kernel.pid_max, atLeast: 9}", [], "True", "1 failed: it/kernel.pid_max: "),
            ("unknown", "{key: kernel.none, atLeast: 9}", [], "Unknown", "1 not determined: it/kernel.none: "),
            ("broken", "{kez: kernel.none}", [], "Unknown", ""),
            ("usage", "{key: kernel.pid_max, atLeast: 7}", ["--no-such-option"], "Unknown", ""),
            ("never", "{key: kernel.pid_max, atLeast: 9}", ["--fail-on=never"], "True", "1 failed: "),
        ]:
            found = asked(name, expected, *more)
            check(found[0] == wanted and found[1].startswith(message), f"node-problem-detector says of {name}: {found}")
    found = status()
    check(found[1] and found[0] in ("True", "False", "Unknown"), f"node-problem-detector says of this machine: {found}")
    print(f"kubernetes: node-problem-detector would say of this machine: {rule['condition']}={found[0]}")


class Cluster(http.server.BaseHTTPRequestHandler):
    """What kubectl asks of an API server for the page's commands: which kinds there are, one pod of the DaemonSet and its log,
    and a node whose conditions can be changed. What is to be created is not there yet."""

    pods, logs, patches = [], {}, {}

    def answer(self, value, status=200, kind="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path = urllib.parse.urlparse(self.path).path
        kinds = {
            "/api/v1": [("pods", "Pod", True), ("pods/log", "Pod", True), ("nodes", "Node", False), ("nodes/status", "Node", False),
                        ("namespaces", "Namespace", False), ("configmaps", "ConfigMap", True)],
            "/apis/apps/v1": [("daemonsets", "DaemonSet", True)],
            "/apis/batch/v1": [("jobs", "Job", True)],
        }
        verbs = ["get", "list", "create", "patch"]

        def group(name):
            version = {"groupVersion": f"{name}/v1", "version": "v1"}
            return {"name": name, "versions": [version], "preferredVersion": version}

        if path == "/api":
            self.answer({"kind": "APIVersions", "versions": ["v1"]})
        elif path == "/apis":
            self.answer({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group("apps"), group("batch")]})
        elif path in kinds:
            self.answer({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": path.split("/", 2)[2], "resources": [
                {"name": name, "kind": kind, "namespaced": namespaced, "singularName": "", "verbs": verbs}
                for name, kind, namespaced in kinds[path]]})
        elif path == "/api/v1/namespaces/preflight/pods":
            self.answer({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": self.pods})
        elif match := re.fullmatch("/api/v1/namespaces/preflight/pods/(.*)/log", path):
            self.answer(self.logs[match[1]].encode(), kind="text/plain")
        elif match := re.fullmatch("/api/v1/namespaces/preflight/pods/(.*)", path):
            self.answer(next(pod for pod in self.pods if pod["metadata"]["name"] == match[1]))
        elif path.startswith("/api/v1/nodes/"):
            self.answer({"kind": "Node", "apiVersion": "v1", "metadata": {"name": path.split("/")[4]}})
        else:
            self.answer({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}, 404)

    def do_PATCH(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.split("?")[0]
        self.patches[name] = body
        self.answer({"kind": "Node", "apiVersion": "v1", "metadata": {"name": name.split("/")[4]}, **body})

    def log_message(self, *_):
        pass


def blocks(page):
    """The commands of the page, block by block, each with the mark before it."""
    return re.findall(r"(?:<!-- (.*?) -->\n)?```sh\n(.*?)```", page, re.S)


def page(program, work):
    """The commands of the page are run as they stand there, against the server, where they have the mark `tested`."""
    pod = of_kind(rendered(MANIFESTS / "daemonset"), "DaemonSet")["spec"]["template"]
    Cluster.pods, Cluster.logs, Cluster.patches = [], {}, {}
    for name, policy in (("blue", "kubernetes-worker"), ("green", "minimal")):
        done = [ran(program, "--root=/", f"--config={policy}", f"--output={form}") for form in ("ndjson", "node-condition")]
        state = {"terminated": {"exitCode": done[0].returncode, "message": done[1].stdout}}
        one = copy.deepcopy(pod)
        one["spec"]["nodeName"] = f"node-{name}"
        failed = done[0].returncode != 0
        waits = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": state}
        said = {"name": "preflight", **(waits if failed else {"state": state, "lastState": {}})}
        one.update(kind="Pod", apiVersion="v1", status={"initContainerStatuses": [said]})
        one["metadata"].update(name=f"preflight-{name}", namespace="preflight")
        Cluster.pods.append(one)
        Cluster.logs[f"preflight-{name}"] = done[0].stdout
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cluster)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (work / "bin").mkdir()
    (work / "bin/kubectl").symlink_to(TOOLS / "kubectl")
    (work / "bin/preflight").symlink_to(program)
    address = f"http://127.0.0.1:{server.server_port}"
    (work / "config").write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": address}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}], "users": [{"name": "test", "user": {}}]}))
    environment = {"PATH": f"{work}/bin:{os.environ['PATH']}", "HOME": str(work), "KUBECONFIG": f"{work}/config"}

    def shell(script):
        return ran("bash", "-euo", "pipefail", "-c", script, cwd=work, env=environment)

    try:
        for way in ("daemonset", "job"):
            done = shell(f"kubectl apply --dry-run=client --validate=false -k {MANIFESTS / way}")
            applied = done.returncode == 0 and done.stdout.count("created (dry run)") == 3
            check(applied, f"kubectl apply of {way}: {done.stdout}{done.stderr}")
        tested = {mark.removeprefix("tested: "): script for mark, script in blocks(PAGE.read_text()) if mark.startswith("tested: ")}
        check(sorted(tested) == ["conditions", "logs", "nodes"], f"the page's tested commands are {sorted(tested)}")
        done = shell(tested["conditions"])
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        check([line[0] for line in lines] == ["node-blue", "node-green"] and
              all(json.loads(line[1])["type"] == "PreflightPassed" for line in lines), f"conditions: {done.stdout}{done.stderr}")
        done = shell(tested["logs"])
        reports = [json.loads(line) for line in (work / "reports.ndjson").read_text().splitlines()]
        # kubectl asks the pods in no order.
        found = sorted(one["policy"]["name"] for one in reports)
        check(found == ["kubernetes-worker", "minimal"], f"logs: {found} {done.stdout}{done.stderr}")
        done = shell(tested["nodes"])
        posted = {path: patch["status"]["conditions"][0]["status"] for path, patch in Cluster.patches.items()}
        wanted = {f"/api/v1/nodes/node-{name}/status" for name in ("blue", "green")}
        known = all(status in ("True", "False", "Unknown") for status in posted.values())
        check(set(posted) == wanted and known, f"nodes: {posted} {done.stdout}{done.stderr}")
        print(f"kubernetes: kubectl applies both (dry run), and the page's commands give logs and conditions of {len(lines)} nodes")
    finally:
        server.shutdown()


def paths(work):
    """What the page names is there, and its kustomization does what it says."""
    text = PAGE.read_text()
    shutil.copytree(MANIFESTS, work / "preflight/configs/deploy/kubernetes")
    (work / "mine").mkdir()
    (work / "mine/kustomization.yaml").write_text(re.search(r"```yaml\n(.*?)```", text, re.S)[1])
    pod = of_kind(rendered(work / "mine"), "Job")["spec"]["template"]["spec"]
    found = kubernetes.judge(pod)["image"], pod["nodeSelector"]["kubernetes.io/hostname"]
    check(found == ("registry.example/preflight:0.1.0", "node-7"), f"the page's kustomization makes {found}")
    for name in re.findall(r"(?:configs|docs|tests)/[\w./-]*[\w/-]", text):
        check((ROOT / name).exists(), f"{PAGE.name} names {name}, which is not there")
    for part in re.findall(r"^```json\n(.*?)```", text, re.S | re.M):
        json.loads(part)


def run(program):
    for command, package in {"jq": "jq", "bash": "bash"}.items():
        if not shutil.which(command):
            raise NotRun(f"{command} is missing (Debian: {package})")
    if not os.access(program, os.X_OK):
        raise NotRun(f"{program} is not there; make it with `make dist`")
    kubernetes.tools()
    manifests()
    spoiled()
    text = (MANIFESTS / "common/policy.yaml").read_text()
    for role in ("worker", "control-plane"):
        lint = ran(program, "policy", "lint", "-", input=f"inputs: {{ role: {role} }}\n{text}")
        check(lint.returncode == 0, f"the policy, for a {role}: {lint.stdout}{lint.stderr}")
    node_problem_detector(program)
    with tempfile.TemporaryDirectory() as work:
        page(program, pathlib.Path(work))
    with tempfile.TemporaryDirectory() as work:
        paths(pathlib.Path(work))
    return 1 if wrong else 0


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        status = run(pathlib.Path(sys.argv[1]).resolve())
    except NotRun as reason:
        print(f"kubernetes: NOT RUN: {reason}", file=sys.stderr)
        return 1 if os.environ.get("PREFLIGHT_REQUIRE_LIVE") else 77
    print("kubernetes: all is well" if status == 0 else f"kubernetes: {len(wrong)} things are WRONG")
    return status


if __name__ == "__main__":
    sys.exit(main())
