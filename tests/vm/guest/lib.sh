# shellcheck shell=sh
# Read by the scripts of the guest: how cgroups are mounted, where a login session stands, and what may not change.
CG=/sys/fs/cgroup
TRACING=/sys/kernel/tracing
SESSION=user.slice/user-0.slice/session-1.scope

# Version 1 as systemd up to 255 mounts it: jointly where the kernel says so, and no directory for what can't be mounted.
mount_v1() {
    mount -t tmpfs -o nosuid,nodev,noexec,mode=755 tmpfs $CG
    [ "${1-}" != hybrid ] || { mkdir $CG/unified && mount -t cgroup2 -o nsdelegate cgroup2 $CG/unified; }
    for names in name=systemd cpuset cpu,cpuacct blkio memory devices freezer net_cls,net_prio perf_event hugetlb pids rdma misc; do
        point=$CG/${names#name=} options=$names
        [ "$names" != name=systemd ] || options=none,name=systemd
        mkdir "$point" && { mount -t cgroup -o "$options" cgroup "$point" 2>/dev/null || rmdir "$point"; }
    done
}

mount_v2() {
    mount -t cgroup2 -o nsdelegate cgroup2 $CG
}

# Puts this shell where systemd puts a login: into a scope of its own, on the hierarchies where systemd makes one, with
# memory and pids passed on to it on version 2.
enter_session() {
    for point in $CG $CG/unified $CG/systemd $CG/memory $CG/pids; do
        [ -e "$point/cgroup.procs" ] || continue
        mkdir -p "$point/system.slice" "$point/$SESSION"
        if [ -e "$point/cgroup.controllers" ]; then
            for inner in "$point" "$point/user.slice" "$point/user.slice/user-0.slice"; do
                for name in memory pids; do
                    ! grep -qw $name "$inner/cgroup.controllers" || echo "+$name" >"$inner/cgroup.subtree_control"
                done
            done
        fi
        echo $$ >"$point/$SESSION/cgroup.procs" || return 1
    done
}

# What no run of preflight may change. The directories of tracefs are those that kprobe events make.
snapshot() {
    cat /proc/self/mountinfo /proc/modules
    for point in $TRACING /sys/kernel/debug/tracing; do
        [ -e "$point/kprobe_events" ] || continue
        for file in kprobe_events uprobe_events dynamic_events set_event tracing_on current_tracer; do
            [ ! -e "$point/$file" ] || { echo "$point/$file:"; cat "$point/$file"; }
        done
        ls "$point/instances" "$point/events/kprobes"
        echo "$point/events/preflight"*
    done
    find $CG -type d
    find $CG -name cgroup.subtree_control -exec cat {} +
    find $CG -name cgroup.stat -exec grep -H 'nr_descendants' {} +
    pidof preflight
} 2>&1
