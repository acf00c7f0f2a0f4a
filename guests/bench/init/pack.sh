#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pack.sh OUT INIT PACKER: an initramfs with nothing in it but INIT. PACKER is a BusyBox. The same inputs give the same bytes.
set -euo pipefail

out="$(realpath -m "$1")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/root/dev" "$(dirname "$out")"
cp "$2" "$work/root/init"
chmod 755 "$work/root/init" "$work/root/dev"
find "$work/root" -exec touch -h -d @0 {} +
(cd "$work/root" && find . | LC_ALL=C sort | "$3" cpio -o -H newc -R 0:0 --renumber-inodes --ignore-devno) > "$work/archive" 2> "$work/log" \
    || { cat "$work/log" >&2; exit 1; }
mv "$work/archive" "$out"
