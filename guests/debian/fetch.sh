#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Gets the guests' kernels as Debian ships them: downloads the packages behind linux-image-cloud-amd64, linux-image-amd64 and
# i386's linux-image-686-pae and unpacks (not installs) them below build/deps/guests/{cloud,amd64,686}; for the last one also
# i386's static BusyBox, as it runs no other programs. Does nothing when they are there.
set -euo pipefail

repository="$(cd "$(dirname "$0")/../.." && pwd)"
export BULKHEAD_DEPS="${BULKHEAD_DEPS:-$repository/build/deps}"
. "$repository/ci/apt-private.sh"

# The newest real package that the given metapackage depends on.
real_package() {
    apt_private_cache depends --no-recommends --no-suggests "$1" | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }'
}

# download PACKAGE DIRECTORY: its .deb is then the only file of the directory.
download() {
    rm -rf "$2" && mkdir -p "$2"
    (cd "$2" && apt_private download "$1" > "$2.log" 2>&1) || {
        cat "$2.log" >&2
        echo "bulkhead: cannot download $1" >&2
        return 1
    }
    rm -f "$2.log"
}

fetch_kernel() { # DIRECTORY METAPACKAGE
    local target="$BULKHEAD_DEPS/guests/$1" package work
    [ ! -e "$target/vmlinuz" ] || return 0
    apt_private_refresh
    package="$(real_package "$2")"
    [ -n "$package" ] || { echo "bulkhead: the archive has no package that $2 stands for" >&2; return 1; }
    echo "bulkhead: getting $package (guest kernel, unpacked into build/deps/guests/$1)"
    work="$target.new"
    download "$package" "$work"
    # The kernel and its configuration only: the modules are several hundred megabytes.
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" --wildcards './boot/*'
    mv "$work"/boot/vmlinuz-* "$work/vmlinuz"
    mv "$work"/boot/config-* "$work/config"
    (cd "$work" && ls ./*.deb | sed 's|^\./||' > package)
    rm -rf "$work/boot" "$work"/*.deb "$target"
    mv "$work" "$target"
}

fetch_busybox() { # DIRECTORY
    local target="$BULKHEAD_DEPS/guests/$1" work
    [ ! -e "$target/busybox" ] || return 0
    echo "bulkhead: getting busybox-static of $apt_architecture (unpacked into build/deps/guests/$1)"
    work="$target.new"
    download busybox-static "$work"
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" ./bin/busybox
    mv "$work/bin/busybox" "$target/busybox"
    rm -rf "$work"
}

mkdir -p "$BULKHEAD_DEPS/guests"
fetch_kernel cloud linux-image-cloud-amd64
fetch_kernel amd64 linux-image-amd64
(
    apt_private_use i386
    fetch_kernel 686 linux-image-686-pae
    fetch_busybox 686
)
