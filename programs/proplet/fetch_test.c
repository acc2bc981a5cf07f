/* SPDX-License-Identifier: Apache-2.0 */
/* The test is the manager and the clock: it answers requests for chunks as it likes. */
#include "proplet/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>

#include "base/digest.h"
#include "base/log.h"
#include "bus/fixture.h"
#include "model/message.h"

#define BOOT "0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
enum { COUNT = 11, LAST = 7, SIZE = (COUNT - 1) * CHUNK_BYTES + LAST, WINDOW = 8 };

/* Somebody who fetches, in a thread of its own. */
struct job {
	struct fetcher *fetcher;
	const char *digest;
	uint64_t size;
	pthread_t thread;
	atomic_uint looks; /* at the clock, which it does before it waits */
	struct buf wasm;
	bool ok;
	struct error err;
};

/* The clock goes on when the test says so (--wrap, see meson.build). */
static atomic_uint_fast64_t now_ms;
static _Thread_local struct job *own_job;

uint64_t __real_clock_ms(void);
uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_ms(void) {
	if (own_job != NULL) {
		(void)atomic_fetch_add(&own_job->looks, 1);
	}
	return atomic_load(&now_ms);
}

struct desk {
	struct topics topics;
	struct fetcher *fetcher;
	struct bus *bus;
	uint8_t *module;
	char digest[DIGEST_HEX_SIZE];
	size_t seen; /* requests that were looked at */
};

static int set_up(void **state) {
	struct desk *desk = MEM_NEW(struct desk);
	const struct bus_options options = { 0 };
	const struct registry_limits images = { 1000, 1, 1000 };
	struct error err;
	log_set_level(LOG_ERROR);
	atomic_store(&now_ms, __real_clock_ms());
	assert_true(topics_init(&desk->topics, "d", "c", &err));
	const struct fetcher_self self = { .proplet_id = "w", .boot = BOOT };
	desk->fetcher = fetcher_create(&options, &desk->topics, &self, &images, &err);
	assert_non_null(desk->fetcher);
	desk->bus = last_bus;
	assert_true(bus_hears(desk->bus, "m/d/c/c/registry/chunk/w"));
	desk->module = mem_zero(SIZE, 1);
	for (size_t i = 0; i < SIZE; i++) {
		desk->module[i] = (uint8_t)(i / 1000);
	}
	digest_hex(desk->module, SIZE, desk->digest);
	*state = desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	fetcher_destroy(desk->fetcher);
	topics_finish(&desk->topics);
	free(desk->module);
	free(desk);
	return 0;
}

static void *fetch(void *context) {
	struct job *job = context;
	own_job = job;
	job->ok = fetch_module(job->fetcher, job->digest, job->size, &job->wasm, &job->err);
	return NULL;
}

static void await_looks(struct job *job, unsigned count) {
	uint64_t deadline = __real_clock_ms() + BUS_PATIENCE_MS;
	while (atomic_load(&job->looks) < count) {
		assert_true(__real_clock_ms() < deadline);
		(void)poll(NULL, 0, 1);
	}
}

/* Returns when it waits. */
static void begin_with(struct desk *desk, struct job *job, const char *digest, uint64_t size) {
	*job = (struct job){
		.fetcher = desk->fetcher, .digest = digest, .size = size, .wasm = BUF_INIT(SIZE)
	};
	assert_int_equal(pthread_create(&job->thread, NULL, fetch, job), 0);
	await_looks(job, 1); /* under the lock, which it has until it waits */
}

static void begin(struct desk *desk, struct job *job) {
	begin_with(desk, job, desk->digest, SIZE);
}

static void expect_module(struct desk *desk, struct job *job) {
	assert_int_equal(pthread_join(job->thread, NULL), 0);
	if (!job->ok) {
		fail_msg("%s", job->err.message);
	}
	assert_int_equal(job->wasm.size, SIZE);
	assert_memory_equal(job->wasm.data, desk->module, SIZE);
	buf_finish(&job->wasm);
}

