/* SPDX-License-Identifier: Apache-2.0 */
/* The test is Propeller's proxy and the clock. */
#include "proplet/registry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>

#include "base/base64.h"
#include "base/log.h"
#include "bus/fixture.h"
#include "model/message.h"

enum { AT_ONCE = 2, TIMEOUT_MS = 60, AGAIN_MS = TIMEOUT_MS / 6, IMAGE_MAX = 1000 };

/* Somebody who pulls, in a thread of its own. */
struct job {
	struct registry *registry;
	const char *name;
	struct run_stop *stop;
	pthread_t thread;
	atomic_uint looks; /* at the clock, which it does before it waits */
	struct image *image;
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
	struct bus *bus;
	struct registry *registry;
	struct seal_ring *ring, *roots; /* the worker's and the proxy's; NULL: without a key */
	size_t seen;                    /* requests that were looked at */
};

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BOOT "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00"

static struct seal_ring *ring_of(const char *worker) {
	struct error err;
	struct seal_ring *ring = seal_ring_create(worker, &err);
	assert_true(ring != NULL && seal_ring_read(ring, KEY, &err));
	return ring;
}

static int set_up_with(void **state, bool sealed) {
	struct desk *desk = MEM_NEW(struct desk);
	const struct bus_options options = { 0 };
	const struct bus_handlers handlers = { 0 };
	const struct registry_limits limits = { IMAGE_MAX, AT_ONCE, TIMEOUT_MS };
	struct error err;
	log_set_level(LOG_ERROR);
	atomic_store(&now_ms, __real_clock_ms());
	assert_true(topics_init(&desk->topics, "d", "c", &err));
	desk->bus = bus_create(&options, &handlers, &err);
	desk->ring = sealed ? ring_of("w") : NULL;
	desk->roots = sealed ? ring_of(NULL) : NULL;
	const struct registry_self self = { "w", BOOT, desk->ring };
	desk->registry = registry_create(desk->bus, &desk->topics, &self, &limits);
	*state = desk;
	return 0;
}

static int set_up(void **state) {
	return set_up_with(state, false);
}

static int set_up_sealed(void **state) {
	return set_up_with(state, true);
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	assert_int_equal(desk->bus->topics.count, 0); /* nobody waits any more */
	registry_destroy(desk->registry);
	bus_destroy(desk->bus, 0);
	seal_ring_destroy(desk->ring);
	seal_ring_destroy(desk->roots);
	topics_finish(&desk->topics);
	free(desk);
	return 0;
}

static void *pull(void *context) {
	struct job *job = context;
	own_job = job;
	job->image = registry_pull(job->registry, job->name, job->stop, &job->err);
	return NULL;
}

static void await_looks(struct job *job, unsigned count) {
	uint64_t deadline = __real_clock_ms() + BUS_PATIENCE_MS;
	while (atomic_load(&job->looks) < count) {
		assert_true(__real_clock_ms() < deadline);
		(void)poll(NULL, 0, 1);
	}
}

/* Returns when it has looked around, under the lock that it has until it waits. */
static void begin(struct desk *desk, struct job *job, const char *name) {
	*job = (struct job){
		.registry = desk->registry, .name = name, .stop = run_stop_create(NULL)
	};
	assert_int_equal(pthread_create(&job->thread, NULL, pull, job), 0);
	await_looks(job, 1);
}

static void expect_image(struct job *job, const char *content) {
	assert_int_equal(pthread_join(job->thread, NULL), 0);
	if (job->image == NULL) {
		fail_msg("%s: %s", job->name, job->err.message);
	}
	const struct bytes bytes = image_bytes(job->image);
	assert_int_equal(bytes.size, strlen(content));
	assert_memory_equal(bytes.data, content, bytes.size);
	char digest[DIGEST_HEX_SIZE];
	digest_hex((const uint8_t *)content, strlen(content), digest);
	assert_string_equal(image_digest(job->image), digest);
	image_release(job->image);
	run_stop_destroy(job->stop);
}

