/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the tests of this folder: a folder of its own for each test, and tasks to store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ftw.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "store/store.h"

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* Set-up and tear-down of a test: *state is the path of an empty folder. */
static inline int make_folder(void **state) {
	const char *base = getenv("TMPDIR");
	char *folder = str_format("%s/store_test.XXXXXX", base != NULL ? base : "/tmp");
	*state = mkdtemp(folder);
	return *state == NULL;
}

static inline int remove_one(
		const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info;
	(void)kind;
	(void)where;
	return remove(path);
}

static inline int remove_folder(void **state) {
	int result = nftw(*state, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(*state);
	return result;
}

#define assert_ok(call)                                                                            \
	do {                                                                                       \
		if (!(call)) {                                                                     \
			fail_msg("%s: %s", #call, err.message);                                    \
		}                                                                                  \
	} while (0)

#define assert_fails(call, expected, text)                                                         \
	do {                                                                                       \
		assert_false(call);                                                                \
		if (err.code != (expected) || strstr(err.message, text) == NULL) {                 \
			fail_msg("%s: code %d, \"%s\"", #call, (int)err.code, err.message);        \
		}                                                                                  \
	} while (0)

static inline struct store *open_store(const char *where) {
	struct error err;
	struct store *store = store_open(where, NULL, &err);
	if (store == NULL) {
		fail_msg("%s: %s", where, err.message);
	}
	return store;
}

static inline void refuse_store(const char *where, enum error_code code, const char *text) {
	struct error err = { 0 };
	assert_fails(store_open(where, NULL, &err) != NULL, code, text);
}

static inline struct task *make_task(const char *name) {
	struct task *task = task_create();
	random_uuid(task->id);
	str_set(&task->work.name, name);
	task->created_at = task->updated_at = 1700000000000000001;
	return task;
}

static inline void begin(struct store *store) {
	struct error err;
	assert_ok(store_begin(store, &err));
}

static inline void commit(struct store *store) {
	struct error err;
	assert_ok(store_commit(store, &err));
}

/* A task that is committed; the caller destroys it. */
static inline struct task *add_task(struct store *store, const char *name) {
	struct error err;
	struct task *task = make_task(name);
	begin(store);
	assert_ok(store_task_add(store, task, &err));
	commit(store);
	return task;
}

static inline void move_task(
		struct store *store, struct task *task, enum task_state state, bool queued) {
	struct error err;
	task->state = state;
	task->queued = queued;
	begin(store);
	assert_ok(store_task_move(store, task, &err));
	commit(store);
}

static inline struct task *get_task(struct store *store, const char *id) {
	struct error err;
	struct task *task = store_task_get(store, id, &err);
	if (task == NULL) {
		fail_msg("%s: %s", id, err.message);
	}
	return task;
}

static inline bool has_task(struct store *store, const char *id) {
	struct error err;
	struct task *task = store_task_get(store, id, &err);
	assert_true(task != NULL || err.code == ERROR_NOT_FOUND);
	task_destroy(task);
	return task != NULL;
}

/* The names of tasks, one after the other. */
struct names {
	char text[4096];
};

static inline void name_add(struct names *names, const char *name) {
	size_t used = strlen(names->text);
	assert_true(used + strlen(name) + 2 < sizeof(names->text));
	(void)snprintf(names->text + used, sizeof(names->text) - used, "%s%s", used != 0 ? " " : "",
			name);
}

static inline void name_visited(void *context, const struct task *task) {
	name_add(context, task->work.name);
}

static inline void name_taken(void *context, struct task *task) {
	name_add(context, task->work.name);
	task_destroy(task);
}

static inline void assert_page(struct store *store, uint64_t offset, uint64_t limit,
		const json_t *metadata, const char *expected, uint64_t expected_total) {
	struct error err;
	struct names names = { "" };
	uint64_t total = 0;
	assert_ok(store_task_list(
			store, offset, limit, metadata, name_visited, &names, &total, &err));
	assert_string_equal(names.text, expected);
	assert_int_equal(total, expected_total);
}

static inline void assert_live(struct store *store, const char *expected) {
	struct error err;
	struct names names = { "" };
	assert_ok(store_task_live(store, name_taken, &names, &err));
	assert_string_equal(names.text, expected);
}
