// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "analysis/identity.h"

#include <stddef.h>
#include <string.h>

#include "model/model.h"

#define FNV_PRIME    0x100000001b3ULL
#define FNV_BASIS    0xcbf29ce484222325ULL
#define SECOND_BASIS 0x9ae16a3b2f90404fULL /* any other: it makes a hash of its own */
#define RUST_HASH    (sizeof("::h0123456789abcdef") - 1)

static void hash(struct mt_identity *k, const void *data, size_t len)
{
	const unsigned char *s = data;

	for (size_t i = 0; i < len; i++) {
		k->a = (k->a ^ s[i]) * FNV_PRIME;
		k->b = (k->b ^ s[i]) * FNV_PRIME;
		k->b ^= k->b >> 29;
	}
}

/* Its NUL too: it ends the name. */
static void hash_text(struct mt_identity *k, const char *s)
{
	hash(k, s ?: "", strlen(s ?: "") + 1);
}

/* Without Rust's hash of the crate and types, which another compiler or dependency changes. */
static void hash_function(struct mt_identity *k, const char *name)
{
	size_t length = strlen(name);
	const char *tail = length > RUST_HASH ? name + length - RUST_HASH : NULL;

	if (tail && !strncmp(tail, "::h", 3) &&
	    strspn(tail + 3, "0123456789abcdef") == RUST_HASH - 3)
		length -= RUST_HASH;
	hash(k, name, length);
	hash(k, "", 1);
}

struct mt_identity mt_identity_of(const char *comm, const struct mt_model_stack *stack, bool new)
{
	struct mt_identity k = { FNV_BASIS, SECOND_BASIS };

	hash_text(&k, comm);
	for (size_t i = 0; i < stack->nr; i++) {
		const struct mt_frame *f = stack->frames[i];

		if (f->function) {
			hash_function(&k, f->function);
			continue;
		}
		hash_text(&k, f->module);
		hash_text(&k, f->build_id ?: new ? "new" : "old"); /* nobody knows the build */
		hash(&k, &f->offset, sizeof(f->offset));
	}
	return k;
}

int mt_identity_compare(const struct mt_identity *a, const struct mt_identity *b)
{
	return (a->a > b->a) - (a->a < b->a) ?: (a->b > b->b) - (a->b < b->b);
}
