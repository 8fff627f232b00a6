// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* analysis/estimate.h: known sums, and intervals that hold the truth of simulated programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "analysis/estimate.h"
#include "burst_programs.h"

#define RUNS  800
#define SITES 16000

static const char *const names[] = { "steady", "spikes", "waves", "phases", "heavy", "rare" };

static void assert_near(double a, double b, double tolerance)
{
	if (!(fabs(a - b) <= tolerance))
		print_error("%.9g is not %.9g\n", a, b);
	assert_true(fabs(a - b) <= tolerance);
}

/* ---- sums -------------------------------------------------------------------------------- */

/* Two bursts of 1 ms in stretches of 100 and 300 ms that count 10 and 20: 7000 in 400 ms. */
static void test_known_total(void **state)
{
	const struct mt_burst bursts[] = { { 1e6, 100e6 }, { 1e6, 300e6 }, { 2e6, 400e6 } };
	const double counted[] = { 10, 20, 50 };
	struct mt_bursts all = { 0 };
	struct mt_tally t = { 0 };
	struct mt_estimate e;

	for (int i = 0; i < 2; i++) {
		mt_bursts_add(&all, &bursts[i]);
		mt_tally_add(&t, &bursts[i], counted[i]);
	}
	e = mt_estimate_total(&t, &all, 800e6);
	assert_near(e.value, 14000, 1e-6);
	assert_true(e.low == 0 && isinf(e.high)); /* two cannot tell */
	mt_bursts_add(&all, &bursts[2]);
	mt_tally_add(&t, &bursts[2], counted[2]); /* 10,000 more in 400 ms */
	e = mt_estimate_total(&t, &all, 800e6);
	assert_near(e.value, 17000, 1e-6);
	/*
	 * R is 17000 / 800e6, the residuals -1125, -375, 1500; 3/2 of their squares, less 0.5%
	 * that was seen, is 2336.0 squared; two degrees of freedom: 4.2705.
	 */
	assert_near(e.low, 17000 / exp(4.2705 * 2336.0 / 17000), 1);
	assert_near(e.high, 17000 * exp(4.2705 * 2336.0 / 17000), 2);
}

/* Two of twenty bursts saw it: two degrees of freedom, not nineteen. */
static void test_seen_twice(void **state)
{
	const struct mt_burst b = { 1e6, 100e6 };
	struct mt_bursts all = { 0 };
	struct mt_tally t = { 0 };
	struct mt_estimate e;

	for (int i = 0; i < 20; i++)
		mt_bursts_add(&all, &b);
	mt_tally_add(&t, &b, 10);
	mt_tally_add(&t, &b, 10);
	assert_near(mt_tally_effective(&t), 2, 1e-12);
	e = mt_estimate_total(&t, &all, 2000e6);
	assert_near(e.value, 2000, 1e-9);
	assert_near(e.high / e.value, 18.63, 0.01);
	assert_near(e.value / e.low, 18.63, 0.01);
}

static void test_nothing_and_everything(void **state)
{
	const struct mt_burst whole = { 1e9, 1e9 };
	struct mt_bursts all = { 0 };
	struct mt_tally t = { 0 };
	struct mt_estimate e = mt_estimate_total(&t, &all, 0);

	assert_true(e.value == 0 && e.low == 0 && isinf(e.high));
	for (int i = 0; i < 10; i++)
		mt_bursts_add(&all, &whole);
	e = mt_estimate_total(&t, &all, 10e9);
	assert_true(e.value == 0 && e.low == 0 && isinf(e.high));
	for (int i = 0; i < 5; i++)
		mt_tally_add(&t, &whole, 3 + i);
	e = mt_estimate_total(&t, &all, 10e9); /* all of the program was seen */
	assert_near(e.value, 25, 1e-9);
	assert_near(e.low, 25, 1e-9);
	assert_near(e.high, 25, 1e-9);
}

/* An idle program's bursts go together until they hold something. */
static void test_idle_bursts(void **state)
{
	struct mt_burst b = { 0 };

	assert_false(mt_burst_extend(&b, &(struct mt_burst){ -200, 50e6, 0 }));
	assert_false(mt_burst_extend(&b, &(struct mt_burst){ 4000, 50e6, 0 }));
	assert_true(mt_burst_extend(&b, &(struct mt_burst){ 6200, 20e6, 0 }));
	assert_near(b.progress_ns, 10000, 0);
	assert_near(b.stretch_ns, 120e6, 0);
}

/* Where traps have cost all of the time that there was, or more, there is a least progress. */
static void test_dense_burst(void **state)
{
	struct mt_burst b = { 0 };

	assert_true(mt_burst_extend(&b, &(struct mt_burst){ -50e3, 80e6, 3e6, 1e6 }));
	assert_near(b.progress_ns, 1e6 * MT_BURST_PRICE_ERROR, 1e-6);
	assert_near(b.spent_ns, 3e6, 0);
}

