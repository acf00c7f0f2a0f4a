#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# initramfs.sh OUT BUSYBOX PACKER: packs the initramfs of the default guests: Debian's static BusyBox (of the guest's architecture) and the init beside
# this script. PACKER is a BusyBox that runs here.
# The same inputs give the same bytes.
set -euo pipefail

out="$(realpath -m "$1")"
busybox="$2"
packer="$3"
init="$(cd "$(dirname "$0")" && pwd)/init"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root"/{bin,dev,proc,sys,tmp} "$(dirname "$out")"
cp "$busybox" "$work/root/bin/busybox"
cp "$init" "$work/root/init"
chmod 755 "$work/root/bin/busybox" "$work/root/init"
for name in sh ash; do ln -s busybox "$work/root/bin/$name"; done
find "$work/root" -exec touch -h -d @0 {} +
(cd "$work/root" && find . | LC_ALL=C sort | "$packer" cpio -o -H newc -R 0:0 --renumber-inodes --ignore-devno) > "$work/archive" 2> "$work/log" \
    || { cat "$work/log" >&2; exit 1; }
mv "$work/archive" "$out"
