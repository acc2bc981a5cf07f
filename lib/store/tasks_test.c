/* SPDX-License-Identifier: Apache-2.0 */
/* What a store keeps, in memory and in a file. */
#include "store/store.h"

#include "store/fixture.h"

struct place {
	void *folder;
	char *path;
	struct store *store;
};

static int open_memory(void **state) {
	struct place *place = MEM_NEW(struct place);
	place->store = open_store("memory");
	*state = place;
	return 0;
}

static int open_file(void **state) {
	struct place *place = MEM_NEW(struct place);
	*state = place;
	if (make_folder(&place->folder) != 0) {
		return 1;
	}
	place->path = str_format("%s/state.db", (char *)place->folder);
	place->store = open_store(place->path);
	return 0;
}

static int close_any(void **state) {
	struct place *place = *state;
	store_close(place->store);
	int result = place->folder != NULL ? remove_folder(&place->folder) : 0;
	free(place->path);
	free(place);
	return result;
}

static struct store *store_of(void **state) {
	return ((struct place *)*state)->store;
}

/* --- tasks ------------------------------------------------------------------------------- */

static void fill(struct task *task) {
	str_set(&task->work.invoke, "add");
	strings_add(&task->work.inputs, "10");
	str_set(&task->work.input, "quote \" and \n newline");
	strings_add(&task->work.env, "KEY=value");
	memcpy(task->work.digest, DIGEST_A, sizeof(DIGEST_A));
	task->work.module_size = 1234;
	str_set(&task->pinned, "worker-1");
	str_set(&task->file_shown, "AGFzbQEAAA<REDACTED>AAAAAAAAAA");
	task->metadata = json_pack("{s:s,s:i}", "team", "blue", "n", 1);
	task->priority = 77;
	task->state = TASK_SCHEDULED;
	task->attempt = 3;
	task->stopping = true;
	str_set(&task->at.proplet_id, "worker-1");
	random_uuid(task->at.boot);
	task->at.command = UINT64_MAX;
	task->start_time = 1700000000000000002;
	task->finish_time = 1700000000000000003;
	task->restarts = 5;
	task->due_at = 1700000000000000004;
}

static void assert_same_moving(const struct task *a, const struct task *b) {
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->attempt, b->attempt);
	assert_int_equal(a->queued, b->queued);
	assert_int_equal(a->stopping, b->stopping);
	assert_true(str_equal(a->at.proplet_id, b->at.proplet_id));
	assert_string_equal(a->at.boot, b->at.boot);
	assert_true(a->at.command == b->at.command);
	assert_true(a->created_at == b->created_at && a->updated_at == b->updated_at);
	assert_true(a->start_time == b->start_time && a->finish_time == b->finish_time);
	assert_true(a->restarts == b->restarts && a->due_at == b->due_at);
}

static void assert_same_body(const struct task *a, const struct task *b) {
	json_t *left = task_save(a), *right = task_save(b);
	assert_string_equal(a->id, b->id);
	assert_true(json_equal(left, right));
	json_decref(left);
	json_decref(right);
}

static void test_all_of_a_task(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *task = make_task("all");
	fill(task);
	begin(store);
	assert_ok(store_task_add(store, task, &err));
	struct task *inside = get_task(store, task->id); /* a transaction sees its own writes */
	commit(store);
	struct task *after = get_task(store, task->id);
	assert_same_body(task, inside);
	assert_same_moving(task, inside);
	assert_same_body(task, after);
	assert_same_moving(task, after);
	assert_string_equal(after->work.digest, DIGEST_A);
	assert_true(json_equal(after->metadata, task->metadata));
	task_destroy(inside);
	task_destroy(after);
	task_destroy(task);
}

static void test_move_writes_what_moves(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *task = add_task(store, "before");
	fill(task);
	str_set(&task->work.name, "after");
	begin(store);
	assert_ok(store_task_move(store, task, &err));
	commit(store);
	struct task *read = get_task(store, task->id);
	assert_same_moving(task, read);
	assert_string_equal(read->work.name, "before");
	assert_null(read->metadata);
	task_destroy(read);
	task_destroy(task);
}

static void assert_digest(struct store *store, const char *digest, bool expected) {
	struct error err;
	bool used = !expected;
	assert_ok(store_digest_used(store, digest, &used, &err));
	assert_int_equal(used, expected);
}

