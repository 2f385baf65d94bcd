#!/usr/bin/env bash
# A systemd, the first process of namespaces of its own, that runs the units of configs/deploy/prometheus.
#
# usage: systemd.sh DIRECTORY. Of DIRECTORY:
#   units/       what lies in /etc/systemd/system there; test.target is what it boots
#   preflight    the program, /usr/local/bin/preflight there
#   reports/     /var/lib/node_exporter/textfile_collector there
set -euo pipefail
directory=$1
name=preflight-test-$$

# Cgroups of its own below those of this machine; systemd wants all hierarchies.
mapfile -t hierarchies < <(awk '$3 == "cgroup" || $3 == "cgroup2" {print $2}' /proc/self/mounts)
# shellcheck disable=SC2317 # the trap calls it
tidy() {
    [[ -z ${child-} ]] || { kill -9 "$child" 2>/dev/null; wait "$child" 2>/dev/null; } || true
    for hierarchy in "${hierarchies[@]}"; do
        for _ in {1..20}; do
            find "$hierarchy/$name" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [[ -d $hierarchy/$name ]] || break
            sleep 0.1
        done
    done
}
trap tidy EXIT
trap 'exit 143' TERM INT
for hierarchy in "${hierarchies[@]}"; do
    mkdir "$hierarchy/$name"
    if [[ -e $hierarchy/cpuset.mems ]]; then
        cat "$hierarchy/cpuset.cpus" >"$hierarchy/$name/cpuset.cpus"
        cat "$hierarchy/cpuset.mems" >"$hierarchy/$name/cpuset.mems"
    fi
done

# shellcheck disable=SC2016 # the inner shell fills it in
boots() {
    for hierarchy in "${hierarchies[@]}"; do echo 0 >"$hierarchy/$name/cgroup.procs"; done
    exec unshare --mount --pid --uts --ipc --cgroup --net --fork --kill-child bash -euc '
mount --make-rprivate /
root=$1/root
mkdir "$root"
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p usr etc/systemd proc sys dev run tmp var/lib/node_exporter/textfile_collector var/lib/dpkg
mount --rbind /usr usr
mount -o remount,bind,ro usr
mount -t tmpfs -o mode=755 tmpfs usr/local
for link in bin sbin lib lib64; do ln -s "usr/$link" "$link"; done
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero urandom random full tty; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
install -D -m 755 "$1/preflight" usr/local/bin/preflight
mount --bind "$1/reports" var/lib/node_exporter/textfile_collector
cp -r "$1/units" etc/systemd/system
echo 0123456789abcdef0123456789abcdef >etc/machine-id
echo "root:x:0:0:root:/:/bin/sh" >etc/passwd
echo "root:x:0:" >etc/group
export container=preflight SYSTEMD_UNIT_PATH=/etc/systemd/system SYSTEMD_GENERATOR_PATH=/none
exec chroot . /usr/lib/systemd/systemd --system --unit=test.target --log-target=console
' systemd "$directory"
}
boots >"$directory/log" 2>&1 </dev/null &
child=$!
# The last of its units says that all is done.
for _ in {1..300}; do
    [[ ! -e $directory/reports/done ]] || exit 0
    kill -0 "$child" 2>/dev/null || break
    sleep 0.1
done
cat "$directory/log"
exit 1
