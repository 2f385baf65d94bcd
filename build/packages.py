#!/usr/bin/env python3
"""Packs the distributed file as .deb and .rpm, with cargo-deb and cargo-generate-rpm (Cargo.toml says what goes where).

    build/packages.py FILE [VERSION]     writes preflight_VERSION-1_amd64.deb and preflight-VERSION-1.x86_64.rpm beside FILE

Nothing is built but these two tools, once, in target/tools. The same file, source and SOURCE_DATE_EPOCH (the time of the last commit
if not given) give the same bytes. Another VERSION than that of Cargo.toml is for tests of upgrades.
"""
import datetime
import email.utils
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CARGO = os.environ.get("CARGO", "cargo")
STAGE = ROOT / "target/packages"  # as Cargo.toml has it
TOOLS = ROOT / "target/tools"
# cargo-generate-rpm 0.18.1 is the last one without a library of OpenPGP, which takes longer to build than all the rest; nothing is
# signed here. Without its default features cargo-deb takes xz(1) in place of a library.
PINNED = {"cargo-deb": ["3.8.0", "--no-default-features"], "cargo-generate-rpm": ["0.18.1"]}
# What works on every byte; the rest may be slow, but quick to build.
FAST = ["liblzma-sys", "md-5", "sha1", "sha2"]
LICENCES = re.compile(r"(licen[sc]e|copying|unlicense|notice|copyright)", re.I)
# Of the directory with everything that the toolchain needs, what its standard library says of itself.
STD_LICENCES = re.compile(r"(MIT|Apache-2\.0)\.txt$")


def fail(why):
    sys.exit(f"packages: {why}")


