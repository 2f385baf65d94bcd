#!/usr/bin/env python3
"""Packs a directory of captured nodes into captures.tar.gz, beside this script.

usage: pack.py DIRECTORY            DIRECTORY/KERNEL/MODE/{root/,expected.json,...}

The same directory gives the same bytes: names are sorted, times, owners and modes are fixed, and a content that
occurs more than once is stored once and hard-linked. Empty directories are not kept.
"""

import gzip
import hashlib
import io
import sys
import tarfile
from pathlib import Path


def entry(name: str) -> tarfile.TarInfo:
    """A header that says nothing of the machine on which it was written."""
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.uid, info.gid = 0o644, 0, 0, 0
    return info


def pack(directory: Path) -> bytes:
    """The archive, not yet compressed."""
    first_with = {}  # digest of a content -> the name under which it is stored
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(directory.rglob("*")):
            info = entry(path.relative_to(directory).as_posix())
            if path.is_symlink():
                info.type, info.linkname = tarfile.SYMTYPE, path.readlink().as_posix()
                archive.addfile(info)
            elif path.is_file():
                content = path.read_bytes()
                stored = first_with.setdefault(hashlib.sha256(content).digest(), info.name)
                if stored == info.name:
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
                else:
                    info.type, info.linkname = tarfile.LNKTYPE, stored
                    archive.addfile(info)
    return out.getvalue()


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print(__doc__, file=sys.stderr)
        return 2
    target = Path(__file__).with_name("captures.tar.gz")
    target.write_bytes(gzip.compress(pack(Path(sys.argv[1])), compresslevel=9, mtime=0))
    print(f"{target}: {target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
