// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The report without its repetitions: each kind of array, stacks that share callers, and memory
 * that runs out. That the page unpacks the same report is for tests/html/test_same.mjs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "report/json_internal.h"
#include "report/pack.h"

#define FRAME(name) "{'function':'" name "'}"

static json_t *parse(const char *text)
{
	_free_ char *json = strdup(text);
	json_t *value;

	assert_non_null(json);
	for (char *c = json; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	value = json_loads(json, JSON_DECODE_ANY, NULL);
	assert_non_null(value);
	return value;
}

static void check(json_t *report, const char *key, const char *expected)
{
	_decref_ json_t *packed = mt_pack(report), *wanted = parse(expected);
	_free_ char *text = NULL;

	assert_non_null(packed);
	text = json_dumps(json_object_get(packed, key), JSON_COMPACT | JSON_ENCODE_ANY);
	if (!json_equal(json_object_get(packed, key), wanted))
		fail_msg("%s is %s, not %s", key, text, expected);
}

static void check_text(const char *report, const char *expected)
{
	_decref_ json_t *parsed = parse(report);

	check(parsed, "report", expected);
}

static void test_arrays(void **state)
{
	check_text("{'a':1,'b':'x','c':null,'d':{'e':[]}}",
		   "{'a':1,'b':'x','c':null,'d':{'e':['list',[]]}}");
	check_text("{'a':['x',null,'y','x']}", "{'a':['words',['x','y'],[0,-1,1,0]]}");
	check_text("{'a':[null,1,'x']}", "{'a':['list',[null,1,'x']]}");
	check_text("{'a':[null]}", "{'a':['list',[null]]}");
	/* What looks packed is packed again. */
	check_text("{'a':['list',['x']]}", "{'a':['list',['list',['words',['x'],[0]]]]}");
}

static void test_tables(void **state)
{
	check_text("{'a':[{'n':1,'s':'x'},{'s':'x','n':2}]}",
		   "{'a':['table',2,{'n':['list',[1,2]],'s':['words',['x'],[0,0]]}]}");
	check_text("{'a':[{'p':{'q':1}},{'p':{'q':2}}]}",
		   "{'a':['table',2,{'p':['table',2,{'q':['list',[1,2]]}]}]}");
	check_text("{'a':[{},{}]}", "{'a':['table',2,{}]}");
	/* Other keys, or fewer: no table. */
	check_text("{'a':[{'n':1},{'m':1}]}", "{'a':['list',[{'n':1},{'m':1}]]}");
	check_text("{'a':[{'n':1},{}]}", "{'a':['list',[{'n':1},{}]]}");
	check_text("{'a':[{'n':1},null]}", "{'a':['list',[{'n':1},null]]}");
}

/* Frames are shared as objects, as mt_json_stack() shares them. */
static json_t *with_stacks(void)
{
	_decref_ json_t *outer = parse(FRAME("main"));
	_decref_ json_t *left = parse(FRAME("left"));
	_decref_ json_t *right = parse("{'function':null,'address':'0x1'}");

	return json_pack("{s[{s[OO]}{s[OO]}{s[O]}{s[]}{sn}{s[OO]}]}", "a", "stack", left, outer,
			 "stack", right, outer, "stack", outer, "stack", "stack", "stack", left,
			 outer);
}

static void test_stacks(void **state)
{
	_decref_ json_t *report = with_stacks();

	check(report, "report", "{'a':['table',6,{'stack':['list',[1,2,0,-1,null,1]]}]}");
	check(report, "nodes", "{'frame':[0,1,2],'up':[0,1,2]}");
	check(report, "frames",
	      "['table',3,{'function':['words',['main','left'],[0,1,-1]],"
	      "'address':['words',['0x1'],[-1,-1,0]]}]");
}

/* ---- memory that runs out ------------------------------------------------------------------- */

static long left;

static void *limited(size_t bytes)
{
	return left-- > 0 ? malloc(bytes) : NULL;
}

static void test_no_memory(void **state)
{
	_decref_ json_t *report = with_stacks();
	json_t *packed = NULL;
	long needed = 0;

	json_object_set_new(report, "words", parse("['x','y']"));
	json_set_alloc_funcs(limited, free);
	while (!packed) {
		left = needed++;
		packed = mt_pack(report);
	}
	json_set_alloc_funcs(malloc, free);
	json_decref(packed);
	assert_true(needed > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