static void test_change_writes_all(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *task = add_task(store, "before");
	assert_digest(store, DIGEST_A, false);
	fill(task);
	str_set(&task->work.name, "after");
	begin(store);
	assert_ok(store_task_change(store, task, &err));
	commit(store);
	struct task *read = get_task(store, task->id);
	assert_same_body(task, read);
	assert_same_moving(task, read);
	assert_digest(store, DIGEST_A, true);
	assert_digest(store, DIGEST_B, false);
	task_destroy(read);
	task_destroy(task);
}

static void test_digest_of_two_tasks(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *tasks[] = { make_task("one"), make_task("two") };
	begin(store);
	for (int i = 0; i < 2; i++) {
		memcpy(tasks[i]->work.digest, DIGEST_B, sizeof(DIGEST_B));
		assert_ok(store_task_add(store, tasks[i], &err));
	}
	commit(store);
	for (int i = 0; i < 2; i++) {
		assert_digest(store, DIGEST_B, true);
		begin(store);
		assert_ok(store_task_delete(store, tasks[i]->id, &err));
		commit(store);
		task_destroy(tasks[i]);
	}
	assert_digest(store, DIGEST_B, false);
	assert_digest(store, "", false);
}

static void test_delete(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *task = add_task(store, "gone"), *other = add_task(store, "stays");
	struct move move = { .at = 1, .cause = (char[]){ "created" } }, *moves;
	size_t count;
	task->outcome.exited = true;
	begin(store);
	assert_ok(store_task_outcome(store, task, &err));
	assert_ok(store_move_add(store, task->id, &move, &err));
	commit(store);
	begin(store);
	assert_ok(store_task_delete(store, task->id, &err));
	assert_ok(store_task_delete(store, task->id, &err)); /* gone is what was asked for */
	commit(store);
	assert_false(has_task(store, task->id));
	assert_true(has_task(store, other->id));
	begin(store);
	assert_fails(store_task_move(store, task, &err), ERROR_NOT_FOUND, task->id);
	assert_ok(store_moves(store, task->id, 10, &moves, &count, &err));
	assert_int_equal(count, 0);
	free(moves);
	assert_page(store, 0, 10, NULL, "stays", 1);

	/* Nothing of it comes back with the row number that it had. */
	struct task *last = add_task(store, "last");
	begin(store);
	assert_ok(store_task_delete(store, last->id, &err));
	commit(store);
	struct task *next = add_task(store, "next"), *read = get_task(store, next->id);
	assert_false(read->outcome.exited);
	assert_ok(store_moves(store, next->id, 10, &moves, &count, &err));
	assert_int_equal(count, 0);
	free(moves);
	task_destroy(read);
	task_destroy(next);
	task_destroy(last);
	task_destroy(task);
	task_destroy(other);
}

/* --- outcomes ---------------------------------------------------------------------------- */

static void put_outcome(struct store *store, const struct task *task) {
	struct error err;
	begin(store);
	assert_ok(store_task_outcome(store, task, &err));
	commit(store);
}

static void set_text(struct outcome_text *text, const char *bytes, size_t size) {
	free(text->bytes);
	text->bytes = mem_copy(bytes, size);
	text->size = size;
}

static void assert_text(const struct outcome_text *text, const char *bytes, size_t size) {
	assert_int_equal(text->size, size);
	assert_memory_equal(text->bytes, bytes, size);
}

static void test_outcome_any_bytes(void **state) {
	static const char out[] = "a\0b\xff\xfe\n", errors[] = "\0", results[] = "x\0y\n";
	struct store *store = store_of(state);
	struct task *task = add_task(store, "bytes");
	struct outcome *o = &task->outcome;
	set_text(&o->out, out, sizeof(out) - 1);
	set_text(&o->error_out, errors, 1);
	o->results = json_stringn(results, sizeof(results) - 1);
	o->exited = true;
	o->exit_code = -7;
	o->truncated = o->interrupted = true;
	str_set(&o->error, "it ended with -7");
	o->started_at = 1700000000000000001;
	o->finished_at = 1700000000000000002;
	o->fuel_used = UINT64_MAX;
	o->gas_used = INT64_MAX;
	put_outcome(store, task);

	struct task *read = get_task(store, task->id);
	const struct outcome *got = &read->outcome;
	assert_text(&got->out, out, sizeof(out) - 1);
	assert_text(&got->error_out, errors, 1);
	assert_true(json_equal(got->results, o->results));
	assert_true(got->exited && got->truncated && got->interrupted);
	assert_int_equal(got->exit_code, -7);
	assert_string_equal(got->error, "it ended with -7");
	assert_true(got->started_at == o->started_at && got->finished_at == o->finished_at);
	assert_true(got->fuel_used == UINT64_MAX);
	assert_true(got->gas_used == INT64_MAX);
	task_destroy(read);
	task_destroy(task);
}

