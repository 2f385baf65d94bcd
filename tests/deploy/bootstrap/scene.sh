#!/usr/bin/env bash
# A machine that boots for the first time, for the tests of cloud-init and Cluster API: this one's files with nothing that is
# written reaching them, a network of its own, and a server that is downloads.example.com.
#
# usage: scene.sh DIRECTORY, as the first process of new mount, network, PID and UTS namespaces. Of DIRECTORY:
#   user-data, meta-data   what cloud-init is given
#   www/, tls.pem          what is served over https, and with which key and certificate
#   cloud-init/            the package, unpacked
#   bin/                   programs that come first in PATH: the kubeadm that writes down how it was called
#   out/                   what came of it: status, status.json, log, called, files
set -euo pipefail
scene=$1
here=$(dirname "$(realpath "$0")")

mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
root=/mnt/root
mount -t overlay -o "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work" overlay "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mkdir "$root/tmp/scene"
mount --bind "$scene" "$root/tmp/scene"
ip link set lo up

# What an earlier boot may have left is not there: neither on this machine nor in its image.
rm -rf "$root/var/lib/cloud" "$root/etc/cloud" "$root/opt/preflight" "$root/etc/preflight"
mkdir -p "$root/etc/cloud" "$root/etc/ssl/certs" "$root/var/lib/cloud/seed/nocloud" "$root/etc/kubernetes"
cp "$scene/user-data" "$scene/meta-data" "$root/var/lib/cloud/seed/nocloud/"
printf '127.0.0.1 localhost downloads.example.com\n' >"$root/etc/hosts"
# The certificate alone is trusted, so that nothing but this server can be meant.
sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' "$scene/tls.pem" >"$root/etc/ssl/certs/ca-certificates.crt"
# Of Debian's modules those that the user-data names, in Debian's stages and order; the others would look at disks and users.
cat >"$root/etc/cloud/cloud.cfg" <<'CFG'
datasource_list: [NoCloud]
network: { config: disabled }
cloud_init_modules: [write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [write-files-deferred, scripts-user]
system_info: { distro: debian, paths: { cloud_dir: /var/lib/cloud/, templates_dir: /etc/cloud/templates/ } }
CFG

if [[ -d $scene/www ]]; then
    /usr/bin/python3 "$here/server.py" "$scene/www" "$scene/tls.pem" "$scene/out/served" &
    for _ in {1..100}; do
        [[ ! -e $scene/out/served ]] || break
        sleep 0.05
    done
fi

cloud_init() {
    env --ignore-environment PATH=/tmp/scene/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        PYTHONPATH=/tmp/scene/cloud-init/usr/lib/python3/dist-packages PYTHONDONTWRITEBYTECODE=1 \
        chroot "$root" /usr/bin/python3 -m cloudinit.cmd.main "$@"
}
# The four stages, as Debian's units start them; one that fails stops none of the others.
for stage in "init --local" init "modules --mode=config" "modules --mode=final"; do
    # shellcheck disable=SC2086 # a stage is words
    cloud_init $stage >>"$scene/out/log" 2>&1 </dev/null || true
done
status=0
cloud_init status --long >"$scene/out/status" 2>>"$scene/out/log" || status=$?
echo "exit: $status" >>"$scene/out/status"
cp "$root/run/cloud-init/status.json" "$scene/out/status.json" 2>/dev/null || true
(cd "$root" && find opt/preflight var/log/preflight.json run/cluster-api -type f 2>/dev/null) >"$scene/out/files" || true
