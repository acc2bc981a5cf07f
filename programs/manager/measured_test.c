/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/fixture.h"

static void measured(struct manager *m, enum metrics_kind kind, const char *format, ...) {
	char text[1024];
	struct metrics metrics;
	struct error err;
	va_list args;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!metrics_decode(&metrics, kind, (struct bytes){ (uint8_t *)text, strlen(text) },
			    &err)) {
		fail_msg("%s: %s", text, err.message);
	}
	workers_measured(m, &metrics);
	metrics_finish(&metrics);
}

static size_t of_task(struct manager *m, const struct live *live) {
	return history_count(m->measured[METRICS_TASK], live->task->id);
}

static void only_workers_that_are_known(void **state) {
	struct manager *m = *state;
	announce(m, "p1");
	measured(m, METRICS_PROPLET, "{\"proplet_id\":\"p1\"}");
	measured(m, METRICS_PROPLET, "{\"proplet_id\":\"p2\"}");
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "p1"), 1);
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "p2"), 0);
	for (int i = 0; i < 150; i++) {
		measured(m, METRICS_PROPLET, "{\"proplet_id\":\"p1\"}");
	}
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "p1"), 100);
	struct error err;
	assert_true(workers_delete(m, workers_find(m, "p1"), &err));
	next_batch(m);
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "p1"), 0);
}

static void only_the_worker_of_a_task_tells_of_it(void **state) {
	struct manager *m = *state;
	announce(m, "p1");
	struct live *live = start_task(m, NULL);
	measured(m, METRICS_TASK, "{\"task_id\":\"%s\",\"proplet_id\":\"p2\"}", live->task->id);
	measured(m, METRICS_TASK, "{\"task_id\":\"%s\"}", live->task->id);
	measured(m, METRICS_TASK, "{\"task_id\":\"nobody\",\"proplet_id\":\"p1\"}");
	assert_int_equal(of_task(m, live), 0);
	measured(m, METRICS_TASK, "{\"task_id\":\"%s\",\"proplet_id\":\"p1\"}", live->task->id);
	assert_int_equal(of_task(m, live), 1);
}

/* With a key: who has shown that he has it too signs; others go on as they are. */
static void only_what_is_signed(void **state) {
	struct manager *m = *state;
	struct error err;
	announce(m, "p1");
	announce(m, "p2");
	workers_find(m, "p1")->proplet->verified = true;
	m->ring = seal_ring_create(NULL, &err);
	measured(m, METRICS_PROPLET, "{\"proplet_id\":\"p1\"}");
	measured(m, METRICS_PROPLET, "{\"proplet_id\":\"p2\"}");
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "p1"), 0);
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "p2"), 1);
	struct metrics metrics = { .proplet_id = (char[]){ "p1" }, .verified = true };
	sample_init(&metrics.sample, METRICS_PROPLET);
	workers_measured(m, &metrics);
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "p1"), 1);
	workers_find(m, "p1")->early = true; /* it cannot sign yet */
	measured(m, METRICS_PROPLET, "{\"proplet_id\":\"p1\"}");
	assert_int_equal(history_count(m->measured[METRICS_PROPLET], "p1"), 2);
	seal_ring_destroy(m->ring);
	m->ring = NULL;
}

static void as_many_as_the_profile_says(void **state) {
	struct manager *m = *state;
	announce(m, "p1");
	struct live *live = start_task(m, NULL);
	struct profile *profile = &live->task->work.profile;
	static const struct {
		bool retain;
		uint64_t history;
		size_t kept;
	} rows[] = { { true, 3, 3 }, { true, 0, 100 }, { true, 5000, 1000 }, { false, 50, 1 } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		profile->retain = rows[i].retain;
		profile->history = rows[i].history;
		for (int k = 0; k < 1100; k++) {
			measured(m, METRICS_TASK, "{\"task_id\":\"%s\",\"proplet_id\":\"p1\"}",
					live->task->id);
		}
		assert_int_equal(of_task(m, live), rows[i].kept);
	}
}

static void note_time(void *context, const char *proplet_id, const struct sample *sample) {
	(void)proplet_id;
	*(int64_t *)context = sample->at;
}

/* In each form; a chip's own count of milliseconds is replaced by the time of arrival. */
static void the_time_is_the_senders_if_it_can_be(void **state) {
	struct manager *m = *state;
	static const struct {
		const char *json;
		int64_t at; /* 0: when it came */
	} rows[] = { { "\"2023-11-14T22:13:20Z\"", INT64_C(1700000000000000000) },
		{ "{\"secs_since_epoch\":1700000000,\"nanos_since_epoch\":1}",
				INT64_C(1700000000000000001) },
		{ "1700000000", INT64_C(1700000000000000000) },
		{ "1700000000000", INT64_C(1700000000000000000) }, { "123456", 0 }, { "null", 0 },
		{ "\"yesterday\"", 0 }, { "[]", 0 } };
	announce(m, "p1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t at = 0;
		measured(m, METRICS_PROPLET, "{\"proplet_id\":\"p1\",\"timestamp\":%s}",
				rows[i].json);
		history_page(m->measured[METRICS_PROPLET], "p1", i, 1, note_time, &at);
		assert_int_equal(at, rows[i].at != 0 ? rows[i].at : m->wall_ns);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_MANAGER(only_workers_that_are_known),
		WITH_MANAGER(only_the_worker_of_a_task_tells_of_it),
		WITH_MANAGER(only_what_is_signed),
		WITH_MANAGER(as_many_as_the_profile_says),
		WITH_MANAGER(the_time_is_the_senders_if_it_can_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
