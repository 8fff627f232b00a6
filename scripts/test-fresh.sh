#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# make demo and make test in a new Debian 12 that has only git and make: the committed HEAD,
# cloned there, on this host's kernel and with this host's apt configuration. The system is
# kept in build/fresh/base.tar. Everything is mounted in a mount namespace of our own, so
# nothing stays mounted however this ends.
set -eu
cd "$(dirname "$0")/.."

if [ "${1-}" != --inside ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "test-fresh: debootstrap and tracing need root: sudo make test-fresh" >&2
		exit 1
	fi
	if ! command -v debootstrap >/dev/null; then
		echo "test-fresh: no debootstrap: apt-get install debootstrap" >&2
		exit 1
	fi
	root=$PWD/build/fresh/root
	# The namespace is gone when this runs, and its mounts with it: only our files are left.
	trap 'rm -rf --one-file-system "$root"' EXIT
	unshare --mount --propagation private scripts/test-fresh.sh --inside
	exit
fi

fresh=$PWD/build/fresh
root=$fresh/root
base=$fresh/base.tar

make_base() {
	# shellcheck disable=SC2016 # apt-get's own format
	mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
		sed -n 's/^bookworm //p' | head -n 1)
	debootstrap --variant=minbase bookworm "$root" "$mirror" &&
		rm -rf "$root/etc/apt" &&
		cp -a /etc/apt "$root/etc/apt" &&
		cp -a /usr/share/keyrings/. "$root/usr/share/keyrings" &&
		chroot "$root" apt-get update &&
		chroot "$root" apt-get install -y --no-install-recommends git make &&
		tar -C "$root" -cf "$base.new" . &&
		mv "$base.new" "$base"
}

rm -rf --one-file-system "$root"
mkdir -p "$root"
if [ -f "$base" ]; then
	tar -C "$root" -xf "$base"
elif ! make_base >"$fresh/log" 2>&1; then
	tail -n 20 "$fresh/log" >&2
	echo "test-fresh: could not make a Debian 12; the last words are above" >&2
	exit 1
fi

for dir in dev proc sys; do
	mount --rbind "/$dir" "$root/$dir"
done
cp -L /etc/resolv.conf /etc/hosts "$root/etc"

inside() {
	env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM="${TERM-dumb}" \
		http_proxy="${http_proxy-}" chroot "$root" "$@"
}

git bundle create --quiet "$root/root/memtide.bundle" HEAD
inside git -c advice.detachedHead=false clone --quiet /root/memtide.bundle /root/memtide
for goal in demo test; do
	echo "test-fresh: make $goal"
	inside make -C /root/memtide "$goal"
done
echo "test-fresh: make demo and make test succeed on a fresh Debian 12"
