/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine/stop.h"
#include "executor/leavers.h"

enum { PATIENCE_MS = 60000, PAIRS = 50 };

struct fixture {
	struct engine *engine;
	struct leavers *leavers;
	struct run_stop *stop;
	struct leaver leaver;
	int ours, theirs;
};

static void begin(struct fixture *fixture) {
	struct error err;
	int pair[2];
	*fixture = (struct fixture){ .engine = engine_create(NULL, &err),
		.leavers = leavers_create(&err) };
	assert_non_null(fixture->engine);
	assert_non_null(fixture->leavers);
	fixture->stop = run_stop_create(fixture->engine);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	fixture->ours = pair[0];
	fixture->theirs = pair[1];
}

static void end(struct fixture *fixture) {
	leavers_destroy(fixture->leavers);
	run_stop_destroy(fixture->stop);
	engine_destroy(fixture->engine);
	(void)close(fixture->ours);
}

static bool stopped_within(struct run_stop *stop, uint64_t ms) {
	return stop_wait(stop, (clock_ms() + ms) * 1000000);
}

static void who_leaves_is_noticed(void **state) {
	(void)state;
	struct fixture fixture;
	begin(&fixture);
	leavers_watch(fixture.leavers, &fixture.leaver, fixture.ours, fixture.stop);
	assert_int_equal(write(fixture.theirs, "GET", 3), 3); /* that is no leaving */
	assert_false(run_stop_requested(fixture.stop));
	(void)close(fixture.theirs);
	assert_true(stopped_within(fixture.stop, PATIENCE_MS));
	leavers_forget(fixture.leavers, &fixture.leaver);
	end(&fixture);
}

static void who_has_left_before_is_noticed(void **state) {
	(void)state;
	struct fixture fixture;
	begin(&fixture);
	(void)close(fixture.theirs);
	leavers_watch(fixture.leavers, &fixture.leaver, fixture.ours, fixture.stop);
	assert_true(stopped_within(fixture.stop, PATIENCE_MS));
	leavers_forget(fixture.leavers, &fixture.leaver);
	end(&fixture);
}

/* Another one that is watched and leaves later shows that the thread has had its look. */
static void who_is_forgotten_is_not_stopped(void **state) {
	(void)state;
	struct fixture fixture;
	struct leaver last = { 0 };
	int pair[2];
	begin(&fixture);
	struct run_stop *stop = run_stop_create(fixture.engine);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	for (int i = 0; i < PAIRS; i++) { /* one connection has many requests */
		leavers_watch(fixture.leavers, &fixture.leaver, fixture.ours, fixture.stop);
		leavers_forget(fixture.leavers, &fixture.leaver);
		leavers_forget(fixture.leavers, &fixture.leaver);
	}
	leavers_watch(fixture.leavers, &last, pair[0], stop);
	(void)close(fixture.theirs);
	(void)close(pair[1]);
	assert_true(stopped_within(stop, PATIENCE_MS));
	assert_false(run_stop_requested(fixture.stop));
	leavers_forget(fixture.leavers, &last);
	(void)close(pair[0]);
	run_stop_destroy(stop);
	end(&fixture);
}

static void what_cannot_be_watched_is_left_alone(void **state) {
	(void)state;
	struct fixture fixture;
	begin(&fixture);
	leavers_watch(fixture.leavers, &fixture.leaver, -1, fixture.stop);
	leavers_forget(fixture.leavers, &fixture.leaver);
	assert_false(run_stop_requested(fixture.stop));
	(void)close(fixture.theirs);
	end(&fixture);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_leaves_is_noticed),
		cmocka_unit_test(who_has_left_before_is_noticed),
		cmocka_unit_test(who_is_forgotten_is_not_stopped),
		cmocka_unit_test(what_cannot_be_watched_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