static void test_outcome_large(void **state) {
	enum { SIZE = 16 * 1024 * 1024 };
	struct store *store = store_of(state);
	struct task *task = add_task(store, "large");
	char *bytes = mem_zero(SIZE, 1);
	memset(bytes, 'x', SIZE);
	bytes[SIZE - 1] = 0;
	task->outcome.out = (struct outcome_text){ bytes, SIZE };
	put_outcome(store, task);
	struct task *read = get_task(store, task->id);
	assert_text(&read->outcome.out, bytes, SIZE);
	task_destroy(read);
	task_destroy(task);
}

static void test_outcome_replaced_and_emptied(void **state) {
	struct store *store = store_of(state);
	struct task *task = add_task(store, "twice");
	str_set(&task->outcome.error, "first");
	put_outcome(store, task);
	str_set(&task->outcome.error, NULL);
	task->outcome.results =
			json_pack("{s:[i,n]}", "any", 1); /* whatever a foreign worker sends */
	put_outcome(store, task);
	struct task *read = get_task(store, task->id);
	assert_null(read->outcome.error);
	assert_true(json_equal(read->outcome.results, task->outcome.results));
	task_destroy(read);
	outcome_finish(&task->outcome);
	put_outcome(store, task);
	read = get_task(store, task->id);
	assert_null(read->outcome.results);
	task_destroy(read);
	task_destroy(task);
}

/* --- the line of live tasks -------------------------------------------------------------- */

static void test_live_in_order_of_queueing(void **state) {
	struct store *store = store_of(state);
	struct task *a = add_task(store, "a"), *b = add_task(store, "b"), *c = add_task(store, "c"),
		    *d = add_task(store, "d");
	assert_live(store, ""); /* created, not started */
	move_task(store, c, TASK_PENDING, true);
	move_task(store, a, TASK_PENDING, true);
	move_task(store, b, TASK_PENDING, true);
	assert_live(store, "c a b");
	move_task(store, a, TASK_PENDING, true); /* again: keeps its place */
	assert_live(store, "c a b");
	move_task(store, c, TASK_SCHEDULED, false);
	move_task(store, d, TASK_SCHEDULED, false); /* placed at once */
	assert_live(store, "c a b d");
	move_task(store, c, TASK_PENDING, true); /* the worker was busy: to the end */
	assert_live(store, "a b d c");
	move_task(store, a, TASK_RUNNING, false);
	move_task(store, b, TASK_INTERRUPTED, false);
	move_task(store, d, TASK_COMPLETED, false);
	assert_live(store, "a c");
	move_task(store, b, TASK_PENDING, true); /* a new attempt */
	assert_live(store, "a c b");
	task_destroy(a);
	task_destroy(b);
	task_destroy(c);
	task_destroy(d);
}

static void test_live_after_reopening(void **state) {
	struct place *place = *state;
	struct task *a = add_task(place->store, "a"), *b = add_task(place->store, "b");
	move_task(place->store, b, TASK_PENDING, true);
	move_task(place->store, a, TASK_PENDING, true);
	for (int i = 0; i < 2; i++) {
		store_close(place->store);
		place->store = open_store(place->path);
		assert_live(place->store, i == 0 ? "b a" : "a b");
		move_task(place->store, b, TASK_SCHEDULED, false);
		move_task(place->store, b, TASK_PENDING, true);
	}
	task_destroy(a);
	task_destroy(b);
}

/* --- lists ------------------------------------------------------------------------------- */