static void expect_failure(struct job *job, enum error_code code) {
	assert_int_equal(pthread_join(job->thread, NULL), 0);
	assert_false(job->ok);
	assert_int_equal(job->err.code, code);
	assert_int_equal(job->wasm.size, 0);
	buf_finish(&job->wasm);
}

/* The next request is for these chunks. */
static void expect_request(struct desk *desk, uint32_t first, uint32_t count) {
	const struct said said = bus_said(desk->bus, desk->seen++);
	struct chunk_request request;
	struct error err;
	assert_string_equal(said.topic, "m/d/c/c/registry/manager");
	assert_true(chunk_request_decode(&request, said.payload, &err));
	assert_string_equal(request.proplet_id, "w");
	assert_string_equal(request.boot, BOOT);
	assert_string_equal(request.digest, desk->digest);
	assert_int_equal(request.first, first);
	assert_int_equal(request.count, count);
	chunk_request_finish(&request);
}

static void expect_no_request(struct desk *desk) {
	assert_int_equal(bus_count(desk->bus), desk->seen);
}

static void deliver_chunk(struct desk *desk, const struct chunk *chunk) {
	CLEANUP(mem_freep) uint8_t *payload = mem_zero(CHUNK_HEADER_BYTES + chunk->data.size, 1);
	chunk_header_encode(chunk, payload);
	if (chunk->data.size != 0) {
		memcpy(payload + CHUNK_HEADER_BYTES, chunk->data.data, chunk->data.size);
	}
	bus_deliver(desk->bus, "m/d/c/c/registry/chunk/w",
			(struct bytes){ payload, CHUNK_HEADER_BYTES + chunk->data.size });
}

static struct chunk chunk_of(const struct desk *desk, uint32_t index) {
	struct chunk chunk = { .module_size = SIZE, .index = index, .count = COUNT };
	memcpy(chunk.digest, desk->digest, sizeof(chunk.digest));
	chunk.data = (struct bytes){ desk->module + (size_t)index * CHUNK_BYTES,
		index == COUNT - 1 ? LAST : CHUNK_BYTES };
	return chunk;
}

static void deliver(struct desk *desk, uint32_t index) {
	const struct chunk chunk = chunk_of(desk, index);
	deliver_chunk(desk, &chunk);
}

/* Wakes who waits, and is no progress: chunk 0 again. */
static void pass(struct desk *desk, struct job *job, uint64_t ms) {
	unsigned looks = atomic_load(&job->looks);
	(void)atomic_fetch_add(&now_ms, ms);
	deliver(desk, 0);
	await_looks(job, looks + 1);
	deliver(desk, 0); /* after what it did when it looked */
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void a_window_is_on_its_way(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job);
	expect_request(desk, 0, WINDOW);
	for (uint32_t i = 0; i < COUNT; i++) {
		deliver(desk, i);
		if (i + WINDOW < COUNT) {
			expect_request(desk, i + WINDOW, 1);
		}
		expect_no_request(desk);
	}
	expect_module(desk, &job);
}

static void in_any_order_and_repeated(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job);
	expect_request(desk, 0, WINDOW);
	for (uint32_t i = WINDOW; i-- > 0;) {
		deliver(desk, i);
		if (i >= WINDOW - (COUNT - WINDOW)) {
			expect_request(desk, COUNT - 1 - (i - (2 * WINDOW - COUNT)), 1);
		}
		deliver(desk, i); /* again */
		expect_no_request(desk);
	}
	for (uint32_t i = COUNT; i-- > WINDOW;) {
		deliver(desk, i);
	}
	expect_module(desk, &job);
	expect_no_request(desk);
}

static void many_wait_for_one(void **state) {
	enum { JOBS = 4 };
	struct desk *desk = *state;
	struct job jobs[JOBS];
	for (size_t i = 0; i < JOBS; i++) {
		begin(desk, &jobs[i]);
	}
	expect_request(desk, 0, WINDOW);
	expect_no_request(desk); /* it is asked for once */
	for (uint32_t i = 0; i < COUNT; i++) {
		deliver(desk, i);
	}
	for (size_t i = 0; i < JOBS; i++) {
		expect_module(desk, &jobs[i]);
	}
}

