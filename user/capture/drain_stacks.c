// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "capture/drain_stacks.h"

#include <errno.h>
#include <stdlib.h>

#include <libiberty/hashtab.h>

#include "capture/capture.h"
#include "session/session.h"
#include "session/tables.h"
#include "util/cleanup.h"

#include "logic/hash.h"

struct mt_drain_stacks {
	struct mt_capture *capture;
	const struct mt_kernel *kernel;
	htab_t written; /* struct stack */
	htab_t parts;	/* struct part */
};

/* That is in the file, and in the kernel. The key is what is hashed: it comes first. */
struct stack {
	uint64_t key;
	uint32_t nr_parts;
	uint64_t parts[]; /* the outermost first */
};

struct part {
	uint64_t key;
	size_t stacks; /* that have it */
};

static hashval_t hash_key(const void *entry)
{
	return *(const uint64_t *)entry;
}

static int equal_keys(const void *a, const void *b)
{
	return *(const uint64_t *)a == *(const uint64_t *)b;
}

int mt_drain_stacks_new(struct mt_drain_stacks **out, struct mt_capture *capture,
			struct mt_session *session)
{
	__cleanup(mt_drain_stacks_free) struct mt_drain_stacks *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->capture = capture;
	s->kernel = mt_session_kernel(session);
	s->written = htab_create_alloc(1024, hash_key, equal_keys, free, calloc, free);
	s->parts = htab_create_alloc(1024, hash_key, equal_keys, free, calloc, free);
	if (!s->written || !s->parts)
		return -ENOMEM;
	*out = TAKE_PTR(s);
	return 0;
}

void mt_drain_stacks_free(struct mt_drain_stacks **stacks)
{
	struct mt_drain_stacks *s = *stacks;

	if (!s)
		return;
	if (s->written)
		htab_delete(s->written);
	if (s->parts)
		htab_delete(s->parts);
	free(s);
	*stacks = NULL;
}

static const char *end_name(uint32_t end)
{
	static const char *const names[] = {
#define NAME(id, name) [MT_STACK_##id] = name,
		MT_STACK_END_LIST(NAME)
#undef NAME
	};

	return end < ARRAY_SIZE(names) ? names[end] : NULL;
}

/* The entry for a key, of `size` bytes if it is new. */
static void *entry(htab_t table, uint64_t key, size_t size)
{
	void **slot = htab_find_slot(table, &key, INSERT);

	if (!slot)
		return NULL;
	if (!*slot) {
		*slot = calloc(1, size);
		if (!*slot)
			htab_clear_slot(table, slot);
		else
			*(uint64_t *)*slot = key;
	}
	return *slot;
}

/* The keys of the parts are those of the stack without its inner frames. */
static int remember(struct mt_drain_stacks *s, uint64_t key, const struct mt_stack *frames)
{
	uint32_t nr_parts = (frames->nr + MT_PART_FRAMES - 1) / MT_PART_FRAMES;
	struct stack *stack =
		entry(s->written, key, sizeof(*stack) + nr_parts * sizeof(stack->parts[0]));
	uint64_t hash = mt_hash_begin(frames->end);

	if (!stack)
		return -ENOMEM;
	for (uint32_t n = 0; n < frames->nr; n++) {
		struct part *part;

		hash = mt_hash_add(hash, mt_stack_frame(frames, n));
		if ((n + 1) % MT_PART_FRAMES && n + 1 < frames->nr)
			continue;
		part = entry(s->parts, mt_hash_key(hash), sizeof(*part));
		if (!part)
			return -ENOMEM;
		part->stacks++;
		stack->parts[stack->nr_parts++] = part->key;
	}
	return 0;
}

int mt_drain_stacks_put(struct mt_drain_stacks *s, uint64_t key)
{
	struct mt_stack frames;
	struct mt_stack_row row = { .id = key, .frames = (const uint64_t *)frames.frames };
	int err;

	if (!key || htab_find(s->written, &key))
		return 0;
	if (mt_tables_stack(s->kernel, key, &frames))
		return 0; /* the map was full: it is counted there */
	row.nr = frames.nr;
	row.end = end_name(frames.end);
	err = mt_capture_put_stack(s->capture, &row);
	return err ? err : remember(s, key, &frames);
}

void mt_drain_stacks_drop(struct mt_drain_stacks *s, uint64_t key)
{
	const struct stack *stack = htab_find(s->written, &key);

	if (!stack)
		return;
	/* The innermost first: nobody is to find one whose callers are gone. */
	for (uint32_t i = stack->nr_parts; i > 0; i--) {
		struct part *part = htab_find(s->parts, &stack->parts[i - 1]);

		if (!part || --part->stacks)
			continue;
		mt_tables_drop_stack_part(s->kernel, part->key);
		htab_remove_elt(s->parts, &stack->parts[i - 1]);
	}
	htab_remove_elt(s->written, &key);
}