static void expect_failure(struct job *job, enum error_code code, const char *says) {
	assert_int_equal(pthread_join(job->thread, NULL), 0);
	assert_null(job->image);
	if (job->err.code != code || strstr(job->err.message, says) == NULL) {
		fail_msg("%d %s", (int)job->err.code, job->err.message);
	}
	run_stop_destroy(job->stop);
}

static void expect_request(struct desk *desk, const char *name) {
	const struct said said = bus_said(desk->bus, desk->seen++);
	assert_string_equal(said.topic, "m/d/c/c/registry/proplet");
	json_t *object = json_loads((const char *)said.payload.data, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(object, "app_name")), name);
	json_decref(object);
}

static void expect_no_request(struct desk *desk) {
	assert_int_equal(bus_count(desk->bus), desk->seen);
}

static void deliver(struct desk *desk, const char *name, unsigned index, unsigned count,
		const char *content) {
	CLEANUP(mem_freep)
	char *data = base64_encode((const uint8_t *)content, strlen(content));
	CLEANUP(mem_freep)
	char *text = str_format("{\"app_name\":\"%s\",\"chunk_idx\":%u,\"total_chunks\":%u,"
				"\"data\":\"%s\"}",
			name, index, count, data);
	assert_true(registry_message(desk->registry, desk->topics.image_chunk,
			(struct bytes){ (const uint8_t *)text, strlen(text) }));
}

/* --- the tests ---------------------------------------------------------------------------------
 */

static void an_image_in_chunks(void **state) {
	struct desk *desk = *state;
	struct job job;
	assert_false(bus_hears(desk->bus, desk->topics.image_chunk));
	begin(desk, &job, "r/app:1");
	assert_true(bus_hears(desk->bus, desk->topics.image_chunk));
	expect_request(desk, "r/app:1");
	deliver(desk, "r/app:1", 2, 3, "c");
	deliver(desk, "r/other", 0, 1, "zzz");
	deliver(desk, "r/app:1", 0, 3, "aaa");
	deliver(desk, "r/app:1", 0, 3, "aaa");
	deliver(desk, "r/app:1", 1, 3, "bb");
	expect_image(&job, "aaabbc");
	deliver(desk, "r/app:1", 1, 3, "bb"); /* for nobody */
	expect_no_request(desk);
}

static void all_who_wait_share_it(void **state) {
	enum { JOBS = 4 };
	struct desk *desk = *state;
	struct job jobs[JOBS];
	for (size_t i = 0; i < JOBS; i++) {
		begin(desk, &jobs[i], "app");
	}
	expect_request(desk, "app");
	deliver(desk, "app", 0, 1, "wasm");
	for (size_t i = 0; i < JOBS; i++) {
		expect_image(&jobs[i], "wasm");
	}
	expect_no_request(desk);
	begin(desk, &jobs[0], "app"); /* nothing is kept */
	expect_request(desk, "app");
	deliver(desk, "app", 0, 1, "newer");
	expect_image(&jobs[0], "newer");
}

static void others_wait_for_their_turn(void **state) {
	static const char *const names[] = { "a", "b", "c", "d" };
	struct desk *desk = *state;
	struct job jobs[4];
	for (size_t i = 0; i < AT_ONCE; i++) {
		begin(desk, &jobs[i], names[i]);
		expect_request(desk, names[i]);
	}
	begin(desk, &jobs[2], "c");
	expect_no_request(desk);
	deliver(desk, "c", 0, 1, "early"); /* it was not asked for yet */
	deliver(desk, "a", 0, 1, "1");
	expect_image(&jobs[0], "1");
	expect_request(desk, "c");
	begin(desk, &jobs[3], "d");
	expect_no_request(desk);
	run_stop_request(jobs[3].stop); /* before its turn */
	expect_failure(&jobs[3], ERROR_INTERRUPTED, "stopped");
	deliver(desk, "b", 0, 1, "2");
	deliver(desk, "c", 0, 1, "3");
	expect_image(&jobs[1], "2");
	expect_image(&jobs[2], "3");
	expect_no_request(desk);
}

