// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * pprof's profile (pprof.proto), in gzip: all processes in one, told apart by labels.
 *
 * What its messages refer to by number (strings, functions) is gathered first; then the profile is
 * streamed. A location is an address of a process that some site has in its stack, with a line for
 * each function that the compiler put there. Its address is the call's: what stacks hold are return
 * addresses, which may belong to what follows.
 */
#include <errno.h>
#include <string.h>

#include <pb_encode.h>

#include "analysis/lifetime.h"
#include "analysis/losses.h"
#include "export/gzip.h"
#include "export/intern.h"
#include "export/sites.h"
#include "pprof.pb.h"
#include "util/cleanup.h"
#include "util/escape.h"

/* What nanopb counts in 16 bits; a recording's stacks are shorter by far. */
#define FRAMES_MAX UINT16_MAX

struct function {
	int64_t name;
	int64_t file;
};

/* Of a frame of the model. */
struct place {
	bool used;	   /* by a site that is exported */
	uint64_t function; /* its id; 0: it has no name */
};

struct mapping {
	bool used;
	bool functions;
	bool lines;
	int64_t path;
	int64_t build_id;
};

struct image {
	const struct mt_model_process *process;
	struct place *places;	  /* of its frames */
	struct mapping *mappings; /* of its modules */
	uint64_t first_location;  /* ids: this and the frame's or module's index */
	uint64_t first_mapping;
	int64_t comm;
};

struct writer {
	const struct mt_export_sites *sites;
	struct mt_intern *strings;
	struct mt_intern *functions;
	struct image *images; /* of the sites' processes */
	int64_t *comments;
	size_t nr_comments;
	struct {
		int64_t type;
		int64_t unit;
	} values[MT_EXPORT_VALUES];
	int64_t pid_key;
	int64_t comm_key;
	uint64_t no_stack; /* what stands for a stack that was not taken: location and function */
	uint64_t no_stack_function;
};

static void writer_fini(struct writer *w)
{
	for (size_t i = 0; w->images && i < w->sites->nr_processes; i++) {
		free(w->images[i].places);
		free(w->images[i].mappings);
	}
	free(w->images);
	free(w->comments);
	mt_intern_free(&w->strings);
	mt_intern_free(&w->functions);
}

/* ---- gathering ------------------------------------------------------------------------------- */

/* Of a name that is fit for a terminal: pprof's tools print it as it is. NULL: out of memory. */
static int add_string(struct writer *w, const char *escaped, int64_t *number)
{
	*number = escaped ? mt_intern(w->strings, escaped, strlen(escaped) + 1) : -ENOMEM;
	return *number < 0 ? -ENOMEM : 0;
}

static int add_name(struct writer *w, const char *name, int64_t *number)
{
	_free_ char *escaped = mt_escape_terminal(name ?: "");

	return add_string(w, escaped, number);
}

static int add_function(struct writer *w, const char *name, const char *file, uint64_t *id)
{
	struct function f;
	int64_t number;

	if (add_name(w, name, &f.name) || add_name(w, file, &f.file))
		return -ENOMEM;
	number = mt_intern(w->functions, &f, sizeof(f));
	*id = (uint64_t)number + 1;
	return number < 0 ? -ENOMEM : 0;
}

/* The mapping that a frame's call is in; NULL: none. */
static struct mapping *mapping_of(const struct image *image, const struct mt_frame *f)
{
	const struct mt_module_row *m = mt_model_module(image->process, f->address);

	return m ? &image->mappings[m - image->process->modules] : NULL;
}

static int use_mapping(struct writer *w, const struct image *image, const struct mt_frame *f)
{
	struct mapping *mapping = mapping_of(image, f);
	const struct mt_module_row *row;

	if (!mapping)
		return 0;
	row = &image->process->modules[mapping - image->mappings];
	mapping->functions = mapping->functions || f->function;
	mapping->lines = mapping->lines || f->line;
	mapping->used = true;
	return add_name(w, row->path, &mapping->path)
		       ?: add_name(w, row->build_id, &mapping->build_id);
}

static bool begins_location(const struct image *image, const struct mt_frame *f)
{
	return f == image->process->frames || f[-1].address != f->address;
}

/* The frames at one address are neighbours, the innermost first. */
static const struct mt_frame *location_end(const struct image *image, const struct mt_frame *f)
{
	const struct mt_frame *end = image->process->frames + image->process->nr_frames, *g = f;

	while (g < end && g - f < FRAMES_MAX && g->address == f->address)
		g++;
	return g;
}

