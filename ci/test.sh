#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every test on a build that exists. Usage: ci/test.sh BUILD [options of ci/test.py]
set -eu
build=$1
shift
exec python3 "$(dirname "$0")/test.py" --build "$build" "$@"
