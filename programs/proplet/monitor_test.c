/* SPDX-License-Identifier: Apache-2.0 */
/* What guests use and when they run the test says. */
#include "proplet/fixture.h"

struct run_gauge {
	bool runs;
	struct run_usage usage;
};

static unsigned stirred, gauges;

struct run_gauge *run_gauge_create(void) {
	gauges++;
	return MEM_NEW(struct run_gauge);
}

void run_gauge_destroy(struct run_gauge *gauge) {
	gauges -= gauge != NULL;
	free(gauge);
}

bool run_gauge_read(struct run_gauge *gauge, struct run_usage *usage) {
	*usage = gauge->usage;
	return gauge->runs;
}

void engine_stir(struct engine *engine) {
	(void)engine;
	stirred++;
}

static int set_up(void **state) {
	stirred = gauges = 0;
	return worker_set_up(state);
}

static int tear_down(void **state) {
	int code = worker_tear_down(state);
	assert_int_equal(gauges, 0);
	return code;
}

/* An attempt that is watched as the profile says; an interval of 0 is the default. */
static struct attempt *watched(struct worker *worker, unsigned number, struct profile profile) {
	struct command command = { .kind = COMMAND_START, .task_id = TASK, .attempt = number };
	workload_init(&command.work);
	command.work.profile = profile;
	return attempt_create(worker, &command);
}

static struct profile every(uint64_t interval_ms) {
	struct profile profile;
	profile_init(&profile);
	profile.interval_ms = interval_ms;
	return profile;
}

/* The guest has run for so long. */
static void runs(struct attempt *attempt, uint64_t uptime_ms) {
	attempt->gauge->runs = true;
	attempt->gauge->usage = (struct run_usage){ .uptime_ms = uptime_ms, .memory_bytes = 65536 };
}

/* Both turns: asked for it, looked at. */
static void look(struct worker *worker, uint64_t when) {
	monitor_tick(worker, when);
	monitor_tick(worker, when + 5);
}

static double number_said(struct worker *worker, size_t index, const char *member) {
	const struct said said = bus_said(worker->bus, index);
	json_t *object = json_loadb((const char *)said.payload.data, said.payload.size, 0, NULL);
	json_t *metrics = json_object_get(object, "metrics");
	double value = json_number_value(json_object_get(metrics, member));
	json_decref(object);
	return value;
}

static void the_worker_tells_of_itself(void **state) {
	struct worker *worker = *state;
	uint64_t now = clock_ms();
	monitor_tick(worker, now + 1000000);
	nothing_said(worker); /* nobody hears it yet */
	monitor_connected(worker);
	assert_int_equal(monitor_deadline(worker), 0);
	monitor_tick(worker, now);
	assert_string_equal(said(worker, worker->topics.metrics, "proplet_id"), "w");
	bus_forget(worker->bus);
	assert_true(monitor_deadline(worker) == now + 10000);
	monitor_tick(worker, now + 9999);
	nothing_said(worker);
	monitor_tick(worker, now + 10000);
	assert_string_equal(said(worker, worker->topics.metrics, "proplet_id"), "w");
	bus_forget(worker->bus);
	monitor_connected(worker); /* a new connection hears it at once */
	monitor_tick(worker, now + 10001);
	assert_int_equal(bus_count(worker->bus), 1);
	assert_int_equal(stirred, 0);
}

static void who_is_not_to_be_watched(void **state) {
	struct worker *worker = *state;
	struct profile off = every(1000), silent = every(1000);
	off.enabled = false;
	silent.publish = false;
	assert_null(watched(worker, 1, off)->gauge);
	assert_null(watched(worker, 2, silent)->gauge);
	((struct proplet_settings *)(uintptr_t)worker->settings)->monitoring = false;
	assert_null(watched(worker, 3, every(1000))->gauge);
	monitor_connected(worker);
	look(worker, clock_ms() + 1000000);
	nothing_said(worker);
	assert_int_equal(stirred, 0);
}

