# What happens to a kernel when preflight is killed while it proves: at every point where it changed something by SIGKILL,
# and anywhere between its first and its last change by the signals that it can catch.
#
# usage: kill.sh MODE          kill: cgroup2 and tracefs are mounted; kill-bare: neither is
# shellcheck source=lib.sh
. lib.sh
BUDGET=60 # seconds for SIGKILL, and about as many for the other three signals together
LEAST=12  # points of a sweep, however long they take on a busy machine

# Everything that a snapshot shows, and tracefs where it is mounted nowhere.
look() {
    if [ "$mode" = kill-bare ]; then
        mkdir -p /run/look
        mount -t tracefs tracefs /run/look
        cat /run/look/kprobe_events
        ls /run/look/instances /run/look/events/kprobes
        echo /run/look/events/preflight*
        umount /run/look
    fi
    snapshot
} 2>&1

prove() {
    "$@" preflight cgroups --prove --allow probe,write -o json
}

# same WHAT: whether everything is as before the first run; if not, the difference goes to /tmp/difference.
same() {
    look >/tmp/now
    diff /tmp/before /tmp/now >/tmp/difference
}

wrong() {
    { echo "$*"; cat /tmp/difference /tmp/error; } >>/out/wrong
    failures=$((failures + 1))
}

# The next run has to remove what this one left.
clean_up() {
    prove >/tmp/answer 2>/tmp/error
    status=$?
    [ $status = 0 ] || wrong "$1: the next run ends with $status"
    same || {
        wrong "$1: the next run left this:"
        cp /tmp/now /tmp/before # so that one failure is counted once
    }
}

# at UNIT N NUMBER NAME: one run that is killed.
at() {
    prove kill-at /tmp/log "$1" "$2" "$3" >/tmp/answer 2>/tmp/error
    status=$?
    read -r sent _ _ how code </tmp/log
    here="$4 at $2 of the $1"
    [ "$sent" = sent ] || { [ "$how $code" = "exit 0" ] || wrong "$here: not sent, and it ends with $how $code"; return; }
    points=$((points + 1))
    [ "$how $code $status" = "signal $3 $((128 + $3))" ] || wrong "$here: it ends with $how $code"
    same && return
    left=$((left + 1))
    if [ "$4" = SIGKILL ]; then
        cp /tmp/difference "/out/left.$2"
    else
        wrong "$here: it left this:"
    fi
    clean_up "$here"
}

# sweep UNIT COUNT NUMBER NAME SECONDS: kills at each point from 1 to COUNT, or at as many as fit, evenly spread: a stride of
# about 0.618 of COUNT that has no divisor with it visits every point once.
sweep() {
    points=0 left=0 failures=0 i=0 stride=$(($2 * 618 / 1000 + 1)) end=$(($(uptime_now) + $5))
    until [ "$(divisor $stride "$2")" = 1 ]; do stride=$((stride + 1)); done
    while [ $i -lt "$2" ] && { [ $i -lt $LEAST ] || [ "$(uptime_now)" -lt $end ]; }; do
        at "$1" $((1 + i * stride % $2)) "$3" "$4"
        i=$((i + 1))
    done
    echo "$4 $points $2 $1 $left $failures" >>/out/kills
}

divisor() {
    if [ "$2" = 0 ]; then echo "$1"; else divisor "$2" $(($1 % $2)); fi
}

uptime_now() {
    cut -d . -f 1 /proc/uptime
}

mode=$1
if [ "$mode" = kill ]; then
    mount_v2 && enter_session || exit 1
else
    umount $TRACING
fi
uname -r >/out/release
# The whole of kallsyms takes seconds to print in an emulator, and a run here needs a few lines of it.
grep -E 'cgrp|cgroup' /proc/kallsyms >/tmp/kallsyms && mount --bind /tmp/kallsyms /proc/kallsyms || exit 1
: >/out/wrong
: >/tmp/error
look >/tmp/before
prove kill-at /tmp/log calls 0 0 >/out/undisturbed.json 2>/out/undisturbed.err
read -r _ calls changes how code </tmp/log
echo "undisturbed $calls $changes $how $code" >/out/kills
same || { cat /tmp/difference >>/out/wrong; exit 0; }
[ "$changes" -gt 0 ] || exit 0
sweep changes "$changes" 9 SIGKILL $BUDGET
for unit in changes calls; do
    count=$changes
    [ $unit = changes ] || count=$calls
    sweep $unit "$count" 2 SIGINT $((BUDGET / 5))
    sweep $unit "$count" 15 SIGTERM $((BUDGET / 5))
    sweep $unit "$count" 1 SIGHUP $((BUDGET / 5))
done
