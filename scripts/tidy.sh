#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# CPPFLAGS=... tidy.sh FILE...: clang-tidy with the checks of .clang-tidy, a file a core.
set -eu
cd "$(dirname "$0")/.."

# Findings go to stdout; stderr counts the warnings hidden in system headers, or says why
# clang-tidy could not run.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # flags
if ! printf '%s\0' "$@" | xargs -0 -P "$(nproc)" -I '{}' \
	clang-tidy-14 --quiet '{}' -- -std=gnu11 $CPPFLAGS 2>"$log"; then
	grep -v ' generated\.$' "$log" >&2 || true
	echo "tidy: findings above" >&2
	exit 1
fi
echo "tidy: $# files"
