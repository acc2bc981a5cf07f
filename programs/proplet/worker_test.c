/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: what waits on its queue is done in that order, and at its end nothing is left. */
#include <poll.h>

#include "proplet/fixture.h"

static void put(struct worker *worker, enum event_kind kind) {
	struct event *event = MEM_NEW(struct event);
	event->kind = kind;
	worker_put(worker, event);
}

static void put_command(struct worker *worker, const char *text) {
	inbox_message(worker, worker->command_topic,
			(struct bytes){ (const uint8_t *)text, strlen(text) });
}

#define START(number, task)                                                                        \
	"{\"type\":\"start\",\"boot\":\"" BOOT "\",\"number\":" #number ",\"task_id\":\"" task     \
	"\",\"attempt\":1,\"name\":\"n\",\"image_url\":\"r/app\"}"
#define ACK(task) "{\"type\":\"ack\",\"boot\":\"" BOOT "\",\"attempts\":[[\"" task "\",1]]}"

/* What was said, by the last words of its topics: "create results ...". */
static const char *order(struct worker *worker) {
	static char text[512];
	text[0] = 0;
	for (size_t i = 0; i < bus_count(worker->bus); i++) {
		const char *topic = bus_said(worker->bus, i).topic;
		size_t used = strlen(text);
		(void)snprintf(text + used, sizeof(text) - used, "%s%s", used != 0 ? " " : "",
				strrchr(topic, '/') + 1);
	}
	return text;
}

static void patience(struct worker *worker, uint64_t ms) {
	struct proplet_settings *settings = (struct proplet_settings *)(uintptr_t)worker->settings;
	settings->mqtt_timeout_ms = ms;
	settings->interval_ms = 100000; /* no heartbeats between */
	settings->monitoring = false;
}

static void an_idle_worker_ends_at_once(void **state) {
	struct worker *worker = *state;
	patience(worker, 120000);
	put(worker, EVENT_CONNECTED);
	put(worker, EVENT_ASKED);
	put(worker, EVENT_SIGNAL);
	put(worker, EVENT_SIGNAL);
	uint64_t begin = clock_ms();
	worker_run(worker);
	assert_true(clock_ms() - begin < 60000);
	assert_string_equal(order(worker), "create create");
	assert_true(worker->ending);
}

/* Guests are asked to end; what came of them the manager has to have first. */
static void what_runs_ends_before_the_worker(void **state) {
	struct worker *worker = *state;
	patience(worker, 120000);
	struct attempt *attempt = start(worker, 1, TASK, 1);
	put(worker, EVENT_SIGNAL);
	put_command(worker, START(2, OTHER_TASK)); /* too late */
	worker_put(worker, &attempt->ended);
	put_command(worker, ACK(TASK));
	worker_run(worker);
	assert_string_equal(order(worker), "state results");
	assert_int_equal(worker->running + worker->held, 0);
	assert_int_equal(map_count(worker->attempts), 0);
}

/* Nobody acknowledges: it has waited for long enough. */
static void not_for_ever(void **state) {
	struct worker *worker = *state;
	patience(worker, 30);
	struct attempt *attempt = start(worker, 1, TASK, 1);
	put(worker, EVENT_SIGNAL);
	worker_put(worker, &attempt->ended);
	uint64_t begin = clock_ms();
	worker_run(worker);
	assert_true(clock_ms() >= begin + 30);
	assert_int_equal(worker->held, 1);
}

/* Nor where there is nobody to acknowledge. */
static void without_a_connection_it_does_not_wait(void **state) {
	struct worker *worker = *state;
	patience(worker, 120000);
	struct attempt *attempt = start(worker, 1, TASK, 1);
	worker->bus->down = true;
	put(worker, EVENT_SIGNAL);
	worker_put(worker, &attempt->ended);
	uint64_t begin = clock_ms();
	worker_run(worker);
	assert_true(clock_ms() - begin < 60000);
	assert_int_equal(worker->held, 1);
}

/* Ends its attempt when so many messages were published. */
struct ender {
	struct attempt *attempt;
	size_t messages;
};

static void *end_later(void *context) {
	const struct ender *ender = context;
	struct worker *worker = ender->attempt->worker;
	uint64_t deadline = clock_ms() + BUS_PATIENCE_MS;
	while (bus_count(worker->bus) < ender->messages && clock_ms() < deadline) {
		(void)poll(NULL, 0, 1);
	}
	worker_put(worker, &ender->attempt->ended);
	put_command(worker, ACK(TASK));
	return NULL;
}

/* Who has run for 5 ms without an end is said to run, once; and not who is through by then. */
static void running_is_said_after_a_moment(void **state) {
	struct worker *worker = *state;
	pthread_t thread;
	patience(worker, 120000);
	struct attempt *shorter = start(worker, 1, OTHER_TASK, 1),
		       *longer = start(worker, 2, TASK, 1);
	begins(shorter);
	begins(longer);
	atomic_store(&shorter->phase, RUN_STARTED);
	atomic_store(&longer->phase, RUN_STARTED);
	shorter->due_ms += 20000; /* however slow this machine is */
	worker_put(worker, &shorter->ended);
	put_command(worker, ACK(OTHER_TASK));
	put(worker, EVENT_SIGNAL);
	struct ender ender = { longer, 2 };
	assert_int_equal(pthread_create(&thread, NULL, end_later, &ender), 0);
	worker_run(worker);
	(void)pthread_join(thread, NULL);
	const char *said = order(worker);
	if (strcmp(said, "results state results") != 0) {
		fail_msg("%s", said);
	}
}

/* A start that is told after the moment is said at once, once. */
static void a_late_start_is_said(void **state) {
	struct worker *worker = *state;
	patience(worker, 120000);
	struct attempt *attempt = start(worker, 1, TASK, 1);
	begins(attempt);
	worker_put(worker, &attempt->started);
	worker_put(worker, &attempt->ended);
	put_command(worker, ACK(TASK));
	put(worker, EVENT_SIGNAL);
	worker_run(worker);
	assert_string_equal(order(worker), "state results");
}

static void heartbeats_come_by_themselves(void **state) {
	struct worker *worker = *state;
	pthread_t thread;
	patience(worker, 120000);
	((struct proplet_settings *)(uintptr_t)worker->settings)->interval_ms = 10;
	struct attempt *attempt = start(worker, 1, TASK, 1);
	struct ender ender = { attempt, 2 };
	assert_int_equal(pthread_create(&thread, NULL, end_later, &ender), 0);
	put(worker, EVENT_SIGNAL);
	worker_run(worker);
	(void)pthread_join(thread, NULL);
	assert_true(str_starts(order(worker), "alive alive"));
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_WORKER(an_idle_worker_ends_at_once),
		WITH_WORKER(what_runs_ends_before_the_worker),
		WITH_WORKER(not_for_ever),
		WITH_WORKER(without_a_connection_it_does_not_wait),
		WITH_WORKER(running_is_said_after_a_moment),
		WITH_WORKER(a_late_start_is_said),
		WITH_WORKER(heartbeats_come_by_themselves),
	};
	return cmocka_run_group_tests_name("proplet/worker", tests, NULL, NULL);
}
