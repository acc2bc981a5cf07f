/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/fixture.h"

static void arrive(struct worker *worker, const char *topic, const char *text) {
	inbox_message(worker, topic, (struct bytes){ (const uint8_t *)text, strlen(text) });
}

/* The only event that waits for the loop; to be freed. */
static struct event *event_of(struct worker *worker) {
	struct queue_item *item = queue_take_all(worker->queue, 0);
	assert_non_null(item);
	assert_null(item->next);
	return QUEUE_ENTRY(item, struct event, link);
}

static void free_event(struct event *event) {
	if (event->kind == EVENT_COMMAND) {
		command_finish(&event->command);
	}
	free(event);
}

static void nothing_waits(struct worker *worker) {
	assert_null(queue_take_all(worker->queue, 0));
}

#define START                                                                                      \
	"{\"type\":\"start\",\"boot\":\"" BOOT "\",\"number\":3,\"task_id\":\"" TASK               \
	"\",\"attempt\":2,\"proplet_id\":\"w\",\"name\":\"n\",\"image_url\":\"r/app\"}"

static void each_topic_has_its_event(void **state) {
	struct worker *worker = *state;
	inbox_connected(worker);
	struct event *event = event_of(worker);
	assert_int_equal(event->kind, EVENT_CONNECTED);
	free_event(event);
	arrive(worker, worker->topics.online, "whatever it says");
	event = event_of(worker);
	assert_int_equal(event->kind, EVENT_ASKED);
	free_event(event);
	arrive(worker, worker->command_topic, START);
	event = event_of(worker);
	assert_int_equal(event->kind, EVENT_COMMAND);
	assert_int_equal(event->command.kind, COMMAND_START);
	assert_int_equal(event->command.number, 3);
	assert_string_equal(event->command.task_id, TASK);
	assert_null(event->attempt);
	free_event(event);
	arrive(worker, worker->topics.start,
			"{\"id\":\"" TASK
			"\",\"name\":\"n\",\"file\":\"YQ==\",\"proplet_id\":\"w\"}");
	event = event_of(worker);
	assert_int_equal(event->command.kind, COMMAND_START);
	assert_int_equal(event->command.number, 0);
	assert_string_equal(event->command.file, "YQ==");
	free_event(event);
	arrive(worker, worker->topics.stop, "{\"id\":\"" TASK "\",\"proplet_id\":\"w\"}");
	event = event_of(worker);
	assert_int_equal(event->command.kind, COMMAND_STOP);
	free_event(event);
	assert_int_equal(map_count(worker->attempts), 0); /* the loop does it all */
	nothing_said(worker);
}

static void it_hears_what_is_for_it(void **state) {
	struct worker *worker = *state;
	inbox_subscribe(worker);
	static const char *const topics[] = { "m/d/c/c/control/manager/command/w",
		"m/d/c/c/control/manager/start", "m/d/c/c/control/manager/stop",
		"m/d/c/c/control/manager/online" };
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		assert_true(bus_hears(worker->bus, topics[i]));
	}
}

/* Whoever waits for this task has to be told, and what is wrong with it. */
static void a_bad_start_is_answered(void **state) {
	static const struct {
		bool old;
		const char *text, *says;
	} rows[] = {
		{ false,
				"{\"type\":\"start\",\"boot\":\"" BOOT
				"\",\"number\":3,\"task_id\":\"" TASK
				"\",\"attempt\":2,\"name\":\"n\",\"inputs\":7}",
				"inputs" },
		{ false,
				"{\"type\":\"start\",\"boot\":\"" BOOT
				"\",\"number\":-3,\"task_id\":\"" TASK
				"\",\"attempt\":2,\"name\":\"n\",\"image_url\":\"r\"}",
				"number" },
		{ true, "{\"id\":\"" TASK "\",\"name\":\"n\",\"proplet_id\":\"w\",\"env\":\"x\"}",
				"env" },
	};
	struct worker *worker = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report report;
		struct error err;
		arrive(worker, rows[i].old ? worker->topics.start : worker->command_topic,
				rows[i].text);
		nothing_waits(worker);
		assert_int_equal(bus_count(worker->bus), 1);
		const struct said answer = bus_said(worker->bus, 0);
		assert_string_equal(answer.topic, worker->topics.results);
		assert_true(report_decode(&report, answer.payload, &err));
		assert_string_equal(report.task_id, TASK);
		assert_string_equal(report.proplet_id, "w");
		assert_int_equal(report.attempt, rows[i].old ? 0 : 2);
		assert_string_equal(report.boot, rows[i].old ? "" : BOOT);
		if (strstr(report.outcome.error, rows[i].says) == NULL) {
			fail_msg("%s", report.outcome.error);
		}
		report_finish(&report);
		bus_forget(worker->bus);
	}
}

/* Nor is anybody told who did not ask. */
static void garbage_is_dropped(void **state) {
	static const char *const texts[] = { "", "{", "null", "[]", "7", "{}", "\xff",
		"{\"type\":\"start\"}",
		"{\"type\":\"dance\",\"boot\":\"" BOOT "\",\"task_id\":\"" TASK "\"}",
		"{\"type\":\"stop\",\"boot\":\"" BOOT "\",\"task_id\":7}",
		"{\"type\":\"stop\",\"boot\":\"" BOOT "\",\"task_id\":\"" TASK "\",\"attempt\":-1}",
		"{\"type\":\"ack\",\"boot\":\"" BOOT "\",\"attempts\":7}",
		/* bad starts of others */
		"{\"type\":\"start\",\"boot\":\"" NEXT_BOOT "\",\"task_id\":\"" TASK
		"\",\"inputs\":7}",
		"{\"type\":\"start\",\"task_id\":\"" TASK "\",\"inputs\":7}",
		"{\"id\":\"" TASK "\",\"proplet_id\":\"x\",\"env\":\"x\"}",
		"{\"id\":\"" TASK "\",\"env\":\"x\"}",
		"{\"id\":\"0123456789012345678901234567890123456789\",\"proplet_id\":\"w\"}" };
	struct worker *worker = *state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		arrive(worker, worker->command_topic, texts[i]);
		arrive(worker, worker->topics.start, texts[i]);
		if (queue_take_all(worker->queue, 0) != NULL || bus_count(worker->bus) != 0) {
			fail_msg("%s", texts[i]);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_WORKER(each_topic_has_its_event),
		WITH_WORKER(it_hears_what_is_for_it),
		WITH_WORKER(a_bad_start_is_answered),
		WITH_WORKER(garbage_is_dropped),
	};
	return cmocka_run_group_tests_name("proplet/inbox", tests, NULL, NULL);
}
