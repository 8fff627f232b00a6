// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "report/pack.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libiberty/hashtab.h>

#include "report/json_internal.h"
#include "util/cleanup.h"

struct pack {
	htab_t numbers;
	json_t *frames; /* rows */
	json_t *frame;	/* of each node */
	json_t *up;	/* how far before each node its caller's is; the outermost: 0 */
};

/* ---- numbers for what was seen before ------------------------------------------------------- */

struct numbered {
	uint64_t key[2];
	json_int_t number;
};

static hashval_t hash(const void *entry)
{
	return iterative_hash(entry, sizeof(((struct numbered *)entry)->key), 0);
}

static int equal(const void *a, const void *b)
{
	return !memcmp(a, b, sizeof(((struct numbered *)a)->key));
}

static htab_t new_numbers(void)
{
	return htab_create_alloc(1024, hash, equal, free, calloc, free);
}

static void free_numbers(htab_t *numbers)
{
	if (*numbers)
		htab_delete(*numbers);
}

/* The number of a key, which is `fresh` where it had none; -1: out of memory. */
static json_int_t number(htab_t numbers, uint64_t a, uint64_t b, json_int_t fresh)
{
	struct numbered new = { { a, b }, fresh }, *entry;
	void **slot = htab_find_slot(numbers, &new, INSERT);

	if (!slot)
		return -1;
	if (*slot)
		return ((struct numbered *)*slot)->number;
	entry = malloc(sizeof(*entry));
	if (!entry) {
		htab_clear_slot(numbers, slot);
		return -1;
	}
	*entry = new;
	*slot = entry;
	return fresh;
}

/* ---- stacks --------------------------------------------------------------------------------- */

/* All rows have the same keys: only frames without a name have an address. */
static json_t *frame_row(json_t *frame)
{
	_decref_ json_t *row = json_copy(frame);

	if (!row ||
	    (!json_object_get(row, "address") && json_object_set_new(row, "address", json_null())))
		return NULL;
	return TAKE_PTR(row);
}

static json_int_t frame_number(struct pack *p, json_t *frame)
{
	json_int_t fresh = json_array_size(p->frames);
	/* No node has 0 in the second half of its key. */
	json_int_t n = number(p->numbers, (uintptr_t)frame, 0, fresh);

	if (n == fresh && json_array_append_new(p->frames, frame_row(frame)))
		return -1;
	return n;
}

static json_int_t node_number(struct pack *p, json_int_t caller, json_int_t frame)
{
	json_int_t fresh = json_array_size(p->frame);
	json_int_t n = number(p->numbers, caller + 1, frame + 1, fresh);

	if (n == fresh && (json_array_append_new(p->frame, json_integer(frame)) ||
			   json_array_append_new(p->up, json_integer(caller < 0 ? 0 : n - caller))))
		return -1;
	return n;
}

static json_t *pack_stack(struct pack *p, const json_t *stack)
{
	json_int_t node = -1;

	for (size_t i = json_array_size(stack); i-- > 0;) {
		json_int_t frame = frame_number(p, json_array_get(stack, i));

		node = frame < 0 ? -1 : node_number(p, node, frame);
		if (node < 0)
			return NULL;
	}
	return json_integer(node);
}

/* ---- arrays --------------------------------------------------------------------------------- */

static json_t *pack_array(struct pack *p, json_t *array);

static json_t *pack_value(struct pack *p, const char *key, json_t *value)
{
	_decref_ json_t *object = NULL;
	const char *name;
	json_t *member;

	if (json_is_array(value))
		return !strcmp(key, "stack") ? pack_stack(p, value) : pack_array(p, value);
	if (!json_is_object(value))
		return json_incref(value);
	object = json_object();
	json_object_foreach(
		value, name,
		member) if (json_object_set_new(object, name,
						pack_value(p, name, member))) return NULL;
	return TAKE_PTR(object);
}

static bool same_keys(const json_t *a, json_t *b)
{
	const char *key;
	json_t *member;

	if (!json_is_object(a) || json_object_size(a) != json_object_size(b))
		return false;
	json_object_foreach(b, key, member) if (!json_object_get(a, key)) return false;
	return true;
}

static bool is_table(const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!same_keys(json_array_get(array, i), json_array_get(array, 0)))
			return false;
	return json_is_object(json_array_get(array, 0));
}

static json_t *pack_table(struct pack *p, const json_t *array)
{
	_decref_ json_t *columns = json_object();
	const char *key;
	json_t *member;

	json_object_foreach(json_array_get(array, 0), key, member)
	{
		_decref_ json_t *column = json_array();

		for (size_t i = 0; i < json_array_size(array); i++) {
			json_t *value = json_object_get(json_array_get(array, i), key);

			if (json_array_append_new(column, !strcmp(key, "stack")
								  ? pack_value(p, key, value)
								  : json_incref(value)))
				return NULL;
		}
		if (json_object_set_new(columns, key, pack_array(p, column)))
			return NULL;
	}
	return json_pack("[s I O]", "table", (json_int_t)json_array_size(array), columns);
}

static bool is_words(const json_t *array)
{
	bool any = false;

	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *value = json_array_get(array, i);

		any |= json_is_string(value);
		if (!json_is_string(value) && !json_is_null(value))
			return false;
	}
	return any;
}

static json_t *pack_words(const json_t *array)
{
	_decref_ json_t *seen = json_object();
	_decref_ json_t *words = json_array();
	_decref_ json_t *indices = json_array();

	for (size_t i = 0; i < json_array_size(array); i++) {
		json_t *word = json_array_get(array, i);
		json_t *index = json_object_get(seen, json_string_value(word));

		if (index || json_is_null(word)) {
			if (json_array_append_new(indices,
						  index ? json_incref(index) : json_integer(-1)))
				return NULL;
			continue;
		}
		index = json_integer(json_array_size(words));
		if (json_object_set_new(seen, json_string_value(word), index) ||
		    json_array_append(words, word) || json_array_append(indices, index))
			return NULL;
	}
	return json_pack("[s O O]", "words", words, indices);
}

static json_t *pack_list(struct pack *p, const json_t *array)
{
	_decref_ json_t *list = json_array();

	for (size_t i = 0; i < json_array_size(array); i++)
		if (json_array_append_new(list, pack_value(p, "", json_array_get(array, i))))
			return NULL;
	return json_pack("[s O]", "list", list);
}

static json_t *pack_array(struct pack *p, json_t *array)
{
	return is_table(array)	 ? pack_table(p, array)
	       : is_words(array) ? pack_words(array)
				 : pack_list(p, array);
}

json_t *mt_pack(json_t *report)
{
	__cleanup(free_numbers) htab_t numbers = new_numbers();
	_decref_ json_t *frames = json_array();
	_decref_ json_t *frame = json_array();
	_decref_ json_t *up = json_array();
	struct pack p = { numbers, frames, frame, up };
	_decref_ json_t *packed = NULL;

	if (!numbers || !frames || !frame || !up)
		return NULL;
	packed = pack_value(&p, "", report);
	return json_pack("{sO so s{sO sO}}", "report", packed, "frames", pack_array(&p, frames),
			 "nodes", "frame", frame, "up", up);
}