def said(*command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def tools():
    """Builds what is not there yet, both at once and as cheaply as can be: they run for seconds."""
    building = []
    for name, (version, *features) in PINNED.items():
        if (TOOLS / "bin" / name).exists() and (TOOLS / f"{name}-{version}").exists():
            continue
        print(f"packages: building {name} {version}", file=sys.stderr)
        build = TOOLS / f"build-{name}"
        command = [CARGO, "install", "--quiet", "--locked", "--force", "--debug", "--root", TOOLS, "--target-dir", build]
        for crate in FAST if name == "cargo-generate-rpm" else []:
            command += ["--config", f"profile.dev.package.{crate}.opt-level=3"]
        environment = {k: v for k, v in os.environ.items() if not k.endswith("RUSTFLAGS")}
        for setting in ("DEBUG", "DEBUG_ASSERTIONS", "OVERFLOW_CHECKS", "INCREMENTAL"):
            environment[f"CARGO_PROFILE_DEV_{setting}"] = "false"
        TOOLS.mkdir(parents=True, exist_ok=True)
        process = subprocess.Popen([*command, *features, f"{name}@{version}"], cwd=TOOLS, env=environment)
        building.append((name, version, build, process))
    for name, version, build, process in building:
        if process.wait() != 0:
            fail(f"{name} {version} could not be built")
        (TOOLS / f"{name}-{version}").touch()
        shutil.rmtree(build)


def licence_texts(bill):
    """The licences and notices of what is linked in, each text once, after the names of those who have it."""
    command = [CARGO, "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)
    directories = {(p["name"], p["version"]): pathlib.Path(p["manifest_path"]).parent for p in metadata["packages"]}
    rust = pathlib.Path(said(os.environ.get("RUSTC", "rustc"), "--print", "sysroot")) / "share/doc/rust/licenses"
    texts, listed = {}, []
    for part in bill["components"]:
        name, purl = f"{part['name']} {part['version']}", part.get("purl", "")
        if not purl:
            continue  # a crate of preflight itself
        if purl.startswith("pkg:cargo/"):
            directory = directories[part["name"], part["version"]]
        elif purl.startswith("pkg:deb/"):
            directory = pathlib.Path("/usr/share/doc") / re.search(r"/([^/@]+)@", purl)[1]
        else:
            directory = rust
        wanted = STD_LICENCES if directory == rust else LICENCES
        found = sorted(f for f in directory.glob("*") if f.is_file() and wanted.match(f.name)) if directory.is_dir() else []
        for file in found:
            texts.setdefault(file.read_text(errors="replace").strip(), set()).add(name)
        note = "" if found else " (brings no text of its own)"
        listed.append(f"{name}: {part['licenses'][0]['expression']}{note}")
    whole = "Linked into preflight, beside its own files:\n\n" + "\n".join(f"  {line}" for line in listed) + "\n"
    for text, names in texts.items():
        whole += "\n" + "-" * 78 + "\n" + ", ".join(sorted(names)) + "\n\n" + text + "\n"
    return whole


def expression(bill):
    """The licence of the whole file: every one of what is in it."""
    every = {c["licenses"][0]["expression"] for c in [*bill["components"], bill["metadata"]["component"]]}
    terms = set()
    for licence in every:
        for term in re.split(r" AND ", licence):
            terms.add(" OR ".join(sorted(term.strip("()").split(" OR "))))
    return " AND ".join(f"({term})" if " OR " in term else term for term in sorted(terms))


def copyright_file():
    mit = (ROOT / "LICENSE-MIT").read_text().split("\n\n", 2)
    text = "\n".join(f" {line}" if line.strip() else " ." for line in mit[2].strip().splitlines())
    holder = re.search(r"^Copyright \(c\) (.*)$", "\n".join(mit[:2]), re.M)[1]
    return f"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: preflight
Comment:
 The program is one static file, and holds more than the files of preflight:
 crates from others, the standard library of Rust, the C library (glibc,
 LGPL-2.1-or-later) and the run time of GCC (GPL-3.0-or-later with the GCC
 exception). /usr/share/doc/preflight/preflight.cdx.json lists all of it with
 versions, licences and checksums, /usr/share/doc/preflight/licenses.gz has
 their licences and notices. With the source of preflight `make dist` links it
 to another version of the C library.

Files: *
Copyright: {holder}
License: Expat or Apache-2.0

License: Expat
{text}

License: Apache-2.0
 On Debian systems the text of the Apache License, version 2.0, is in
 /usr/share/common-licenses/Apache-2.0.
"""


def changelog(version, epoch):
    """Debian's own, of the package: each version is packed once. What users notice is in the other one."""
    when = email.utils.format_datetime(datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc))
    maintainer = re.search(r'^maintainer = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    return f"""preflight ({version}-1) unstable; urgency=medium

  * preflight {version}: what is new in it is in changelog.gz beside this file.

 -- {maintainer}  {when}
"""


def stage(program, version, epoch):
    """Everything that is packed, with the time of the commit: modification times are packed as well."""
    shutil.rmtree(STAGE, ignore_errors=True)
    STAGE.mkdir(parents=True)
    bill = json.loads(pathlib.Path(f"{program}.cdx.json").read_text())
    deploy = ROOT / "configs/deploy/systemd"
    copies = {ROOT / name for name in ("README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT")}
    copies |= {ROOT / "share" / name for name in ("preflight.bash", "_preflight", "preflight.fish")}
    copies |= {deploy / "policy.yaml", deploy / "preflight.service", deploy / "kubelet.service.d/20-preflight.conf"}
    for source in copies:
        shutil.copyfile(source, STAGE / source.name)
    shutil.copyfile(program, STAGE / "preflight")
    shutil.copyfile(f"{program}.cdx.json", STAGE / "preflight.cdx.json")
    shutil.copyfile(ROOT / "build/packages.debian/lintian-overrides", STAGE / "lintian-overrides")
    (STAGE / "copyright").write_text(copyright_file())
    (STAGE / "changelog.Debian").write_text(changelog(version, epoch))
    packed = {page.name: page.read_bytes() for page in sorted((ROOT / "share").glob("*.1"))}
    packed |= {"changelog": (ROOT / "CHANGELOG.md").read_bytes(), "licenses": licence_texts(bill).encode()}
    for name, content in packed.items():
        # Not gzip.compress, whose header depends on Python's version.
        with open(STAGE / f"{name}.gz", "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packing:
            packing.write(content)
    for each in STAGE.iterdir():
        each.chmod(0o755 if each.name == "preflight" else 0o644)
        os.utime(each, (epoch, epoch))
    return bill


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    file = pathlib.Path(sys.argv[1]).resolve()
    if not file.exists() or not pathlib.Path(f"{file}.cdx.json").exists():
        fail(f"{file} or its bill of materials is not there; make them with 'make dist'")
    own = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    version = sys.argv[2] if len(sys.argv) == 3 else own
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or said("git", "log", "-1", "--format=%ct")
    if not epoch:
        fail("there is no commit here to take the time from: set SOURCE_DATE_EPOCH")
    if not shutil.which("xz"):
        fail("xz is missing (Debian: xz-utils)")
    tools()
    bill = stage(file, version, int(epoch))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": epoch, "TZ": "UTC", "LC_ALL": "C"}
    # The path of the build directory in Cargo.toml is meant as it stands.
    environment.pop("CARGO_TARGET_DIR", None)
    environment.pop("CARGO_BUILD_TARGET_DIR", None)
    deb, rpm = file.parent / f"preflight_{version}-1_amd64.deb", file.parent / f"preflight-{version}-1.x86_64.rpm"
    deb_command = [TOOLS / "bin/cargo-deb", "--no-build", "--no-strip", "--locked", "--deb-version", f"{version}-1", "-o", deb]
    subprocess.run(deb_command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    rpm_command = [TOOLS / "bin/cargo-generate-rpm", "--payload-compress", "xz", "-o", rpm]
    rpm_command += ["-s", f'version = "{version}"', "-s", f'license = "{expression(bill)}"']
    subprocess.run(rpm_command, cwd=ROOT, env=environment, check=True)
    for made in (deb, rpm):
        print(f"packages: {made.name}, {made.stat().st_size:,} bytes")


main()
