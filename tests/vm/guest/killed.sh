#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Kills a recorder with SIGKILL and looks for what it left: breakpoints in its target's text
# and BPF programs. Before the kill there must be some, or this looks in the wrong place.
. "$(dirname "$0")/live.sh"

left() {
	echo "$1: $(dirty $target) mappings, $(bpftool prog list | grep -c 'name mt_') programs"
}

midflight 4 2000 >midflight.out &
target=$!
await midflight.out ready

memtide record -q --mode exact -o capture.mtd -p $target -d 100 &
recorder=$!
await_attached $target $recorder
left before
kill -KILL $recorder
wait $recorder
sleep 1
left after

kill -TERM $target
wait $target
echo "target: $?"