static int use_location(struct writer *w, const struct image *image, const struct mt_frame *first)
{
	const struct mt_frame *end = location_end(image, first);
	struct place *place = &image->places[first - image->process->frames];
	int err = 0;

	if (place->used)
		return 0;
	for (const struct mt_frame *f = first; f < end && !err; f++, place++) {
		place->used = true;
		if (f->function && *f->function)
			err = add_function(w, f->function, f->file, &place->function);
		err = err ? err : use_mapping(w, image, f);
	}
	return err;
}

static struct image *image_of(const struct writer *w, const struct mt_export_site *site)
{
	return &w->images[site->process - w->sites->processes];
}

static int use_stack(struct writer *w, const struct mt_export_site *site)
{
	const struct image *image = image_of(w, site);
	int err = 0;

	for (size_t i = 0; i < site->stack->nr && !err; i++)
		if (begins_location(image, site->stack->frames[i]))
			err = use_location(w, image, site->stack->frames[i]);
	return err;
}

static int add_images(struct writer *w)
{
	uint64_t locations = 1, mappings = 1;

	w->images = calloc(w->sites->nr_processes + 1, sizeof(*w->images));
	for (size_t i = 0; w->images && i < w->sites->nr_processes; i++) {
		const struct mt_model_process *p = w->sites->processes[i].model;
		struct image *image = &w->images[i];

		image->process = p;
		image->places = calloc(p->nr_frames + 1, sizeof(*image->places));
		image->mappings = calloc(p->nr_modules + 1, sizeof(*image->mappings));
		image->first_location = locations;
		image->first_mapping = mappings;
		locations += p->nr_frames;
		mappings += p->nr_modules;
		if (!image->places || !image->mappings || add_name(w, p->row.comm, &image->comm))
			return -ENOMEM;
	}
	w->no_stack = locations;
	return w->images ? 0 : -ENOMEM;
}

static int add_comment(struct writer *w, char *text)
{
	_free_ char *owned = text;

	return owned ? add_name(w, owned, &w->comments[w->nr_comments++]) : -ENOMEM;
}

/* "heap exact, page faults sampled": what a process's numbers are. */
static char *statement(const struct mt_export_process *p)
{
	const char *heap = p->watched ? p->heap_kind ?: "incomplete" : "not watched";
	const char *lives =
		p->watched && !p->known[MT_EXPORT_LIVE_BYTES] ? ", what lives unknown" : "";
	char *text = NULL;

	return asprintf(&text, "heap %s%s, page faults %s", heap, lives,
			p->fault_kind ?: "not watched") < 0
		       ? NULL
		       : text;
}

/* One for all processes of which the same is to be said. */
static int add_statements(struct writer *w, struct mt_intern *statements)
{
	const struct mt_export_sites *s = w->sites;
	_free_ size_t *cnt = calloc(s->nr_processes + 1, sizeof(*cnt));
	_free_ size_t *first = calloc(s->nr_processes + 1, sizeof(*first));
	int err = 0;

	if (!cnt || !first)
		return -ENOMEM;
	for (size_t i = 0; i < s->nr_processes; i++) {
		_free_ char *text = statement(&s->processes[i]);
		int64_t n = text ? mt_intern(statements, text, strlen(text) + 1) : -ENOMEM;

		if (n < 0)
			return -ENOMEM;
		if (!cnt[n]++)
			first[n] = i;
	}
	for (size_t n = 0; n < mt_intern_cnt(statements) && !err; n++) {
		const struct mt_process_row *row = &s->processes[first[n]].model->row;
		const char *said = mt_intern_key(statements, n);
		char *text = NULL;

		if ((cnt[n] == 1 ? asprintf(&text, "%s (%d): %s", row->comm, row->pid, said)
				 : asprintf(&text, "%s (%d) and %zu more: %s", row->comm, row->pid,
					    cnt[n] - 1, said)) < 0)
			text = NULL;
		err = add_comment(w, text);
	}
	return err;
}

/* How far the numbers can be believed. */
static int add_comments(struct writer *w)
{
	__cleanup(mt_intern_free) struct mt_intern *statements = NULL;
	const struct mt_model *m = w->sites->model;
	int err = mt_intern_new(&statements);

	w->comments = calloc(w->sites->nr_processes + m->nr_lost + 1, sizeof(*w->comments));
	if (err || !w->comments)
		return -ENOMEM;
	err = add_statements(w, statements);
	if (!err && m->meta.finished != 1)
		err = add_comment(w, strdup("the recording was cut off"));
	for (size_t i = 0; i < m->nr_lost && !err; i++) {
		const char *meaning = mt_losses_meaning(m->lost[i].name);
		char *text = NULL;

		if (!m->lost[i].cnt)
			continue;
		if (asprintf(&text, "lost: %s %lld: %s", m->lost[i].name, (long long)m->lost[i].cnt,
			     meaning ?: "unknown to this version") < 0)
			text = NULL;
		err = add_comment(w, text);
	}
	return err;
}

