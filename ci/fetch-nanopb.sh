#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Gets the source of Debian's nanopb package into build/deps/nanopb: the components are built with flags of their own, so the
# packaged library cannot be linked. Does nothing when it is there already.
set -euo pipefail

export BULKHEAD_DEPS="${BULKHEAD_DEPS:-$(cd "$(dirname "$0")/.." && pwd)/build/deps}"
source_dir="$BULKHEAD_DEPS/nanopb"
[ ! -e "$source_dir/pb_decode.c" ] || exit 0

. "$(dirname "$0")/apt-private.sh"
echo "bulkhead: getting the source of Debian's nanopb"
work="$BULKHEAD_DEPS/nanopb.new"
rm -rf "$work" && mkdir -p "$work"
(cd "$work" && apt_private source --download-only nanopb > fetch.log 2>&1) || {
    cat "$work/fetch.log" >&2
    echo "bulkhead: cannot get the source package nanopb" >&2
    exit 1
}
# apt has checked the .dsc against the signed archive, and each part against the .dsc.
(cd "$work" && dpkg-source --no-check -x ./*.dsc source > fetch.log 2>&1) || { cat "$work/fetch.log" >&2; exit 1; }
rm -rf "$source_dir" && mv "$work/source" "$source_dir" && rm -rf "$work"