static void modules_come_side_by_side(void **state) {
	struct desk *desk = *state;
	struct job large, small;
	struct chunk chunk = { .module_size = LAST, .count = 1, .data = { desk->module, LAST } };
	digest_hex(desk->module, LAST, chunk.digest);
	begin(desk, &large);
	deliver(desk, 0);
	begin_with(desk, &small, chunk.digest, LAST);
	deliver(desk, 1);
	deliver_chunk(desk, &chunk);
	assert_int_equal(pthread_join(small.thread, NULL), 0);
	assert_true(small.ok && small.wasm.size == LAST);
	buf_finish(&small.wasm);
	for (uint32_t i = 2; i < COUNT; i++) {
		deliver(desk, i);
	}
	expect_module(desk, &large);
}

static void a_module_that_the_manager_has_not(void **state) {
	struct desk *desk = *state;
	struct job jobs[2];
	struct chunk none = { 0 };
	memcpy(none.digest, desk->digest, sizeof(none.digest));
	begin(desk, &jobs[0]);
	begin(desk, &jobs[1]);
	deliver_chunk(desk, &none);
	expect_failure(&jobs[0], ERROR_NOT_FOUND);
	expect_failure(&jobs[1], ERROR_NOT_FOUND);
	expect_request(desk, 0, WINDOW);
	bus_forget(desk->bus);
	desk->seen = 0;
	begin(desk, &jobs[0]); /* that is not remembered */
	expect_request(desk, 0, WINDOW);
	for (uint32_t i = 0; i < COUNT; i++) {
		deliver(desk, i);
	}
	expect_module(desk, &jobs[0]);
}

static void what_was_promised_and_did_not_come(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job);
	desk->module[CHUNK_BYTES + 5] ^= 1;
	for (uint32_t i = 0; i < COUNT; i++) {
		deliver(desk, i);
	}
	expect_failure(&job, ERROR_INTEGRITY);
}

static void chunks_that_do_not_fit_are_dropped(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job);
	expect_request(desk, 0, WINDOW);
	struct chunk chunk = chunk_of(desk, 0);
	chunk.module_size -= 1; /* its last chunk is shorter, so it adds up */
	deliver_chunk(desk, &chunk);
	chunk = chunk_of(desk, 0);
	chunk.digest[0] = chunk.digest[0] == '0' ? '1' : '0';
	deliver_chunk(desk, &chunk);
	chunk = chunk_of(desk, 0);
	chunk.data.size--;
	deliver_chunk(desk, &chunk);
	chunk = chunk_of(desk, 0);
	chunk.index = COUNT;
	deliver_chunk(desk, &chunk);
	bus_deliver(desk->bus, "m/d/c/c/registry/chunk/w", (struct bytes){ desk->module, 100 });
	expect_no_request(desk);
	for (uint32_t i = 0; i < COUNT; i++) {
		deliver(desk, i);
	}
	expect_module(desk, &job);
}

static void what_does_not_come_is_asked_for_again(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job);
	expect_request(desk, 0, WINDOW);
	deliver(desk, 0);
	expect_request(desk, WINDOW, 1);
	deliver(desk, 2);
	expect_request(desk, WINDOW + 1, 1);
	pass(desk, &job, 1500);
	expect_no_request(desk);
	pass(desk, &job, 501);
	static const uint32_t missing[WINDOW] = { 1, 3, 4, 5, 6, 7, 8, 9 };
	for (size_t i = 0; i < WINDOW; i++) {
		expect_request(desk, missing[i], 1);
	}
	pass(desk, &job, 1500);
	expect_no_request(desk);
	pass(desk, &job, 501);
	for (size_t i = 0; i < WINDOW; i++) {
		expect_request(desk, missing[i], 1);
	}
	expect_no_request(desk);
	for (uint32_t i = 1; i < COUNT; i++) {
		deliver(desk, i);
	}
	expect_request(desk, COUNT - 1, 1); /* the one beyond the window */
	expect_module(desk, &job);
}

