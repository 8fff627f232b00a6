# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
# shellcheck shell=sh
#
# For the tests that attach to a running program: what breakpoints are in its text, and when
# they are in place.

# A checksum of a stretch of a file; of a process's mem, of what it has mapped there.
sum() {
	dd if="$1" bs=4096 skip=$(($2 / 4096)) count=$(($3 / 4096)) 2>/dev/null | md5sum
}

# How many of the executable mappings of process $1 differ from the files they map.
dirty() {
	count=0
	while read -r range prot offset _ _ path; do
		case "$prot $path" in
		r-xp\ /*) ;;
		*) continue ;;
		esac
		start=$((0x${range%-*})) bytes=$((0x${range#*-} - 0x${range%-*}))
		file_bytes=$(($(stat -c %s "$path") - 0x$offset))
		[ $file_bytes -lt $bytes ] && bytes=$((file_bytes / 4096 * 4096))
		[ "$(sum "/proc/$1/mem" $start $bytes)" = "$(sum "$path" $((0x$offset)) $bytes)" ] ||
			count=$((count + 1))
	done <"/proc/$1/maps"
	echo $count
}

# Waits until file $1 has a line $2.
await() {
	until grep -qx "$2" "$1"; do sleep 0.1; done
}

# Waits until recorder $2 has put breakpoints into process $1, and a little, so that it has
# put all of them.
await_attached() {
	until [ "$(dirty "$1")" != 0 ]; do
		[ -e "/proc/$2/exe" ] || { echo "the recorder ended" && exit 1; }
		sleep 0.2
	done
	sleep 2
}
