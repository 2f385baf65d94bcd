# shellcheck shell=sh disable=SC2016
# Cgroups that hand controllers on well, half the way, or not at all: preflight is asked first, then the kernel is made to
# do what preflight spoke of. Everything goes to /out; tests/vm/delegation.py compares.
#
# usage: delegation.sh             the whole boot
#        delegation.sh --inside    the same from the top of a cgroup namespace
CG=/sys/fs/cgroup
ALL="+cpu +cpuset +memory +pids +io +hugetlb"

# ask RUN PLACES [COMMAND...]: what preflight says of PLACES, by way of COMMAND.
ask() {
    run=$1 places=$2
    shift 2
    printf 'apiVersion: preflight/v1\nkind: Policy\nmetadata: { name: %s }\nchecks:\n  - check: cgroup-delegation\n    with: { places: [%s] }\n' \
        "$run" "$places" >"/tmp/$run.yaml"
    "$@" preflight -c "/tmp/$run.yaml" -o json >"/out/$run.json" 2>"/out/$run.err"
    echo "$run $?" >>/out/status
}

# try NAME COMMAND...: what the kernel makes of COMMAND: OK, or the error.
try() {
    name=$1
    shift
    if text=$("$@" 2>&1); then
        result=OK
    else
        case $text in
        *busy*) result=EBUSY ;;
        *"not supported"*) result=EOPNOTSUPP ;;
        *"No such file"*) result=ENOENT ;;
        *"temporarily unavailable"*) result=EAGAIN ;;
        *"ermission denied"*) result=EACCES ;;
        *"ead-only"*) result=EROFS ;;
        *) result="? $text" ;;
        esac
    fi
    echo "$name $result" >>/out/trials
}

# hand_on CGROUP WORDS, as whoever runs this.
hand_on() {
    sh -c 'echo "$2" >"$1/cgroup.subtree_control"' - "$1" "$2"
}

# hold CGROUP: a process that stays there.
hold() {
    sh -c 'echo 0 >"$1/cgroup.procs" && exec sleep 1000' - "$1" &
    until [ -n "$(cat "$1/cgroup.procs")" ]; do sleep 0.1; done
}

snapshot() {
    cat /proc/self/mountinfo
    find $CG -type d | sort
    find $CG -name cgroup.subtree_control | sort | xargs tail -n 1
} 2>&1

inside() {
    umount $CG && mount -t cgroup2 cgroup2 $CG || exit 1
    ask inside-busy "pods, own"
    try inside-busy hand_on $CG +memory
    # The remedy of that finding, word for word.
    mkdir -p $CG/init
    xargs -rn1 <$CG/cgroup.procs >$CG/init/cgroup.procs
    ask inside-empty "pods, own"
    try inside-empty hand_on $CG "+cpu +cpuset +memory +pids"
    mount -o remount,bind,ro $CG
    ask inside-read-only "pods"
    try inside-read-only mkdir $CG/kubepods
}

if [ "$1" = --inside ]; then
    inside
    exit 0
fi

mount -t cgroup2 -o nsdelegate cgroup2 $CG || exit 1
uname -r >/out/release

# A left-over cgroup of pods that the root withholds something from; the root itself has processes.
mkdir $CG/kubepods.slice && hand_on $CG "+memory +pids +io +hugetlb" || exit 1
ask pods-withheld pods
try pods-withheld hand_on $CG "+cpu +cpuset"
ask pods-there pods
try pods-there hand_on $CG/kubepods.slice "+cpu +cpuset +memory +pids"
rmdir $CG/kubepods.slice
ask pods-future pods
try pods-future mkdir $CG/kubepods
rmdir $CG/kubepods

hand_on $CG "$ALL" || exit 1
mkdir -p $CG/good.slice $CG/half.slice/leaf.slice $CG/busy.slice $CG/crowd.slice $CG/threaded.slice/part \
    $CG/threaded.slice/lost $CG/shallow.slice $CG/deep.slice $CG/full.slice $CG/tasks.slice $CG/namespace.slice
