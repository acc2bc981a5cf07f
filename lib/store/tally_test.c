/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tally.h"

#include "store/fixture.h"

/* The plain way: every row number by itself. */
enum { ROWS = 5000 };
struct model {
	bool there[ROWS + 1], committed[ROWS + 1];
};

static uint64_t model_total(const struct model *model) {
	uint64_t total = 0;
	for (int row = 1; row <= ROWS; row++) {
		total += model->there[row];
	}
	return total;
}

/* The row that `offset` others precede, from the highest on; 0 if there is none. */
static int model_find(const struct model *model, uint64_t offset) {
	for (int row = ROWS; row > 0; row--) {
		if (model->there[row] && offset-- == 0) {
			return row;
		}
	}
	return 0;
}

/* The same by way of the tally: the skip-th row not above top. */
static int tally_row(const struct tally *tally, const struct model *model, uint64_t offset) {
	int64_t top;
	uint64_t skip;
	if (!tally_find(tally, offset, &top, &skip)) {
		return 0;
	}
	assert_true(skip < 256);
	for (int64_t row = top < ROWS ? top : ROWS; row > 0; row--) {
		if (model->there[row] && skip-- == 0) {
			return (int)row;
		}
	}
	return -1;
}

static void assert_same(const struct tally *tally, const struct model *model) {
	uint64_t total = model_total(model);
	assert_int_equal(tally_total(tally), total);
	for (uint64_t offset = 0; offset <= total + 1; offset += 1 + total / 50) {
		assert_int_equal(tally_row(tally, model, offset), model_find(model, offset));
	}
}

static void toggle(struct tally *tally, struct model *model, int row) {
	if (model->there[row]) {
		tally_remove(tally, row);
	} else {
		tally_add(tally, row);
	}
	model->there[row] = !model->there[row];
}

static unsigned next(unsigned *seed) {
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void test_like_the_model(void **state) {
	(void)state;
	struct tally *tally = tally_create();
	struct model *model = MEM_NEW(struct model);
	unsigned seed = 7;
	assert_same(tally, model);
	for (int round = 0; round < 100; round++) {
		for (unsigned i = next(&seed) % 300; i > 0; i--) {
			toggle(tally, model, 1 + (int)(next(&seed) % ROWS));
		}
		assert_same(tally, model);
		if (round % 3 == 0) {
			tally_rollback(tally);
			memcpy(model->there, model->committed, sizeof(model->there));
		} else {
			tally_commit(tally);
			memcpy(model->committed, model->there, sizeof(model->there));
		}
		assert_same(tally, model);
	}
	free(model);
	tally_destroy(tally);
	tally_destroy(NULL);
}

static void test_full_runs(void **state) {
	(void)state;
	int64_t top;
	uint64_t skip;
	struct tally *tally = tally_create();
	for (int64_t row = 1; row <= 1000; row++) {
		tally_add(tally, row);
	}
	assert_true(tally_find(tally, 0, &top, &skip));
	assert_true(top >= 1000 && skip == 0);
	assert_true(tally_find(tally, 999, &top, &skip));
	assert_true(top == 255 && skip == 254); /* row 1 */
	assert_false(tally_find(tally, 1000, &top, &skip));
	assert_false(tally_find(tally, UINT64_MAX, &top, &skip));
	tally_destroy(tally);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_the_model),
		cmocka_unit_test(test_full_runs),
	};
	return cmocka_run_group_tests_name("store/tally", tests, NULL, NULL);
}
