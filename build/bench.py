#!/usr/bin/env python3
"""Measures whole runs of the static program beside a floor: a tiny program that asks the kernel for the same files and exits.

    build/bench.py PROGRAM [RUNS [PEER...]]      needs strace, valgrind and GNU time; 40 runs of each if not given

PEER is the command of another program, whose runs take turns with the others: that of system-validators for the budget of wall time.

Wall time is that of the process, from its start to its end, of runs that take turns: the least, and the median. What runs beside
it spoils wall time most, and instructions not at all. It prints a table in Markdown, and which budget is broken;
docs/bench.md explains both. Its exit status says only whether it could measure.
"""
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Each is measured alone.
CASES = [["-o", "json"], ["cgroups"], ["cgroups", "-o", "json"], ["--only", "cgroup-controllers", "-o", "json"]]
FLOOR = ["rustc", "--edition", "2024", "-C", "opt-level=3", "-C", "panic=abort", "-C", "strip=symbols",
         "-C", "target-feature=+crt-static"]
MEGABYTE = 1_000_000


def silently(command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def trace(command):
    """The system calls of a command, each a line, as they ended."""
    with tempfile.NamedTemporaryFile("r", errors="replace") as log:
        silently(["strace", "--follow-forks", "--string-limit=4096", f"--output={log.name}", *command])
        pending, calls = {}, []
        for line in log:
            thread, rest = line.rstrip("\n").split(None, 1)
            if rest.endswith("<unfinished ...>"):
                pending[thread] = rest.removesuffix("<unfinished ...>")
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>", rest)
            if resumed:
                rest = pending.pop(thread, "") + rest[resumed.end():]
            if re.match(r"\w+\(", rest):
                calls.append(rest)
    return calls


def asked(calls):
    """What was asked of which path, each once, as the floor takes it."""
    kinds, paths, sizes = {}, {}, {}
    for call in calls:
        name = call[:call.index("(")]
        path = re.search(r'^\w+\((?:AT_FDCWD, )?"(/[^"]*)"', call)
        result = re.search(r"= (-?\d+)", call[call.rindex(")"):])
        result = int(result[1]) if result else -1
        descriptor = re.match(r"\w+\((\d+)", call)
        if name in ("open", "openat", "openat2") and path:
            kind = "stat" if "O_PATH" in call else "list" if "O_DIRECTORY" in call else "read"
            kinds.setdefault((kind, path[1]))
            if result >= 0:
                paths[result] = path[1]
        elif name in ("newfstatat", "stat", "lstat", "statx") and path:
            kinds.setdefault(("stat", path[1]))
        elif name in ("readlink", "readlinkat") and path:
            kinds.setdefault(("link", path[1]))
        elif name in ("read", "pread64") and descriptor and int(descriptor[1]) in paths:
            read = paths[int(descriptor[1])]
            sizes[read] = sizes.get(read, 0) + max(result, 0)
    # The size of what is read more than once is that of one time, or the floor would wait for the rest.
    times = {path: sum(1 for c in calls if re.match(r"open\w*\(", c) and f'"{path}"' in c and "O_PATH" not in c) for path in sizes}
    size = {path: sizes[path] // max(times[path], 1) for path in sizes}
    return [f"read:{size.get(path, 0)}:{path}" if kind == "read" else f"{kind}:{path}" for kind, path in kinds]


def children(calls):
    """How many processes were started beside the first."""
    return sum(1 for c in calls if re.match(r"v?fork\(|clone3?\(", c) and "CLONE_THREAD" not in c)


def instructions(command):
    said = silently(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command])
    collected = re.search(rb"Collected : (\d+)", said.stderr)
    return int(collected[1]) if collected else sys.exit(f"bench: valgrind says: {said.stderr.decode()}")


def as_installed(program):
    """Lets the kernel forget the file, so that it holds it as after a boot. A file that was just written lies there in large pieces, of
    which more is mapped at once: up to a fifth more is resident, of the same program."""
    os.sync()
    file = os.open(program, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def resident(command, runs=5):
    """The largest resident set in bytes: of the runs the middle one."""
    as_installed(command[0])
    silently(command)
    with tempfile.NamedTemporaryFile("r") as out:
        def once():
            silently(["/usr/bin/time", "--quiet", "--format=%M", f"--output={out.name}", *command])
            return int(pathlib.Path(out.name).read_text()) * 1024
        return statistics.median_low([once() for _ in range(runs)])


def wall(commands, runs):
    """The milliseconds of every run of every command, by the clock and on processors; the commands take turns."""
    taken = [[] for _ in commands]
    nothing = os.open("/dev/null", os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, descriptor) for descriptor in (0, 1, 2)]
    for _ in range(runs):
        for command, times in zip(commands, taken):
            start = time.perf_counter_ns()
            _, _, used = os.wait4(os.posix_spawn(command[0], command, os.environ, file_actions=actions), 0)
            took = (time.perf_counter_ns() - start) / 1e6
            times.append((took, (used.ru_utime + used.ru_stime) * 1e3))
    os.close(nothing)
    return taken


def machine():
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    load = pathlib.Path("/proc/loadavg").read_text().split()[0]
    return (f"{os.cpu_count()} processors ({model[1] if model else platform.machine()}), Linux {platform.release()}, "
            f"load {load}, {'root' if os.geteuid() == 0 else 'not root'}")


def row(case, what, measured, floor, form, budget=None):
    """A line of the table, and whether its budget holds."""
    ratio = f"{measured / floor:.1f}" if floor else ""
    print(f"| {case} | {what} | {form(measured)} | {form(floor) if floor else ''} | {ratio} | {form(budget) if budget else ''} |")
    return [] if budget is None or measured <= budget else [f"{case}: {what} is {form(measured)}, and may be {form(budget)}"]


def milliseconds(value):
    return f"{value:.2f} ms"


def megabytes(value):
    return f"{value / MEGABYTE:.2f} MB"


def number(value):
    return f"{value:,.0f}"


def measure(case, command, floor, times, most):
    """Prints what one case takes; returns the budgets that it breaks. They are those of docs/bench.md; `most` is that of the default run's
    wall time."""
    calls, floor_calls = trace(command), trace(floor)
    name, default = "`preflight " + " ".join(case) + "`", case == CASES[0]
    (took, used), (floor_took, floor_used) = (zip(*each) for each in times)
    middle = statistics.median
    wall_budget = most if default else 10 if case[0] == "cgroups" else None
    broken = row(name, "wall time, least", min(took), min(floor_took), milliseconds, wall_budget)
    row(name, "wall time, median", middle(took), middle(floor_took), milliseconds)
    row(name, "processor time, median", middle(used), middle(floor_used), milliseconds)
    row(name, "system calls", len(calls), len(floor_calls), number)
    row(name, "instructions", instructions(command), instructions(floor), number)
    broken += row(name, "resident", resident(command), resident(floor), megabytes, 6 * MEGABYTE if default else None)
    if default:
        findings = len(json.loads(silently(command).stdout)["findings"])
        broken += row(name, "system calls for 80 findings", len(calls) * 80 / findings, None, number, 300)
        print(f"| {name} | findings | {findings} | | | at least 80 |")
        broken += [] if findings >= 80 else [f"{name}: {findings} findings"]
    if children(calls):
        broken.append(f"{name}: {children(calls)} processes were started")
    return broken


def fleet(program, nodes=10_000):
    """Prints what a picture of many nodes takes, beside reading their reports; returns the budgets that it breaks."""
    broken = []
    with tempfile.TemporaryDirectory() as directory:
        kinds = []
        for profile in ("kubernetes-node", "kubernetes-control-plane", "k3s"):
            kinds.append(f"{directory}/{profile}.json")
            pathlib.Path(kinds[-1]).write_bytes(silently([program, "-c", profile, "-o", "json"]).stdout)
        reports = f"{directory}/fleet.ndjson"
        with open(reports, "wb") as file:
            subprocess.run([ROOT / "tests/fleet/generate.py", str(nodes), *kinds], stdout=file, check=True)
        size = os.path.getsize(reports)
        for name, options in (("fleet", []), ("fleet -o html", ["-o", "html"])):
            command = [program, "fleet", "--fail-on", "never", *options, reports]
            took, floor = (min(took for took, _ in times) for times in wall([command, [shutil.which("cat"), reports]], 3))
            case = f"`preflight {name}`, {number(nodes)} nodes, {megabytes(size)}"
            broken += row(case, "wall time, least", took, floor, milliseconds, size / MEGABYTE / 100 * 1000)
            broken += row(case, "resident", resident(command, 1), None, megabytes, 64 * MEGABYTE)
    return broken


def peer(command, times):
    """Prints what another program takes; returns the most that the default run may take by the clock: 0.6 times as much."""
    took, used = zip(*times)
    name = "`" + " ".join([os.path.basename(command[0]), *command[1:]]) + "`"
    row(name, "wall time, least", min(took), None, milliseconds)
    row(name, "wall time, median", statistics.median(took), None, milliseconds)
    row(name, "processor time, median", statistics.median(used), None, milliseconds)
    row(name, "system calls", len(trace(command)), None, number)
    row(name, "resident", resident(command), None, megabytes)
    return 0.6 * min(took)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    missing = [tool for tool in ("strace", "valgrind", "/usr/bin/time", "rustc") if not shutil.which(tool)]
    if missing:
        sys.exit(f"bench: NOT MEASURED: {', '.join(missing)} missing")
    program, runs = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 40
    peers = [[os.path.abspath(sys.argv[3]), *sys.argv[4:]]] if len(sys.argv) > 3 else []
    with tempfile.TemporaryDirectory() as directory:
        floor = f"{directory}/floor"
        subprocess.run([*FLOOR, "-o", floor, ROOT / "examples/floor.rs"], check=True)
        commands = [[program, *case] for case in CASES]
        floors = [[floor, *asked(trace(command))] for command in commands]
        times = wall(commands + floors + peers, runs)
        print(f"{runs} runs of each on {machine()}\n")
        print("| case | what | measured | floor | ratio | budget |\n|---|---|---|---|---|---|")
        broken = row("the file", "size", os.path.getsize(program), None, megabytes, 8 * MEGABYTE)
        most = peer(peers[0], times[-1]) if peers else 2.4
        for at, case in enumerate(CASES):
            broken += measure(case, commands[at], floors[at], (times[at], times[len(CASES) + at]), most)
    broken += fleet(program)
    print("\n" + "\n".join(f"BROKEN BUDGET: {line}" for line in broken) if broken else "\nall budgets hold")


main()
