/* SPDX-License-Identifier: Apache-2.0 */
/* What was measured, and when workers were heard. */
#include <math.h>
#include <sqlite3.h>

#include "store/fixture.h"

#define MOMENT INT64_C(1700000000000000001)

static void run_sql(const char *path, const char *sql) {
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	}
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static char *new_path(void **state) {
	return str_format("%s/state.db", (const char *)*state);
}

static void add_worker(struct store *store, const char *id) {
	struct error err;
	struct proplet *proplet = proplet_create(id);
	assert_ok(store_begin(store, &err));
	assert_ok(store_proplet_put(store, proplet, &err));
	assert_ok(store_commit(store, &err));
	proplet_destroy(proplet);
}

/* A sample whose first value is its row. */
static void add(struct store *store, int64_t row, enum metrics_kind kind, const char *owner,
		const char *proplet_id) {
	struct error err;
	struct sample sample;
	sample_init(&sample, kind);
	sample.values[0] = (double)row;
	sample.at = MOMENT + row;
	const struct store_sample one = { row, owner, proplet_id, 7, &sample };
	assert_ok(store_begin(store, &err));
	assert_ok(store_sample_add(store, &one, &err));
	assert_ok(store_commit(store, &err));
}

/* "row owner worker", "row gone": what there is. */
static void see(void *context, const struct store_sample *row) {
	char **text = context, *longer;
	if (row->sample == NULL) {
		longer = str_format("%s%lld gone, ", *text, (long long)row->row);
	} else {
		assert_true(row->sample->values[0] == (double)row->row);
		assert_true(isnan(row->sample->values[1]));
		assert_int_equal(row->sample->at, MOMENT + row->row);
		assert_int_equal(row->keep, 7);
		longer = str_format("%s%lld %.4s %s, ", *text, (long long)row->row, row->owner,
				row->proplet_id);
	}
	free(*text);
	*text = longer;
}

static void assert_samples(struct store *store, const char *expected) {
	struct error err;
	CLEANUP(mem_freep) char *text = str_copy("");
	assert_ok(store_samples(store, see, &text, &err));
	assert_string_equal(text, expected);
}

static void samples_come_back_in_their_order(void **state) {
	CLEANUP(mem_freep) char *path = new_path(state);
	struct error err;
	struct store *store = open_store(path);
	add_worker(store, "w1");
	add_worker(store, "w2");
	assert_samples(store, "");
	add(store, 5, METRICS_PROPLET, "w2", "w2");
	add(store, 2, METRICS_PROPLET, "w1", "w1");
	add(store, 9, METRICS_PROPLET, "w1", "w1");
	store_close(store);
	store = open_store(path);
	assert_samples(store, "2 w1 w1, 5 w2 w2, 9 w1 w1, ");
	assert_ok(store_begin(store, &err));
	assert_ok(store_sample_delete(store, 5, &err));
	assert_ok(store_sample_delete(store, 77, &err)); /* was never there */
	assert_samples(store, "2 w1 w1, 9 w1 w1, ");
	store_rollback(store);
	assert_samples(store, "2 w1 w1, 5 w2 w2, 9 w1 w1, ");
	store_close(store);
}

/* A kill between a deletion and what follows from it, or an earlier program that does not know the
 * table. */
static void whose_owner_is_gone(void **state) {
	CLEANUP(mem_freep) char *path = new_path(state);
	struct error err;
	struct store *store = open_store(path);
	struct task *task = add_task(store, "measured");
	char expected[64];
	add_worker(store, "w1");
	add(store, 1, METRICS_TASK, task->id, "w1");
	add(store, 2, METRICS_PROPLET, "w1", "w1");
	add(store, 3, METRICS_PROPLET, task->id, task->id); /* no worker */
	add(store, 4, METRICS_TASK, "w1", "w1");            /* no task */
	(void)snprintf(expected, sizeof(expected), "1 %.4s w1, 2 w1 w1, 3 gone, 4 gone, ",
			task->id);
	assert_samples(store, expected);
	assert_ok(store_begin(store, &err));
	assert_ok(store_task_delete(store, task->id, &err));
	assert_ok(store_proplet_delete(store, "w1", &err));
	assert_ok(store_commit(store, &err));
	assert_samples(store, "1 gone, 2 gone, 3 gone, 4 gone, ");
	task_destroy(task);
	store_close(store);
}