static void what_does_not_fit_ends_it(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job, "app");
	deliver(desk, "app", 0, 2, "a");
	deliver(desk, "app", 0, 3, "a");
	expect_failure(&job, ERROR_INTEGRITY, "image \"app\"");
	begin(desk, &job, "app");
	deliver(desk, "app", 0, 2, "a");
	deliver(desk, "app", 0, 2, "b");
	expect_failure(&job, ERROR_INTEGRITY, "image \"app\"");
	begin(desk, &job, "app");
	CLEANUP(mem_freep) char *half = mem_zero(IMAGE_MAX / 2 + 2, 1);
	memset(half, 'x', IMAGE_MAX / 2 + 1);
	deliver(desk, "app", 0, 2, half);
	deliver(desk, "app", 1, 2, half);
	expect_failure(&job, ERROR_TOO_LARGE, "image \"app\"");
	begin(desk, &job, "app");
	half[IMAGE_MAX / 2] = 0;
	deliver(desk, "app", 0, 2, half);
	deliver(desk, "app", 1, 2, half);
	CLEANUP(mem_freep) char *whole = str_format("%s%s", half, half);
	expect_image(&job, whole);
}

static void garbage_is_dropped(void **state) {
	static const char *const payloads[] = { "", "{", "null", "{\"app_name\":\"app\"}",
		"{\"app_name\":\"app\",\"chunk_idx\":0,\"total_chunks\":0,\"data\":\"YQ==\"}",
		"{\"app_name\":\"app\",\"chunk_idx\":1,\"total_chunks\":1,\"data\":\"YQ==\"}",
		"{\"app_name\":\"app\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"Y\"}",
		"{\"app_name\":\"app\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"\"}" };
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job, "app");
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		assert_true(registry_message(desk->registry, desk->topics.image_chunk,
				(struct bytes){ (const uint8_t *)payloads[i],
						strlen(payloads[i]) }));
	}
	deliver(desk, "app", 0, 1, "wasm");
	expect_image(&job, "wasm");
}

/* The proxy says nothing when it fails. */
static void what_does_not_come_is_given_up(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job, "app");
	expect_request(desk, "app");
	for (unsigned i = 1; i < 6; i++) {
		expect_no_request(desk);
		(void)atomic_fetch_add(&now_ms, AGAIN_MS);
		expect_request(desk, "app"); /* it may have been lost */
	}
	(void)atomic_fetch_add(&now_ms, AGAIN_MS);
	expect_failure(&job, ERROR_UNAVAILABLE, "nothing came from the proxy");
	begin(desk, &job, "app");
	expect_request(desk, "app");
	deliver(desk, "app", 0, 2, "a");
	(void)atomic_fetch_add(&now_ms, TIMEOUT_MS - 1);
	expect_request(desk, "app");
	deliver(desk, "app", 0, 2, "a"); /* no progress */
	(void)atomic_fetch_add(&now_ms, 1);
	expect_failure(&job, ERROR_UNAVAILABLE, "1 of 2 chunks");
}

static void progress_begins_its_time_again(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job, "app");
	expect_request(desk, "app");
	for (unsigned i = 0; i < 4; i++) {
		(void)atomic_fetch_add(&now_ms, TIMEOUT_MS - 1);
		expect_request(desk, "app");
		deliver(desk, "app", i, 5, "x");
	}
	deliver(desk, "app", 4, 5, "x");
	expect_image(&job, "xxxxx");
}

