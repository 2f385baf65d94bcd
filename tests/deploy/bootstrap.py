#!/usr/bin/python3
"""Tries what configs/deploy has for the first boot of a node, for images and for Prometheus, with the programs that read it.

    tests/deploy/bootstrap.py FILE [PART...]        FILE: the static preflight (make dist)

Debian's own Python, since cloud-init's modules are made for it. What it needs, tests/deploy/bootstrap-tools brings. Exit status:
0 all is well, 1 something is wrong, 77 something could not be run (never a success; with PREFLIGHT_REQUIRE_LIVE=1 it is 1).
"""
import os
import pathlib
import signal
import sys
import time
import traceback

# The modules lie beside this file, and shall leave nothing there.
sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "bootstrap"))

import importlib

from common import NotRun, Wrong

PARTS = ("scripts", "kubeadm", "cloud_init", "cluster_api", "packer", "prometheus", "page")


def main():
    """Every part runs, also after one has failed."""
    if len(sys.argv) < 2 or not os.access(sys.argv[1], os.X_OK):
        print(f"bootstrap: WRONG: {' '.join(sys.argv[1:2]) or 'FILE'} is not there; make it with 'make dist'", file=sys.stderr)
        return 1
    # What is under way is tidied up by its own `finally`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    file, wanted = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:] or PARTS
    wrong = left_out = 0
    for part in wanted:
        start = time.monotonic()
        try:
            told = importlib.import_module(part).test(file)
        except (NotRun, ImportError) as error:
            left_out += 1
            print(f"bootstrap: NOT RUN: {part}: {error}", file=sys.stderr)
        except Exception as error:  # whatever stops a part, the others run
            wrong += 1
            told = str(error) if isinstance(error, Wrong) else traceback.format_exc()
            print(f"bootstrap: WRONG: {part}: {told}", file=sys.stderr)
        else:
            print(f"bootstrap: {part}: {'; '.join(told)} ({time.monotonic() - start:.1f} s)", flush=True)
    if wrong or (left_out and os.environ.get("PREFLIGHT_REQUIRE_LIVE") == "1"):
        return 1
    return 77 if left_out else 0


if __name__ == "__main__":
    sys.exit(main())
