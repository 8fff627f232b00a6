#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# Shows memtide on a real compile, from its first allocation, and on a program that is
# already running. `make demo` builds what it needs.
set -eu
cd "$(dirname "$0")/.."

if [ "$(id -u)" != 0 ]; then
	echo "demo: tracing needs root: sudo make demo" >&2
	exit 1
fi

mkdir -p build/demo
cat >build/demo/words.cc <<'EOF'
#include <map>
#include <string>

std::map<std::string, int> count_words(const std::string &text)
{
	std::map<std::string, int> count;
	std::string word;
	for (char c : text + ' ') {
		if (c != ' ')
			word += c;
		else if (!word.empty())
			count[word]++, word.clear();
	}
	return count;
}
EOF

echo
echo "1. A C++ compile, traced from its first allocation, with every program that g++ starts:"
echo "   memtide record --mode exact -- g++ -O2 -c words.cc"
echo
build/memtide record -f --mode exact -o build/demo/compile.mtd -- \
	g++ -O2 -c build/demo/words.cc -o build/demo/words.o

echo
echo "2. A program that is already running, for three seconds, without a restart:"
echo "   memtide record -p PID -d 3"
echo
build/programs/midflight >build/demo/midflight.out &
program=$!
trap 'kill $program 2>/dev/null || true' EXIT
build/memtide record -f -o build/demo/midflight.mtd -p $program -d 3

echo
echo "The captures are kept: build/memtide report build/demo/compile.mtd --json"
