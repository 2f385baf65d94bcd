#!/usr/bin/env bash
# Boots one kernel in QEMU with an initramfs made for it, runs a script there as root, and brings back what it left.
#
# usage: boot.sh [-a PARAMETERS] [-t SECONDS] [-p PROGRAM]... [-m MODULE]... KERNEL OUT SCRIPT [ARGUMENT]...
#   KERNEL is a directory of kernels.sh, OUT a directory: it gets what the script leaves in /out, and `console`, the log.
#   -a  more words for the kernel's command line     -t  the time limit, 120 s otherwise
#   -p  a static program, put into /bin of the guest
#   -m  a module, put with all that it needs and an index where the guest's modprobe finds it
# Exit status: that of the script; 124 the time was over; 125 the guest died; 2 it could not be tried.
# The guest has no disk and no network. TCG is used, for KVM is rarely to be had where tests run.
set -euo pipefail

fail() {
    echo "boot.sh: $*" >&2
    exit 2
}

parameters='' limit=120 programs=() modules=()
while getopts a:t:p:m: option; do
    case $option in
    a) parameters=$OPTARG ;;
    t) limit=$OPTARG ;;
    p) programs+=("$OPTARG") ;;
    m) modules+=("$OPTARG") ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
(($# >= 3)) || fail "usage: boot.sh [-a PARAMETERS] [-t SECONDS] [-p PROGRAM]... [-m MODULE]... KERNEL OUT SCRIPT [ARGUMENT]..."
tree=$1 out=$2 script=$3
shift 3
for command in qemu-system-x86_64 busybox cpio; do
    command -v "$command" >/dev/null || fail "$command is missing (Debian: qemu-system-x86, busybox-static, cpio)"
done
! ldd "$(command -v busybox)" >/dev/null 2>&1 || fail "busybox needs libraries (Debian: busybox-static)"
kernel=$(find "$tree" -name 'vmlinuz*' | head -n 1)
[[ -n $kernel ]] || fail "no kernel in $tree"

# add_module NAME: the module and what modules.dep says that it needs.
add_module() {
    local line file here
    here=$(echo "$tree"/lib/modules/*)
    line=$(grep -E "(^|/)${1//[-_]/[-_]}\.ko:" "$here/modules.dep") || fail "no module $1 in $here"
    for file in ${line/:/ }; do
        install -D -m 644 "$here/$file" "$root/lib/modules/$(basename "$here")/$file"
    done
    cp "$here"/modules.builtin* "$root/lib/modules/$(basename "$here")/"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,dev,etc,out,proc,run,sys,tmp} "$out"
cp "$(command -v busybox)" "$root/bin/busybox"
install -m 755 "$(dirname "$0")/guest/init" "$root/init"
install -m 755 "$script" "$root/script"
printf "set --" >"$root/arguments"
(($# == 0)) || printf " '%s'" "$@" >>"$root/arguments"
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
((${#programs[@]} == 0)) || install -m 755 "${programs[@]}" "$root/bin/"
# The configuration lies in the guest where the kernel's package has it.
(cd "$tree" && find . -name 'config*' | cpio --pass-through --make-directories --quiet "$root")
for module in "${modules[@]}"; do add_module "$module"; done
((${#modules[@]} == 0)) || busybox depmod -b "$root" "$(basename "$tree"/lib/modules/*)"
(cd "$root" && find . | cpio --create --format=newc --owner=0:0 --quiet | gzip -1) >"$work/initrd"

# Under QEMU 7.2 a guest now and then died right after a cmpxchg16b, and with several TCG threads while it patched its own
# code (static keys): so neither is used.
status=0
timeout --foreground --kill-after=5 "$limit" qemu-system-x86_64 -accel tcg,thread=single -cpu max,-cx16 -M q35 -m 512 -smp 1 \
    -kernel "$kernel" -initrd "$work/initrd" -append "console=ttyS0 rdinit=/init panic=-1 quiet $parameters" \
    -display none -monitor none -nic none -no-reboot \
    -serial "file:$work/console" -serial "file:$work/result" </dev/null >"$work/qemu" 2>&1 || status=$?

cat "$work/console" "$work/qemu" 2>/dev/null | tr -d '\r' >"$out/console"
((status != 124 && status != 137)) || exit 124
[[ ! -s $work/result ]] || tr -d '\r' <"$work/result" | base64 --decode | tar -xz --warning=no-timestamp -C "$out" || exit 125
status=$(sed -n 's/.*guest: exit status \([0-9]*\)$/\1/p' "$out/console" | tail -n 1)
exit "${status:-125}"
