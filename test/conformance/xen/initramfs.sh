#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# initramfs.sh OUT GUEST...: packs dom0's initramfs: Debian's static BusyBox, Xen's tools with the libraries that they are linked to, the
# modules beneath them, the dom0-init beside this script, and the guests' ELF files. A GUEST with `_v2` behind its file's name may
# have grant tables of version 2, the others may not; with `_beside` behind that it runs with two vCPUs beside a peer of the same image.
set -euo pipefail

out="$(realpath -m "$1")"
shift
here="$(cd "$(dirname "$0")" && pwd)"
xen="${BULKHEAD_DEPS:-$here/../../../build/deps}/xen/root"
busybox="$(command -v busybox)"
tools=(xl xenstored xenconsoled xen-init-dom0)

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
root="$work/root"
mkdir -p "$root"/{bin,dev,proc,sys,tmp,run/xen,var/run,var/lib/xen,var/lib/xenstored,var/log/xen,etc/xen,modules,guests} "$(dirname "$out")"
cp "$busybox" "$root/bin/busybox"
for name in sh ash; do ln -s busybox "$root/bin/$name"; done
rmdir "$root/var/run" && ln -s /run "$root/var/run"
cp "$here/dom0-init" "$root/init"
chmod 755 "$root/init"
touch "$root/etc/xen/xl.conf"

programs=()
for tool in "${tools[@]}"; do
    path="$(find "$xen/usr/lib" -path "*/bin/$tool" -type f)"
    install -D "$path" "$root${path#"$xen"}"
    ln -s "${path#"$xen"}" "$root/bin/$tool"
    programs+=("$path")
done
# The libraries come with libxen-dev, which the build needs anyway.
missing="$(ldd "${programs[@]}" | grep 'not found' || true)"
[ -z "$missing" ] || { echo "bulkhead: Xen's tools need libraries that are not here: $missing" >&2; exit 1; }
{
    ldd "${programs[@]}" | grep -o '/[^ ]*' | grep -v "^$xen\|:$"
    ldconfig -p | awk '$1 == "libgcc_s.so.1" && /x86-64/ { print $NF }' # threads load it when they are cancelled
} | sort -u | while read -r library; do install -D "$(realpath "$library")" "$root$library"; done
find "$xen/lib/modules" -name '*.ko' \( -name xen-privcmd.ko -o -name xen-evtchn.ko -o -name xen-gntdev.ko -o -name xenfs.ko \) \
    -exec cp {} "$root/modules/" \;
write_config() { # NAME IMAGE VCPUS GRANT-VERSION EXTRA
    printf 'name = "%s"\ntype = "pvh"\nkernel = "/guests/%s.elf"\nmemory = 16\nvcpus = %s\nmax_grant_version = %s\ntsc_mode = "native"\nextra = "%s"\n%s\n' "$@" \
        'on_poweroff = "destroy"
on_crash = "destroy"
on_reboot = "destroy"' > "$root/guests/$1.cfg"
}
for guest in "$@"; do
    file="${guest%.elf*}.elf"
    image="$(basename "$file" .elf)"
    name="$image${guest#"$file"}"
    cp "$file" "$root/guests/$image.elf"
    case "$name" in
    *_v2*) version=2 words=" grants=2" ;;
    *) version=1 words="" ;;
    esac
    case "$name" in
    *_beside)
        write_config "$name" "$image" 2 "$version" "on=xen values beside$words"
        write_config "$name-peer" "$image" 1 "$version" "role=peer$words"
        ;;
    *) write_config "$name" "$image" 1 "$version" "on=xen values$words" ;;
    esac
    echo "$name" >> "$root/guests/list"
done
(cd "$root" && find . | LC_ALL=C sort | "$busybox" cpio -o -H newc -R 0:0) > "$work/archive" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
mv "$work/archive" "$out"
