/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks on their way: which leave when, and what happens when nobody takes them. */
#include "proxy/fixture.h"

enum { SIZE = 4 * CHUNK + 100, COUNT = 5, SHORT_MS = 300 };

static uint8_t image[SIZE];

static struct content content_of(size_t size) {
	struct content content = { .fd = memfd_create("content", MFD_CLOEXEC) };
	struct error err;
	for (size_t i = 0; i < SIZE; i++) {
		image[i] = (uint8_t)(i * 31 + i / 251);
	}
	assert_int_equal(write(content.fd, image, size), size);
	assert_true(content_open(&content, &err));
	digest_hex(image, SIZE, content.digest);
	return content;
}

static void finish(struct desk *desk, struct sender *sender, struct job *job,
		const struct content *content) {
	(void)map_remove(desk->proxy.jobs, job->key);
	sender_destroy(sender);
	(void)close(content->fd);
	free(job->key);
	free(job->name);
	free(job->worker);
	free(job);
}

static void expect_all(struct desk *desk, size_t from, uint32_t first) {
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t chunk = (first + i) % COUNT;
		size_t size = chunk == COUNT - 1 ? 100 : CHUNK;
		expect_chunk(desk, from + i, chunk, COUNT,
				(struct bytes){ image + (size_t)chunk * CHUNK, size });
	}
}

static void all_chunks_in_order(void **state) {
	struct desk *desk = *state;
	struct error err;
	struct job *job = make_job(desk, "r/app", NULL, 0);
	struct content content = content_of(SIZE);
	struct sender *sender = sender_create(&desk->proxy, job, SIZE, content.digest);
	atomic_store(&no_room, 7);
	assert_true(sender_end(sender, &content, &err));
	assert_int_equal(bus_count(desk->proxy.bus), COUNT);
	expect_all(desk, 0, 0);
	assert_int_equal(atomic_load(&desk->proxy.counters.chunks), COUNT);
	assert_int_equal(atomic_load(&desk->proxy.counters.bytes), SIZE);
	assert_null(map_get(desk->proxy.jobs, job->key));
	finish(desk, sender, job, &content);
}

/* What is there already leaves, all but the last one; that is for the end. */
static void while_it_comes(void **state) {
	static const struct {
		size_t there, left;
	} rows[] = { { 10, 0 }, { CHUNK - 1, 0 }, { CHUNK, 1 }, { 3 * CHUNK + 1, 3 }, { SIZE, 4 } };
	struct desk *desk = *state;
	struct error err;
	struct job *job = make_job(desk, "r/app", NULL, 0);
	struct content content = content_of(SIZE);
	struct sender *sender = sender_create(&desk->proxy, job, SIZE, content.digest);
	size_t there = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct bytes piece = { image + there, rows[i].there - there };
		assert_true(sender_feed(sender, piece, &err));
		there = rows[i].there;
		assert_int_equal(bus_count(desk->proxy.bus), rows[i].left);
	}
	assert_true(sender_end(sender, &content, &err));
	assert_int_equal(bus_count(desk->proxy.bus), COUNT);
	expect_all(desk, 0, 0);
	finish(desk, sender, job, &content);
}

/* Somebody asked after three of them were gone: request.c makes it all of them again. */
static void who_asks_meanwhile(void **state) {
	struct desk *desk = *state;
	struct error err;
	struct job *job = make_job(desk, "r/app", NULL, 0);
	struct content content = content_of(SIZE);
	struct sender *sender = sender_create(&desk->proxy, job, SIZE, content.digest);
	assert_true(sender_feed(sender, (struct bytes){ image, 3 * CHUNK }, &err));
	job->left = job->count;
	assert_true(sender_end(sender, &content, &err));
	assert_int_equal(bus_count(desk->proxy.bus), 3 + COUNT);
	expect_all(desk, 3, 3);
	finish(desk, sender, job, &content);
}

static void nobody_takes_it(void **state) {
	struct desk *desk = *state;
	struct error err;
	struct job *job = make_job(desk, "r/app", NULL, 0);
	struct content content = content_of(SIZE);
	struct sender *sender = sender_create(&desk->proxy, job, SIZE, content.digest);
	desk->settings.mqtt_timeout_ms = SHORT_MS;
	atomic_store(&no_room, UINT32_MAX);
	assert_false(sender_end(sender, &content, &err));
	assert_int_equal(err.code, ERROR_TIMEOUT);
	atomic_store(&no_room, 0);
	desk->proxy.bus->down = true;
	assert_false(sender_end(sender, &content, &err));
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	desk->proxy.bus->down = false;
	desk->proxy.closing = true;
	atomic_store(&no_room, UINT32_MAX);
	assert_false(sender_end(sender, &content, &err));
	assert_int_equal(err.code, ERROR_INTERRUPTED);
	finish(desk, sender, job, &content);
}

/* Once something was lost. */
static void *come_back(void *context) {
	struct desk *desk = context;
	uint64_t deadline = clock_ms() + BUS_PATIENCE_MS;
	while (bus_refused(desk->proxy.bus) == 0 && clock_ms() < deadline) {
		(void)sched_yield();
	}
	(void)pthread_mutex_lock(&desk->proxy.lock);
	desk->proxy.bus->down = false;
	(void)pthread_cond_broadcast(&desk->proxy.changed);
	(void)pthread_mutex_unlock(&desk->proxy.lock);
	return NULL;
}

/* Nobody knows what was lost with the connection: all are sent once more. */
static void a_connection_that_comes_back(void **state) {
	struct desk *desk = *state;
	struct error err;
	pthread_t thread;
	struct job *job = make_job(desk, "r/app", NULL, 0);
	struct content content = content_of(SIZE);
	struct sender *sender = sender_create(&desk->proxy, job, SIZE, content.digest);
	assert_true(sender_feed(sender, (struct bytes){ image, 2 * CHUNK }, &err));
	desk->proxy.bus->down = true;
	assert_int_equal(pthread_create(&thread, NULL, come_back, desk), 0);
	bool ok = sender_end(sender, &content, &err);
	(void)pthread_join(thread, NULL);
	assert_true(ok);
	assert_int_equal(bus_count(desk->proxy.bus), 2 + COUNT); /* the third one was lost */
	finish(desk, sender, job, &content);
}

/* A worker takes so many chunks and no more: then they are larger. */
static void large_images(void **state) {
	struct desk *desk = *state;
	struct job *job = make_job(desk, "r/app", NULL, 0);
	struct content none = content_of(0);
	struct sender *sender = sender_create(
			&desk->proxy, job, (uint64_t)IMAGE_CHUNKS_MAX * CHUNK + 1, none.digest);
	assert_in_range(job->count, IMAGE_CHUNKS_MAX / 2, IMAGE_CHUNKS_MAX);
	assert_int_equal(job->state, JOB_SENDS);
	finish(desk, sender, job, &none);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(all_chunks_in_order),
		TEST(while_it_comes),
		TEST(who_asks_meanwhile),
		TEST(nobody_takes_it),
		TEST(a_connection_that_comes_back),
		TEST(large_images),
	};
	return cmocka_run_group_tests_name("proxy/send", tests, NULL, NULL);
}
