/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/inbox.h"

#include "manager/request_fixture.h"

/* A message from the broker, in its thread; nothing has happened yet. */
static void arrive(struct manager *m, const char *topic, const char *format, ...) {
	char text[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	inbox_message(m, topic, (struct bytes){ (const uint8_t *)text, strlen(text) });
}

/* How many deeds wait; they are put back. */
static unsigned waiting(struct manager *m) {
	unsigned count = 0;
	struct queue_item *next;
	for (struct queue_item *item = queue_take_all(m->queue, 0); item != NULL; item = next) {
		next = item->next;
		count++;
		assert_true(queue_put(m->queue, item));
	}
	return count;
}

static void what_is_heard_waits_for_the_loop(void **state) {
	struct manager *m = *state;
	arrive(m, m->topics.alive, "{\"proplet_id\":\"w\"}");
	assert_int_equal(waiting(m), 1);
	assert_null(workers_find(m, "w"));
	apply_deeds(m);
	assert_non_null(workers_find(m, "w"));
	assert_int_equal(waiting(m), 0);
	for (unsigned i = 0; i < 10; i++) { /* more than requests may be */
		arrive(m, m->topics.alive, "{\"proplet_id\":\"w%u\"}", i);
	}
	apply_deeds(m);
	assert_int_equal(map_count(m->workers), 11);
}

/* The broker may be there before main() has what bus_create() returns. */
static void a_connection_waits_for_the_bus(void **state) {
	struct manager *m = *state;
	struct bus *bus = m->bus;
	m->bus = NULL;
	inbox_connected(m);
	m->bus = bus;
	apply_deeds(m);
	assert_int_equal(posted(m, m->topics.online, m->boot), 1);
	assert_int_equal(waiting(m), 0);
}

/* A heartbeat does what an announcement does, but for workers that cannot say more. */
static void announcements_are_told_from_heartbeats(void **state) {
	struct manager *m = *state;
	arrive(m, m->topics.alive, "{\"proplet_id\":\"old\"}");
	apply_deeds(m);
	struct task *task = make_task(m);
	struct error err;
	char id[UUID_SIZE];
	memcpy(id, task->id, sizeof(id));
	str_set(&task->work.image_url, "http://h/m.wasm");
	assert_true(tasks_start(m, task, "test", &err));
	arrive(m, m->topics.alive, "{\"proplet_id\":\"old\"}");
	apply_deeds(m);
	assert_int_equal(stored(m, id)->state, TASK_RUNNING);
	arrive(m, m->topics.create, "{\"proplet_id\":\"old\"}");
	apply_deeds(m);
	assert_string_equal(stored(m, id)->outcome.error, "the worker was restarted");
}

static void each_topic_has_its_deed(void **state) {
	struct manager *m = *state;
	arrive(m, m->topics.create,
			"{\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"features\":[\"commands\"]}");
	arrive(m, m->topics.metrics, "{\"proplet_id\":\"w\",\"cpu_metrics\":{}}");
	apply_deeds(m); /* in their order: metrics are taken of who is known */
	assert_true(workers_find(m, "w")->proplet->ours);
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "w"), 1);
	char id[UUID_SIZE];
	memcpy(id, start_task(m, "w")->task->id, sizeof(id));
	arrive(m, m->topics.state,
			"{\"task_id\":\"%s\",\"attempt\":1,\"proplet_id\":\"w\",\"boot\":\"" BOOT
			"\",\"state\":\"running\"}",
			id);
	arrive(m, m->topics.task_metrics,
			"{\"task_id\":\"%s\",\"proplet_id\":\"w\",\"metrics\":{}}", id);
	apply_deeds(m);
	assert_int_equal(stored(m, id)->state, TASK_RUNNING);
	assert_int_equal(history_count(m->measured[METRICS_TASK], id), 1);
	arrive(m, m->topics.results,
			"{\"task_id\":\"%s\",\"attempt\":1,\"proplet_id\":\"w\",\"boot\":\"" BOOT
			"\",\"results\":\"7\"}",
			id);
	apply_deeds(m);
	assert_int_equal(stored(m, id)->state, TASK_COMPLETED);
	assert_string_equal(json_string_value(stored(m, id)->outcome.results), "7");
	arrive(m, m->topics.alive,
			"{\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"status\":\"offline\"}");
	apply_deeds(m);
	assert_true(workers_find(m, "w")->proplet->offline);
}

static void garbage_makes_no_deed(void **state) {
	struct manager *m = *state;
	const char *const topics[] = { m->topics.create, m->topics.alive, m->topics.results,
		m->topics.state, m->topics.metrics, m->topics.task_metrics };
	static const char *const payloads[] = { "", "{", "null", "[]", "7", "\"w\"", "{}",
		"\xff\xfe", "{\"proplet_id\":7}", "{\"proplet_id\":\"\"}", "{\"task_id\":7}",
		"{\"task_id\":null,\"proplet_id\":null}", "{\"a\":{\"a\":{\"a\":[[[[[[[[[[",
		"{\"proplet_id\":\"w\"} {\"proplet_id\":\"w\"}" };
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		for (size_t k = 0; k < sizeof(payloads) / sizeof(payloads[0]); k++) {
			arrive(m, topics[i], "%s", payloads[k]);
			if (waiting(m) != 0) {
				fail_msg("%s: %s", topics[i], payloads[k]);
			}
		}
		inbox_message(m, topics[i], (struct bytes){ NULL, 0 });
		inbox_message(m, topics[i], (struct bytes){ (const uint8_t *)"\0\0\0", 3 });
		assert_int_equal(waiting(m), 0);
	}
}

/* A worker's id becomes part of topics. */
static void ids_that_no_topic_can_have(void **state) {
	struct manager *m = *state;
	static const char *const ids[] = { "a/b", "+", "#", "a b", "../x", "\\u0001", "\\u0000" };
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		arrive(m, m->topics.create, "{\"proplet_id\":\"%s\"}", ids[i]);
		arrive(m, m->topics.alive, "{\"proplet_id\":\"%s\"}", ids[i]);
		if (waiting(m) != 0) {
			fail_msg("%s", ids[i]);
		}
	}
}

static void other_topics_say_nothing(void **state) {
	struct manager *m = *state;
	const char *const topics[] = { m->topics.start, m->topics.stop, m->topics.online,
		m->topics.image_chunk, "", "m/d/c/other/control/proplet/alive" };
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		arrive(m, topics[i], "{\"proplet_id\":\"w\"}");
	}
	assert_int_equal(waiting(m), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_REQUESTS(what_is_heard_waits_for_the_loop),
		WITH_REQUESTS(a_connection_waits_for_the_bus),
		WITH_REQUESTS(announcements_are_told_from_heartbeats),
		WITH_REQUESTS(each_topic_has_its_deed),
		WITH_REQUESTS(garbage_makes_no_deed),
		WITH_REQUESTS(ids_that_no_topic_can_have),
		WITH_REQUESTS(other_topics_say_nothing),
	};
	return cmocka_run_group_tests_name("manager/inbox", tests, NULL, NULL);
}
