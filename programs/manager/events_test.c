/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/events.h"

#include "manager/request_fixture.h"

enum { PIECE = 4096 };
#define OTHER_BOOT "ffffffff-9"

static int set_up(void **state) {
	(void)request_set_up(state);
	struct manager *m = *state;
	m->events = events_create(BOOT);
	return 0;
}

static void hang_up(void) {
	if (fixture_stream.source != NULL) {
		fixture_stream.source->end(fixture_stream.context);
		fixture_stream.source = NULL;
	}
}

static int tear_down(void **state) {
	struct manager *m = *state;
	hang_up();
	events_destroy(m->events);
	m->events = NULL;
	return request_tear_down(state);
}

#define WITH_EVENTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void listen_to(struct manager *m, const char *name, const char *value, const char *last_id) {
	struct http_request request = { .method = "GET",
		.path = "/events",
		.query = { name, value },
		.header = { "Last-Event-ID", last_id } };
	serve(m, &request);
	assert_int_equal(request.status, 200);
	json_decref(request.answer);
}

/* What he gets when he asks for so many bytes at a time, until nothing is left. */
static const char *heard(size_t piece) {
	static char text[1 << 20];
	size_t used = 0;
	for (long count = 1; count > 0; used += (size_t)count) {
		assert_true(used + piece < sizeof(text));
		count = fixture_stream.source->read(
				fixture_stream.context, (uint8_t *)text + used, piece);
		if (count == HTTP_STREAM_END) {
			return NULL;
		}
	}
	text[used] = 0;
	return text;
}

static unsigned count(const char *text, const char *part) {
	unsigned found = 0;
	for (; text != NULL && (text = strstr(text, part)) != NULL; text += strlen(part)) {
		found++;
	}
	return found;
}

/* The batch is over and committed. */
static void commit(struct manager *m) {
	next_batch(m);
	events_flush(m->events, true);
}

/* next_batch() ends it as one that is not published: so what was to be told goes before. */
static void tell(struct manager *m) {
	events_flush(m->events, true);
	commit(m);
}

static void who_listens_hears_in_order(void **state) {
	struct manager *m = *state;
	const char *text;
	listen_to(m, NULL, NULL, NULL);
	text = heard(PIECE);
	assert_string_equal(text, "retry: 1000\nid: 0b0d9e2c-0\n\n");
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	CLEANUP(mem_freep) char *id = str_copy(live->task->id);
	assert_string_equal(heard(PIECE), ""); /* not before the commit */
	assert_true(tasks_go(m, live, TASK_RUNNING, "a cause\nwith \"two\" lines"));
	assert_true(tasks_go(m, live, TASK_COMPLETED, "done"));
	tell(m);
	text = heard(PIECE);
	assert_int_equal(count(text, "event: proplet\n"), 3); /* registered, changed, alive */
	assert_int_equal(count(text, "event: task\n"), 3);
	assert_int_equal(count(text, "data: {"), 6);
	assert_int_equal(count(text, "\n\n"), 6);
	const char *scheduled = strstr(text, "\"state\":1"), *running = strstr(text, "\"state\":2");
	assert_true(scheduled != NULL && running > scheduled);
	assert_true(strstr(text, "\"state\":3") > running);
	assert_non_null(strstr(running, "\"cause\":\"a cause\\nwith \\\"two\\\" lines\""));
	assert_non_null(strstr(text, id));
	assert_string_equal(heard(PIECE), "");
}

static void what_is_rolled_back_is_not_told(void **state) {
	struct manager *m = *state;
	listen_to(m, NULL, NULL, NULL);
	(void)heard(PIECE);
	announce(m, "w");
	events_flush(m->events, false);
	assert_string_equal(heard(PIECE), "");
}

static void in_pieces_of_any_size(void **state) {
	struct manager *m = *state;
	listen_to(m, NULL, NULL, NULL);
	announce(m, "w");
	tell(m);
	CLEANUP(mem_freep) char *all = str_copy(heard(PIECE));
	for (size_t piece = 1; piece < 40; piece++) {
		hang_up();
		listen_to(m, NULL, NULL, "0b0d9e2c-0");
		assert_string_equal(heard(piece), all);
	}
}

