#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Gets Debian's own Xen as a peer to compare with: downloads the hypervisor, its tools and the modules that they need in dom0, and
# unpacks (not installs) them below build/deps/xen. The dom0 kernel is the default guests' (guests/debian/fetch.sh). Does nothing when
# they are there.
set -euo pipefail

repository="$(cd "$(dirname "$0")/../../.." && pwd)"
export BULKHEAD_DEPS="${BULKHEAD_DEPS:-$repository/build/deps}"
. "$repository/ci/apt-private.sh"

target="$BULKHEAD_DEPS/xen"
[ ! -e "$target/xen.elf" ] || exit 0
kernel_package="$(sed 's/_.*//' "$BULKHEAD_DEPS/guests/amd64/package")"
packages=(xen-hypervisor-4.17-amd64 xen-utils-4.17 "$kernel_package")
apt_private_refresh
echo "bulkhead: getting ${packages[*]} (Debian's Xen to compare with, unpacked into build/deps/xen)"
work="$target.new"
rm -rf "$work" && mkdir -p "$work/packages"
(cd "$work/packages" && apt_private download "${packages[@]}" > ../download.log 2>&1) || {
    cat "$work/download.log" >&2
    echo "bulkhead: cannot download ${packages[*]}" >&2
    exit 1
}
for package in "$work"/packages/xen-*.deb; do dpkg-deb -x "$package" "$work/root"; done
# Of the kernel's modules only what the tools need: all of them are several hundred megabytes.
dpkg-deb --fsys-tarfile "$work"/packages/linux-image-*.deb | tar -x -C "$work/root" --wildcards './lib/modules/*/kernel/drivers/xen/*'
# An ELF file with a multiboot header inside: QEMU's -kernel loads it.
zcat "$work"/root/boot/xen-*-amd64.gz > "$work/xen.elf"
(cd "$work/packages" && ls ./*.deb | sed 's|^\./||' > ../package)
rm -rf "$work/packages" "$work/download.log" "$target"
mv "$work" "$target"
