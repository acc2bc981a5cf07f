/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing anew in the loop's steps, and in its thread; what is written is tested in lib/store. */
#include "manager/reseal.h"

#include <ftw.h>
#include <unistd.h>

#include "manager/fixture.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
enum { TASKS = 120, STEP_MS = 10, PATIENCE_MS = 60000 };

static char folder[64];

static struct store *open_file(struct seal_ring *ring) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/state.db", folder);
	struct store *store = store_open(path, ring, &err);
	if (store == NULL) {
		fail_msg("%s", err.message);
	}
	return store;
}

/* A manager whose key has just come: its tasks and a module lie there in the clear. */
static int set_up(void **state) {
	struct error err;
	assert_int_equal(manager_set_up(state), 0);
	struct manager *m = *state;
	(void)snprintf(folder, sizeof(folder), "/tmp/airscrew-reseal-XXXXXX");
	assert_non_null(mkdtemp(folder));
	store_rollback(m->store);
	store_close(m->store);
	m->store = open_file(NULL);
	m->writing = false;
	for (int i = 0; i < TASKS; i++) {
		(void)make_task(m);
	}
	next_batch(m);
	store_close(m->store);
	m->ring = seal_ring_create(NULL, &err);
	assert_true(m->ring != NULL && seal_ring_read(m->ring, KEY, &err));
	m->store = open_file(m->ring);
	m->modules = modules_open(folder, m->ring, &err);
	assert_non_null(m->modules);
	assert_true(store_stale(m->store));
	return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static int tear_down(void **state) {
	struct manager *m = *state;
	struct seal_ring *ring = m->ring;
	struct modules *modules = m->modules;
	reseal_end(m);
	int code = manager_tear_down(state);
	modules_close(modules);
	seal_ring_destroy(ring);
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 ? -1 : code;
}

/* A batch of the loop at that time, with nothing else in it. */
static void batch(struct manager *m) {
	m->now_ms += STEP_MS;
	reseal_tick(m);
	assert_true(manager_commit(m));
	manager_end(m, true);
	uint64_t now = m->now_ms;
	manager_begin(m);
	m->now_ms = now;
}

/* Until it has said so; how many batches it took. */
static unsigned run(struct manager *m) {
	uint64_t deadline = clock_ms() + PATIENCE_MS;
	unsigned count = 0;
	while (m->next_reseal_ms != UINT64_MAX) {
		batch(m);
		count++;
		assert_true(clock_ms() < deadline);
	}
	return count;
}

static void in_steps(void **state) {
	struct manager *m = *state;
	reseal_begin(m);
	batch(m);
	assert_true(store_stale(m->store));
	uint64_t next = m->next_reseal_ms;
	m->now_ms = next - 1 - STEP_MS;
	batch(m); /* not yet */
	assert_int_equal(m->next_reseal_ms, next);
	assert_true(run(m) >= 3);
	assert_false(store_stale(m->store));
	batch(m); /* that was all */
	assert_int_equal(m->next_reseal_ms, UINT64_MAX);
}

static void it_is_committed(void **state) {
	struct manager *m = *state;
	reseal_begin(m);
	for (int i = 0; i < 3; i++) {
		batch(m);
	}
	assert_false(store_stale(m->store));
	reseal_end(m);
	store_close(m->store);
	m->store = open_file(m->ring);
	assert_false(store_stale(m->store)); /* that was committed */
	manager_begin(m);
}

/* What was rolled back is done again. */
static void a_step_that_is_not_committed(void **state) {
	struct manager *m = *state;
	reseal_begin(m);
	batch(m);
	batch(m);
	m->now_ms += STEP_MS;
	reseal_tick(m); /* the last one, which forgets the other keys */
	store_rollback(m->store);
	m->writing = false;
	reseal_again(m);
	assert_true(store_stale(m->store));
	assert_true(m->next_reseal_ms > m->now_ms + STEP_MS); /* a full disk needs a moment */
	m->now_ms = m->next_reseal_ms;
	(void)run(m);
	assert_false(store_stale(m->store));
}

static void without_a_key(void **state) {
	struct manager *m = *state;
	m->next_reseal_ms = 0;
	reseal_begin(m);
	assert_null(m->resealing);
	assert_int_equal(m->next_reseal_ms, UINT64_MAX);
	reseal_tick(m);
	reseal_again(m);
	reseal_end(m);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_steps, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_is_committed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_step_that_is_not_committed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_a_key, manager_set_up, manager_tear_down),
	};
	return cmocka_run_group_tests_name("manager/reseal", tests, NULL, NULL);
}
