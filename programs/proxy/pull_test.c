/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets what was pulled, and how often that is done: the test is the registry. */
#include "proxy/fixture.h"

enum { SIZE = 2 * CHUNK + 7, COUNT = 3 };

/* --- the registry: lib/image as the test has it -------------------------------------------------
 */

static struct {
	uint8_t module[SIZE];
	uint64_t says; /* its size beforehand; 0: not known */
	const char *fails;
	atomic_uint resolved, read, cancelled;
	atomic_bool held; /* it does not go on before that is false, or it is cancelled */
} registry;

struct image_puller {
	atomic_bool cancelled;
};

struct image_puller *image_puller_create(const struct image_options *options, struct error *err) {
	(void)options, (void)err;
	return MEM_NEW(struct image_puller);
}

void image_puller_destroy(struct image_puller *puller) {
	free(puller);
}

void image_cancel(struct image_puller *puller) {
	puller->cancelled = true;
	registry.cancelled++;
}

bool image_resolve(struct image_puller *puller, struct image_found *found, struct error *err) {
	(void)puller, (void)err;
	registry.resolved++;
	*found = (struct image_found){ .digest = "sha256:aa", .size = registry.says };
	digest_hex(registry.module, SIZE, found->module);
	return true;
}

bool image_read(struct image_puller *puller,
		bool (*take)(void *context, struct bytes piece, struct error *err), void *context,
		struct image_module *module, struct error *err) {
	registry.read++;
	if (!take(context, (struct bytes){ registry.module, CHUNK + 1 }, err)) {
		return false;
	}
	while (registry.held && !puller->cancelled) {
		(void)sched_yield();
	}
	if (puller->cancelled) {
		return error_set(err, ERROR_INTERRUPTED, "cancelled");
	}
	if (registry.fails != NULL) {
		return error_set(err, ERROR_NOT_FOUND, "%s", registry.fails);
	}
	digest_hex(registry.module, SIZE, module->digest);
	module->size = SIZE;
	return take(context, (struct bytes){ registry.module + CHUNK + 1, SIZE - CHUNK - 1 }, err);
}

/* --- the proxy ---------------------------------------------------------------------------------
 */

enum { THREADS = 2 };
static pthread_t threads[THREADS];

static void reset(void) {
	memset(&registry, 0, sizeof(registry));
	for (size_t i = 0; i < SIZE; i++) {
		registry.module[i] = (uint8_t)(i * 7 + i / 199);
	}
}

static int set_up_here(void **state) {
	reset();
	return set_up(state);
}

static int set_up_sealed(void **state) {
	reset();
	return set_up_with(state, true);
}

/* To the end of the line, as request.c does it. */
static void add_job(struct desk *desk, const char *name, const char *worker, uint64_t number) {
	struct proxy *proxy = &desk->proxy;
	(void)pthread_mutex_lock(&proxy->lock);
	struct job *job = make_job(desk, name, worker, number);
	*(proxy->last != NULL ? &proxy->last->next : &proxy->first) = job;
	proxy->last = job;
	(void)pthread_cond_signal(&proxy->changed);
	(void)pthread_mutex_unlock(&proxy->lock);
}

static void run(struct desk *desk) {
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, pull_run, &desk->proxy), 0);
	}
}

static void wait_until(const char *what, bool (*done)(struct desk *desk), struct desk *desk) {
	uint64_t deadline = clock_ms() + BUS_PATIENCE_MS;
	while (!done(desk)) {
		if (clock_ms() > deadline) {
			fail_msg("waited too long for %s", what);
		}
		(void)sched_yield();
	}
}

static bool no_jobs(struct desk *desk) {
	(void)pthread_mutex_lock(&desk->proxy.lock);
	size_t count = map_count(desk->proxy.jobs);
	(void)pthread_mutex_unlock(&desk->proxy.lock);
	return count == 0;
}

static bool is_read(struct desk *desk) {
	(void)desk;
	return registry.read != 0;
}

static void end(struct desk *desk) {
	wait_until("the jobs", no_jobs, desk);
	pull_close(&desk->proxy);
	for (int i = 0; i < THREADS; i++) {
		(void)pthread_join(threads[i], NULL);
	}
}

static void expect_module(struct desk *desk, size_t from) {
	for (uint32_t i = 0; i < COUNT; i++) {
		expect_chunk(desk, from + i, i, COUNT,
				(struct bytes){ registry.module + (size_t)i * CHUNK,
						i < 2 ? CHUNK : 7 });
	}
}

static void expect_failures(struct desk *desk, size_t count, const char *text) {
	assert_int_equal(bus_count(desk->proxy.bus), count);
	for (size_t i = 0; i < count; i++) {
		const struct said said = bus_said(desk->proxy.bus, i);
		assert_non_null(strstr((const char *)said.payload.data, text));
	}
}

static void an_image_and_again(void **state) {
	struct desk *desk = *state;
	run(desk);
	add_job(desk, "r.example/app:1", NULL, 0);
	wait_until("the first", no_jobs, desk);
	expect_module(desk, 0);
	add_job(desk, "r.example/app:1", NULL, 0); /* its manifest is the same: from the cache */
	end(desk);
	expect_module(desk, COUNT);
	assert_true(registry.resolved == 2 && registry.read == 1);
	assert_int_equal(atomic_load(&desk->proxy.counters.cache_hits), 1);
	assert_int_equal(atomic_load(&desk->proxy.counters.pulls), 1);
}

