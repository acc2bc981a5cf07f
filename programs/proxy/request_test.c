/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants which image, and how answers look: the test is the workers, and takes no jobs. */
#include "proxy/proxy.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/log.h"
#include "bus/fixture.h"

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BOOT "0d4be0c7-3c5f-4c8c-8a4e-2f6b7f1f9a00"
#define SERVER "m/d/c/c/registry/server"
#define IMAGE "m/d/c/c/registry/image/w"

struct desk {
	struct proxy proxy;
	struct proxy_settings settings;
	struct seal_ring *worker;
	size_t seen; /* answers that were looked at */
};

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
	struct error err;
	log_set_level(LOG_ERROR);
	assert_true(topics_init(&desk->proxy.topics, "d", "c", &err));
	desk->proxy.settings = &desk->settings;
	desk->proxy.bus = bus_create(&options, &handlers, &err);
	desk->proxy.ring = sealed ? ring_of(NULL) : NULL;
	desk->worker = ring_of("w");
	desk->proxy.jobs = map_create();
	desk->proxy.pulling = map_create();
	(void)pthread_mutex_init(&desk->proxy.lock, NULL);
	(void)pthread_cond_init(&desk->proxy.changed, NULL);
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
	struct proxy *proxy = &desk->proxy;
	while (proxy->first != NULL) {
		struct job *job = proxy->first;
		proxy->first = job->next;
		free(job->key);
		free(job->name);
		free(job->worker);
		free(job);
	}
	bus_destroy(proxy->bus, 0);
	topics_finish(&proxy->topics);
	map_destroy(proxy->jobs);
	map_destroy(proxy->pulling);
	seal_ring_destroy(proxy->ring);
	seal_ring_destroy(desk->worker);
	(void)pthread_mutex_destroy(&proxy->lock);
	(void)pthread_cond_destroy(&proxy->changed);
	free(desk);
	return 0;
}

static void hear(struct desk *desk, const char *text) {
	request_message(&desk->proxy, desk->proxy.topics.image_request,
			(struct bytes){ (const uint8_t *)text, strlen(text) });
}

/* A request that was sealed with a number, and says that it has another one. */
static void order_as(struct desk *desk, const char *name, uint64_t number, uint64_t says) {
	const struct seal_context context = {
		.direction = SEAL_REQUEST, .worker = "w", .boot = BOOT, .number = number
	};
	struct error err;
	CLEANUP(mem_freep)
	char *sealed = seal_box_text(desk->worker, &context,
			(struct bytes){ (const uint8_t *)name, strlen(name) }, &err);
	CLEANUP(mem_freep)
	char *text = str_format("{\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"number\":%llu,"
				"\"sealed\":\"%s\"}",
			(unsigned long long)says, sealed);
	hear(desk, text);
}

static void order(struct desk *desk, const char *name, uint64_t number) {
	order_as(desk, name, number, number);
}

static void expect_jobs(struct desk *desk, size_t count) {
	size_t have = 0;
	for (struct job *job = desk->proxy.first; job != NULL; job = job->next) {
		have++;
	}
	assert_int_equal(have, count);
	assert_int_equal(map_count(desk->proxy.jobs), count);
	assert_int_equal(atomic_load(&desk->proxy.counters.requests) >= count, 1);
}

static struct bytes expect_answer(struct desk *desk, const char *topic) {
	const struct said said = bus_said(desk->proxy.bus, desk->seen++);
	assert_string_equal(said.topic, topic);
	return said.payload;
}

static void expect_no_answer(struct desk *desk) {
	assert_int_equal(bus_count(desk->proxy.bus), desk->seen);
}

static void names_in_the_open(void **state) {
	struct desk *desk = *state;
	hear(desk, "{\"app_name\":\"r/app:1\"}");
	hear(desk, "{\"app_name\":\"r/app:1\"}");
	hear(desk, "{\"app_name\":\"r/app:2\"}");
	hear(desk, "{}");
	expect_jobs(desk, 2);
	assert_null(desk->proxy.first->worker);
	assert_string_equal(desk->proxy.first->name, "r/app:1");
	expect_no_answer(desk);
}

/* Which of its messages a worker can believe it does not know: so the header says all. */
static void without_a_key_nothing_is_opened(void **state) {
	struct desk *desk = *state;
	struct image_part part;
	struct error err;
	order(desk, "r/app:1", 7);
	expect_jobs(desk, 0);
	assert_true(image_part_decode(&part, expect_answer(desk, IMAGE), &err));
	assert_true(part.number == 7 && part.count == 0 && part.data.size == 0);
}

static void each_sealed_request_is_a_job(void **state) {
	struct desk *desk = *state;
	order(desk, "r/app:1", 1);
	order(desk, "r/app:1", 1);
	order(desk, "r/app:1", 2);
	expect_jobs(desk, 2);
	const struct job *job = desk->proxy.first;
	assert_string_equal(job->worker, "w");
	assert_string_equal(job->name, "r/app:1");
	assert_string_equal(job->boot, BOOT);
	assert_true(job->number == 1 && job->next->number == 2);
	expect_no_answer(desk);
}

