# shellcheck shell=sh disable=SC2086
# What a node of a cluster needs, on a kernel whose modules are not loaded yet: preflight is asked before and after each thing
# is made so, and may load nothing itself. Everything goes to /out; tests/vm/node.py compares.
. lib.sh

cat >/tmp/node.yaml <<'POLICY'
apiVersion: preflight/v1
kind: Policy
metadata: { name: node }
checks:
  - { check: swap, with: { mode: "off", kubernetesVersion: "1.36" } }
  - { check: kernel-modules, with: { required: [overlay, br_netfilter, zram, xfs, tcp_diag, nf_tables] } }
  - { check: sysctl, with: { settings: [{ key: net.bridge.bridge-nf-call-iptables, equals: 1 }] } }
  - { check: ports, with: { tcp: [10250] } }
  - { check: firewall }
  - { check: filesystems, with: { required: [overlay, xfs] } }
  - { check: data-directory, with: { directories: [{ path: /mnt/ftype0, purpose: images }, { path: /mnt/ftype1, purpose: images }] } }
  - { check: mounts, with: { mounts: [{ path: /mnt/ftype1, types: [xfs] }] } }
  - { check: kernel-log }
POLICY

# ask NAME [COMMAND...]: what preflight says, by way of COMMAND, and what it changed.
ask() {
    name=$1
    shift
    snapshot >/tmp/before
    "$@" preflight -c /tmp/node.yaml -o json >"/out/$name.json" 2>"/out/$name.err"
    snapshot >/tmp/after
    diff /tmp/before /tmp/after >/tmp/changed || { echo "$name:"; cat /tmp/changed; } >>/out/changed
}

# overlay NAME: whether a directory of the lower layer can be removed in an overlay on the file system, as `rm -r` does in every
# second container. The mount itself works in any case.
overlay() {
    mkdir -p /mnt/$1/upper /mnt/$1/work /mnt/$1/lower/d /run/$1
    echo x >/mnt/$1/lower/d/file
    mount -t overlay -o lowerdir=/mnt/$1/lower,upperdir=/mnt/$1/upper,workdir=/mnt/$1/work overlay /run/$1 || exit 1
    if rm -r /run/$1/d 2>/tmp/why; then echo "$1 works"; else echo "$1 fails: $(tr '\n' ' ' </tmp/why)"; fi >>/out/trials
    umount /run/$1
}

mount_v2
ip link set lo up
: >/out/changed
ask bare
ask nobody enter as 65534

modprobe lzo-rle 2>/dev/null
modprobe zram && echo 64M >/sys/block/zram0/disksize && mkswap /dev/zram0 && swapon /dev/zram0 || exit 1
modprobe br_netfilter && modprobe loop && modprobe xfs && modprobe overlay && modprobe nf_tables || exit 1
for name in ftype0 ftype1; do
    mkdir -p /mnt/$name
    mount -t xfs -o loop /bin/$name.xfs /mnt/$name && overlay $name || exit 1
done
nc -l -p 10250 &
until grep -q ':280A 0*:0000 0A' /proc/net/tcp /proc/net/tcp6; do sleep 0.1; done
ask used
cp /proc/net/tcp6 /out/tcp6
modprobe tcp_diag || exit 1
ask asked

# What was captured says the same again; and by what this kernel holds a run to reading.
preflight -v -c /tmp/node.yaml -o json=/out/live.json --capture /tmp/node.pfcap >/dev/null 2>/out/confined
preflight -c /tmp/node.yaml --from /tmp/node.pfcap -o json >/out/replayed.json 2>/out/replayed.err
preflight capture -o /out/node.pfcap >/out/captured 2>&1
preflight --from /out/node.pfcap -o json >/out/whole.json 2>/out/whole.err

# A cgroup at its limit, then the machine at its end.
echo +memory >$CG/cgroup.subtree_control && mkdir $CG/small && echo 16M >$CG/small/memory.max &&
    echo 0 >$CG/small/memory.swap.max || exit 1
sh -c 'echo 0 >'$CG'/small/cgroup.procs && dd if=/dev/zero of=/run/fill bs=1M count=64' 2>/dev/null
rm -f /run/fill
ask cgroup-oom
sh -c 'x=$(head -c 40000000 /dev/zero | tr "\0" x); sleep 100' &
sleep 3
echo f >/proc/sysrq-trigger
sleep 1
swapoff /dev/zram0
ask oom
dmesg | grep -E 'Out of memory|out of memory' >/out/killed
