#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Installs the Debian 12 packages that building and testing memtide need, once, and says
# what it did. None of them starts a service: redis-tools holds the server's program too
# (redis-check-rdb is redis-server under another name).
set -eu

build="g++ make clang bpftool libbpf-dev libelf-dev libdw-dev libiberty-dev libsqlite3-dev
       libjansson-dev libzydis-dev zlib1g-dev liblzma-dev nettle-dev libseccomp-dev
       libcap-ng-dev libnanopb-dev nanopb protobuf-compiler nodejs"
tests="libcmocka-dev libclang-rt-dev clang-format clang-tidy python3 sqlite3 redis-tools
       strace libjemalloc2 libjemalloc-dev libtcmalloc-minimal4 libmimalloc2.0 musl-tools
       libc6-dbg bpftrace chromium golang-1.19-go valgrind python3-prometheus-client
       qemu-system-x86 xz-utils zstd"

# Other builds of Node.js bring npm themselves, and do not go with Debian's.
command -v npm >/dev/null || build="$build npm"
# Debian's Rust is large, and any will do; the Makefile looks in the same places.
command -v rustc >/dev/null || [ -x "$HOME/.cargo/bin/rustc" ] || tests="$tests rustc"

# shellcheck disable=SC2086 # lists
have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $build $tests 2>/dev/null || true)
missing=
for package in $build $tests; do
	case "
$have
" in *"
installed $package
"*) ;;
	*) missing="$missing $package" ;;
	esac
done

if [ -z "$missing" ]; then
	echo "setup: all packages are installed"
	exit 0
fi
if [ "$(id -u)" != 0 ]; then
	echo "setup: missing:$missing; run as root: sudo scripts/setup.sh" >&2
	exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive

install_missing() {
	# shellcheck disable=SC2086 # a list
	apt-get install -y --no-install-recommends $missing >"$log" 2>&1
}

# The lists may be absent, or name versions that the archive has replaced since.
if ! install_missing && ! { apt-get update >"$log" 2>&1 && install_missing; }; then
	tail -n 20 "$log" >&2
	echo "setup: could not install:$missing; apt-get's last words are above" >&2
	exit 1
fi
echo "setup: installed$missing"