static void an_attempt_is_looked_at_every_interval(void **state) {
	struct worker *worker = *state;
	uint64_t begin = clock_ms();
	struct attempt *attempt = watched(worker, 1, every(3000));
	uint64_t due = attempt->watch_ms;
	assert_true(due % 100 == 0 && due >= begin + 3000 && due < clock_ms() + 3100);
	assert_true(monitor_deadline(worker) == due - 5);
	monitor_tick(worker, due - 6);
	assert_int_equal(stirred, 0);
	runs(attempt, 3000);
	monitor_tick(worker, due - 5);
	assert_int_equal(stirred, 1); /* so that it can tell */
	nothing_said(worker);
	assert_true(monitor_deadline(worker) == due);
	monitor_tick(worker, due - 1);
	nothing_said(worker);
	monitor_tick(worker, due);
	assert_int_equal(stirred, 1);
	assert_string_equal(said(worker, worker->topics.task_metrics, "task_id"), TASK);
	assert_string_equal(said(worker, worker->topics.task_metrics, "proplet_id"), "w");
	assert_true(number_said(worker, 0, "uptime_seconds") == 3);
	assert_true(attempt->watch_ms == due + 3000);
	runs(attempt, 6000);
	look(worker, due + 3000 - 5);
	assert_int_equal(bus_count(worker->bus), 2);
	assert_true(number_said(worker, 1, "uptime_seconds") == 6);
	assert_int_equal(stirred, 2);
}

/* A run shorter than one interval says nothing, however long its module took to come. */
static void not_before_it_has_run_for_an_interval(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = watched(worker, 1, every(3000));
	uint64_t due = attempt->watch_ms;
	look(worker, due - 5); /* it does not run yet */
	assert_true(attempt->watch_ms == due + 3000);
	runs(attempt, 800);
	look(worker, due + 3000 - 5);
	nothing_said(worker);
	assert_true(attempt->watch_ms == due + 3000 + 2200);
	runs(attempt, 3000);
	look(worker, due + 5200 - 5);
	assert_int_equal(bus_count(worker->bus), 1);
}

static void nobody_is_watched_more_than_once_a_second(void **state) {
	struct worker *worker = *state;
	uint64_t begin = clock_ms();
	assert_true(watched(worker, 1, every(1))->watch_ms >= begin + 1000);
	assert_true(watched(worker, 2, every(0))->watch_ms >= begin + 10000); /* the default */
}

/* However many are due together, guests are asked once. */
static void many_are_looked_at_in_one_turn(void **state) {
	enum { COUNT = 20 };
	struct worker *worker = *state;
	uint64_t last = 0;
	for (unsigned i = 1; i <= COUNT; i++) {
		struct attempt *attempt = watched(worker, i, every(3000));
		runs(attempt, 3000);
		last = attempt->watch_ms > last ? attempt->watch_ms : last;
	}
	struct attempt *later = watched(worker, COUNT + 1, every(5000));
	runs(later, 3000);
	uint64_t later_ms = later->watch_ms;
	look(worker, last);
	assert_int_equal(stirred, 1);
	assert_int_equal(bus_count(worker->bus), COUNT);
	assert_true(later->watch_ms == later_ms);
	assert_true(monitor_deadline(worker) <= later_ms);
}

static void what_is_over_is_not_looked_at(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = watched(worker, 1, every(1000));
	uint64_t due = attempt->watch_ms;
	ends(worker, attempt, "1");
	bus_forget(worker->bus);
	look(worker, due);
	nothing_said(worker);
	assert_true(monitor_deadline(worker) > due + 1000000);
}

#define WITH_GAUGES(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_GAUGES(the_worker_tells_of_itself),
		WITH_GAUGES(who_is_not_to_be_watched),
		WITH_GAUGES(an_attempt_is_looked_at_every_interval),
		WITH_GAUGES(not_before_it_has_run_for_an_interval),
		WITH_GAUGES(nobody_is_watched_more_than_once_a_second),
		WITH_GAUGES(many_are_looked_at_in_one_turn),
		WITH_GAUGES(what_is_over_is_not_looked_at),
	};
	return cmocka_run_group_tests_name("proplet/monitor", tests, NULL, NULL);
}
