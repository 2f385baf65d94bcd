#!/usr/bin/env bash
# Brings Debian kernels into the cache and prints a directory for each, with the kernel and its configuration where the
# package puts them, and those of its modules that tests load below lib/modules, unpacked, with their index. Nothing is
# installed, and the machine's own apt lists are not touched.
#
# usage: kernels.sh WANTED...      WANTED is a series, such as 6.1 or 7, or a release, such as 6.1.0-56-cloud-amd64, or
#                                  several of them with commas: the first of them that is to be had
# The cache is $PREFLIGHT_VM_CACHE, or preflight-vm below $XDG_CACHE_HOME (~/.cache). What is there is used as it is;
# remove a kernel's directory to get the newest of its series.
set -euo pipefail

cache=${PREFLIGHT_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/preflight-vm}
# Where the series come from, in Nov 2026: 5.10 bullseye, 6.1 bookworm, 6.12 trixie, 6.16 to 7 trixie-backports.
readonly suites=(bullseye bookworm bookworm-backports trixie trixie-backports)
readonly security=(bullseye-security bookworm-security trixie-security)
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The modules that a test may load, by the directories of the kernel's tree in which they and what they need lie.
readonly modules=(crypto drivers/block drivers/net fs/overlayfs fs/xfs lib mm net)

fail() {
    echo "kernels.sh: $*" >&2
    exit 1
}

# The kernel of a tree: up to Linux 6.18 the packages put it in /boot, from 6.19 on below /usr/lib/modules.
kernel_of() {
    local file
    for file in "$1"/boot/vmlinuz-* "$1"/usr/lib/modules/*/vmlinuz; do
        [[ -s $file ]] && return
    done
    return 1
}

# cached WANTED: prints the newest unpacked tree that fits. One without modules is from before there were tests for them.
cached() {
    local tree
    while read -r tree; do
        kernel_of "$tree" && compgen -G "$tree/lib/modules/*/modules.dep" >/dev/null && { echo "$tree"; return; }
    done < <(printf '%s\n' "$cache/kernels/$1" "$cache/kernels/$1".*-cloud-amd64 | sort --version-sort --reverse)
    return 1
}

# An apt of its own below the cache, with the mirror that this machine's apt is set up with.
set_up_apt() {
    local uris mirror updates suite apt=$cache/apt
    [[ -r $keyring ]] || fail "$keyring is missing (Debian: debian-archive-keyring)"
    uris=$(apt-get update --print-uris) || fail "apt-get does not tell its mirrors"
    mirror=$(sed -n "s#^'\(.*/debian\)/dists/.*#\1#p" <<<"$uris" | head -n 1)
    [[ -n $mirror ]] || fail "this machine's apt is set up with no Debian mirror"
    updates=$(sed -n "s#^'\(.*/debian-security\)/dists/.*#\1#p" <<<"$uris" | head -n 1)
    mkdir -p "$apt"/{lists/partial,cache/archives/partial,parts}
    for suite in "${suites[@]}"; do echo "deb [signed-by=$keyring] $mirror $suite main"; done >"$apt/sources.list"
    for suite in "${security[@]}"; do
        echo "deb [signed-by=$keyring] ${updates:-$mirror-security} $suite main"
    done >>"$apt/sources.list"
    cat >"$apt/apt.conf" <<CONF
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "$apt/parts";
Dir::Etc::preferencesparts "$apt/parts";
Dir::State::lists "$apt/lists";
Dir::Cache "$apt/cache";
APT::Architecture "amd64";
APT::Sandbox::User "root";
Acquire::Languages "none";
CONF
    export APT_CONFIG=$apt/apt.conf
    apt-get update -qq >&2 || echo "kernels.sh: not every suite could be read; going on with the others" >&2
}

# The newest release of the cloud flavour that fits WANTED. A release is there if a package holds its kernel.
newest() {
    local wanted=${1//./\\.}
    apt-cache pkgnames | sed -nE "s/^linux-(image|binary)-($wanted([.+-].*)?-cloud-amd64|${wanted//+/\\+})$/\2/p" |
        sort --version-sort | tail -n 1
}

# index TREE RELEASE: the modules uncompressed and in one place, whatever the package's habits, with modules.dep.
index() {
    local here=$1/lib/modules/$2
    mkdir -p "$here"
    [[ ! -d $1/usr/lib/modules/$2/kernel ]] || mv "$1/usr/lib/modules/$2"/{kernel,modules.*} "$here/"
    find "$here" -name '*.ko.xz' -exec xz --decompress {} +
    busybox depmod -b "$1" "$2"
}

# unpack RELEASE: fetches the packages and unpacks what is wanted of them only. What is in the cache is whole.
unpack() {
    local release=$1 work package
    work=$(mktemp -d "$cache/work.XXXXXX")
    for package in linux-image linux-binary linux-modules linux-base; do # from 6.19 on the last three, before the first
        (cd "$work" && apt-get download -qq "$package-$release" >/dev/null 2>&1) || true
    done
    mkdir "$work/tree"
    for package in "$work"/*.deb; do
        [[ -e $package ]] || continue
        dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work/tree" --wildcards --no-wildcards-match-slash \
            './boot/vmlinuz-*' './boot/config-*' './usr/lib/modules/*/vmlinuz' './usr/lib/modules/*/config' \
            './lib/modules/*/modules.*' './usr/lib/modules/*/modules.*' \
            "${modules[@]/#/./lib/modules/$release/kernel/}" "${modules[@]/#/./usr/lib/modules/$release/kernel/}" \
            2>/dev/null || true
    done
    index "$work/tree" "$release"
    rm -rf "$cache/kernels/$release"
    if kernel_of "$work/tree"; then mv "$work/tree" "$cache/kernels/$release"; fi
    rm -r "$work"
    [[ -d $cache/kernels/$release ]] || fail "no package brought the kernel $release"
}

# fetch WANTED: prints the tree of the newest kernel on the mirror that fits.
fetch() {
    local release
    [[ -n ${APT_CONFIG-} ]] || set_up_apt
    release=$(newest "$1")
    [[ -n $release ]] || { echo "kernels.sh: the mirror has no kernel $1" >&2; return 1; }
    echo "kernels.sh: fetching $release" >&2
    unpack "$release"
    echo "$cache/kernels/$release"
}

# bring WANTED...: prints the tree of the first that is in the cache, else of the first that the mirror has.
bring() {
    local wanted
    for wanted in "$@"; do ! cached "$wanted" || return 0; done
    for wanted in "$@"; do ! fetch "$wanted" || return 0; done
    return 1
}

(($# > 0)) || fail "usage: kernels.sh WANTED..."
mkdir -p "$cache/kernels"
for wanted in "$@"; do
    IFS=, read -ra choice <<<"$wanted"
    bring "${choice[@]}" || fail "no kernel $wanted is to be had"
done