static void test_pages(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *tasks[5];
	assert_page(store, 0, 100, NULL, "", 0);
	for (int i = 0; i < 5; i++) {
		char name[] = { (char)('a' + i), 0 };
		tasks[i] = add_task(store, name);
	}
	assert_page(store, 0, 100, NULL, "e d c b a", 5);
	assert_page(store, 1, 2, NULL, "d c", 5);
	assert_page(store, 4, 2, NULL, "a", 5);
	assert_page(store, 5, 2, NULL, "", 5);
	assert_page(store, UINT64_MAX, UINT64_MAX, NULL, "", 5);
	assert_page(store, 0, UINT64_MAX, NULL, "e d c b a", 5);
	assert_page(store, 0, 0, NULL, "", 5);
	begin(store);
	assert_ok(store_task_delete(store, tasks[2]->id, &err));
	assert_page(store, 1, 2, NULL, "d b", 4);
	store_rollback(store);
	assert_page(store, 1, 2, NULL, "d c", 5);
	for (int i = 0; i < 5; i++) {
		task_destroy(tasks[i]);
	}
}

static void note_outcome(void *context, const struct task *task) {
	const struct outcome *o = &task->outcome;
	assert_null(o->out.bytes);
	assert_int_equal(o->exit_code, 3);
	*(size_t *)context = json_string_length(o->results);
}

/* A list of a hundred outcomes of 16 MiB would be no list. */
static void test_pages_show_short_outcomes(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *task = add_task(store, "short");
	char *many = mem_zero(100001, 1);
	memset(many, 'x', 100000);
	size_t sizes[] = { 100, 100000 }, seen;
	uint64_t total;
	for (int i = 0; i < 2; i++) {
		outcome_finish(&task->outcome);
		task->outcome.exited = true;
		task->outcome.exit_code = 3;
		task->outcome.results = json_stringn(many, sizes[i]);
		set_text(&task->outcome.out, "out", 3);
		put_outcome(store, task);
		seen = 1;
		assert_ok(store_task_list(store, 0, 1, NULL, note_outcome, &seen, &total, &err));
		assert_int_equal(seen, i == 0 ? 100 : 0);
	}
	free(many);
	task_destroy(task);
}

static struct task *add_tagged(struct store *store, const char *name, json_t *metadata) {
	struct error err;
	struct task *task = make_task(name);
	task->metadata = metadata;
	begin(store);
	assert_ok(store_task_add(store, task, &err));
	commit(store);
	return task;
}

static void assert_filtered(struct store *store, const char *filter, uint64_t offset,
		uint64_t limit, const char *expected, uint64_t total) {
	json_t *metadata = json_loads(filter, 0, NULL);
	assert_non_null(metadata);
	assert_page(store, offset, limit, metadata, expected, total);
	json_decref(metadata);
}

static void test_filter(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *a = add_tagged(store, "a", json_pack("{s:s,s:i}", "team", "red", "n", 1)),
		    *b = add_tagged(store, "b", json_pack("{s:s,s:i}", "team", "blue", "n", 1)),
		    *c = add_tagged(store, "c", NULL),
		    *d = add_tagged(store, "d",
				    json_pack("{s:s,s:{s:b}}", "team", "red", "x", "y", 1));
	assert_filtered(store, "{\"team\":\"red\"}", 0, 10, "d a", 2);
	assert_filtered(store, "{\"team\":\"red\"}", 1, 10, "a", 2);
	assert_filtered(store, "{\"team\":\"red\"}", 0, 1, "d", 2);
	assert_filtered(store, "{\"team\":\"red\",\"n\":1}", 0, 10, "a", 1);
	assert_filtered(store, "{\"n\":1}", 0, 10, "b a", 2);
	assert_filtered(store, "{\"x\":{\"y\":true}}", 0, 10, "d", 1);
	assert_filtered(store, "{\"n\":\"1\"}", 0, 10, "", 0);
	assert_filtered(store, "{\"none\":null}", 0, 10, "", 0);
	assert_filtered(store, "{}", 0, 10, "d c b a", 4);

	json_decref(a->metadata);
	a->metadata = NULL;
	c->metadata = json_pack("{s:s}", "team", "red");
	begin(store);
	assert_ok(store_task_change(store, a, &err));
	assert_ok(store_task_change(store, c, &err));
	assert_ok(store_task_delete(store, d->id, &err));
	commit(store);
	assert_filtered(store, "{\"team\":\"red\"}", 0, 10, "c", 1);
	task_destroy(a);
	task_destroy(b);
	task_destroy(c);
	task_destroy(d);
}

