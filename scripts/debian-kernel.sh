#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# debian-kernel.sh PACKAGE[=VERSION] OUT: the uncompressed kernel (an ELF file with its BTF)
# of one of Debian's linux-image packages, downloaded and not installed.
set -eu

package=$1
out=$(realpath -m "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

if ! apt-get download -q -o APT::Sandbox::User=root "$package" >log 2>&1; then
	tail -n 5 log >&2
	echo "debian-kernel: cannot download $package: try apt-get update; the archive drops old" \
		"versions" >&2
	exit 1
fi
dpkg-deb --fsys-tarfile ./*.deb | tar -x --wildcards './boot/vmlinuz-*'
image=$(echo boot/vmlinuz-*)

# The boot protocol's header says where the compressed kernel is (Documentation/arch/x86/boot.rst:
# setup_sects, payload_offset, payload_length); the payload ends in its 4-byte unpacked size.
field() {
	od -An -j "$1" -N "$2" -t "u$2" "$image" | tr -d ' '
}
start=$((($(field 0x1f1 1) + 1) * 512 + $(field 0x248 4)))
tail -c +$((start + 1)) "$image" | head -c $(($(field 0x24c 4) - 4)) >payload

case $(head -c 4 payload | od -An -t x1) in
" fd 37 7a 58") xz -dc payload >vmlinux ;;
" 28 b5 2f fd") zstd -qdc payload >vmlinux ;;
*)
	echo "debian-kernel: $package is packed neither by xz nor by zstd" >&2
	exit 1
	;;
esac

mkdir -p "$(dirname "$out")"
mv vmlinux "$out"