hand_on $CG/half.slice "+memory +pids +io +hugetlb"
hold $CG/busy.slice
hold $CG/crowd.slice
echo threaded >$CG/threaded.slice/part/cgroup.type
echo 3 >$CG/shallow.slice/cgroup.max.depth
echo 4 >$CG/deep.slice/cgroup.max.depth
echo 0 >$CG/full.slice/cgroup.max.descendants
echo 0 >$CG/tasks.slice/pids.max

# Three users: one gets no cpuset, one may not write, one has everything. And a service without Delegate=.
mkdir -p /usr/lib/systemd/system
printf '[Service]\nDelegate=pids memory cpu\n' >/usr/lib/systemd/system/user@.service
printf '[Service]\n' >/usr/lib/systemd/system/containerd.service
for user in 1000 1001 1002; do
    mkdir -p $CG/user.slice/user-$user.slice/user@$user.service
done
mkdir -p $CG/system.slice/containerd.service
hand_on $CG/user.slice "$ALL"
hand_on $CG/system.slice "$ALL"
for user in 1000 1001 1002; do
    here=$CG/user.slice/user-$user.slice
    if [ $user = 1000 ]; then hand_on $here "+cpu +memory +pids +io"; else hand_on $here "$ALL"; fi
    [ $user = 1001 ] ||
        chown $user $here/user@$user.service $here/user@$user.service/cgroup.procs \
            $here/user@$user.service/cgroup.threads $here/user@$user.service/cgroup.subtree_control
done

PLACES="pods, system, user, /good.slice, /half.slice/leaf.slice, /busy.slice, /crowd.slice, /threaded.slice,
    /threaded.slice/part, /threaded.slice/lost, /shallow.slice, /deep.slice, /full.slice, /tasks.slice, /nowhere.slice"
snapshot >/tmp/before
ask root "$PLACES"
ask nobody "$PLACES" enter as 65534
ask own own sh -c 'echo 0 >$0/cgroup.procs && exec "$@"' $CG/system.slice/containerd.service
snapshot >/tmp/after
diff /tmp/before /tmp/after >/out/changed

try /good.slice hand_on $CG/good.slice "+cpu +cpuset +memory +pids"
try /half.slice/leaf.slice hand_on $CG/half.slice/leaf.slice +cpu
try half-above hand_on $CG/half.slice "+cpu +cpuset"
try half-mended hand_on $CG/half.slice/leaf.slice "+cpu +cpuset +memory +pids"
try /busy.slice hand_on $CG/busy.slice +memory
try busy-threads hand_on $CG/busy.slice +pids
cp $CG/busy.slice/cgroup.type /out/busy.type
# With a process in a child, controllers of threads are refused, too.
mkdir $CG/crowd.slice/child && hold $CG/crowd.slice/child
try /crowd.slice hand_on $CG/crowd.slice +pids
try /threaded.slice hand_on $CG/threaded.slice +memory
try /threaded.slice/part hand_on $CG/threaded.slice/part +memory
try /threaded.slice/lost sh -c 'echo 0 >$0/cgroup.procs' $CG/threaded.slice/lost
try /shallow.slice mkdir -p $CG/shallow.slice/kubepods/burstable/pod/container
try /deep.slice mkdir -p $CG/deep.slice/kubepods/burstable/pod/container
try /full.slice mkdir $CG/full.slice/kubepods
try /tasks.slice sh -c 'echo 0 >$0/cgroup.procs && (sleep 0; true)' $CG/tasks.slice
try /nowhere.slice ls $CG/nowhere.slice
for user in 1000 1001 1002; do
    here=$CG/user.slice/user-$user.slice/user@$user.service
    try user-$user enter as $user sh -c 'echo "+cpu +cpuset +memory +pids" >"$0/cgroup.subtree_control"' "$here"
done
try system hand_on $CG/system.slice "+cpu +cpuset +memory +pids"

enter cgroup $CG/namespace.slice sh "$0" --inside