static void after_a_minute_it_is_given_up(void **state) {
	struct desk *desk = *state;
	struct job jobs[2];
	begin(desk, &jobs[0]);
	deliver(desk, 0);
	(void)atomic_fetch_add(&now_ms, 50000);
	deliver(desk, 1); /* progress begins the minute again */
	(void)atomic_fetch_add(&now_ms, 50000);
	begin(desk, &jobs[1]); /* who comes late shares it */
	deliver(desk, 2);
	desk->seen = bus_count(desk->bus);
	pass(desk, &jobs[0], 2001);
	expect_request(desk, 3, 1); /* both go on */
	pass(desk, &jobs[0], 60001);
	expect_failure(&jobs[0], ERROR_UNAVAILABLE);
	expect_failure(&jobs[1], ERROR_UNAVAILABLE);
	assert_non_null(strstr(jobs[0].err.message, "nothing for 60 s"));
}

static void a_new_connection_asks_at_once(void **state) {
	struct desk *desk = *state;
	struct job job;
	desk->bus->down = true;
	desk->seen = 0;
	begin(desk, &job);
	expect_no_request(desk);
	desk->bus->down = false;
	desk->bus->handlers.connected(desk->bus->handlers.context);
	assert_int_equal(bus_count(desk->bus), WINDOW);
	for (uint32_t i = 0; i < WINDOW; i++) {
		expect_request(desk, i, 1);
	}
	for (uint32_t i = 0; i < WINDOW; i++) {
		deliver(desk, i);
	}
	desk->seen = bus_count(desk->bus);
	desk->bus->handlers.connected(desk->bus->handlers.context);
	assert_int_equal(bus_count(desk->bus), desk->seen + COUNT - WINDOW);
	for (uint32_t i = WINDOW; i < COUNT; i++) { /* only what is missing */
		expect_request(desk, i, 1);
	}
	expect_no_request(desk);
	for (uint32_t i = WINDOW; i < COUNT; i++) {
		deliver(desk, i);
	}
	expect_module(desk, &job);
}

static void an_end_lets_go_of_all(void **state) {
	struct desk *desk = *state;
	struct job jobs[2];
	begin(desk, &jobs[0]);
	begin(desk, &jobs[1]);
	fetcher_close(desk->fetcher);
	expect_failure(&jobs[0], ERROR_INTERRUPTED);
	expect_failure(&jobs[1], ERROR_INTERRUPTED);
	deliver(desk, 0); /* for nobody */
}

static void sizes_that_no_module_has(void **state) {
	struct desk *desk = *state;
	static const uint64_t sizes[] = { 0, UINT64_MAX };
	for (size_t i = 0; i < 2; i++) {
		struct buf wasm = BUF_INIT(SIZE);
		struct error err;
		assert_false(fetch_module(desk->fetcher, desk->digest, sizes[i], &wasm, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
	expect_no_request(desk);
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_DESK(a_window_is_on_its_way),
		WITH_DESK(in_any_order_and_repeated),
		WITH_DESK(many_wait_for_one),
		WITH_DESK(modules_come_side_by_side),
		WITH_DESK(a_module_that_the_manager_has_not),
		WITH_DESK(what_was_promised_and_did_not_come),
		WITH_DESK(chunks_that_do_not_fit_are_dropped),
		WITH_DESK(what_does_not_come_is_asked_for_again),
		WITH_DESK(after_a_minute_it_is_given_up),
		WITH_DESK(a_new_connection_asks_at_once),
		WITH_DESK(an_end_lets_go_of_all),
		WITH_DESK(sizes_that_no_module_has),
	};
	return cmocka_run_group_tests_name("proplet/fetch", tests, NULL, NULL);
}