static int gather(struct writer *w)
{
	int64_t none;
	int err = mt_intern_new(&w->strings) ?: mt_intern_new(&w->functions);

	err = err ? err : add_string(w, "", &none); /* the first, by the format */
	for (int i = 0; i < MT_EXPORT_VALUES && !err; i++) {
		const struct mt_export_value_name *name = mt_export_value_name(i);

		err = add_string(w, name->profile, &w->values[i].type)
			      ?: add_string(w, name->unit, &w->values[i].unit);
	}
	err = err ? err : add_string(w, "pid", &w->pid_key);
	err = err ? err : add_string(w, "comm", &w->comm_key);
	err = err ? err : add_function(w, MT_EXPORT_NO_STACK, NULL, &w->no_stack_function);
	err = err ? err : add_images(w);
	for (size_t i = 0; i < w->sites->nr && !err; i++)
		err = use_stack(w, &w->sites->v[i]);
	return err ? err : add_comments(w);
}

/* ---- the profile's lists, as nanopb asks for them -------------------------------------------- */

static bool put(pb_ostream_t *stream, const pb_field_t *field, const pb_msgdesc_t *type,
		const void *message)
{
	return pb_encode_tag_for_field(stream, field) &&
	       pb_encode_submessage(stream, type, message);
}

static bool put_sample_types(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct writer *w = *arg;
	bool ok = true;

	for (int i = 0; i < MT_EXPORT_VALUES && ok; i++) {
		const pprof_ValueType type = { w->values[i].type, w->values[i].unit };

		if (w->sites->known[i])
			ok = put(stream, field, pprof_ValueType_fields, &type);
	}
	return ok;
}

static bool put_sample(pb_ostream_t *stream, const pb_field_t *field, const struct writer *w,
		       const struct mt_export_site *site, uint64_t *locations)
{
	const struct image *image = image_of(w, site);
	pprof_Label labels[] = { { .key = w->pid_key, .num = image->process->row.pid },
				 { .key = w->comm_key, .str = image->comm } };
	int64_t values[MT_EXPORT_VALUES];
	pprof_Sample sample = {
		.location_id = locations,
		.value = values,
		.label = labels,
		.label_count = ARRAY_SIZE(labels),
	};

	for (size_t i = 0; i < site->stack->nr && sample.location_id_count < FRAMES_MAX; i++) {
		const struct mt_frame *f = site->stack->frames[i];

		if (begins_location(image, f))
			locations[sample.location_id_count++] =
				image->first_location + (f - image->process->frames);
	}
	if (!sample.location_id_count)
		locations[sample.location_id_count++] = w->no_stack;
	for (int i = 0; i < MT_EXPORT_VALUES; i++)
		if (w->sites->known[i])
			values[sample.value_count++] = site->values[i] > 0 ? site->values[i] : 0;
	return put(stream, field, pprof_Sample_fields, &sample);
}

static bool put_samples(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct writer *w = *arg;
	bool ok = true;

	for (size_t i = 0; i < w->sites->nr && ok; i++) {
		const struct mt_export_site *site = &w->sites->v[i];
		_free_ uint64_t *locations = calloc(site->stack->nr + 1, sizeof(*locations));

		ok = locations && put_sample(stream, field, w, site, locations);
	}
	return ok;
}

static bool put_mappings(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct writer *w = *arg;
	bool ok = true;

	for (size_t i = 0; i < w->sites->nr_processes; i++) {
		const struct image *image = &w->images[i];

		for (size_t m = 0; m < image->process->nr_modules && ok; m++) {
			const struct mt_module_row *row = &image->process->modules[m];
			const struct mapping *from = &image->mappings[m];
			const pprof_Mapping mapping = {
				.id = image->first_mapping + m,
				.memory_start = row->start,
				.memory_limit = row->end,
				.file_offset = row->file_offset,
				.filename = from->path,
				.build_id = from->build_id,
				.has_functions = from->functions,
				.has_filenames = from->lines,
				.has_line_numbers = from->lines,
				.has_inline_frames = from->lines,
			};

			if (from->used)
				ok = put(stream, field, pprof_Mapping_fields, &mapping);
		}
	}
	return ok;
}

