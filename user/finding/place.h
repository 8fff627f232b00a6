/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * place.h: where in a program a stack is: its own code behind the libraries' frames; private to
 * user/finding.
 *
 * By names, as demanglers write them, and source files. Pure; strings point into the model.
 */
#ifndef MT_FINDING_PLACE_H
#define MT_FINDING_PLACE_H

#include "model/model.h"

enum mt_language {
	MT_LANGUAGE_C = 1,
	MT_LANGUAGE_CXX,
	MT_LANGUAGE_RUST,
};

/* Is it of a language's standard library, or of a package, by its file or else by its name? */
bool mt_place_is_library(const struct mt_frame *frame);

/* The innermost frame of the program's own code; 0: no frame of its executable has a name. */
size_t mt_place_own(const struct mt_model_process *p, const struct mt_model_stack *stack);
struct mt_place_text {
	char s[120];
};

/*
 * The name of that function, else of the innermost that is no library's, without its arguments. By
 * value, as units.h has it: the text lives to the end of the full expression.
 */
struct mt_place_text mt_place_name(const struct mt_model_process *p,
				   const struct mt_model_stack *stack);

enum mt_language mt_place_language(const struct mt_model_stack *stack);
/* One of these, by the language of the stack. */
const char *mt_place_say(const struct mt_model_stack *stack, const char *rust, const char *cxx,
			 const char *c);

/* Does the name of a frame, up to and with the own one, contain one of these? They end with NULL.
 */
bool mt_place_goes_by(const struct mt_model_process *p, const struct mt_model_stack *stack,
		      const char *const *names);

#endif
