# What happens in one boot: the cgroups are mounted as MODE says, the truth is measured, preflight is asked, and at last
# every controller is tried. Everything goes to /out; tests/vm/run.py compares.
#
# usage: scene.sh MODE         MODE is one of the cases below
#        scene.sh --view MODE  the same from where a session or a container stands, after the mounts
# shellcheck source=lib.sh
. lib.sh
CONTROLLERS="cpu cpuacct cpuset memory pids devices freezer hugetlb io"

set_up() {
    case $1 in
    none) ;;
    v1) mount_v1 ;;
    hybrid-detached) # pids stays on a hierarchy that is mounted nowhere, for it has a child
        mount_v1 hybrid && mkdir $CG/pids/child && umount $CG/pids && rmdir $CG/pids ;;
    hybrid*) mount_v1 hybrid ;;
    v2-perf-on-v1) mount_v2 && mkdir /run/perf && mount -t cgroup -o perf_event cgroup /run/perf ;;
    container) # memory and pids arrive, cpu only half the way
        mount_v2 && mkdir -p $CG/kubepods/pod &&
            echo "+cpu +memory +pids" >$CG/cgroup.subtree_control &&
            echo "+memory +pids" >$CG/kubepods/cgroup.subtree_control ;;
    v2*) mount_v2 ;;
    *) echo "scene: no mode $1"; return 1 ;;
    esac
}

# What comes after the truth was measured, and would hinder that.
hide() {
    case $1 in
    v2-read-only) mount -o remount,bind,ro $CG ;;
    v2-lockdown) echo confidentiality >/sys/kernel/security/lockdown ;;
    v2-kptr) echo 2 >/proc/sys/kernel/kptr_restrict ;;
    v2-no-tracefs) umount $TRACING ;;
    v2-debugfs) umount $TRACING && mount -t debugfs debugfs /sys/kernel/debug ;; # it mounts tracefs below itself
    esac
}

# ask NAME COMMAND...: what the command answers, and what it changed.
ask() {
    name=$1 start=$(cut -d ' ' -f 1 /proc/uptime)
    shift
    "$@" >"/out/$name.json" 2>"/out/$name.err"
    echo "$name $? $start $(cut -d ' ' -f 1 /proc/uptime)" >>/out/status
    snapshot >/tmp/after
    diff /tmp/before /tmp/after >/tmp/changed || { echo "$name:"; cat /tmp/changed; } >>/out/changed
}

ask_all() {
    nobody="enter as 65534"
    rules="--only cgroup-hierarchy,cgroup-controllers -o json"
    {
        echo "apiVersion: preflight/v1"
        echo "kind: Policy"
        echo "metadata: { name: peers }"
        echo "checks:"
        echo "  - check: cgroup-hierarchy"
        echo "  - { check: cgroup-controllers, with: { required: [$(echo "$CONTROLLERS" | sed 's/ /, /g')], optional: [] } }"
    } >/tmp/peers.yaml
    : >/out/changed
    [ ! -e /sys/kernel/debug/tracing ] || ls /sys/kernel/debug/tracing >/dev/null # so that it is mounted before
    snapshot >/tmp/before
    # shellcheck disable=SC2086 # the words of $rules and $nobody
    {
        ask root.plain preflight cgroups -o json
        ask root.prove preflight cgroups --prove -o json
        ask root.probe preflight cgroups --prove --allow probe -o json
        ask root.write preflight cgroups --prove --allow probe,write -o json
        ask root.findings preflight $rules
        ask root.peers preflight -c /tmp/peers.yaml -o json
        ask nobody.plain $nobody preflight cgroups -o json
        ask nobody.write $nobody preflight cgroups --prove --allow probe,write -o json
        ask nobody.findings $nobody preflight $rules
        ask nobody.peers $nobody preflight -c /tmp/peers.yaml -o json
    }
}

# The answers and the trials, from where this shell stands.
view() {
    cp /proc/self/mountinfo /proc/self/cgroup /out
    for point in $CG $CG/unified; do
        [ ! -e "$point/cgroup.controllers" ] || cp "$point/cgroup.controllers" /out/listed
    done
    ask_all
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
    cpuacct) enter consume $CG/trial && grep 'usage_usec [1-9]' $CG/trial/cpu.stat ;;
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

set_up "$1" && enter_session || exit 1
cat /proc/cgroups >/out/table
uname -r >/out/release
# lockdown=confidentiality on the command line leaves no time at which the memory could be read: run.py has the masks of
# the same kernel from another boot.
[ "$1" = v2-lockdown-boot ] || masks >/out/masks || exit 1
hide "$1" || exit 1
if [ "$1" = container ]; then
    enter cgroup $CG/kubepods/pod sh "$0" --view "$1"
else
    sh "$0" --view "$1"
fi
