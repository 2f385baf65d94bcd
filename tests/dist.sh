#!/usr/bin/env bash
# Runs the distributed file where nothing else is: a root with /proc, /sys and the file itself.
#
# usage: dist.sh FILE
# Exit status: 0 all is well, 1 something is wrong with the file, 77 the test could not be run (never a success).
set -euo pipefail

inside() {
    # In a mount namespace of its own; everything mounted here vanishes with it.
    local file=$1 root=$2 version=$3 out status
    mount -t tmpfs -o mode=755 tmpfs "$root"
    mkdir "$root/proc" "$root/sys"
    mount --rbind /proc "$root/proc"
    mount --rbind /sys "$root/sys"
    install -m 755 "$file" "$root/preflight"

    out=$(chroot "$root" /preflight --version)
    [[ $out == "preflight $version "* ]] || fail "--version says '$out', not 'preflight $version …'"
    out=$(chroot "$root" /preflight list)
    [[ -n $out ]] || fail "list prints nothing"
    for arguments in "" "-o json"; do
        status=0
        # shellcheck disable=SC2086 # the arguments are words
        out=$(chroot "$root" /preflight $arguments </dev/null) || status=$?
        ((status == 0 || status == 1)) || fail "'preflight $arguments' ends with $status: $out"
        [[ -n $out ]] || fail "'preflight $arguments' prints nothing"
        [[ -z $arguments || $out == "{"*"}" ]] || fail "'preflight $arguments' prints no JSON object: $out"
    done
    [[ $(ls -A "$root") == $'preflight\nproc\nsys' ]] || fail "it left files behind: $(ls -A "$root")"
    echo "dist: $version runs in an empty root; the node is judged with exit status $status"
}

fail() {
    echo "dist: WRONG: $*" >&2
    exit 1
}

not_run() {
    echo "dist: NOT RUN: $*" >&2
    exit 77
}

main() {
    local file=${1:?usage: dist.sh FILE} version
    [[ -x $file ]] || fail "$file is not there; make it with 'make dist'"
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml" | head -n 1)

    # An interpreter in the program headers is a dynamic loader; a static file has none.
    command -v readelf >/dev/null || not_run "readelf (binutils) is missing"
    if LC_ALL=C readelf --program-headers --wide "$file" | grep -E 'INTERP|Requesting program interpreter'; then
        fail "$file wants a dynamic loader"
    fi
    if LC_ALL=C readelf --dynamic --wide "$file" | grep NEEDED; then
        fail "$file wants shared libraries"
    fi
    (cd "$(dirname "$file")" && sha256sum --check --quiet "$(basename "$file").sha256") || fail "the SHA-256 differs"
    grep --quiet "\"content\": \"$(sha256sum <"$file" | cut -d ' ' -f 1)\"" "$file.cdx.json" || fail "the bill of materials is of another file"

    local namespaces=(unshare --mount --propagation private)
    ((EUID == 0)) || namespaces+=(--user --map-root-user)
    "${namespaces[@]}" true || not_run "no mount namespace to be had; run it as root"
    local root
    root=$(mktemp -d)
    # shellcheck disable=SC2064 # the directory of now
    trap "rmdir '$root'" EXIT
    "${namespaces[@]}" "$BASH" "$0" --inside "$(realpath "$file")" "$root" "$version"
}

if [[ ${1-} == --inside ]]; then
    shift
    inside "$@"
else
    main "$@"
fi