static void add_random(struct mt_bursts *all, struct mt_tally t[3], int n)
{
	for (int i = 0; i < n; i++) {
		struct mt_burst b = { 1e6 + 1e6 * uniform(), 1e8 * uniform() };
		double one = poisson(20), other = poisson(5);

		mt_bursts_add(all, &b);
		mt_tally_add(&t[0], &b, one);
		mt_tally_add(&t[1], &b, other);
		mt_tally_add(&t[2], &b, one + other);
	}
}

static void test_join(void **state)
{
	struct mt_bursts whole = { 0 };
	struct mt_tally t[3] = { 0 };
	struct mt_estimate joined, known;

	add_random(&whole, t, 100);
	known = mt_estimate_total(&t[2], &whole, whole.stretch_ns);
	mt_tally_join(&t[0], &t[1]);
	joined = mt_estimate_total(&t[0], &whole, whole.stretch_ns);
	assert_near(joined.value / known.value, 1, 1e-12);
	assert_true(joined.low <= known.low && known.high <= joined.high);
	assert_true(joined.low > known.value / 2);
}

/* What traps have cost may be known a tenth too high or too low. */
static void test_price_error(void **state)
{
	/* What they have cost besides is in no doubt. */
	const struct mt_burst certain = { 1e6, 100e6, 9e6, 0 }, dear = { 1e6, 100e6, 9e6, 4e6 };
	const double error = 4 * MT_BURST_PRICE_ERROR;
	struct mt_bursts bursts[2] = { 0 };
	struct mt_estimate e[2];
	struct mt_tally t = { 0 };

	for (int i = 0; i < 20; i++) {
		mt_bursts_add(&bursts[0], &certain);
		mt_bursts_add(&bursts[1], &dear);
		mt_tally_add(&t, &dear, 10 + i % 3);
	}
	for (int i = 0; i < 2; i++)
		e[i] = mt_estimate_total(&t, &bursts[i], 4000e6);
	assert_near(e[0].value, e[1].value, 1e-9);
	assert_near(e[1].low * (1 + error) / e[0].low, 1, 1e-9);
	assert_near(e[1].high * (1 - error) / e[0].high, 1, 1e-9);
	bursts[1].doubt_ns = 20e6 / MT_BURST_PRICE_ERROR;
	assert_true(isinf(mt_estimate_total(&t, &bursts[1], 4000e6).high));
}

/* ---- whole programs ---------------------------------------------------------------------- */

struct judged {
	int runs;
	int held;
	double bias;  /* mean of the relative errors */
	double noise; /* that mean's own standard error */
};

static void judge(struct judged *j, enum kind kind, enum rule rule, int bursts)
{
	int programs = 25 + 3000 / bursts; /* short ones cost less to make */
	double sum = 0, sum2 = 0;

	*j = (struct judged){ 0 };
	for (int i = 0; i < programs; i++) {
		struct recording r;
		struct program p;

		program_make(&p, kind, bursts);
		for (int k = 0; k < RUNS / programs; k++) {
			double truth = p.bytes[p.cells], off;
			struct mt_estimate e;

			record(&r, &p, rule);
			e = mt_estimate_total(&r.bytes, &r.bursts, p.cells * CELL_NS);
			j->held += e.low <= truth && truth <= e.high;
			off = e.value / truth - 1;
			sum += off;
			sum2 += off * off;
			j->runs++;
		}
		program_free(&p);
	}
	j->bias = sum / j->runs;
	j->noise = sqrt((sum2 / j->runs - j->bias * j->bias) / j->runs);
	print_message("%s, rule %d, %d bursts: held %.3f, bias %+.4f +- %.4f\n", names[kind], rule,
		      bursts, (double)j->held / j->runs, j->bias, j->noise);
}

/* Bias below 2%, as far as the mean of so many runs can tell. */
static void check_program(enum kind kind)
{
	static const int bursts[] = { 30, 100, 600 };

	for (int i = 0; i < 3; i++) {
		struct judged j;

		judge(&j, kind, BY_STRETCH, bursts[i]);
		assert_true(j.held >= 0.90 * j.runs);
		assert_true(fabs(j.bias) < 0.02 + 2.5 * j.noise);
	}
}

static void test_steady(void **state)
{
	check_program(STEADY);
}

static void test_spikes(void **state)
{
	check_program(SPIKES);
}

static void test_waves(void **state)
{
	check_program(WAVES);
}

static void test_phases(void **state)
{
	check_program(PHASES);
}

static void test_heavy(void **state)
{
	check_program(HEAVY);
}

