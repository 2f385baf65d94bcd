#!/usr/bin/env bash
# Builds the distributed file once more, in another directory, with another home of cargo, and compares the bytes.
#
# usage: repro.sh FILE
# Exit status: 0 the bytes are the same, 1 they differ, 2 it could not be built.
set -euo pipefail

main() {
    local file=${1:?usage: repro.sh FILE} root
    file=$(realpath "$file")
    cd "$(dirname "$0")/.."
    root=$(mktemp -d)
    # shellcheck disable=SC2064 # the directory of now
    trap "rm -rf '$root'" EXIT
    "$BASH" build/repro.sh --build "$root" >&2 || { echo "repro: NOT BUILT" >&2; exit 2; }

    if cmp "$file" "$root/elsewhere/dist/$(basename "$file")"; then
        echo "repro: the same bytes, built elsewhere: $(sha256sum <"$file" | cut -d ' ' -f 1)"
    else
        echo "repro: DIFFERENT BYTES: $file was made in $PWD, the other one in $root/elsewhere" >&2
        exit 1
    fi
}

# What differs between two machines and is no tool: names of directories, locale, time zone, mode of files, what lies around.
build() {
    local root=$1
    mkdir "$root/elsewhere" "$root/home"
    ln -s "$(realpath "${CARGO_HOME:-$HOME/.cargo}")/registry" "$root/home/registry"
    tar --create --exclude=./target --exclude=./dist --exclude=./.git . | tar --extract --directory="$root/elsewhere"
    cd "$root/elsewhere"
    umask 077
    env -u CARGO_TARGET_DIR -u TARGET_DIR CARGO_HOME="$root/home" LC_ALL=C TZ=Pacific/Kiritimati make static
}

if [[ ${1-} == --build ]]; then
    build "$2"
else
    main "$@"
fi
