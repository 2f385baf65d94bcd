#!/usr/bin/env python3
"""Makes an image of containers out of the static program: an OCI image layout as a tar archive.

    build/image.py PROGRAM >PROGRAM.oci.tar        PROGRAM as `make dist` leaves it, with PROGRAM.cdx.json beside it

In the image are the program, an empty directory /host where the host is mounted, the licences and the bill of materials.
Nothing else: no shell, no library. The same program and commit give the same bytes: the time is that of the commit (or
SOURCE_DATE_EPOCH), files come in a fixed order and belong to root.

The layout is written here, not by umoci or buildah: they put the time of now into it, and compress with the zlib that they
were built with. The layer is not compressed, so that no compressor has a say in its bytes; who pushes it to a registry
compresses it then. tests/deploy/image.py has skopeo, umoci and containerd judge what comes out.

Sources: image-spec v1.1 (image-layout.md, manifest.md, config.md, layer.md, annotations.md).
"""
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENTS = "usr/share/doc/preflight"
# What `ctr images import` calls the image; a name with this host is never asked of a registry.
NAME = "localhost/preflight"


def git(*arguments):
    """What git says of this tree; nothing where there is no git or no repository of its own."""
    command = ["git", "-C", str(ROOT), *arguments]
    if not (ROOT / ".git").exists():
        return ""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def manifest_value(key):
    """The first value of that key in Cargo.toml, where version, licence and description stand once for all."""
    return re.search(rf'^{key} = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.M)[1]


def epoch():
    """When it was made: of a source without git, as 1970 has it, which is as good a time as any that is made up."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct") or 0)


def revision():
    """The commit; nothing where it does not tell what the source was."""
    return "" if git("status", "--porcelain", "--untracked-files=no") else git("rev-parse", "HEAD")


def archive(members, when):
    """A tar archive of (name, content, mode); content None is a directory."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content, mode in members:
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            entry.mode, entry.size, entry.mtime = mode, len(content or b""), when
            tar.addfile(entry, io.BytesIO(content) if content is not None else None)
    return out.getvalue()


def layer(program, when):
    """All that is in the image."""
    files = {
        "preflight": (program.read_bytes(), 0o755),
        f"{DOCUMENTS}/preflight.cdx.json": (program.with_name(program.name + ".cdx.json").read_bytes(), 0o644),
    }
    for name in ("LICENSE-APACHE", "LICENSE-MIT"):
        files[f"{DOCUMENTS}/{name}"] = ((ROOT / name).read_bytes(), 0o644)
    # A directory above each of them, and the one where the host goes.
    above = {str(parent) for name in files for parent in pathlib.PurePosixPath(name).parents if str(parent) != "."}
    members = [(name, None, 0o755) for name in above | {"host"}]
    members += [(name, *content) for name, content in files.items()]
    return archive(sorted(members), when)


def image(program):
    when = epoch()
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))
    version = manifest_value("version")
    labels = {
        "org.opencontainers.image.title": "preflight",
        "org.opencontainers.image.description": manifest_value("description"),
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.revision": revision(),
        "org.opencontainers.image.licenses": manifest_value("license"),
        "org.opencontainers.image.created": created,
    }
    labels = {key: value for key, value in labels.items() if value}
    content = layer(program, when)
    blobs = {}

    def blob(data, kind, **more):
        digest = hashlib.sha256(data).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data), **more}

    def document(value):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

    platform = {"architecture": "amd64", "os": "linux"}
    config = {
        "created": created, **platform,
        "config": {
            # Files of the host that root alone may read (configurations of the kubelet, of the runtime, of sysctl) are
            # evidence, too. Which capabilities this root has is for who runs the image: configs/deploy/kubernetes keeps two.
            "User": "0:0",
            "Entrypoint": ["/preflight"], "Cmd": ["--root", "/host"], "WorkingDir": "/", "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
        "history": [{"created": created, "created_by": "build/image.py"}],
    }
    manifest = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blob(document(config), "config.v1+json"),
        "layers": [blob(content, "layer.v1.tar")],
        "annotations": labels,
    }
    names = {"org.opencontainers.image.ref.name": version, "io.containerd.image.name": f"{NAME}:{version}"}
    index = {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [blob(document(manifest), "manifest.v1+json", platform=platform, annotations=names)],
    }
    files = {"oci-layout": document({"imageLayoutVersion": "1.0.0"}), "index.json": document(index), **blobs}
    members = [(name, None, 0o755) for name in ("blobs", "blobs/sha256")]
    members += [(name, data, 0o644) for name, data in files.items()]
    return archive(sorted(members), when)


if len(sys.argv) != 2:
    sys.exit(__doc__)
sys.stdout.buffer.write(image(pathlib.Path(sys.argv[1])))
