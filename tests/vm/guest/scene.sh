# What happens in one boot: the cgroups are mounted as MODE says, the truth is measured, preflight is asked, and at last
# every controller is tried. Everything goes to /out; tests/vm/run.py compares.
#
# usage: scene.sh MODE         MODE is one of the cases below
#        scene.sh --view       the same from where a container stands, after the mounts
CG=/sys/fs/cgroup
CONTROLLERS="cpu cpuset memory pids devices freezer hugetlb io"

# Version 1 as systemd up to 255 mounts it: jointly where the kernel says so, and no directory for what can't be mounted.
mount_v1() {
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 tmpfs $CG
    [ "${1-}" != hybrid ] || { mkdir $CG/unified && mount -t cgroup2 -o nsdelegate cgroup2 $CG/unified; }
    for names in name=systemd cpuset cpu,cpuacct blkio memory devices freezer net_cls,net_prio perf_event hugetlb pids rdma misc; do
        mkdir $CG/"$names"
        options=$names
        [ "$names" != name=systemd ] || options=none,name=systemd
        mount -t cgroup -o "$options" cgroup $CG/"$names" 2>/dev/null || rmdir $CG/"$names"
    done
}

mount_v2() {
    mount -t cgroup2 -o nsdelegate cgroup2 $CG
}

set_up() {
    case $1 in
    none) ;;
    v1) mount_v1 ;;
    hybrid-detached) # pids stays on a hierarchy that is mounted nowhere, for it has a child
        mount_v1 hybrid && mkdir $CG/pids/child && umount $CG/pids && rmdir $CG/pids ;;
    hybrid*) mount_v1 hybrid ;;
    v2-read-only) mount_v2 && mount -o remount,bind,ro $CG ;;
    v2-perf-on-v1) mount_v2 && mkdir /run/perf && mount -t cgroup -o perf_event cgroup /run/perf ;;
    container) # memory and pids arrive, cpu only half the way
        mount_v2 && mkdir -p $CG/kubepods/pod &&
            echo "+cpu +memory +pids" >$CG/cgroup.subtree_control &&
            echo "+memory +pids" >$CG/kubepods/cgroup.subtree_control ;;
    v2*) mount_v2 ;;
    *) echo "scene: no mode $1"; return 1 ;;
    esac
}

# What no run of preflight may change.
snapshot() {
    cat /proc/self/mountinfo /proc/modules /sys/kernel/tracing/kprobe_events
    ls /sys/kernel/tracing/instances
    find $CG -type d
    find $CG -name cgroup.subtree_control -exec cat {} +
} 2>&1

# ask WHO COMMAND...: what preflight answers to WHO, by way of COMMAND.
ask() {
    who=$1
    shift
    "$@" preflight cgroups -o json >"/out/$who.cgroups.json" 2>"/out/$who.cgroups.err"
    echo "$who cgroups $?" >>/out/status
    "$@" preflight --only cgroup-hierarchy,cgroup-controllers -o json >"/out/$who.findings.json" 2>"/out/$who.findings.err"
    echo "$who findings $?" >>/out/status
}

# The answers and the trials, from where this shell stands.
view() {
    cp /proc/self/mountinfo /out/mountinfo
    for point in $CG $CG/unified; do
        [ ! -e $point/cgroup.controllers ] || cp $point/cgroup.controllers /out/listed
    done
    snapshot >/tmp/before
    ask root
    ask nobody enter as 65534
    snapshot >/tmp/after
    diff /tmp/before /tmp/after >/out/changed
    for name in $CONTROLLERS; do
        if try "$name" >/tmp/trial 2>&1; then echo "$name works"; else echo "$name fails"; fi
        sed 's/^/# /' /tmp/trial
    done >/out/trials
}

# try NAME: uses the controller as a container manager would, where the kubelet looks for it.
try() {
    if [ -e $CG/cgroup.controllers ]; then
        try_v2 "$1"
    else
        [ "$1" != io ] || set -- blkio
        point=$(awk -v want=",$1," '$3 == "cgroup" && index("," $4 ",", want) { print $2; exit }' /proc/mounts)
        [ -n "$point" ] || { echo "not mounted"; return 1; }
        mkdir "$point/trial" && ls "$point/trial/$1".*
        status=$?
        rmdir "$point/trial"
        return $status
    fi
}

try_v2() {
    mount -o remount,rw $CG
    mkdir -p $CG/trial
    # Only the real root may have processes beside children with controllers.
    if [ -e $CG/cgroup.type ]; then
        mkdir -p $CG/init
        while read -r process; do echo "$process" >$CG/init/cgroup.procs; done <$CG/cgroup.procs
    fi
    case $1 in
    devices) enter deny-devices $CG/trial ;;
    freezer) echo 1 >$CG/trial/cgroup.freeze && grep 'frozen 1' $CG/trial/cgroup.events && echo 0 >$CG/trial/cgroup.freeze ;;
    *) echo "+$1" >$CG/cgroup.subtree_control && grep -w "$1" $CG/trial/cgroup.controllers ;;
    esac
}

if [ "$1" = --view ]; then
    if [ "$2" = container ]; then
        umount $CG && mount -t cgroup2 -o ro,nosuid,nodev,noexec cgroup2 $CG || exit 1
    fi
    view
    exit 0
fi

set_up "$1" || exit 1
cat /proc/cgroups >/out/table
uname -r >/out/release
masks >/out/masks || exit 1
case $1 in
v2-lockdown) echo confidentiality >/sys/kernel/security/lockdown || exit 1 ;;
v2-kptr) echo 2 >/proc/sys/kernel/kptr_restrict || exit 1 ;;
esac
if [ "$1" = container ]; then
    enter cgroup $CG/kubepods/pod sh "$0" --view "$1"
else
    sh "$0" --view "$1"
fi
