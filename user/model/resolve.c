// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "model/resolve.h"

#include <errno.h>
#include <string.h>

#include <libiberty/hashtab.h>

#include "util/cleanup.h"

/* As SQLite orders them: 64-bit unsigned numbers are stored as signed ones. */
static int compare(uint64_t a, uint64_t b)
{
	return ((int64_t)a > (int64_t)b) - ((int64_t)a < (int64_t)b);
}

static int compare_addresses(const void *a, const void *b)
{
	return compare(*(const uint64_t *)a, *(const uint64_t *)b);
}

/*
 * The first of `nr` elements whose first-but-`offset` 8 bytes are not below `key`: symbols,
 * stacks and frames are all searched by a 64-bit field.
 */
#define LOWER_BOUND(rows, count, field, key)                            \
	({                                                              \
		size_t __low = 0, __high = (count);                     \
		while (__low < __high) {                                \
			size_t __middle = __low + (__high - __low) / 2; \
			if (compare((rows)[__middle].field, (key)) < 0) \
				__low = __middle + 1;                   \
			else                                            \
				__high = __middle;                      \
		}                                                       \
		__low;                                                  \
	})

static const struct mt_stack_row *find_stack(const struct mt_stacks *stacks, uint64_t id)
{
	size_t i = LOWER_BOUND(stacks->rows, stacks->nr, id, id);

	return i < stacks->nr && stacks->rows[i].id == id ? &stacks->rows[i] : NULL;
}

static hashval_t hash_address(const void *address)
{
	return *(const uint64_t *)address * 0x9e3779b97f4a7c15 >> 32;
}

static int equal_addresses(const void *a, const void *b)
{
	return *(const uint64_t *)a == *(const uint64_t *)b;
}

static htab_t new_addresses(void)
{
	return htab_create_alloc(1024, hash_address, equal_addresses, NULL, calloc, free);
}

static void free_addresses(htab_t *seen)
{
	if (*seen)
		htab_delete(*seen);
}

static int append_address(void **slot, void *to)
{
	uint64_t **next = to;

	*(*next)++ = *(uint64_t *)*slot;
	return 1;
}

/* Sorted, each once; the caller frees. There are millions, few of them distinct. */
static int collect_addresses(uint64_t **out, size_t *out_nr, const struct mt_stacks *stacks,
			     struct mt_model_stack **targets, size_t nr)
{
	__cleanup(free_addresses) htab_t seen = new_addresses();
	uint64_t *addresses, *end;

	for (size_t i = 0; seen && i < nr; i++) {
		const struct mt_stack_row *stack = find_stack(stacks, targets[i]->id);

		for (size_t j = 0; stack && j < stack->nr; j++) {
			void **slot = htab_find_slot(seen, &stack->frames[j], INSERT);

			if (!slot)
				return -ENOMEM;
			*slot = (void *)&stack->frames[j];
		}
	}
	addresses = seen ? malloc((htab_elements(seen) + 1) * sizeof(*addresses)) : NULL;
	if (!addresses)
		return -ENOMEM;
	end = addresses;
	htab_traverse(seen, append_address, &end);
	qsort(addresses, end - addresses, sizeof(*addresses), compare_addresses);
	*out_nr = end - addresses;
	*out = addresses;
	return 0;
}

const struct mt_module_row *mt_model_module(const struct mt_model_process *p, uint64_t address)
{
	const struct mt_module_row *found = NULL;

	for (size_t i = 0; i < p->nr_modules; i++) {
		const struct mt_module_row *m = &p->modules[i];

		if (address > m->start && address <= m->end)
			found = m;
	}
	return found;
}

/* Without a symbol: the file that was mapped there, or nothing but the address. */
static struct mt_frame bare_frame(const struct mt_module_row *m, uint64_t address)
{
	struct mt_frame frame = { .address = address };

	if (m) {
		frame.module = m->path;
		frame.build_id = m->build_id;
		frame.offset = address - m->start + m->file_offset;
	}
	return frame;
}

static struct mt_frame symbol_frame(const struct mt_module_row *m, const struct mt_symbol_row *s)
{
	return (struct mt_frame){
		.address = s->address,
		.function = s->function,
		.file = s->file,
		.module = s->module,
		.build_id = s->module && m && !strcmp(m->path, s->module) ? m->build_id : NULL,
		.offset = s->offset,
		.line = s->line,
		.inlined = s->inlined,
	};
}

static int make_frames(struct mt_pool *pool, struct mt_model_process *p,
		       const struct mt_symbols *symbols, const uint64_t *addresses, size_t nr)
{
	struct mt_frame *frames = mt_pool_alloc(pool, (nr + symbols->nr) * sizeof(*frames));
	size_t n = 0;

	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++) {
		size_t s = LOWER_BOUND(symbols->rows, symbols->nr, address, addresses[i]);
		const struct mt_module_row *m = mt_model_module(p, addresses[i]);
		size_t first = n;

		for (; s < symbols->nr && symbols->rows[s].address == addresses[i]; s++)
			frames[n++] = symbol_frame(m, &symbols->rows[s]);
		if (n == first)
			frames[n++] = bare_frame(m, addresses[i]);
	}
	p->frames = frames;
	p->nr_frames = n;
	return 0;
}

/* How many frames an address stands for, from *first on. */
static size_t frames_at(const struct mt_model_process *p, uint64_t address, size_t *first)
{
	size_t end = LOWER_BOUND(p->frames, p->nr_frames, address, address);

	*first = end;
	while (end < p->nr_frames && p->frames[end].address == address)
		end++;
	return end - *first;
}

static int resolve_stack(struct mt_pool *pool, const struct mt_model_process *p,
			 const struct mt_stack_row *row, struct mt_model_stack *stack)
{
	const struct mt_frame **frames;
	size_t first, n = 0;

	for (size_t i = 0; i < row->nr; i++)
		stack->nr += frames_at(p, row->frames[i], &first);
	frames = mt_pool_alloc(pool, stack->nr * sizeof(const struct mt_frame *));
	if (!frames)
		return -ENOMEM;
	for (size_t i = 0; i < row->nr; i++) {
		size_t nr = frames_at(p, row->frames[i], &first);

		for (size_t j = 0; j < nr; j++)
			frames[n++] = &p->frames[first + j];
	}
	stack->frames = frames;
	stack->end = row->end;
	return 0;
}

int mt_resolve_process(struct mt_pool *pool, struct mt_model_process *p,
		       const struct mt_stacks *stacks, const struct mt_symbols *symbols,
		       struct mt_model_stack **targets, size_t nr)
{
	_free_ uint64_t *addresses = NULL;
	size_t nr_addresses = 0;
	int err = collect_addresses(&addresses, &nr_addresses, stacks, targets, nr);

	if (!err)
		err = make_frames(pool, p, symbols, addresses, nr_addresses);
	for (size_t i = 0; i < nr && !err; i++) {
		const struct mt_stack_row *row = find_stack(stacks, targets[i]->id);

		/* One stack may have several sites, one a kind; they are neighbours. */
		if (i && targets[i]->id == targets[i - 1]->id)
			*targets[i] = *targets[i - 1];
		else if (row)
			err = resolve_stack(pool, p, row, targets[i]);
	}
	return err;
}