static bool put_location(pb_ostream_t *stream, const pb_field_t *field, const struct image *image,
			 const struct mt_frame *first)
{
	const struct mt_frame *end = location_end(image, first);
	const struct mapping *mapping = mapping_of(image, first);
	size_t index = first - image->process->frames;
	_free_ pprof_Line *lines = calloc(end - first + 1, sizeof(*lines));
	pprof_Location location = {
		.id = image->first_location + index,
		.mapping_id = mapping ? image->first_mapping + (mapping - image->mappings) : 0,
		.address = first->address - 1,
		.line = lines,
	};

	for (const struct mt_frame *f = first; lines && f < end; f++, index++)
		if (image->places[index].function)
			lines[location.line_count++] =
				(pprof_Line){ image->places[index].function, f->line };
	return lines && put(stream, field, pprof_Location_fields, &location);
}

static bool put_locations(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct writer *w = *arg;
	pprof_Line line = { .function_id = w->no_stack_function };
	const pprof_Location no_stack = { .id = w->no_stack, .line = &line, .line_count = 1 };
	bool ok = true;

	for (size_t i = 0; i < w->sites->nr_processes; i++) {
		const struct image *image = &w->images[i];

		for (size_t f = 0; f < image->process->nr_frames && ok; f++)
			if (image->places[f].used &&
			    begins_location(image, &image->process->frames[f]))
				ok = put_location(stream, field, image, &image->process->frames[f]);
	}
	return ok && put(stream, field, pprof_Location_fields, &no_stack);
}

static bool put_functions(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct writer *w = *arg;
	bool ok = true;

	for (size_t i = 0; i < mt_intern_cnt(w->functions) && ok; i++) {
		const struct function *f = mt_intern_key(w->functions, i);
		const pprof_Function function = { i + 1, f->name, f->name, f->file };

		ok = put(stream, field, pprof_Function_fields, &function);
	}
	return ok;
}

static bool put_strings(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct writer *w = *arg;
	bool ok = true;

	for (size_t i = 0; i < mt_intern_cnt(w->strings) && ok; i++) {
		const char *s = mt_intern_key(w->strings, i);

		ok = pb_encode_tag_for_field(stream, field) &&
		     pb_encode_string(stream, (const pb_byte_t *)s, strlen(s));
	}
	return ok;
}

/* ---- the profile ----------------------------------------------------------------------------- */

/* How many bytes lie between what was looked at: not one number where bursts counted. */
static int64_t period(const struct writer *w)
{
	if (w->sites->model->meta.sample_bytes > 0)
		return w->sites->model->meta.sample_bytes;
	for (size_t i = 0; i < w->sites->nr_processes; i++)
		if (w->sites->processes[i].model->row.windowed)
			return 0;
	return 1;
}

static bool write_bytes(pb_ostream_t *stream, const pb_byte_t *bytes, size_t nr)
{
	return mt_gzip_write(stream->state, bytes, nr) == 0;
}

int mt_export_pprof(FILE *out, const struct mt_export_sites *sites, enum mt_export_value first)
{
	__cleanup(writer_fini) struct writer w = { .sites = sites };
	__cleanup(mt_gzip_free) struct mt_gzip *gz = NULL;
	pb_ostream_t stream = { .callback = write_bytes, .max_size = SIZE_MAX };
	pprof_Profile profile = {
		.sample_type = { { .encode = put_sample_types }, &w },
		.sample = { { .encode = put_samples }, &w },
		.mapping = { { .encode = put_mappings }, &w },
		.location = { { .encode = put_locations }, &w },
		.function = { { .encode = put_functions }, &w },
		.string_table = { { .encode = put_strings }, &w },
	};
	int err = gather(&w) ?: mt_gzip_new(&gz, out);

	if (err)
		return err;
	if (mt_lifetime_epoch(&profile.time_nanos, sites->model))
		profile.time_nanos = 0; /* which is unset */
	if (sites->model->meta.duration_ns > 0)
		profile.duration_nanos = sites->model->meta.duration_ns;
	profile.period = period(&w);
	profile.has_period_type = profile.period > 0;
	profile.period_type = (pprof_ValueType){ w.values[MT_EXPORT_ALLOC_BYTES].type,
						 w.values[MT_EXPORT_ALLOC_BYTES].unit };
	profile.comment = w.comments;
	profile.comment_count = w.nr_comments < UINT16_MAX ? w.nr_comments : UINT16_MAX;
	profile.default_sample_type = w.values[first].type;
	stream.state = gz;
	if (!pb_encode(&stream, pprof_Profile_fields, &profile))
		return ferror(out) ? -EIO : -ENOMEM;
	return mt_gzip_end(gz);
}
