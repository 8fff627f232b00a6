#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Every tests/golden/NAME.sql is a capture as text (made by dump.py); memtide's reports of it
# must be NAME.txt and NAME.json to the byte, and its exports NAME.FORMAT (pprof's as protoc
# prints them), and its difference from ordinary.sql NAME.diff.txt and NAME.diff.json.
# Status 0 if they are.
#
# tests/golden/run.sh --update   writes what is printed now; read the diff before committing it

set -u
here=$(cd "$(dirname "$0")" && pwd)
memtide=$here/../../build/memtide
proto=$here/../../user/export
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
status=0

pprof() {
    "$memtide" export -q "$1" --format pprof >"$1.gz" && gzip -dc "$1.gz" |
        protoc --proto_path="$proto" --decode=pprof.Profile pprof.proto
}

print() {
    case $2 in
    diff.txt) "$memtide" diff "$work/ordinary.mtd" "$1" ;;
    diff.json) "$memtide" diff "$work/ordinary.mtd" "$1" --json ;;
    txt) "$memtide" report "$1" --text ;;
    json) "$memtide" report "$1" --json ;;
    pprof) pprof "$1" ;;
    *) "$memtide" export -q "$1" --format "$2" ;;
    esac
}

for sql in "$here"/*.sql; do
    name=$(basename "$sql" .sql)
    sqlite3 -batch -bail "$work/$name.mtd" <"$sql" || exit 1
done
for sql in "$here"/*.sql; do
    name=$(basename "$sql" .sql)
    for kind in txt json pprof folded speedscope dhat ndjson openmetrics diff.txt diff.json; do
        printed=$work/$name.$kind
        if ! print "$work/$name.mtd" $kind >"$printed"; then
            echo "failed: $kind of $name.sql"
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
