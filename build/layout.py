#!/usr/bin/env python3
"""Writes build/layout.ld: what usual runs execute lies together in the file, so that they touch few of its pages.

    build/layout.py PROGRAM      an unstripped static one, as `make layout` builds it; needs valgrind

The names of functions carry hashes that change with the compiler and the directory; in the script they are wildcards. A name
that no longer exists is passed over by the linker: an old layout costs memory, and nothing else.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

RUNS = [["-o", "json"], [], ["-v"], ["cgroups"], ["-c", "kubernetes-control-plane", "-o", "json"]]


def executed(program):
    """The symbols of the functions that the runs enter."""
    names = set()
    with tempfile.TemporaryDirectory() as directory:
        out = f"{directory}/callgrind"
        for arguments in RUNS:
            command = ["valgrind", "--tool=callgrind", "--demangle=no", f"--callgrind-out-file={out}", program]
            subprocess.run(command + arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            text = pathlib.Path(out).read_text()
            names.update(name.split("'")[0] for name in re.findall(r"^c?fn=\(\d+\) (\S+)", text, re.M))
    return names


def with_twins(program, names):
    """Them and the other names of the same functions: the linker folds what is the same, and keeps whichever it met first."""
    listed = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    at = {}
    for address, _, name in (line.split(None, 2) for line in listed.splitlines() if line[:1].strip()):
        at.setdefault(address, set()).add(name)
    return set().union(*(twins for twins in at.values() if twins & names)) | names


def pattern(symbol):
    """The symbol without its hashes; nothing where it is none of Rust."""
    legacy = re.fullmatch(r"(_ZN.*)17h[0-9a-f]{16}E.*", symbol)
    if legacy:
        return legacy[1] + "17h*"
    if symbol.startswith("_R"):
        return re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", symbol.split(".")[0]) + "*"
    return None


def main():
    [program] = sys.argv[1:] or sys.exit(__doc__)
    names = with_twins(program, executed(program))
    patterns = sorted({pattern(symbol) for symbol in names} - {None})
    lines = [f"    *(.text*.{p})" for p in patterns]  # also .text.unlikely
    script = pathlib.Path(__file__).with_name("layout.ld")
    text = "/* Made by build/layout.py, which says what it is for. */\nSECTIONS\n{\n  .text.run : {\n"
    script.write_text(text + "\n".join(lines) + "\n  }\n}\nINSERT BEFORE .text;\n")
    print(f"{script}: {len(patterns)} names")


main()
