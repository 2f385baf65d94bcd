"""What Kubernetes makes of a pod of configs/deploy/kubernetes: the manifests as kubectl renders them, and from their security
context the configuration with which runc runs the container. Nothing of it is written twice, so that what is tested is what is
deployed."""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MANIFESTS = ROOT / "configs/deploy/kubernetes"
TOOLS = ROOT / "target/kubernetes"
# Docker's profile in the words of Podman; that of containerd, which RuntimeDefault means there, has the same ancestor.
SECCOMP = pathlib.Path("/usr/share/containers/seccomp.json")

sys.path.insert(0, str(TOOLS / "python"))


class NotRun(Exception):
    """Something that the test needs is not there."""


def tools():
    """Fetches kubectl and the schemas where they are not there yet."""
    command = [str(ROOT / "tests/deploy/kubernetes-tools.sh"), str(TOOLS)]
    if subprocess.run(command, check=False).returncode != 0:
        raise NotRun("kubectl and the schemas of Kubernetes can't be had")


def rendered(kustomization, kubectl=None):
    """The objects of a kustomization."""
    import yaml

    command = [str(kubectl or TOOLS / "kubectl"), "kustomize", str(kustomization)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr.strip())
    return [one for one in yaml.safe_load_all(done.stdout) if one]


def of_kind(objects, kind):
    return next(one for one in objects if one["kind"] == kind)


def deployed_pod(way="daemonset"):
    """The pod that one of the kustomizations makes."""
    return next(one for one in rendered(MANIFESTS / way) if "template" in one.get("spec", {}))["spec"]["template"]["spec"]


def judge(pod):
    """The container that judges."""
    containers = pod.get("initContainers", []) + pod["containers"]
    return next(one for one in containers if one["name"] == "preflight")


def capabilities(context):
    """Those that are left, as the kernel names them. Only where ALL are dropped it is known which these are."""
    wanted = context["capabilities"]
    if wanted["drop"] != ["ALL"]:
        raise ValueError("not all capabilities are dropped")
    return sorted(f"CAP_{name}" for name in wanted.get("add", []))


def seccomp(allowed):
    """The profile for a process with these capabilities on x86-64, as runc wants it."""
    profile = json.loads(SECCOMP.read_text())
    names = {"amd64", "x32", "x86"}
    calls = []
    for rule in profile["syscalls"]:
        includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
        if includes.get("arches") and not names & set(includes["arches"]) or names & set(excludes.get("arches", [])):
            continue
        if not set(includes.get("caps", [])) <= set(allowed) or set(excludes.get("caps", [])) & set(allowed):
            continue
        call = {"names": rule["names"], "action": rule["action"]}
        if rule.get("args"):
            call["args"] = rule["args"]
        if rule.get("errnoRet") is not None:
            call["errnoRet"] = rule["errnoRet"]
        calls.append(call)
    return {
        "defaultAction": profile["defaultAction"], "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": calls,
    }


def mount(one, volume, policy):
    """A volume as containerd mounts it: `rro` makes what lies below read-only, too."""
    source = volume["hostPath"]["path"] if "hostPath" in volume else str(policy)
    propagation = {"HostToContainer": "rslave", "Bidirectional": "rshared"}.get(one.get("mountPropagation"), "rprivate")
    if not one.get("readOnly"):
        access = "rw"
    else:
        access = "rro" if one.get("recursiveReadOnly", "Disabled") != "Disabled" else "ro"
    return {"destination": one["mountPath"], "type": "bind", "source": source, "options": ["rbind", propagation, access]}


def bytes_of(quantity):
    number, unit = quantity[:-2], quantity[-2:]
    return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30}[unit]


def runtime_config(bundle, pod, container, policy, last_words):
    """Turns config.json of a bundle, as umoci made it of the image, into what this pod makes of it."""
    file = bundle / "config.json"
    config = json.loads(file.read_text())
    context, process = container["securityContext"], config["process"]
    entrypoint = json.loads((bundle / "image.json").read_text())["config"]["Entrypoint"]
    process["terminal"] = False
    process["args"] = container.get("command", entrypoint) + container["args"]
    process["user"] = {"uid": context["runAsUser"], "gid": context["runAsGroup"]}
    process["capabilities"] = {which: capabilities(context) for which in ("bounding", "effective", "permitted")}
    process["noNewPrivileges"] = not context["allowPrivilegeEscalation"]
    config["root"]["readonly"] = context["readOnlyRootFilesystem"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    config["mounts"] = [one for one in config["mounts"] if one["destination"] != "/sys/fs/cgroup"]
    config["mounts"] += [mount(one, volumes[one["name"]], policy) for one in container["volumeMounts"]]
    words = {"destination": container["terminationMessagePath"], "type": "bind", "source": str(last_words)}
    config["mounts"].append({**words, "options": ["rbind", "rprivate", "rw"]})
    # With the host's network a pod also has its host name (containerd, internal/cri/server/podsandbox).
    namespaces = ["mount"] + ["pid"] * (not pod.get("hostPID")) + ["ipc"] * (not pod.get("hostIPC"))
    namespaces += ["network", "uts"] * (not pod.get("hostNetwork"))
    if pod.get("hostNetwork"):
        config.pop("hostname", None)
    profile = (context.get("seccompProfile") or pod["securityContext"]["seccompProfile"])["type"]
    if profile != "RuntimeDefault":
        raise ValueError(f"no profile of seccomp is known by the name {profile}")
    linux = config["linux"]
    linux["namespaces"] = [{"type": name} for name in namespaces]
    linux["seccomp"] = seccomp(capabilities(context))
    linux["resources"] = {
        "devices": [{"allow": False, "access": "rwm"}],
        "memory": {"limit": bytes_of(container["resources"]["limits"]["memory"])},
    }
    # What a runtime hides of the container's own /proc and /sys (procMount: Default); the host's are below /host.
    linux["maskedPaths"] = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
                            "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
    linux["readonlyPaths"] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    file.write_text(json.dumps(config))
    return config
