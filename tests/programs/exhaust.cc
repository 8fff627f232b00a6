// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * exhaust: operator new until there is no more, below a limit that the program gives itself, and
 * what that throws is caught. Prints how many blocks there were. `exhaust handler`: it is thrown by
 * a handler of the program.
 */
#include <cstdio>
#include <cstdlib>
#include <new>
#include <sys/resource.h>
#include <unistd.h>

static const size_t BLOCK_BYTES = 1 << 20;

static void *reserve;

static void release()
{
	if (!reserve)
		throw std::bad_alloc();
	free(reserve);
	reserve = NULL;
}

int main(int argc, char **)
{
	const struct rlimit limit = { 128u << 20, 128u << 20 };
	int rounds = 0, blocks = 0;

	if (argc > 1)
		std::set_new_handler(release);
	setrlimit(RLIMIT_AS, &limit);
	for (; rounds < 2; rounds++) {
		char *kept[1024];
		int n = 0;

		if (argc > 1)
			reserve = malloc(4 * BLOCK_BYTES);
		try {
			for (; n < 1024; n++) {
				kept[n] = new char[BLOCK_BYTES];
				kept[n][0] = 1;
			}
		} catch (const std::bad_alloc &) {
			blocks += n;
		}
		while (n)
			delete[] kept[--n];
	}
	dprintf(STDOUT_FILENO, "caught %d times, blocks: %d\n", rounds, blocks);
	return 0;
}
