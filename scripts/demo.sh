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
#include <iostream>
#include <map>
#include <regex>
#include <string>

int main()
{
	std::map<std::string, int> count;
	std::regex word("[a-z]+");
	for (std::string line; std::getline(std::cin, line);)
		for (std::sregex_iterator it(line.begin(), line.end(), word), end; it != end; ++it)
			count[it->str()]++;
	for (const auto &[text, n] : count)
		std::cout << n << ' ' << text << '\n';
}
EOF

echo
echo "1. A C++ compile, traced from its first allocation, with every program that g++ starts:"
echo "   memtide record -- g++ -O2 -c words.cc"
echo
build/memtide record -f -o build/demo/compile.mtd -- \
	g++ -std=c++17 -O2 -c build/demo/words.cc -o build/demo/words.o

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