static void test_rare(void **state)
{
	check_program(RARE);
}

/* What tally.h demands of stretches and bursts is needed. */
static void test_wrong_rules(void **state)
{
	struct judged j;

	judge(&j, SPIKES, BY_MIDPOINTS, 100);
	assert_true(j.bias > 0.30);
	judge(&j, SPIKES, BY_THE_CLOCK, 100);
	assert_true(j.bias > 0.05);
}

/* ---- many sites -------------------------------------------------------------------------- */

struct ranked {
	size_t site;
	struct mt_estimate bytes;
};

struct sites {
	double weight[SITES]; /* the sum up to and with this site, of 1 */
	struct mt_tally tallies[SITES];
	struct ranked ranked[SITES];
	double counted[SITES];
};

/* Zipf's: the n-th site has n^-1.3 of the calls, 64 bytes each. */
static void sites_init(struct sites *s)
{
	double sum = 0;

	for (int i = 0; i < SITES; i++)
		s->weight[i] = sum += pow(i + 1, -1.3);
	for (int i = 0; i < SITES; i++)
		s->weight[i] /= sum;
}

static int random_site(const struct sites *s)
{
	double u = uniform();
	int low = 0, high = SITES - 1;

	while (low < high) {
		int middle = (low + high) / 2;

		if (s->weight[middle] < u)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A burst of a program whose load changes; what it counted stays in `counted`. */
static void sites_burst(struct sites *s, struct mt_bursts *all)
{
	const struct mt_burst b = { 2e6, 200e6 * (0.5 + uniform()) };
	int calls = poisson(uniform() < 0.3 ? 200 : 60);

	for (int i = 0; i < calls; i++)
		s->counted[random_site(s)] += 64;
	mt_bursts_add(all, &b);
	for (int i = 0; i < SITES; i++) {
		if (s->counted[i])
			mt_tally_add(&s->tallies[i], &b, s->counted[i]);
		s->counted[i] = 0;
	}
}

/* The program's mean is 0.3 * 200 + 0.7 * 60 calls in 2 ms. */
static double site_truth(const struct sites *s, int site, double progress_ns)
{
	return 64 * 102 * (s->weight[site] - (site ? s->weight[site - 1] : 0)) * progress_ns / 2e6;
}

/* The most bytes first. */
static int by_bytes(const void *va, const void *vb)
{
	const struct ranked *a = va, *b = vb;

	return (a->bytes.value < b->bytes.value) - (a->bytes.value > b->bytes.value);
}

static void sites_record(struct sites *s, int *found, int *held)
{
	struct mt_bursts all = { 0 };

	for (int i = 0; i < SITES; i++)
		s->tallies[i] = (struct mt_tally){ 0 };
	for (int i = 0; i < 300; i++)
		sites_burst(s, &all);
	for (int i = 0; i < SITES; i++) {
		struct mt_estimate e = mt_estimate_total(&s->tallies[i], &all, all.stretch_ns);
		double truth = site_truth(s, i, all.stretch_ns);

		s->ranked[i] = (struct ranked){ i, e };
		if (i < 10)
			*held += e.low <= truth && truth <= e.high;
	}
	qsort(s->ranked, SITES, sizeof(*s->ranked), by_bytes);
	*found = 0;
	for (int i = 0; i < 10; i++)
		*found += s->ranked[i].site < 10;
}

/* Of the ten largest nine are found, and their intervals hold. */
static void test_many_sites(void **state)
{
	struct sites *s = calloc(1, sizeof(*s));
	int held = 0, good = 0, found;

	assert_non_null(s);
	sites_init(s);
	for (int run = 0; run < 40; run++) {
		sites_record(s, &found, &held);
		good += found >= 9;
	}
	print_message("sites: held %.3f, nine of ten in %d of 40\n", held / 400.0, good);
	assert_true(held >= 360);
	assert_true(good >= 36);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_total),
		cmocka_unit_test(test_seen_twice),
		cmocka_unit_test(test_nothing_and_everything),
		cmocka_unit_test(test_idle_bursts),
		cmocka_unit_test(test_dense_burst),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_price_error),
		cmocka_unit_test(test_steady),
		cmocka_unit_test(test_spikes),
		cmocka_unit_test(test_waves),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_heavy),
		cmocka_unit_test(test_rare),
		cmocka_unit_test(test_wrong_rules),
		cmocka_unit_test(test_many_sites),
	};
	const char *given = getenv("MT_SEED");
	unsigned int seed = given ? strtoul(given, NULL, 0) : (unsigned int)time(NULL);

	chance = (seed + 1ULL) * 0x9e3779b97f4a7c15ULL;
	print_message("MT_SEED=%u\n", seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
