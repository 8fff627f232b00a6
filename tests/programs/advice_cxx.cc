// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * advice_cxx RULE bad|good FILE: a program that a rule of the findings fires on, and its twin that
 * does the same work in the way that the advice says.
 */
#include <chrono>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

static constexpr size_t MIB = 1 << 20;

static void keep(const void *p)
{
	asm volatile("" ::"r"(p) : "memory");
}

static void rest(int ms)
{
	std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

static void preallocate_bad()
{
	std::vector<std::vector<long>> all(64);

	for (long i = 0; i < 8000; i++)
		for (auto &v : all)
			v.push_back(i);
	keep(&all);
}

static void preallocate_good()
{
	std::vector<std::vector<long>> all(64);

	for (auto &v : all)
		v.reserve(8000);
	for (long i = 0; i < 8000; i++)
		for (auto &v : all)
			v.push_back(i);
	keep(&all);
}

static void peak()
{
	std::vector<char> v(16 * MIB, 1);

	rest(100);
	keep(v.data());
}

static void large_lifetime_bad()
{
	std::vector<char> v(16 * MIB, 1);

	rest(300);
	peak();
	keep(v.data());
}

static void large_lifetime_good()
{
	{
		std::vector<char> v(16 * MIB, 1);
		keep(v.data());
	}
	rest(300);
	peak();
}

static void cloning_bad()
{
	std::string line(200, 'x');
	std::vector<std::string> kept;

	kept.reserve(20000);
	for (int i = 0; i < 20000; i++)
		kept.emplace_back(line);
	keep(&kept);
}

static void cloning_good()
{
	std::string line(200, 'x');
	std::vector<std::string_view> kept;

	kept.reserve(20000);
	for (int i = 0; i < 20000; i++)
		kept.emplace_back(line);
	keep(&kept);
}

static const char *file; /* to be read: some megabytes */

static void streaming_bad()
{
	std::ifstream in(file, std::ios::binary);
	std::string text(std::istreambuf_iterator<char>(in), {});

	keep(text.data());
}

static void streaming_good()
{
	std::ifstream in(file, std::ios::binary);
	std::vector<char> buffer(65536);

	while (in.read(buffer.data(), buffer.size()))
		keep(buffer.data());
}

struct node {
	long values[3];
};

static void compact_types_bad()
{
	std::vector<std::unique_ptr<node>> all;

	all.reserve(100000);
	for (long i = 0; i < 100000; i++)
		all.emplace_back(new node{ { i, i, i } });
	keep(&all);
}

static void compact_types_good()
{
	std::vector<node> all;

	all.reserve(100000);
	for (long i = 0; i < 100000; i++)
		all.push_back({ { i, i, i } });
	keep(&all);
}

static void hash_map_bad()
{
	std::unordered_map<long, long> map;

	for (long i = 0; i < 200000; i++)
		map[i] = i;
	keep(&map);
}

static void hash_map_good()
{
	std::unordered_map<long, long> map;

	map.reserve(200000);
	for (long i = 0; i < 200000; i++)
		map[i] = i;
	keep(&map);
}

static void thread_stacks_bad()
{
	std::vector<std::thread> all;

	for (int i = 0; i < 32; i++)
		all.emplace_back([] { rest(400); });
	for (auto &t : all)
		t.join();
}

/* As many tasks, by threads that stay. */
static void thread_stacks_good()
{
	std::vector<std::thread> all;

	for (int i = 0; i < 2; i++)
		all.emplace_back([] { rest(400); });
	for (auto &t : all)
		t.join();
}

static void lookup(std::deque<std::string> &cache, size_t limit)
{
	for (int i = 0; i < 400; i++) {
		cache.emplace_back(10000, 'x');
		if (cache.size() > limit)
			cache.pop_front();
		if (i % 4 == 0)
			rest(5);
	}
}

static std::vector<char> buffers[16];

/* Of each buffer little is filled. */
static void fill(bool shrink)
{
	for (auto &v : buffers) {
		v.reserve(2 * MIB);
		v.assign(1000, 1);
		if (shrink)
			v.shrink_to_fit();
	}
	rest(300);
	_Exit(0); /* they live to the end */
}

static void shrink_bad()
{
	fill(false);
}

static void shrink_good()
{
	fill(true);
}

static std::deque<std::string> cache;

static void unbounded_cache_bad()
{
	lookup(cache, SIZE_MAX);
	_Exit(0); /* it lives to the end */
}

static void unbounded_cache_good()
{
	lookup(cache, 20);
	_Exit(0);
}

static const struct {
	const char *rule;
	void (*bad)();
	void (*good)();
} rules[] = {
	{ "preallocate", preallocate_bad, preallocate_good },
	{ "shrink", shrink_bad, shrink_good },
	{ "large-lifetime", large_lifetime_bad, large_lifetime_good },
	{ "cloning", cloning_bad, cloning_good },
	{ "streaming", streaming_bad, streaming_good },
	{ "compact-types", compact_types_bad, compact_types_good },
	{ "hash-map", hash_map_bad, hash_map_good },
	{ "thread-stacks", thread_stacks_bad, thread_stacks_good },
	{ "unbounded-cache", unbounded_cache_bad, unbounded_cache_good },
};

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	file = argv[3];
	for (const auto &r : rules)
		if (!strcmp(argv[1], r.rule)) {
			(strcmp(argv[2], "bad") ? r.good : r.bad)();
			return 0;
		}
	return 2;
}
