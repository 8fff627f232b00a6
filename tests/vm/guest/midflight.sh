#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Attaches to a busy program for two seconds and leaves: it must not have noticed, and its
# text must be its files' again.
. "$(dirname "$0")/live.sh"

midflight 20 5000 >midflight.out &
target=$!
await midflight.out ready

memtide record -q --mode $1 -o capture.mtd -p $target -d 2
echo "recorder: $?"
echo "after: $(dirty $target) mappings"

kill -TERM $target
wait $target
echo "target: $?"
