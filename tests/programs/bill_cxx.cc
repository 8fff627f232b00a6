// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * C++'s kinds of memory, each of a size of its own, all there at the end: 12 MiB in a map of
 * strings, a vector of 32 MiB with 20 touched, 18 MiB that a deque gave back. MT_TRUTH becomes what
 * the kernel says of it just before: /proc/self/status, then smaps.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/prctl.h>
#include <unistd.h>

namespace
{
constexpr size_t mib = 1 << 20;
constexpr size_t string_bytes = 4096;

std::map<int, std::string> strings;
std::vector<char> vector;
std::unique_ptr<char[]> pin;

void fill()
{
	vector.reserve(32 * mib);
	vector.resize(20 * mib, 'v');
	for (int i = 0; i < static_cast<int>(12 * mib / string_bytes); i++)
		strings.emplace(i, std::string(string_bytes - 1, 's'));
	std::deque<std::string> gone;
	for (size_t i = 0; i < 18 * mib / string_bytes; i++)
		gone.emplace_back(string_bytes - 1, 'g');
	pin = std::make_unique<char[]>(string_bytes);
}

void copy(const char *from, std::FILE *to)
{
	static char text[65536];
	std::ifstream in(from);

	while (in.read(text, sizeof(text)) || in.gcount())
		std::fwrite(text, 1, static_cast<size_t>(in.gcount()), to);
}
} // namespace

int main()
{
	const char *truth = std::getenv("MT_TRUTH");
	std::FILE *out = truth ? std::fopen(truth, "w") : stdout;

	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); // what is not touched is not to be resident
	std::thread(fill).join();
	if (!out)
		return 1;
	copy("/proc/self/status", out);
	copy("/proc/self/smaps", out);
	std::fflush(out);
	_exit(0);
}