static void what_is_damaged_is_no_sample(void **state) {
	static const char *const changes[] = { "packed = x''", "packed = x'01000000'",
		"packed = 'text'", "keep = 0", "keep = 9000000000", "kind = 2", "kind = -1",
		"owner = ''", "seq = 0", "seq = -5", "seq = 9223372036854775807",
		"proplet = hex(zeroblob(100))" };
	CLEANUP(mem_freep) char *path = new_path(state);
	struct store *store = open_store(path);
	add_worker(store, "w1");
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		CLEANUP(mem_freep)
		char *sql = str_format("UPDATE samples SET %s WHERE seq = 1", changes[i]);
		add(store, 1, METRICS_PROPLET, "w1", "w1");
		assert_samples(store, "1 w1 w1, ");
		store_close(store);
		run_sql(path, sql);
		store = open_store(path);
		CLEANUP(mem_freep) char *text = str_copy("");
		struct error err;
		assert_ok(store_samples(store, see, &text, &err));
		if (strstr(text, "gone") == NULL) {
			fail_msg("%s: %s", changes[i], text);
		}
		store_close(store);
		run_sql(path, "DELETE FROM samples");
		store = open_store(path);
	}
	store_close(store);
}

/* --- beats --------------------------------------------------------------------------------- */

static void see_beats(void *context, const struct store_beats *beats) {
	char **text = context;
	char *longer = str_format("%s%lld %s %u, ", *text, (long long)beats->row,
			beats->proplet_id != NULL ? beats->proplet_id : "gone", beats->count);
	for (unsigned i = 0; i < beats->count; i++) {
		assert_int_equal(beats->at[i], MOMENT + i);
	}
	free(*text);
	*text = longer;
}

static void assert_beats(struct store *store, const char *expected) {
	struct error err;
	CLEANUP(mem_freep) char *text = str_copy("");
	assert_ok(store_beats(store, see_beats, &text, &err));
	assert_string_equal(text, expected);
}

static void put(struct store *store, int64_t row, const char *proplet_id, unsigned count) {
	struct error err;
	struct store_beats beats = { .row = row, .proplet_id = proplet_id, .count = count };
	for (unsigned i = 0; i < count; i++) {
		beats.at[i] = MOMENT + i;
	}
	assert_ok(store_begin(store, &err));
	assert_ok(store_beats_put(store, &beats, &err));
	assert_ok(store_commit(store, &err));
}

static void beats_of_a_row_are_replaced(void **state) {
	CLEANUP(mem_freep) char *path = new_path(state);
	struct error err;
	struct store *store = open_store(path);
	add_worker(store, "w1");
	add_worker(store, "w2");
	put(store, 1, "w1", 3);
	put(store, 2, "w2", 10);
	put(store, 1, "w1", 4);
	put(store, 7, "w3", 1);
	store_close(store);
	store = open_store(path);
	assert_beats(store, "1 w1 4, 2 w2 10, 7 gone 0, ");
	assert_ok(store_begin(store, &err));
	assert_ok(store_beats_delete(store, 1, &err));
	assert_ok(store_beats_delete(store, 1, &err));
	assert_ok(store_commit(store, &err));
	assert_beats(store, "2 w2 10, 7 gone 0, ");
	store_close(store);
	run_sql(path, "UPDATE beats SET at = zeroblob(9)");
	store = open_store(path);
	assert_beats(store, "2 gone 0, 7 gone 0, ");
	store_close(store);
	run_sql(path, "UPDATE beats SET at = zeroblob(8 * 11)");
	store = open_store(path);
	assert_beats(store, "2 gone 0, 7 gone 0, ");
	store_close(store);
}

/* --- the tables ---------------------------------------------------------------------------- */

/* A file of a program from before them: it has the same version, and programs of then take ours. */
static void they_are_made_where_they_are_missing(void **state) {
	CLEANUP(mem_freep) char *path = new_path(state);
	struct store *store = open_store(path);
	store_close(store);
	run_sql(path, "DROP TABLE samples; DROP TABLE beats");
	store = open_store(path);
	add_worker(store, "w1");
	add(store, 1, METRICS_PROPLET, "w1", "w1");
	put(store, 1, "w1", 1);
	assert_samples(store, "1 w1 w1, ");
	assert_beats(store, "1 w1 1, ");
	store_close(store);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(samples_come_back_in_their_order),
		WITH_FOLDER(whose_owner_is_gone),
		WITH_FOLDER(what_is_damaged_is_no_sample),
		WITH_FOLDER(beats_of_a_row_are_replaced),
		WITH_FOLDER(they_are_made_where_they_are_missing),
	};
	return cmocka_run_group_tests_name("store/samples", tests, NULL, NULL);
}