/* One who gives up disturbs nobody; the last one takes the request with him. */
static void stops(void **state) {
	struct desk *desk = *state;
	struct job jobs[2], late = { .registry = desk->registry, .name = "app" };
	begin(desk, &jobs[0], "app");
	begin(desk, &jobs[1], "app");
	run_stop_request(jobs[0].stop);
	expect_failure(&jobs[0], ERROR_INTERRUPTED, "stopped while");
	assert_true(bus_hears(desk->bus, desk->topics.image_chunk));
	deliver(desk, "app", 0, 1, "wasm");
	expect_image(&jobs[1], "wasm");
	begin(desk, &jobs[0], "app");
	run_stop_request(jobs[0].stop);
	expect_failure(&jobs[0], ERROR_INTERRUPTED, "stopped while");
	assert_false(bus_hears(desk->bus, desk->topics.image_chunk));
	late.stop = run_stop_create(NULL);
	run_stop_request(late.stop);
	assert_int_equal(pthread_create(&late.thread, NULL, pull, &late), 0);
	expect_failure(&late, ERROR_INTERRUPTED, "stopped before");
}

static void a_new_connection_asks_again(void **state) {
	static const char *const names[] = { "a", "b", "c" };
	struct desk *desk = *state;
	struct job jobs[3];
	desk->bus->down = true;
	for (size_t i = 0; i < 3; i++) {
		begin(desk, &jobs[i], names[i]);
	}
	expect_no_request(desk);
	desk->bus->down = false;
	registry_connected(desk->registry);
	assert_int_equal(bus_count(desk->bus), AT_ONCE); /* not for the one that waits */
	desk->seen = AT_ONCE;
	deliver(desk, "a", 0, 1, "1");
	expect_image(&jobs[0], "1");
	expect_request(desk, "c");
	deliver(desk, "b", 0, 1, "2");
	deliver(desk, "c", 0, 1, "3");
	expect_image(&jobs[1], "2");
	expect_image(&jobs[2], "3");
}

static void an_end_lets_go_of_all(void **state) {
	static const char *const names[] = { "a", "a", "b", "c" };
	struct desk *desk = *state;
	struct job jobs[4];
	for (size_t i = 0; i < 4; i++) {
		begin(desk, &jobs[i], names[i]);
	}
	registry_close(desk->registry);
	for (size_t i = 0; i < 4; i++) {
		expect_failure(&jobs[i], ERROR_INTERRUPTED, "the worker is ending");
	}
}

/* --- under a workload key ----------------------------------------------------------------------
 */

#define IMAGE_TOPIC "m/d/c/c/registry/image/w"

/* The number of the request, whose name is in the envelope and nowhere else. */
static uint64_t expect_order(struct desk *desk, const char *name) {
	const struct said said = bus_said(desk->bus, desk->seen++);
	struct image_order order;
	struct error err;
	struct buf plain = BUF_INIT(1000);
	assert_string_equal(said.topic, "m/d/c/c/registry/proplet");
	assert_null(memmem(said.payload.data, said.payload.size, name, strlen(name)));
	assert_true(image_order_decode(&order, said.payload, &err));
	const struct seal_context context = {
		.direction = SEAL_REQUEST, .worker = "w", .boot = BOOT, .number = order.number
	};
	assert_string_equal(order.proplet_id, "w");
	assert_string_equal(order.boot, BOOT);
	assert_true(seal_open_text(
			desk->roots, &context, order.sealed, strlen(order.sealed), &plain, &err));
	assert_string_equal(buf_text(&plain), name);
	buf_finish(&plain);
	uint64_t number = order.number;
	image_order_finish(&order);
	return number;
}

/* What a part is sealed for, and what it says it is. */
struct part {
	const char *worker, *boot, *name;
	uint64_t number;
	uint32_t index, count;
	uint32_t says_index; /* in its header */
	const char *whole;   /* whose digest it has; NULL: none, for a failure */
	const char *data;
	bool flipped;
};

