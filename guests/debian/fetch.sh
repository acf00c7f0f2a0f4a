#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Gets the kernels of the default guests as Debian ships them: downloads the packages behind linux-image-cloud-amd64 and
# linux-image-amd64 and unpacks (not installs) them below build/deps/guests/{cloud,amd64}. Does nothing when they are there.
set -euo pipefail

repository="$(cd "$(dirname "$0")/../.." && pwd)"
export BULKHEAD_DEPS="${BULKHEAD_DEPS:-$repository/build/deps}"
. "$repository/ci/apt-private.sh"

# The newest real package that the given metapackage depends on.
real_package() {
    apt_private_cache depends --no-recommends --no-suggests "$1" | awk '$1 == "Depends:" && $2 ~ /^linux-image-[0-9]/ { print $2; exit }'
}

fetch_kernel() { # DIRECTORY METAPACKAGE
    local target="$BULKHEAD_DEPS/guests/$1" package work
    [ ! -e "$target/vmlinuz" ] || return 0
    apt_private_refresh
    package="$(real_package "$2")"
    [ -n "$package" ] || { echo "bulkhead: the archive has no package that $2 stands for" >&2; return 1; }
    echo "bulkhead: getting $package (guest kernel, unpacked into build/deps/guests/$1)"
    work="$target.new"
    rm -rf "$work" && mkdir -p "$work"
    (cd "$work" && apt_private download "$package" > download.log 2>&1) || {
        cat "$work/download.log" >&2
        echo "bulkhead: cannot download $package" >&2
        return 1
    }
    # The kernel and its configuration only: the modules are several hundred megabytes.
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar -x -C "$work" --wildcards './boot/*'
    mv "$work"/boot/vmlinuz-* "$work/vmlinuz"
    mv "$work"/boot/config-* "$work/config"
    (cd "$work" && ls ./*.deb | sed 's|^\./||' > package)
    rm -rf "$work/boot" "$work"/*.deb "$work/download.log" "$target"
    mv "$work" "$target"
}

mkdir -p "$BULKHEAD_DEPS/guests"
fetch_kernel cloud linux-image-cloud-amd64
fetch_kernel amd64 linux-image-amd64
