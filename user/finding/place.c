// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "finding/place.h"

#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

/* How names of their functions begin. */
static const char *const libraries[] = {
	/* Rust */
	"alloc::", "core::", "std::", "hashbrown::", "__rust_", "__rg_", "__rdl_", "rust_begin_",
	/* C++ */
	"__gnu_cxx::", "__cxxabiv1::", "operator"
};

/* What is in the paths of their source files. */
static const char *const library_files[] = { "library/alloc/src/", "library/core/src/",
					     "library/std/src/",   "/rustc",
					     "/.cargo/registry/",  "/include/c++/" };

static const char *const suffixes[] = { ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".C", ".tcc" };

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool ends_with(const char *s, const char *end)
{
	size_t length = strlen(s), tail = strlen(end);

	return length >= tail && !strcmp(s + length - tail, end);
}

/*
 * Where the path of the name begins: behind "<" and "&" of Rust's "<alloc::vec::Vec<T> as Trait>",
 * behind the type that a C++ template returns, "void std::vector<T>::push_back(T const&)".
 */
static const char *path_of(const char *function)
{
	const char *end, *path;

	function += strspn(function, "<&*");
	end = function + strcspn(function, "<(");
	path = function;
	for (const char *s = function; s < end; s++) {
		if (starts_with(s, " as ") || starts_with(s, "operator"))
			break;
		if (*s == ' ')
			path = s + 1;
	}
	return path;
}

bool mt_place_is_library(const struct mt_frame *frame)
{
	const char *path = path_of(frame->function);

	for (size_t i = 0; frame->file && i < ARRAY_SIZE(library_files); i++)
		if (strstr(frame->file, library_files[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (starts_with(path, libraries[i]))
			return true;
	return false;
}

/* stack->nr: there is none. */
static size_t own_depth(const struct mt_model_process *p, const struct mt_model_stack *stack)
{
	size_t i;

	for (i = 0; i < stack->nr; i++) {
		const struct mt_frame *f = stack->frames[i];

		if (f->function && f->module && p->row.exe && !strcmp(f->module, p->row.exe) &&
		    !mt_place_is_library(f))
			break;
	}
	return i;
}

size_t mt_place_own(const struct mt_model_process *p, const struct mt_model_stack *stack)
{
	size_t own = own_depth(p, stack);

	return own < stack->nr ? own : 0;
}

/* "load" of "load(char const*)"; "operator()" and "(anonymous namespace)::load" keep theirs. */
static size_t without_arguments(const char *function)
{
	const char *end = function + strlen(function), *open = strrchr(function, '(');
	int depth = 0;

	if (!open || end == function || end[-1] != ')')
		return end - function;
	for (const char *s = end; s-- > function;) {
		depth += *s == ')' ? 1 : *s == '(' ? -1 : 0;
		if (!depth)
			return s > function ? s - function : end - function;
	}
	return end - function;
}

static struct mt_place_text text(const char *function)
{
	struct mt_place_text t;
	size_t length = without_arguments(function);

	if (length < sizeof(t.s))
		snprintf(t.s, sizeof(t.s), "%.*s", (int)length, function);
	else
		snprintf(t.s, sizeof(t.s), "%.*s...", (int)(sizeof(t.s) - sizeof("...")), function);
	return t;
}

struct mt_place_text mt_place_name(const struct mt_model_process *p,
				   const struct mt_model_stack *stack)
{
	size_t own = own_depth(p, stack);

	if (own < stack->nr)
		return text(stack->frames[own]->function);
	for (size_t i = 0; i < stack->nr; i++)
		if (stack->frames[i]->function && !mt_place_is_library(stack->frames[i]))
			return text(stack->frames[i]->function);
	return text("an unnamed function");
}

static bool is_rust(const struct mt_frame *f)
{
	return (f->file && ends_with(f->file, ".rs")) ||
	       (f->function && (starts_with(f->function, "__rust_") ||
				starts_with(path_of(f->function), "std::rt::") ||
				starts_with(path_of(f->function), "core::ops::")));
}

static bool is_cxx(const struct mt_frame *f)
{
	for (size_t i = 0; f->file && i < ARRAY_SIZE(suffixes); i++)
		if (ends_with(f->file, suffixes[i]))
			return true;
	return f->function && (strstr(f->function, "::") || strchr(f->function, '('));
}

enum mt_language mt_place_language(const struct mt_model_stack *stack)
{
	enum mt_language language = MT_LANGUAGE_C;

	for (size_t i = 0; stack && i < stack->nr; i++) {
		if (is_rust(stack->frames[i]))
			return MT_LANGUAGE_RUST;
		if (is_cxx(stack->frames[i]))
			language = MT_LANGUAGE_CXX;
	}
	return language;
}

const char *mt_place_say(const struct mt_model_stack *stack, const char *rust, const char *cxx,
			 const char *c)
{
	enum mt_language language = mt_place_language(stack);

	return language == MT_LANGUAGE_RUST ? rust : language == MT_LANGUAGE_CXX ? cxx : c;
}

bool mt_place_goes_by(const struct mt_model_process *p, const struct mt_model_stack *stack,
		      const char *const *names)
{
	size_t own = own_depth(p, stack);

	for (size_t i = 0; i < stack->nr && i <= own; i++)
		for (size_t n = 0; names[n]; n++)
			if (stack->frames[i]->function &&
			    strstr(stack->frames[i]->function, names[n]))
				return true;
	return false;
}