static void filters(void **state) {
	struct manager *m = *state;
	listen_to(m, "type", "task", NULL);
	announce(m, "w");
	const struct live *first = start_task(m, NULL);
	CLEANUP(mem_freep) char *id = str_copy(first->task->id);
	(void)start_task(m, NULL);
	tell(m);
	const char *text = heard(PIECE);
	assert_int_equal(count(text, "event: task\n"), 2);
	assert_int_equal(count(text, "event: proplet\n"), 0);
	hang_up();
	listen_to(m, "type", "proplet,task", "0b0d9e2c-0");
	assert_int_equal(count(heard(PIECE), "event: "), 5);
	hang_up();
	listen_to(m, "task", id, "0b0d9e2c-0");
	text = heard(PIECE);
	assert_int_equal(count(text, "event: "), 1);
	assert_non_null(strstr(text, id));
}

static void bad_filters(void **state) {
	struct manager *m = *state;
	static const char *const rows[][2] = { { "type", "" }, { "type", "tasks" },
		{ "type", "task,x" }, { "type", "," }, { "task", "" }, { "task", "7" } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct http_request request = {
			.method = "GET", .path = "/events", .query = { rows[i][0], rows[i][1] }
		};
		serve(m, &request);
		assert_int_equal(request.status, 400);
		assert_non_null(strstr(text_of(&request, "detail"), rows[i][0]));
		json_decref(request.answer);
	}
	assert_null(fixture_stream.source);
}

static void reconnecting(void **state) {
	struct manager *m = *state;
	listen_to(m, "type", "proplet", NULL);
	announce(m, "w");
	tell(m);
	hang_up();
	static const struct {
		const char *id;
		unsigned events;
		bool reset;
	} rows[] = { { "0b0d9e2c-0", 3, false }, { "0b0d9e2c-2", 1, false },
		{ "0b0d9e2c-3", 0, false }, { "0b0d9e2c-4", 1, true }, { OTHER_BOOT, 1, true },
		{ "0b0d9e2c-", 1, true }, { "0b0d9e2c", 1, true }, { "", 1, true },
		{ "0b0d9e2c-18446744073709551615", 1, true }, { "0b0d9e2c-1x", 1, true } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		listen_to(m, NULL, NULL, rows[i].id);
		const char *text = heard(PIECE);
		assert_int_equal(count(text, "event: "), rows[i].events);
		assert_int_equal(count(text, "event: reset\n"), rows[i].reset);
		assert_int_equal(count(text, "id: 0b0d9e2c-3\n"), rows[i].events != 0 || i == 2);
		hang_up();
	}
}

static void who_is_too_slow_is_hung_up_on(void **state) {
	struct manager *m = *state;
	listen_to(m, NULL, NULL, NULL);
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	for (int i = 0; i < EVENTS_MAX - 6; i++) {
		events_task(m, live->task, "changed", NULL);
	}
	events_flush(m->events, true);
	uint8_t byte;
	const struct http_source *source = fixture_stream.source;
	for (int i = 0; i < 300; i++) { /* he is in the middle of the first event */
		assert_int_equal(source->read(fixture_stream.context, &byte, 1), 1);
	}
	for (int i = 0; i < 10; i++) {
		events_task(m, live->task, "changed", NULL);
	}
	events_flush(m->events, true);
	assert_int_equal(source->read(fixture_stream.context, &byte, 1), HTTP_STREAM_END);
	hang_up();
	listen_to(m, NULL, NULL, "0b0d9e2c-1");
	assert_int_equal(count(heard(PIECE), "event: reset\n"), 1);
}

static void the_ring_is_bounded_in_bytes(void **state) {
	struct manager *m = *state;
	listen_to(m, NULL, NULL, NULL);
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	CLEANUP(mem_freep) char *name = mem_zero(EVENTS_BYTES_MAX / 4 + 1, 1);
	memset(name, 'x', EVENTS_BYTES_MAX / 4);
	str_set(&live->task->work.name, name);
	for (int i = 0; i < 10; i++) {
		events_task(m, live->task, "changed", NULL);
	}
	tell(m);
	assert_null(heard(PIECE)); /* three of them fit */
	hang_up();
	listen_to(m, NULL, NULL, "0b0d9e2c-13");
	uint8_t *room = mem_zero(EVENTS_BYTES_MAX, 1);
	long got = fixture_stream.source->read(fixture_stream.context, room, EVENTS_BYTES_MAX);
	assert_true(got > EVENTS_BYTES_MAX / 4 && got < EVENTS_BYTES_MAX / 3);
	free(room);
}

