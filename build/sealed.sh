#!/usr/bin/env bash
# Runs cargo so that what it builds is static and does not show where it was built: `make dist-repro` holds it to that.
#
# usage: sealed.sh TARGET SUBCOMMAND...
set -euo pipefail

main() {
    local target=$1 cargo=${CARGO:-cargo} home=${CARGO_HOME:-$HOME/.cargo} flags=(-Ctarget-feature=+crt-static) sources
    # Names that tell the types that a function is made for: build/layout.ld goes by them.
    flags+=(-Csymbol-mangling-version=v0)
    # Nothing unwinds (docs/decisions/0003-panics-do-not-unwind.md), so nobody reads how.
    flags+=(-Cforce-unwind-tables=no)
    shift
    # Panics and logs name the file that they come from. Of several names for a directory the last one counts.
    flags+=("--remap-path-prefix=$PWD=." "--remap-path-prefix=$(realpath -m "${CARGO_TARGET_DIR:-target}")=target")
    # How the directory of crates.io is called depends on cargo's configuration; it is there when they were fetched.
    "$cargo" fetch --locked --target "$target"
    for sources in "$home"/registry/src/*/; do
        flags+=("--remap-path-prefix=${sources%/}=crates")
    done
    # build.rs has the linker do it.
    export CARGO_PROFILE_RELEASE_STRIP=none
    CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && printf %s "${flags[*]}") "$cargo" "$@" --locked --target "$target"
}

main "$@"
