#!/bin/bash
# Makes the databases of rpm in this folder: rpmdb.sqlite by rpm itself, Packages by Berkeley DB's db_load.
# Needs rpm, db5.3-util, sqlite3.
set -euo pipefail
to=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export SOURCE_DATE_EPOCH=1700000000
rpm_() { rpm --root "$work/root" --dbpath /var/lib/rpm --define '_db_backend sqlite' "$@"; }
# package NAME VERSION RELEASE EPOCH FILES PATH...
package() {
    local spec=$work/$1.spec name=$1 version=$2 release=$3 epoch=$4 files=$5
    shift 5
    {
        printf 'Name: %s\nVersion: %s\nRelease: %s\n' "$name" "$version" "$release"
        ((epoch == 0)) || printf 'Epoch: %s\n' "$epoch"
        printf 'Summary: x\nLicense: MIT\nBuildArch: noarch\n%%description\nx\n%%install\ntrue\n'
        for path in "$@"; do printf 'install -D /dev/null %%{buildroot}%s\n' "$path"; done
        for ((i = 0; i < files; i++)); do printf 'install -D /dev/null %%{buildroot}/usr/share/%s/a-file-with-a-long-name-%d\n' "$name" $i; done
        printf '%%files\n'
        printf '%s\n' "$@"
        ((files == 0)) || echo "/usr/share/$name"
    } >"$spec"
    rpmbuild --quiet --define "_topdir $work/build" --define '_buildhost localhost' -bb "$spec"
    rpm_ -i --nodeps --oldpackage --force "$work/build/RPMS/noarch/$name-$version-$release.noarch.rpm"
}
mkdir "$work/root"
rpm_ --initdb
package kernel 5.14.0 503.el9 0 0 /boot/vmlinuz-503
package kernel 5.14.0 70.el9 0 0 /boot/vmlinuz-70
package util-linux 2.40 1.fc40 0 1 /usr/bin/mount
package containerd '2.0.0~rc1' 1.fc40 2 300 /usr/bin/containerd
package nothing 1 1 0 0
database=$work/root/var/lib/rpm/rpmdb.sqlite
gzip -9n <"$database" >"$to/rpmdb.sqlite.gz"
# A key is the number of a package in the machine's byte order; the one of zero holds the last.
number() { printf '%08x' "$1" | sed -E 's/(..)(..)(..)(..)/'"$2"'/'; }
load() { # FILE ORDER PATTERN
    {
        printf 'VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=512\nHEADER=END\n'
        printf ' 00000000\n %s\n' "$(number 5 "$3")"
        sqlite3 "$database" 'select hnum, lower(hex(blob)) from Packages' | while IFS='|' read -r number blob; do
            printf ' %s\n %s\n' "$(number "$number" "$3")" "$blob"
        done
        echo DATA=END
    } | db5.3_load -c "db_lorder=$2" "$work/$1"
    gzip -9n <"$work/$1" >"$to/$1.gz"
}
load Packages 1234 '\4\3\2\1'
load Packages-big-endian 4321 '\1\2\3\4'