/* All but the last chunk leave while it comes, and what is wrong in the end says so. */
static void it_leaves_while_it_comes(void **state) {
	struct desk *desk = *state;
	registry.says = SIZE;
	registry.held = true;
	run(desk);
	add_job(desk, "r.example/app:1", NULL, 0);
	expect_chunk(desk, 0, 0, COUNT, (struct bytes){ registry.module, CHUNK });
	registry.fails = "it is another one";
	registry.held = false;
	end(desk);
	const struct said said = bus_said(desk->proxy.bus, 1);
	assert_non_null(strstr((const char *)said.payload.data, "it is another one"));
	assert_int_equal(bus_count(desk->proxy.bus), 2);
	assert_int_equal(cache_bytes(desk->proxy.cache), 0);
}

/* So does a sealed one, since the manifest says its digest. */
static void it_leaves_while_it_comes_sealed(void **state) {
	struct desk *desk = *state;
	registry.says = SIZE;
	registry.held = true;
	run(desk);
	add_job(desk, "r.example/app:1", "v", 7);
	for (uint32_t i = 0; i < COUNT; i++) {
		const struct said said = bus_said(desk->proxy.bus, i); /* waits for it */
		struct image_part part;
		struct error err;
		struct buf plain = BUF_INIT(2 * CHUNK);
		const struct seal_context context = { .direction = SEAL_IMAGE,
			.worker = "v",
			.boot = BOOT,
			.number = 7,
			.subject = "r.example/app:1",
			.index = i,
			.count = COUNT };
		uint8_t digest[DIGEST_SIZE];
		assert_string_equal(said.topic, "m/d/c/c/registry/image/v");
		assert_true(image_part_decode(&part, said.payload, &err));
		assert_true(seal_open_buf(desk->proxy.ring, &context, part.data, &plain, &err));
		digest_of(registry.module, SIZE, digest);
		assert_memory_equal(plain.data, digest, DIGEST_SIZE);
		assert_memory_equal(plain.data + DIGEST_SIZE, registry.module + (size_t)i * CHUNK,
				plain.size - DIGEST_SIZE);
		buf_finish(&plain);
		registry.held = registry.held && i != 0;
	}
	end(desk);
	assert_int_equal(bus_count(desk->proxy.bus), COUNT);
}

/* Three workers want it under a key: it is pulled once, and each is answered. */
static void one_pull_for_all(void **state) {
	struct desk *desk = *state;
	static const char *const workers[] = { "v", "w", "x" };
	registry.held = true;
	for (uint64_t i = 0; i < 3; i++) {
		add_job(desk, "r.example/app:1", workers[i], i + 1);
	}
	run(desk);
	wait_until("the pull", is_read, desk);
	registry.held = false;
	end(desk);
	assert_true(registry.resolved == 1 && registry.read == 1);
	assert_int_equal(bus_count(desk->proxy.bus), 3 * COUNT);
	for (size_t k = 0; k < 3; k++) {
		CLEANUP(mem_freep)
		char *topic = str_format("m/d/c/c/registry/image/%s", workers[k]);
		size_t chunks = 0;
		for (size_t i = 0; i < (size_t)3 * COUNT; i++) {
			const struct said said = bus_said(desk->proxy.bus, i);
			chunks += str_equal(said.topic, topic);
			assert_null(memmem(
					said.payload.data, said.payload.size, registry.module, 32));
		}
		assert_int_equal(chunks, COUNT);
	}
}

static void one_failure_for_all(void **state) {
	struct desk *desk = *state;
	registry.fails = "no such image";
	registry.held = true;
	for (uint64_t i = 0; i < 3; i++) {
		add_job(desk, "r.example/app:1", NULL, i);
	}
	run(desk);
	wait_until("the pull", is_read, desk);
	registry.held = false;
	end(desk);
	assert_int_equal(registry.read, 1);
	expect_failures(desk, 3, "no such image");
	assert_int_equal(atomic_load(&desk->proxy.counters.pull_failures), 3);
}

static void names_that_are_none(void **state) {
	struct desk *desk = *state;
	run(desk);
	add_job(desk, "No Name", NULL, 0);
	end(desk);
	expect_failures(desk, 1, "No Name");
	assert_int_equal(registry.resolved, 0);
}

/* At its end it says so to everybody: who pulls, who waits for the same, and who has not begun. */
static void an_end_midway(void **state) {
	struct desk *desk = *state;
	registry.held = true;
	for (uint64_t i = 0; i < 4; i++) {
		add_job(desk, i < 2 ? "r.example/app:1" : "r.example/app:2", NULL, i);
	}
	run(desk);
	wait_until("the pull", is_read, desk);
	pull_close(&desk->proxy);
	end(desk);
	expect_failures(desk, 4, "the proxy was stopped");
	assert_true(registry.cancelled != 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_here, tear_down)
		TEST(an_image_and_again),
		TEST(it_leaves_while_it_comes),
		cmocka_unit_test_setup_teardown(
				it_leaves_while_it_comes_sealed, set_up_sealed, tear_down),
		cmocka_unit_test_setup_teardown(one_pull_for_all, set_up_sealed, tear_down),
		TEST(one_failure_for_all),
		TEST(names_that_are_none),
		TEST(an_end_midway),
	};
	return cmocka_run_group_tests_name("proxy/pull", tests, NULL, NULL);
}
