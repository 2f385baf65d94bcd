#!/usr/bin/env python3
"""Boots real kernels, and compares what preflight says of their cgroups and nodes with what was measured in the same boot.

The truth comes from the kernel's own memory (guest/masks.c), from the mode that was set up, and from trying every
controller afterwards (guest/scene.sh); nothing of preflight is used for it. Exit status: 0 everything is right, 1 something
is not, 77 it could not be run (never a success). It needs Python 3.9 and its standard library.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

# The modules lie beside this file, and shall leave nothing there.
sys.dont_write_bytecode = True

import delegation
import node
import peers
from compare import Comparison
from kills import Kills
from modes import ALL, BORROWED, DELEGATION, KILL_SERIES, KILLS, NODE, PEERS_SERIES, SERIES

HERE = pathlib.Path(__file__).resolve().parent


class NotRun(Exception):
    """Something that the run needs is not there."""


class Scene:
    """One boot, and what came of it."""

    def __init__(self, kernel, mode, work):
        self.kernel, self.mode = kernel, mode
        self.name = f"{kernel.name} {mode}"
        self.out = work / kernel.name / mode
        self.peers = peers.Score()
        self.seconds = 0.0

    def play(self, programs, lender):
        """Boots and compares: whether all is right, and the text for it. `lender` is the scene of the borrowed masks."""
        status = self.boot(programs)
        if status != 0:
            console = (self.out / "console").read_text() if (self.out / "console").exists() else ""
            said = indent(console[-3000:])
            return False, f"{self.name}: FAILED: the boot ended with {status} after {self.seconds:.1f} s\n{said}"
        try:
            if lender:
                lender.result()
                shutil.copy(self.out.parent / BORROWED[self.mode] / "masks", self.out)
            text, differences = self.compare()
        except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
            return False, f"{self.name}: FAILED: what the guest left can't be understood: {error!r}"
        text += f", {self.seconds:.1f} s"
        if not differences:
            return True, f"{self.name}: {text}"
        failed = f"{self.name}: FAILED: {len(differences)} differences, {text}"
        return False, "\n".join([failed, *map(indent, differences)])

    def boot(self, programs):
        """Boots once, or twice where the emulator lets the guest die: the exit status of the last try."""
        script, limit = "scene.sh", "240"
        if self.mode in KILLS:
            script, limit = "kill.sh", "1200"
        elif self.mode in DELEGATION:
            script = "delegation.sh"
        elif self.mode in NODE:
            script = "node.sh"
            programs = [*programs, *(self.out.parent.parent / name for name in node.IMAGES)]
        command = [str(HERE / "boot.sh"), "-t", limit, "-a", ALL[self.mode].parameters]
        if self.mode in NODE:
            for module in node.modules(self.kernel):
                command += ["-m", module]
        for program in programs:
            command += ["-p", str(program)]
        for attempt in (1, 2):
            shutil.rmtree(self.out, ignore_errors=True)
            start = time.monotonic()
            status = subprocess.run([*command, self.kernel, self.out, HERE / "guest" / script, self.mode], check=False).returncode
            self.seconds = time.monotonic() - start
            if status not in (124, 125) or attempt == 2:
                return status
            print(f"{self.name}: the guest died ({status}) and is booted again", flush=True)

    def compare(self):
        if self.mode in KILLS:
            kills = Kills(self.out, self.mode)
            return kills.text, kills.differences
        if self.mode in DELEGATION:
            return delegation.compare(self.out)
        if self.mode in NODE:
            return node.compare(self.out)
        c = Comparison(self.out, self.mode)
        self.peers = c.peers
        return f"{c.states} states, {c.readings} readings, {c.verdicts} verdicts right", c.differences


def indent(text):
    return "\n".join(f"    {line}" for line in text.splitlines())


def build(work):
    """The programs of the guest."""
    names = ["masks", "enter", "kill-at"]
    for name in names:
        command = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", str(work / name), str(HERE / f"guest/{name}.c")]
        if subprocess.run(command, check=False).returncode != 0:
            raise NotRun(f"guest/{name}.c could not be compiled and linked statically")
    return [HERE / "guest/lib.sh", *(work / name for name in names)]


def kernels(wanted):
    """The directory of a kernel for each series or release."""
    done = subprocess.run([str(HERE / "kernels.sh"), *wanted], check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise NotRun("not every kernel is to be had")
    found = [pathlib.Path(line) for line in done.stdout.splitlines()]
    for choice, kernel in zip(wanted, found):
        first = choice.split(",")[0]
        if not kernel.name.startswith(first):
            print(f"vm: {kernel.name} stands in for {first}, which is not to be had")
    return dict(zip(wanted, found))


def scenes(arguments, work):
    """Every scene that is wanted, each after the one from which it borrows."""
    modes = list(arguments.mode or ALL)
    for mode in list(modes):
        if mode in BORROWED and BORROWED[mode] not in modes:
            modes.insert(0, BORROWED[mode])
    found = kernels(arguments.kernel or SERIES)
    table = {mode for mode, _ in peers.CELLS}
    # What takes longest begins first.
    for mode in sorted(modes, key=lambda mode: mode not in KILLS):
        for series, kernel in found.items():
            played = series in KILL_SERIES if mode in KILLS else mode in table or series != PEERS_SERIES
            if played or arguments.kernel:
                yield Scene(kernel, mode, work)


def run(arguments, work):
    for command, package in (("qemu-system-x86_64", "qemu-system-x86"), ("busybox", "busybox-static"), ("cpio", "cpio"), ("cc", "gcc")):
        if not shutil.which(command):
            raise NotRun(f"{command} is missing (Debian: {package})")
    if not os.access(arguments.preflight, os.X_OK):
        raise NotRun(f"{arguments.preflight} is not there; make it with `make dist`")
    program = work / "preflight"
    shutil.copy(arguments.preflight, program)
    programs = [program, *build(work)]
    played = list(scenes(arguments, work))
    if any(scene.mode in NODE for scene in played) and not node.images(work):
        raise NotRun("mkfs.xfs makes no file system without ftype (Debian: xfsprogs)")
    score, failed, futures = peers.Score(), 0, {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for scene in played:
            lender = futures.get((scene.kernel, BORROWED.get(scene.mode)))
            futures[scene.kernel, scene.mode] = pool.submit(scene.play, programs, lender)
        for scene, future in zip(played, futures.values()):
            good, text = future.result()
            failed += not good
            score.add(scene.peers)
            print(text, flush=True)
    print(f"peers: {score}")
    print(f"vm: {len(played) - failed} passed, {failed} failed")
    return 1 if failed or not score.whole() else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("preflight", help="the static binary, as `make dist` builds it")
    parser.add_argument("--kernel", action="append", help=f"a series or a release (default: {' '.join(SERIES)})")
    parser.add_argument("--mode", action="append", choices=ALL, help="one of the modes (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="boots side by side (default: 2)")
    parser.add_argument("--keep", type=pathlib.Path, help="a directory for what the guests leave")
    arguments = parser.parse_args()
    try:
        if arguments.keep:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            return run(arguments, arguments.keep)
        with tempfile.TemporaryDirectory() as work:
            return run(arguments, pathlib.Path(work))
    except NotRun as reason:
        print(f"vm: NOT RUN: {reason}", file=sys.stderr)
        return 77


if __name__ == "__main__":
    sys.exit(main())