static void deliver_part(struct desk *desk, const struct part *part) {
	const struct seal_context context = { .direction = SEAL_IMAGE,
		.worker = part->worker,
		.boot = part->boot,
		.number = part->number,
		.subject = part->name,
		.index = part->index,
		.count = part->count };
	const struct image_part header = { part->number, part->says_index, part->count, { 0 } };
	struct buf plain = BUF_INIT(2000), message = BUF_INIT(3000);
	uint8_t bytes[IMAGE_PART_HEADER_BYTES], digest[DIGEST_SIZE];
	struct error err;
	image_part_header(&header, bytes);
	assert_true(buf_append(&message, bytes, sizeof(bytes), &err));
	if (part->whole != NULL) {
		digest_of(part->whole, strlen(part->whole), digest);
		assert_true(buf_append(&plain, digest, sizeof(digest), &err));
	}
	assert_true(buf_append(&plain, part->data, strlen(part->data), &err));
	assert_true(seal_box(desk->roots, &context, (struct bytes){ plain.data, plain.size },
			&message, &err));
	message.data[message.size - 20] ^= part->flipped ? 1 : 0;
	assert_true(registry_message(
			desk->registry, IMAGE_TOPIC, (struct bytes){ message.data, message.size }));
	buf_finish(&plain);
	buf_finish(&message);
}

/* A good one. */
static struct part part_of(uint64_t number, uint32_t index, uint32_t count, const char *whole,
		const char *data) {
	return (struct part){ "w", BOOT, "r/app:1", number, index, count, index, whole, data,
		false };
}

static void an_image_in_sealed_chunks(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job, "r/app:1");
	assert_true(bus_hears(desk->bus, IMAGE_TOPIC));
	assert_false(bus_hears(desk->bus, desk->topics.image_chunk));
	uint64_t number = expect_order(desk, "r/app:1");
	assert_int_equal(number, 1);
	(void)atomic_fetch_add(&now_ms, AGAIN_MS);
	assert_int_equal(expect_order(desk, "r/app:1"), number); /* the same one once more */
	const struct part second = part_of(number, 1, 2, "aaab", "b"),
			  first = part_of(number, 0, 2, "aaab", "aaa");
	deliver_part(desk, &second);
	deliver_part(desk, &second);
	deliver_part(desk, &first);
	expect_image(&job, "aaab");
	begin(desk, &job, "r/app:1");
	assert_int_equal(expect_order(desk, "r/app:1"), 2);
	deliver_part(desk, &first); /* of the last request */
	const struct part newer = part_of(2, 0, 1, "newer", "newer");
	deliver_part(desk, &newer);
	expect_image(&job, "newer");
}

static void what_is_not_meant_so_is_dropped(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job, "r/app:1");
	assert_int_equal(expect_order(desk, "r/app:1"), 1);
	const struct part good = part_of(1, 0, 2, "ab", "a"), last = part_of(1, 1, 2, "ab", "b");
	struct part bad[7];
	for (size_t i = 0; i < 7; i++) {
		bad[i] = part_of(1, 0, 2, "xx", "x");
	}
	bad[0].flipped = true;
	bad[1].says_index = 1;
	bad[2].worker = "v";
	bad[3].boot = "another";
	bad[4].name = "r/app:2";
	bad[5].number = 2;
	bad[6].count = 0; /* a failure, for which it was not sealed: see below */
	bad[6].flipped = true;
	for (size_t i = 0; i < 7; i++) {
		deliver_part(desk, &bad[i]);
	}
	assert_false(registry_message(desk->registry, desk->topics.image_chunk,
			(struct bytes){ (const uint8_t *)"{}", 2 }));
	assert_true(registry_message(
			desk->registry, IMAGE_TOPIC, (struct bytes){ (const uint8_t *)"{}", 2 }));
	deliver_part(desk, &good);
	deliver_part(desk, &last);
	expect_image(&job, "ab");
}

