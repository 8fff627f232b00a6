#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Every tests/golden/NAME.sql is a capture as text (made by dump.py); memtide's reports of it
# must be NAME.txt and NAME.json to the byte. Status 0 if they are.
#
# tests/golden/run.sh --update   writes what is printed now; read the diff before committing it

set -u
here=$(cd "$(dirname "$0")" && pwd)
memtide=$here/../../build/memtide
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0

for sql in "$here"/*.sql; do
    name=$(basename "$sql" .sql)
    sqlite3 -batch -bail "$work/$name.mtd" <"$sql" || exit 1
    for kind in txt json; do
        option=--text
        [ $kind = json ] && option=--json
        printed=$work/$name.$kind
        if ! "$memtide" report "$work/$name.mtd" $option >"$printed"; then
            echo "failed: memtide report $option of $name.sql"
            status=1
            continue
        fi
        [ "${1-}" = --update ] && cp "$printed" "$here/$name.$kind"
        if diff -u "$here/$name.$kind" "$printed"; then
            echo "same: $name.$kind"
        else
            echo "differs: $name.$kind"
            status=1
        fi
    done
done
exit $status