/* --- history and workers ----------------------------------------------------------------- */

static void assert_moves(
		struct store *store, const char *id, size_t limit, int64_t first, size_t expected) {
	struct error err;
	struct move *moves;
	size_t count;
	assert_ok(store_moves(store, id, limit, &moves, &count, &err));
	assert_int_equal(count, expected);
	for (size_t i = 0; i < count; i++) {
		char cause[32];
		(void)snprintf(cause, sizeof(cause), "cause %d", (int)moves[i].at);
		assert_int_equal(moves[i].at, first + (int64_t)i);
		assert_int_equal(moves[i].attempt, (uint64_t)moves[i].at * 10);
		assert_int_equal(moves[i].state, TASK_RUNNING);
		assert_string_equal(moves[i].cause, cause);
		free(moves[i].cause);
	}
	free(moves);
}

static void test_moves(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *task = add_task(store, "moved"), *other = add_task(store, "other");
	for (int i = 1; i <= 20; i++) {
		char cause[32];
		(void)snprintf(cause, sizeof(cause), "cause %d", i);
		struct move move = { i, TASK_RUNNING, (uint64_t)i * 10, cause };
		begin(store);
		assert_ok(store_move_add(store, task->id, &move, &err));
		if (i % 5 == 0) {
			store_rollback(store); /* leaves no gap behind that would show */
			begin(store);
			assert_ok(store_move_add(store, task->id, &move, &err));
		}
		commit(store);
	}
	assert_moves(store, task->id, 100, 1, 20);
	assert_moves(store, task->id, 3, 18, 3);
	assert_moves(store, task->id, 0, 1, 0);
	assert_moves(store, task->id, SIZE_MAX, 1, 20);
	assert_moves(store, other->id, 100, 1, 0);
	assert_moves(store, "unknown", 100, 1, 0);
	task_destroy(task);
	task_destroy(other);
}

/* More tasks than the store remembers places for, moved in turns. */
static void test_moves_of_many(void **state) {
	enum { MANY = 10000 };
	struct error err;
	struct store *store = store_of(state);
	struct task **tasks = mem_zero(MANY, sizeof(*tasks));
	struct move move = { 1, TASK_RUNNING, 10, (char[]){ "cause 1" } };
	begin(store);
	for (int i = 0; i < MANY; i++) {
		tasks[i] = make_task("many");
		assert_ok(store_task_add(store, tasks[i], &err));
	}
	for (int64_t round = 1; round <= 2; round++) {
		move.cause = str_format("cause %d", (int)round);
		move.at = round;
		move.attempt = (uint64_t)round * 10;
		for (int i = 0; i < MANY; i++) {
			assert_ok(store_move_add(store, tasks[i]->id, &move, &err));
		}
		free(move.cause);
	}
	commit(store);
	for (int i = 0; i < MANY; i++) {
		assert_moves(store, tasks[i]->id, 10, 1, 2);
		task_destroy(tasks[i]);
	}
	free(tasks);
}

static void note_proplet(void *context, struct proplet *proplet) {
	char text[200];
	(void)snprintf(text, sizeof(text), "%s:%d", proplet->id, (int)proplet->next_command);
	name_add(context, text);
	proplet_destroy(proplet);
}

static void assert_proplets(struct store *store, const char *expected) {
	struct error err;
	struct names names = { "" };
	assert_ok(store_proplets(store, note_proplet, &names, &err));
	assert_string_equal(names.text, expected);
}

static void test_proplets(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct proplet *one = proplet_create("one"), *two = proplet_create("two");
	assert_proplets(store, "");
	begin(store);
	assert_ok(store_proplet_put(store, two, &err));
	assert_ok(store_proplet_put(store, one, &err));
	one->next_command = 17;
	assert_ok(store_proplet_put(store, one, &err));
	commit(store);
	assert_proplets(store, "one:17 two:1");
	begin(store);
	assert_ok(store_proplet_delete(store, "one", &err));
	assert_ok(store_proplet_delete(store, "unknown", &err));
	commit(store);
	assert_proplets(store, "two:1");
	proplet_destroy(one);
	proplet_destroy(two);
}

