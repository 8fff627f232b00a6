// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * sized: operator new and delete in every form: plain, array, nothrow, sized, aligned, both;
 * called by name and by expressions. Where the operators are libstdc++'s it is malloc and
 * aligned_alloc that are called; an allocator's own operators are the calls themselves.
 * "sized throw": an operator that fails by an exception, between two that do not.
 */
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <new>

#include "lib/foreign.h"

/* One frame of its own, with a plain name. */
#define SITE   extern "C" __attribute__((noipa))
#define BLOCKS 9

namespace
{

const std::align_val_t wide{ 128 };
std::size_t (*volatile huge)() = [] { return SIZE_MAX / 2; }; /* g++ would warn */
bool own; /* the operators are the allocator's, not libstdc++'s */

struct plain {
	char text[72];
};

struct alignas(64) line {
	char text[192];
};

bool are_own()
{
	Dl_info file = {};

	dladdr((void *)static_cast<void *(*)(std::size_t)>(::operator new), &file);
	return !std::strstr(file.dli_fname, "libstdc++");
}

/* libstdc++ asks for 1 byte in place of none, and for a multiple of the alignment. */
std::size_t asked(std::size_t size, std::size_t align)
{
	if (own)
		return size;
	size = size ? size : 1;
	return align ? (size + align - 1) / align * align : size;
}

/* One function for both: which of them was called cannot be told. */
#define SAME(...)                                                       \
	((void *)static_cast<void *(*)(__VA_ARGS__)>(::operator new) == \
	 (void *)static_cast<void *(*)(__VA_ARGS__)>(::operator new[]))

#define NEW(array, size, align, call)                                             \
	({                                                                        \
		std::size_t size_ = asked(size, align);                           \
		foreign_ask(size_);                                               \
		void *p_ = (call);                                                \
		foreign_got(__func__,                                             \
			    own	    ? (array) ? "operator new[]" : "operator new" \
			    : align ? "aligned_alloc"                             \
				    : "malloc",                                   \
			    p_, size_);                                           \
		p_;                                                               \
	})

#define DELETE(p, call)               \
	do {                          \
		void *const p_ = (p); \
		foreign_drop(p_);     \
		call;                 \
		foreign_dropped();    \
	} while (0)

SITE void *new_one(std::size_t n)
{
	return NEW(false, n, 0, ::operator new(n));
}

SITE void *new_array(std::size_t n)
{
	return NEW(!SAME(std::size_t), n, 0, ::operator new[](n));
}

SITE void *new_nothrow(std::size_t n)
{
	return NEW(false, n, 0, ::operator new(n, std::nothrow));
}

SITE void *new_array_nothrow(std::size_t n)
{
	return NEW(!SAME(std::size_t, const std::nothrow_t &), n, 0,
		   ::operator new[](n, std::nothrow));
}

SITE void *new_aligned(std::size_t n)
{
	return NEW(false, n, 128, ::operator new(n, wide));
}

SITE void *new_array_aligned(std::size_t n)
{
	return NEW(!SAME(std::size_t, std::align_val_t), n, 128, ::operator new[](n, wide));
}

SITE void *new_aligned_nothrow(std::size_t n)
{
	return NEW(false, n, 128, ::operator new(n, wide, std::nothrow));
}

SITE void *new_array_aligned_nothrow(std::size_t n)
{
	return NEW(!SAME(std::size_t, std::align_val_t, const std::nothrow_t &), n, 128,
		   ::operator new[](n, wide, std::nothrow));
}

SITE plain *new_expression()
{
	return (plain *)NEW(false, sizeof(plain), 0, new plain);
}

SITE line *new_aligned_expression()
{
	return (line *)NEW(false, sizeof(line), alignof(line), new line);
}

void delete_one(int how, void *p, std::size_t n)
{
	if (how == 0)
		DELETE(p, ::operator delete(p_));
	else if (how == 1)
		DELETE(p, ::operator delete(p_, n));
	else
		DELETE(p, ::operator delete(p_, std::nothrow));
}

void delete_array(int how, void *p, std::size_t n)
{
	if (how == 0)
		DELETE(p, ::operator delete[](p_));
	else if (how == 1)
		DELETE(p, ::operator delete[](p_, n));
	else
		DELETE(p, ::operator delete[](p_, std::nothrow));
}

void delete_one_aligned(int how, void *p, std::size_t n)
{
	if (how == 0)
		DELETE(p, ::operator delete(p_, wide));
	else if (how == 1)
		DELETE(p, ::operator delete(p_, n, wide));
	else
		DELETE(p, ::operator delete(p_, wide, std::nothrow));
}

void delete_array_aligned(int how, void *p, std::size_t n)
{
	if (how == 0)
		DELETE(p, ::operator delete[](p_, wide));
	else if (how == 1)
		DELETE(p, ::operator delete[](p_, n, wide));
	else
		DELETE(p, ::operator delete[](p_, wide, std::nothrow));
}

/* Blocks of many sizes, 0 too; two thirds of them are deleted, one third in each way. */
void some(void *(*make)(std::size_t), void (*drop)(int, void *, std::size_t), std::size_t base)
{
	std::size_t size[BLOCKS];
	void *block[BLOCKS];

	for (int i = 0; i < BLOCKS; i++) {
		size[i] = i ? base + 37 * i : 0;
		block[i] = make(size[i]);
		std::memset(block[i], i, size[i]);
	}
	for (int i = 0; i < BLOCKS; i++)
		if (i % 4)
			drop(i % 4 - 1, block[i], size[i]);
	drop(0, nullptr, 0); /* does not count */
}

void expressions()
{
	for (int i = 0; i < BLOCKS; i++) {
		plain *p = new_expression();
		line *l = new_aligned_expression();

		if ((std::uintptr_t)l % alignof(line))
			foreign_die("sized: not aligned");
		if (i % 2)
			DELETE(p, delete p);
		if (i % 3)
			DELETE(l, delete l);
	}
}

/* The exception itself is allocated by libstdc++, and freed: not the program's. */
SITE void throwing(std::size_t n)
{
	foreign_ask(n);
	try {
		void *volatile p = ::operator new(n);

		foreign_die(p ? "sized: so much memory?" : "sized: no exception");
	} catch (const std::bad_alloc &) {
		foreign_got(__func__, "malloc", nullptr, n);
	}
}

} // namespace

int main(int argc, char **argv)
{
	own = are_own();
	if (argc > 1 && !std::strcmp(argv[1], "throw")) {
		new_one(100);
		for (int i = 0; i < 5; i++)
			throwing(huge());
		delete_one(0, new_one(200), 200);
	} else if (!foreign_idle()) {
		some(new_one, delete_one, 100);
		some(new_array, delete_array, 500);
		some(new_nothrow, delete_one, 1000);
		some(new_array_nothrow, delete_array, 2000);
		some(new_aligned, delete_one_aligned, 300);
		some(new_array_aligned, delete_array_aligned, 5000);
		some(new_aligned_nothrow, delete_one_aligned, 70);
		some(new_array_aligned_nothrow, delete_array_aligned, 40000);
		expressions();
	}
	foreign_write();
	return 0;
}