static void a_cause_is_cut(void **state) {
	struct manager *m = *state;
	listen_to(m, "type", "task", NULL);
	announce(m, "w");
	struct live *live = start_task(m, NULL);
	char cause[2 * EVENTS_CAUSE_MAX];
	memset(cause, 'a', sizeof(cause));
	memcpy(cause + EVENTS_CAUSE_MAX - 1, "\xc3\xa4", 2); /* cut in its middle */
	cause[sizeof(cause) - 1] = 0;
	assert_true(tasks_go(m, live, TASK_RUNNING, cause));
	tell(m);
	assert_non_null(strstr(heard(PIECE), "aaa\xef\xbf\xbd\""));
}

static void while_nobody_listens_nothing_is_kept(void **state) {
	struct manager *m = *state;
	assert_false(events_wanted(m->events));
	announce(m, "w");
	tell(m);
	listen_to(m, NULL, NULL, "0b0d9e2c-0");
	assert_true(events_wanted(m->events));
	const char *text = heard(PIECE);
	assert_int_equal(count(text, "event: reset\n"), 1);
	assert_int_equal(count(text, "id: 0b0d9e2c-3\n"), 1);
	hang_up();
	assert_true(events_wanted(m->events)); /* for a while: he may come again */
}

static void an_end_for_all(void **state) {
	struct manager *m = *state;
	listen_to(m, NULL, NULL, NULL);
	announce(m, "w");
	tell(m);
	events_close(m->events);
	assert_true(fixture_stream.woken != 0);
	static uint8_t room[PIECE];
	assert_true(fixture_stream.source->read(fixture_stream.context, room, PIECE) > 100);
	assert_int_equal(fixture_stream.source->read(fixture_stream.context, room, PIECE),
			HTTP_STREAM_END);
}

static void workers_that_go_silent(void **state) {
	struct manager *m = *state;
	announce(m, "w");
	listen_to(m, "type", "proplet", NULL);
	(void)heard(PIECE);
	m->now_ms += 3000;
	m->next_tick_ms = 0;
	workers_tick(m);
	tell(m);
	assert_int_equal(count(heard(PIECE), "\"change\":\"dead\""), 1);
	announce(m, "w");
	struct error err;
	assert_true(workers_delete(m, workers_find(m, "w"), &err));
	tell(m);
	const char *text = heard(PIECE);
	assert_int_equal(count(text, "\"change\":\"alive\""), 1);
	assert_int_equal(count(text, "\"change\":\"deleted\""), 1);
}

static void few_hear_at_once_many_in_rounds(void **state) {
	(void)state;
	assert_int_equal(events_round_ms(0), 1);
	assert_int_equal(events_round_ms(1), 1);
	assert_int_equal(events_round_ms(500), 11);
	assert_int_equal(events_round_ms(EVENTS_LISTENERS_MAX), EVENTS_ROUND_MS_MAX);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_EVENTS(who_listens_hears_in_order),
		WITH_EVENTS(what_is_rolled_back_is_not_told),
		WITH_EVENTS(in_pieces_of_any_size),
		WITH_EVENTS(filters),
		WITH_EVENTS(bad_filters),
		WITH_EVENTS(reconnecting),
		WITH_EVENTS(who_is_too_slow_is_hung_up_on),
		WITH_EVENTS(the_ring_is_bounded_in_bytes),
		WITH_EVENTS(a_cause_is_cut),
		WITH_EVENTS(while_nobody_listens_nothing_is_kept),
		WITH_EVENTS(an_end_for_all),
		WITH_EVENTS(workers_that_go_silent),
		cmocka_unit_test(few_hear_at_once_many_in_rounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
