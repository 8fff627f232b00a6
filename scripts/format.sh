#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Is every C and C++ source formatted as .clang-format says? `format.sh --fix` formats them.
# Version 14 by name: versions differ in their taste.
set -eu
cd "$(dirname "$0")/.."

case ${1-} in
"") set -- --dry-run -Werror --ferror-limit=1 ;;
--fix) set -- -i ;;
*) echo "usage: format.sh [--fix]" >&2 && exit 2 ;;
esac

files() {
	git ls-files -z --cached --others --exclude-standard -- '*.c' '*.h' '*.cc' ':!vmlinux/'
}
if ! files | xargs -0 -r clang-format-14 "$@"; then
	echo "format: scripts/format.sh --fix formats them" >&2
	exit 1
fi
echo "format: $(files | tr -cd '\0' | wc -c) files"