static void who_asks_again_gets_all_of_it(void **state) {
	struct desk *desk = *state;
	order(desk, "r/app:1", 1);
	desk->proxy.first->count = 9;
	desk->proxy.first->left = 2;
	order(desk, "r/app:1", 1);
	assert_int_equal(desk->proxy.first->left, 9);
}

static void what_is_not_sealed_so(void **state) {
	struct desk *desk = *state;
	struct image_part part;
	struct error err;
	order_as(desk, "r/app:1", 1, 2);
	assert_true(image_part_decode(&part, expect_answer(desk, IMAGE), &err));
	assert_true(part.number == 2 && part.count == 0 && part.data.size == 0);
	order(desk, "", 1);
	order(desk, "\xff", 1);
	hear(desk, "{\"proplet_id\":\"a/b\",\"boot\":\"b\",\"number\":1,\"sealed\":\"AAAA\"}");
	hear(desk, "{\"proplet_id\":\"w\",\"boot\":\"b c\",\"number\":1,\"sealed\":\"AAAA\"}");
	expect_jobs(desk, 0);
	expect_no_answer(desk);
}

static void with_a_key_no_name_in_the_open(void **state) {
	struct desk *desk = *state;
	struct image_chunk chunk;
	struct error err;
	hear(desk, "{\"app_name\":\"r/app:1\"}");
	expect_jobs(desk, 0);
	assert_true(image_chunk_decode(&chunk, expect_answer(desk, SERVER), 100, &err));
	assert_string_equal(chunk.name, "r/app:1");
	assert_non_null(strstr(chunk.error, "Failed to decrypt workload"));
	image_chunk_finish(&chunk);
	desk->settings.allow_v1 = true;
	hear(desk, "{\"app_name\":\"r/app:1\"}");
	expect_jobs(desk, 1);
}

/* Opened as the worker does. */
static void expect_plain(struct desk *desk, struct bytes message, const char *name,
		const void *plain, size_t size) {
	struct image_part part;
	struct error err;
	struct buf out = BUF_INIT(10000);
	assert_true(image_part_decode(&part, message, &err));
	const struct seal_context context = { .direction = SEAL_IMAGE,
		.worker = "w",
		.boot = BOOT,
		.number = part.number,
		.subject = name,
		.index = part.index,
		.count = part.count };
	assert_true(seal_open_buf(desk->worker, &context, part.data, &out, &err));
	assert_int_equal(out.size, size);
	assert_memory_equal(out.data, plain, size);
	buf_finish(&out);
}

static void sealed_answers(void **state) {
	struct desk *desk = *state;
	struct buf out = BUF_INIT(1000);
	struct error err, why;
	uint8_t plain[DIGEST_SIZE + 4];
	char digest[DIGEST_HEX_SIZE];
	order(desk, "r/app:1", 5);
	const struct job *job = desk->proxy.first;
	digest_of("all of it", 9, plain);
	hex_encode(plain, DIGEST_SIZE, digest);
	memcpy(plain + DIGEST_SIZE, "part", 4);
	const struct piece piece = { 1, 3, { (const uint8_t *)"part", 4 }, digest };
	CLEANUP(mem_freep) char *topic = answer_topic(&desk->proxy, job);
	assert_string_equal(topic, IMAGE);
	for (int i = 0; i < 2; i++) { /* in the same memory */
		assert_true(answer_encode(&desk->proxy, job, &piece, &out, &err));
		expect_plain(desk, (struct bytes){ out.data, out.size }, "r/app:1", plain,
				sizeof(plain));
	}
	buf_finish(&out);
	error_set(&why, ERROR_NOT_FOUND, "there is none");
	answer_refuse(&desk->proxy, job, &why);
	expect_plain(desk, expect_answer(desk, IMAGE), "r/app:1", "there is none", 13);
}

static void too_many(void **state) {
	struct desk *desk = *state;
	for (uint64_t i = 1; i <= JOBS_MAX; i++) {
		order(desk, "r/app:1", i);
	}
	expect_jobs(desk, JOBS_MAX);
	expect_no_answer(desk);
	order(desk, "r/app:1", JOBS_MAX + 1);
	order(desk, "r/app:1", 1); /* is there already */
	expect_jobs(desk, JOBS_MAX);
	const struct bytes answer = expect_answer(desk, IMAGE);
	static const char says[] = "1000 images are asked for already: ask again later";
	expect_plain(desk, answer, "r/app:1", says, sizeof(says) - 1);
	expect_no_answer(desk);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define SEALED(test) cmocka_unit_test_setup_teardown(test, set_up_sealed, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		OPEN(names_in_the_open),
		OPEN(without_a_key_nothing_is_opened),
		SEALED(each_sealed_request_is_a_job),
		SEALED(who_asks_again_gets_all_of_it),
		SEALED(what_is_not_sealed_so),
		SEALED(with_a_key_no_name_in_the_open),
		SEALED(sealed_answers),
		SEALED(too_many),
	};
	return cmocka_run_group_tests_name("proxy/request", tests, NULL, NULL);
}
