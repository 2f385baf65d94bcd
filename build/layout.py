#!/usr/bin/env python3
"""Writes build/layout.ld: what usual runs execute lies together in the file, so that they touch few of its pages.

    build/layout.py PROGRAM      an unstripped static one, as `make layout` builds it; needs valgrind

Names of crates carry hashes that change with the compiler; in the script they are wildcards. The C library's functions are named by
the files of its archive. A name that no longer exists is passed over by the linker: an old layout costs memory, and nothing else.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

# What nearly every run executes lies together, and before what only some do.
RUNS = [[["-o", "json"], []], [["-v"], ["cgroups"], ["-c", "kubernetes-control-plane", "-o", "json"]]]
LIBRARY = "libc.a"


def executed(program, runs):
    """The symbols of the functions that the runs enter."""
    names = set()
    with tempfile.TemporaryDirectory() as directory:
        out = f"{directory}/callgrind"
        for arguments in runs:
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


def members():
    """The files of the C library in which a symbol is: those that offer it to others, or the only one that has it to itself."""
    found = subprocess.run(["cc", f"-print-file-name={LIBRARY}"], capture_output=True, text=True, check=True).stdout.strip()
    listed = subprocess.run(["nm", "-A", "--defined-only", found], capture_output=True, text=True, check=False).stdout
    offered, own = {}, {}
    for line in listed.splitlines():
        place, kind, name = line.rsplit(None, 2)
        if kind in "tTwWi":
            (own if kind == "t" else offered).setdefault(name, set()).add(place.split(":")[-2])
    return {**{name: files for name, files in own.items() if len(files) == 1}, **offered}


def pattern(symbol, library):
    """Where its section is, for the linker; nothing where that is not known."""
    if symbol.startswith("_R"):
        # A hash may be shorter in another build, and what refers back to a place in the name refers to another one then.
        name = re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", symbol.split(".")[0])
        return {"*(.text*." + re.sub(r"B[0-9A-Za-z]*_", "B*_", name) + "*)"}  # also .text.unlikely
    return {f"*{LIBRARY}:{member}(.text .text.*)" for member in library.get(symbol, ())}


def main():
    [program] = sys.argv[1:] or sys.exit(__doc__)
    library, lines = members(), []
    for runs in RUNS:
        names = with_twins(program, executed(program, runs))
        patterns = set().union(*(pattern(symbol, library) for symbol in names)) - set(lines)
        lines += sorted(patterns)
    script = pathlib.Path(__file__).with_name("layout.ld")
    text = "/* Made by build/layout.py, which says what it is for. */\nSECTIONS\n{\n  .text.run : {\n    "
    script.write_text(text + "\n    ".join(lines) + "\n  }\n}\nINSERT BEFORE .text;\n")
    print(f"{script}: {len(lines)} names")


main()