static void a_sealed_image_that_changes(void **state) {
	struct desk *desk = *state;
	struct job job;
	begin(desk, &job, "r/app:1");
	struct part part = part_of(expect_order(desk, "r/app:1"), 0, 2, "ab", "a");
	deliver_part(desk, &part);
	part = part_of(1, 1, 2, "aB", "B"); /* as an honest proxy would, or two of them */
	deliver_part(desk, &part);
	expect_failure(&job, ERROR_INTEGRITY, "changed while it came");
	begin(desk, &job, "r/app:1");
	uint64_t number = expect_order(desk, "r/app:1");
	part = part_of(number, 0, 2, "ab", "a");
	deliver_part(desk, &part);
	part = part_of(number, 1, 3, "ab", "b"); /* another number of chunks */
	deliver_part(desk, &part);
	expect_failure(&job, ERROR_INTEGRITY, "changed while it came");
	begin(desk, &job, "r/app:1");
	part = part_of(expect_order(desk, "r/app:1"), 0, 1, "ab", "aB");
	deliver_part(desk, &part);
	expect_failure(&job, ERROR_INTEGRITY, "digest");
}

static void why_a_sealed_image_does_not_come(void **state) {
	struct desk *desk = *state;
	struct job job;
	uint8_t header[IMAGE_PART_HEADER_BYTES];
	begin(desk, &job, "r/app:1");
	struct part part = part_of(expect_order(desk, "r/app:1"), 0, 0, NULL, "no such image");
	deliver_part(desk, &part);
	expect_failure(&job, ERROR_UNAVAILABLE, "the proxy says: no such image");
	/* That the key does not fit may be anybody's word: it only explains what does not come. */
	begin(desk, &job, "r/app:1");
	part = part_of(expect_order(desk, "r/app:1"), 0, 1, "wasm", "wasm");
	image_part_header(&(const struct image_part){ .number = part.number }, header);
	const struct bytes unopened = { header, sizeof(header) };
	assert_true(registry_message(desk->registry, IMAGE_TOPIC, unopened));
	deliver_part(desk, &part);
	expect_image(&job, "wasm");
	begin(desk, &job, "r/app:1");
	image_part_header(&(const struct image_part){ .number = expect_order(desk, "r/app:1") },
			header);
	assert_true(registry_message(desk->registry, IMAGE_TOPIC, unopened));
	(void)atomic_fetch_add(&now_ms, TIMEOUT_MS);
	expect_failure(&job, ERROR_KEY_MISMATCH, "Failed to decrypt workload");
}

static void a_name_that_is_too_long_to_be_sealed(void **state) {
	struct desk *desk = *state;
	struct job job;
	CLEANUP(mem_freep) char *name = mem_zero(1, SEAL_TEXT_MAX + 2);
	memset(name, 'x', SEAL_TEXT_MAX + 1);
	job = (struct job){ .registry = desk->registry, .name = name };
	assert_int_equal(pthread_create(&job.thread, NULL, pull, &job), 0);
	expect_failure(&job, ERROR_INVALID, "1024 bytes");
	expect_no_request(desk);
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_KEY(test) cmocka_unit_test_setup_teardown(test, set_up_sealed, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_DESK(an_image_in_chunks),
		WITH_DESK(all_who_wait_share_it),
		WITH_DESK(others_wait_for_their_turn),
		WITH_DESK(what_does_not_fit_ends_it),
		WITH_DESK(garbage_is_dropped),
		WITH_DESK(what_does_not_come_is_given_up),
		WITH_DESK(progress_begins_its_time_again),
		WITH_DESK(stops),
		WITH_DESK(a_new_connection_asks_again),
		WITH_DESK(an_end_lets_go_of_all),
		WITH_KEY(an_image_in_sealed_chunks),
		WITH_KEY(what_is_not_meant_so_is_dropped),
		WITH_KEY(a_sealed_image_that_changes),
		WITH_KEY(why_a_sealed_image_does_not_come),
		WITH_KEY(a_name_that_is_too_long_to_be_sealed),
	};
	return cmocka_run_group_tests_name("proplet/registry", tests, NULL, NULL);
}
