#!/usr/bin/env python3
"""Prints what is linked into a static program as a bill of materials: CycloneDX 1.6, JSON.

    build/sbom.py PROGRAM [TARGET] >PROGRAM.cdx.json      TARGET as Rust has it, x86_64-unknown-linux-gnu if not given

Listed are the crates that the linker is given (no proc macros, nothing of builds or tests), the standard library, and the
parts of the C library and the C compiler. The same program, Cargo.lock and tools give the same bytes: there is no time in
it, and its serial number is made of what it says.
"""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
CARGO = os.environ.get("CARGO", "cargo")


def said(*command):
    """What a command prints; nothing where it is missing or fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def tree(target):
    """Which crate, as (name, version), has which others linked, by cargo's own resolution of features."""
    command = [CARGO, "tree", "--locked", "--package", "preflight", "--target", target, "--edges", "normal,no-proc-macro"]
    command += ["--no-dedupe", "--prefix", "depth", "--format", " {p}"]
    text = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    edges, above = {}, []
    for line in text.splitlines():
        depth, name, version = line.split()[:3]
        crate = (name, version.removeprefix("v"))
        del above[int(depth):]
        if above:
            edges[above[-1]].add(crate)
        edges.setdefault(crate, set())
        above.append(crate)
    return edges


def crates(edges):
    """A component for each of them, by its reference."""
    command = [CARGO, "metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    known = {(p["name"], p["version"]): p for p in metadata["packages"]}
    lock = (ROOT / "Cargo.lock").read_text()
    found = re.findall(r'^name = "(.*)"\nversion = "(.*)"\nsource = ".*"\nchecksum = "(.*)"$', lock, re.M)
    checksums = {(name, version): checksum for name, version, checksum in found}
    for crate in edges:
        yield component(known[crate], checksums.get(crate))


def reference(crate):
    name, version = crate
    return f"{name}@{version}" if name.startswith("preflight") else f"pkg:cargo/{name}@{version.replace('+', '%2B')}"


def component(package, checksum):
    crate = package["name"], package["version"]
    made = {"type": "library", "bom-ref": reference(crate), "name": crate[0], "version": crate[1]}
    if package["description"]:
        made["description"] = " ".join(package["description"].split())
    if checksum:
        made["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    # A slash is how `OR` was written before SPDX.
    made["licenses"] = [{"expression": " OR ".join(part.strip() for part in package["license"].split("/"))}]
    if checksum:
        made["purl"] = made["bom-ref"]
    if package["repository"]:
        made["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return made


def system():
    """What comes from the machine that builds: its owners mend it elsewhere than in Cargo.lock."""
    rust = dict(line.split(": ", 1) for line in said(os.environ.get("RUSTC", "rustc"), "-vV").splitlines() if ": " in line)
    yield library("std", rust["release"], "MIT OR Apache-2.0", "the standard library of Rust")
    glibc = said("getconf", "GNU_LIBC_VERSION").removeprefix("glibc ")
    gcc = said("cc", "-dumpfullversion")
    yield library("glibc", glibc, "LGPL-2.1-or-later", "the C library", "libc6-dev")
    yield library("libgcc", gcc, "GPL-3.0-or-later WITH GCC-exception-3.1", "the run time of GCC",
                  f"libgcc-{gcc.split('.')[0]}-dev")


def library(name, version, licence, description, debian=None):
    """A component that is no crate; a package of Debian says it more exactly than the version that it tells of itself."""
    purl = f"pkg:generic/{name}@{version}"
    packaged = debian and said("dpkg-query", "--show", "--showformat", "${Version} ${Architecture}", debian)
    if packaged:
        exact, architecture = packaged.split()
        distribution = said("sh", "-c", ". /etc/os-release && echo $ID") or "debian"
        purl = f"pkg:deb/{distribution}/{debian}@{exact.replace('+', '%2B')}?arch={architecture}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "description": description,
            "licenses": [{"expression": licence}], "purl": purl}


def bill(program):
    edges = tree(TARGET)
    own = next(iter(edges))
    described = sorted(crates(edges), key=lambda c: c["bom-ref"])
    subject = next(c for c in described if c["bom-ref"] == reference(own))
    described.remove(subject)
    parts = list(system())
    subject["type"] = "application"
    subject["hashes"] = [{"alg": "SHA-256", "content": hashlib.sha256(pathlib.Path(program).read_bytes()).hexdigest()}]
    links = {reference(crate): sorted(map(reference, on)) for crate, on in edges.items()}
    links[reference(own)] += [part["bom-ref"] for part in parts]
    whole = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.6",
        "serialNumber": "", "version": 1,
        "metadata": {"lifecycles": [{"phase": "build"}], "component": subject},
        "components": described + parts,
        "dependencies": [{"ref": ref, "dependsOn": links[ref]} for ref in sorted(links)],
    }
    # Of what is said, not of chance: the fifth kind of UUID is such a one.
    whole["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(whole)).urn
    return whole


if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
TARGET = sys.argv[2] if len(sys.argv) == 3 else "x86_64-unknown-linux-gnu"
print(json.dumps(bill(sys.argv[1]), indent=2, ensure_ascii=False))
