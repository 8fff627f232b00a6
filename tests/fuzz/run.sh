#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# run.sh NAME: fuzzes build/fuzz/NAME for FUZZ_SECONDS (30), from build/fuzz/NAME.seeds on. What
# it finds is left in build/fuzz.
set -eu
cd "$(dirname "$0")/../.."

corpus=$(mktemp -d)
trap 'rm -rf "$corpus"' EXIT
dict=
[ -e "tests/fuzz/$1.dict" ] && dict=-dict=tests/fuzz/$1.dict
# shellcheck disable=SC2086 # no word where there is no dictionary
"build/fuzz/$1" $dict -max_total_time="${FUZZ_SECONDS:-30}" -timeout=10 -max_len=40000 -verbosity=0 \
	-print_final_stats=1 -artifact_prefix="build/fuzz/$1-" "$corpus" "build/fuzz/$1.seeds"
