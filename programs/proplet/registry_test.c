/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls in threads, chunks by hand; the bus has no broker, so what is asked for goes nowhere. */
#include "proplet/registry.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum { PULLERS = 8, FOR_EVER_MS = 60000, SOON_MS = 60 };

struct fixture {
	struct bus *bus;
	struct topics topics;
};

static void ignore(void *context) {
	(void)context;
}

static void ignore_end(void *context, const char *reason) {
	(void)context;
	(void)reason;
}

static void ignore_message(void *context, const char *topic, struct bytes payload) {
	(void)context;
	(void)topic;
	(void)payload;
}

static int set_up(void **state) {
	struct fixture *fixture = MEM_NEW(struct fixture);
	struct error err;
	const struct bus_options options = { .address = "127.0.0.1:1", .client_id = "test" };
	const struct bus_handlers handlers = { ignore, ignore_end, ignore_message, NULL };
	log_set_level(LOG_ERROR);
	fixture->bus = bus_create(&options, &handlers, &err);
	assert_non_null(fixture->bus);
	assert_true(topics_init(&fixture->topics, "d", "c", &err));
	*state = fixture;
	return 0;
}

static int tear_down(void **state) {
	struct fixture *fixture = *state;
	bus_destroy(fixture->bus, 0);
	topics_finish(&fixture->topics);
	free(fixture);
	return 0;
}

static struct registry *make(
		struct fixture *fixture, size_t image_max, uint64_t at_once, uint64_t timeout_ms) {
	const struct registry_limits limits = { image_max, at_once, timeout_ms };
	return registry_create(fixture->bus, &fixture->topics, &limits);
}

/* One who pulls, in a thread of his own. */
struct puller {
	struct registry *registry;
	const char *name;
	struct run_stop *stop;
	pthread_t thread;
	struct image *image;
	struct error err;
	atomic_bool done;
};

static void *pull(void *context) {
	struct puller *puller = context;
	puller->image = registry_pull(puller->registry, puller->name, puller->stop, &puller->err);
	atomic_store(&puller->done, true);
	return NULL;
}

static void begin(struct puller *puller, struct registry *registry, const char *name) {
	*puller = (struct puller){ .registry = registry, .name = name };
	puller->stop = run_stop_create(NULL);
	assert_int_equal(pthread_create(&puller->thread, NULL, pull, puller), 0);
}

static void finish(struct puller *puller) {
	(void)pthread_join(puller->thread, NULL);
	image_release(puller->image);
	run_stop_destroy(puller->stop);
}

static void feed(struct registry *registry, const char *name, unsigned index, unsigned count,
		const char *data) {
	char text[256];
	int size = snprintf(text, sizeof(text),
			"{\"app_name\":\"%s\",\"chunk_idx\":%u,\"total_chunks\":%u,\"data\":\"%"
			"s\"}",
			name, index, count, data);
	registry_message(registry, (struct bytes){ (const uint8_t *)text, (size_t)size });
}

/* Between two looks at a condition that nobody signals. */
static void look_again(void) {
	(void)poll(NULL, 0, 2);
}

/* "hello" in two chunks, for all names, until he who pulls one has it. */
static void feed_until_done(struct puller *puller) {
	static const char *const names[] = { "x", "y" };
	while (!atomic_load(&puller->done)) {
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			feed(puller->registry, names[i], 1, 2, "bG8=");
			feed(puller->registry, names[i], 0, 2, "aGVs");
		}
		look_again();
	}
}

static void everybody_who_waits_is_served(void **state) {
	struct registry *registry = make(*state, 100, 1, FOR_EVER_MS);
	struct puller pullers[PULLERS];
	for (int i = 0; i < PULLERS; i++) {
		begin(&pullers[i], registry, i % 2 == 0 ? "x" : "y"); /* one at a time */
	}
	for (int i = 0; i < PULLERS; i++) {
		feed_until_done(&pullers[i]);
	}
	for (int i = 0; i < PULLERS; i++) {
		(void)pthread_join(pullers[i].thread, NULL);
		assert_non_null(pullers[i].image);
		struct bytes bytes = image_bytes(pullers[i].image);
		assert_int_equal(bytes.size, 5);
		assert_memory_equal(bytes.data, "hello", 5);
		assert_int_equal(strlen(image_digest(pullers[i].image)), 64);
		image_release(pullers[i].image);
		run_stop_destroy(pullers[i].stop);
	}
	registry_destroy(registry);
}

static void what_does_not_come_is_given_up(void **state) {
	struct registry *registry = make(*state, 100, 4, SOON_MS);
	struct error err;
	uint64_t begin_ms = clock_ms();
	assert_null(registry_pull(registry, "x", NULL, &err));
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	assert_non_null(strstr(err.message, "nothing came"));
	assert_true(clock_ms() >= begin_ms + SOON_MS);
	registry_destroy(registry);
}

/* Feeds one chunk until the pull has ended; with which code. */
static enum error_code ended_by(struct registry *registry, const char *data, const char *other) {
	struct puller puller;
	begin(&puller, registry, "x");
	while (!atomic_load(&puller.done)) {
		feed(registry, "x", 0, 2, data);
		feed(registry, "x", 0, 2, other);
		look_again();
	}
	(void)pthread_join(puller.thread, NULL);
	assert_null(puller.image);
	run_stop_destroy(puller.stop);
	return puller.err.code;
}

static void what_contradicts_itself_or_is_too_large_ends(void **state) {
	struct registry *registry = make(*state, 4, 4, FOR_EVER_MS);
	assert_int_equal(ended_by(registry, "aGVs", "bG8="), ERROR_INTEGRITY);
	struct puller puller;
	begin(&puller, registry, "y");
	feed_until_done(&puller); /* five bytes, four are allowed */
	assert_int_equal(puller.err.code, ERROR_TOO_LARGE);
	finish(&puller);
	registry_destroy(registry);
}

static void a_stop_ends_one_and_not_the_others(void **state) {
	struct registry *registry = make(*state, 100, 1, FOR_EVER_MS);
	struct puller stopped, other, third;
	begin(&stopped, registry, "x");
	begin(&other, registry, "x");
	begin(&third, registry, "y"); /* perhaps waits for its turn */
	run_stop_request(stopped.stop);
	run_stop_request(third.stop);
	while (!atomic_load(&stopped.done) || !atomic_load(&third.done)) {
		look_again();
	}
	assert_int_equal(stopped.err.code, ERROR_INTERRUPTED);
	assert_int_equal(third.err.code, ERROR_INTERRUPTED);
	feed_until_done(&other);
	assert_non_null(other.image);
	finish(&stopped);
	finish(&other);
	finish(&third);
	registry_destroy(registry);
}

static void the_end_ends_all(void **state) {
	struct registry *registry = make(*state, 100, 1, FOR_EVER_MS);
	struct puller one, two;
	begin(&one, registry, "x");
	begin(&two, registry, "y");
	registry_close(registry);
	while (!atomic_load(&one.done) || !atomic_load(&two.done)) {
		look_again();
	}
	assert_int_equal(one.err.code, ERROR_INTERRUPTED);
	assert_int_equal(two.err.code, ERROR_INTERRUPTED);
	finish(&one);
	finish(&two);
	registry_destroy(registry);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_who_waits_is_served),
		cmocka_unit_test(what_does_not_come_is_given_up),
		cmocka_unit_test(what_contradicts_itself_or_is_too_large_ends),
		cmocka_unit_test(a_stop_ends_one_and_not_the_others),
		cmocka_unit_test(the_end_ends_all),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
