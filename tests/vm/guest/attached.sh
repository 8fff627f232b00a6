#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Attaches to a program that has blocks already, and lets it go on with them.
. "$(dirname "$0")/live.sh"

mkfifo go
attached <go >attached.out &
target=$!
exec 3>go
await attached.out ready

memtide record -q --mode exact -o capture.mtd -p $target &
recorder=$!
await_attached $target $recorder
echo >&3
await attached.out 'done'
echo >&3 # the target ends, and the recording with it
wait $target
echo "target: $?"
wait $recorder
echo "recorder: $?"
