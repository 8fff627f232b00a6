#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Makes vmlinux/x86/vmlinux.h, the kernel's types, from the kernel pinned here. A program
# built with it runs on other kernels too: libbpf relocates each field by the running
# kernel's BTF (CO-RE).
set -eu
cd "$(dirname "$0")/.."

pin=linux-image-6.12.117+deb12-amd64=6.12.117-1~deb12u1
kernel=build/vmlinux-pinned
header=vmlinux/x86/vmlinux.h

PATH=$PATH:/usr/sbin
scripts/debian-kernel.sh "$pin" "$kernel"
{
	echo "/* Made by scripts/vmlinux.sh from $pin; not to be edited. */"
	bpftool btf dump file "$kernel" format c
} >"$header.new"
mv "$header.new" "$header"
rm "$kernel"
echo "vmlinux: wrote $header from $pin"