/* --- transactions ------------------------------------------------------------------------ */

static void test_rollback(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *kept = add_task(store, "kept"), *lost = make_task("lost");
	begin(store);
	assert_ok(store_task_add(store, lost, &err));
	assert_page(store, 0, 10, NULL, "lost kept", 2);
	store_rollback(store);
	store_rollback(store); /* nothing is open: nothing happens */
	assert_page(store, 0, 10, NULL, "kept", 1);
	assert_false(has_task(store, lost->id));
	begin(store);
	assert_fails(store_task_move(store, lost, &err), ERROR_NOT_FOUND, lost->id);
	begin(store); /* the failure has ended the transaction */
	assert_ok(store_task_add(store, lost, &err));
	commit(store);
	assert_page(store, 0, 10, NULL, "lost kept", 2);
	task_destroy(kept);
	task_destroy(lost);
}

static void test_failed_write_ends_the_transaction(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *first = add_task(store, "first"), *second = make_task("second");
	begin(store);
	assert_ok(store_task_add(store, second, &err));
	assert_fails(store_task_add(store, first, &err), ERROR_CONFLICT, "storing a task");
	assert_fails(store_task_add(store, second, &err), ERROR_INTERNAL, "no transaction");
	assert_fails(store_commit(store, &err), ERROR_INTERNAL, "no transaction");
	assert_page(store, 0, 10, NULL, "first", 1);
	task_destroy(first);
	task_destroy(second);
}

static void test_unknown_tasks_are_not_written(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *task = make_task("unknown");
	struct move move = { 1, TASK_PENDING, 1, NULL };
	task->outcome.exited = true;
	begin(store);
	assert_fails(store_task_outcome(store, task, &err), ERROR_NOT_FOUND, task->id);
	begin(store);
	assert_fails(store_task_change(store, task, &err), ERROR_NOT_FOUND, task->id);
	begin(store);
	assert_fails(store_move_add(store, task->id, &move, &err), ERROR_NOT_FOUND, task->id);
	begin(store);
	assert_ok(store_task_add(store, task, &err));
	commit(store);
	struct task *read = get_task(store, task->id);
	assert_false(read->outcome.exited); /* nothing waited for it */
	task_destroy(read);
	task_destroy(task);
}

static void test_order_of_calls(void **state) {
	struct error err;
	struct store *store = store_of(state);
	struct task *task = make_task("early");
	assert_fails(store_task_add(store, task, &err), ERROR_INTERNAL, "no transaction");
	assert_fails(store_commit(store, &err), ERROR_INTERNAL, "no transaction");
	begin(store);
	assert_fails(store_begin(store, &err), ERROR_INTERNAL, "open already");
	assert_ok(store_task_add(store, task, &err)); /* the open one goes on */
	commit(store);
	assert_true(has_task(store, task->id));
	begin(store);
	commit(store); /* an empty one */
	task_destroy(task);
}

#define BOTH(test)                                                                                 \
	cmocka_unit_test_setup_teardown(test, open_memory, close_any),                             \
			cmocka_unit_test_setup_teardown(test, open_file, close_any)

int main(void) {
	const struct CMUnitTest tests[] = {
		BOTH(test_all_of_a_task),
		BOTH(test_move_writes_what_moves),
		BOTH(test_change_writes_all),
		BOTH(test_digest_of_two_tasks),
		BOTH(test_delete),
		BOTH(test_outcome_any_bytes),
		BOTH(test_outcome_large),
		BOTH(test_outcome_replaced_and_emptied),
		BOTH(test_live_in_order_of_queueing),
		cmocka_unit_test_setup_teardown(test_live_after_reopening, open_file, close_any),
		BOTH(test_pages),
		BOTH(test_pages_show_short_outcomes),
		BOTH(test_filter),
		BOTH(test_moves),
		BOTH(test_moves_of_many),
		BOTH(test_proplets),
		BOTH(test_rollback),
		BOTH(test_failed_write_ends_the_transaction),
		BOTH(test_unknown_tasks_are_not_written),
		BOTH(test_order_of_calls),
	};
	return cmocka_run_group_tests_name("store/tasks", tests, NULL, NULL);
}
