/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/bulk.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "bus/fixture.h"
#include "bus/sealed.h"
#include "model/message.h"

#define BOOT "0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
enum { LAST = 100, SIZE = 2 * CHUNK_BYTES + LAST }; /* three chunks */

struct home {
	char folder[64];
	struct modules *modules;
	struct topics topics;
	struct bulk *bulk;
	struct bus *bus;
	struct seal_ring *ring; /* NULL: neither files nor chunks are sealed */
	uint8_t *module;
	char digest[DIGEST_HEX_SIZE];
	uint64_t number; /* of the last request */
};

/* A module of three chunks, all of them different. */
static void add_module(struct home *home) {
	static const uint8_t begin[] = "\0asm\1\0\0\0\0";
	struct module_upload *upload = modules_begin(home->modules, SIZE);
	struct module_info info;
	struct error err;
	home->module = mem_zero(SIZE, 1);
	for (size_t i = 0; i < SIZE; i++) {
		home->module[i] = (uint8_t)(i / 1000);
	}
	memcpy(home->module, begin, 9);
	size_t content = SIZE - 12;
	for (size_t i = 0; i < 3; i++) {
		home->module[9 + i] = (uint8_t)((content >> (7 * i) & 0x7f) | (i < 2 ? 0x80u : 0));
	}
	home->module[12] = 0; /* of a section without a name */
	assert_true(module_upload_add(upload, (struct bytes){ home->module, SIZE }, &err));
	assert_true(module_upload_finish(upload, &info, &err));
	module_upload_destroy(upload);
	memcpy(home->digest, info.digest, sizeof(home->digest));
}

static int set_up_with(void **state, const char *key) {
	struct home *home = MEM_NEW(struct home);
	const struct bus_options options = { .address = "127.0.0.1:1" };
	struct error err;
	if (key != NULL) {
		home->ring = seal_ring_create(NULL, &err);
		assert_true(home->ring != NULL && seal_ring_read(home->ring, key, &err));
	}
	log_set_level(LOG_ERROR);
	(void)snprintf(home->folder, sizeof(home->folder), "/tmp/bulk_test.%d", (int)getpid());
	home->modules = modules_open(home->folder, home->ring, &err);
	assert_non_null(home->modules);
	assert_true(topics_init(&home->topics, "d", "c", &err));
	home->bulk = bulk_create(&options, &home->topics, home->modules, home->ring, &err);
	assert_non_null(home->bulk);
	home->bus = last_bus;
	add_module(home);
	*state = home;
	return 0;
}

static int set_up(void **state) {
	return set_up_with(state, NULL);
}

static int set_up_sealed(void **state) {
	return set_up_with(
			state, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static int tear_down(void **state) {
	struct home *home = *state;
	bulk_destroy(home->bulk);
	modules_close(home->modules);
	seal_ring_destroy(home->ring);
	topics_finish(&home->topics);
	free(home->module);
	int code = nftw(home->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(home);
	return code;
}

static void deliver(struct home *home, const char *text) {
	bus_deliver(home->bus, home->topics.module_request,
			(struct bytes){ (const uint8_t *)text, strlen(text) });
}

/* As worker "w" writes it; it signs where there is a key. */
static char *request_of(struct home *home, const struct chunk_request *request) {
	struct error err;
	char *text = chunk_request_encode(request);
	if (home->ring == NULL) {
		return text;
	}
	char *sealed = sealed_sign(
			home->ring, SEAL_NOTICE, "w", home->topics.module_request, text, &err);
	assert_non_null(sealed);
	free(text);
	return sealed;
}

static void ask(struct home *home, const char *digest, uint32_t first, uint32_t count) {
	struct chunk_request request = { .proplet_id = (char[]){ "w" },
		.boot = BOOT,
		.first = first,
		.count = count,
		.number = ++home->number };
	memcpy(request.digest, digest, sizeof(request.digest));
	CLEANUP(mem_freep) char *text = request_of(home, &request);
	bus_forget(home->bus);
	deliver(home, text);
}

static struct chunk chunk_at(struct home *home, size_t index) {
	const struct said said = bus_said(home->bus, index);
	struct chunk chunk;
	struct error err;
	assert_string_equal(said.topic, "m/d/c/c/registry/chunk/w");
	if (!chunk_decode(&chunk, said.payload, &err)) {
		fail_msg("%s", err.message);
	}
	return chunk;
}

static void expect_sealed(struct home *home, const struct chunk *chunk, struct bytes expected) {
	const struct seal_context context = { .direction = SEAL_MODULE,
		.worker = "w",
		.boot = BOOT,
		.subject = home->digest,
		.index = chunk->index,
		.count = 3 };
	struct error err;
	CLEANUP(buf_finish) struct buf plain = BUF_INIT(CHUNK_BYTES);
	assert_true(chunk->sealed);
	assert_true(seal_open_buf(home->ring, &context, chunk->data, &plain, &err));
	assert_int_equal(plain.size, expected.size);
	assert_memory_equal(plain.data, expected.data, expected.size);
}

static void expect_chunk(struct home *home, size_t index, uint32_t number) {
	const struct chunk chunk = chunk_at(home, index);
	assert_string_equal(chunk.digest, home->digest);
	assert_int_equal(chunk.module_size, SIZE);
	assert_int_equal(chunk.index, number);
	assert_int_equal(chunk.count, 3);
	const struct bytes expected = { home->module + (size_t)number * CHUNK_BYTES,
		number == 2 ? LAST : CHUNK_BYTES };
	if (home->ring != NULL) {
		expect_sealed(home, &chunk, expected);
		return;
	}
	assert_int_equal(chunk.data.size, expected.size);
	assert_memory_equal(chunk.data.data, expected.data, expected.size);
}

static void every_chunk_that_is_asked_for(void **state) {
	static const struct {
		uint32_t first, count, come;
	} rows[] = { { 0, 3, 3 }, { 0, 1, 1 }, { 1, 1, 1 }, { 2, 1, 1 }, { 1, 2, 2 }, { 0, 8, 3 },
		{ 2, 64, 1 }, { 3, 1, 0 }, { UINT32_MAX, 1, 0 } };
	struct home *home = *state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(home, home->digest, rows[i].first, rows[i].count);
		assert_int_equal(bus_count(home->bus), rows[i].come);
		for (uint32_t k = 0; k < rows[i].come; k++) {
			expect_chunk(home, k, rows[i].first + k);
		}
	}
}

static void a_module_that_is_not_here(void **state) {
	struct home *home = *state;
	char digest[DIGEST_HEX_SIZE];
	memcpy(digest, home->digest, sizeof(digest));
	digest[0] = digest[0] == 'a' ? 'b' : 'a';
	ask(home, digest, 0, 8);
	assert_int_equal(bus_count(home->bus), 1);
	const struct chunk chunk = chunk_at(home, 0);
	assert_string_equal(chunk.digest, digest);
	assert_true(chunk.count == 0 && chunk.module_size == 0 && chunk.data.size == 0);
}

/* For the worker "not here" is the end of the task, silence is not: it asks again. */
static void a_module_that_cannot_be_opened_now(void **state) {
	struct home *home = *state;
	struct rlimit was;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	const struct rlimit none = { 0, was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ask(home, home->digest, 0, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_int_equal(bus_count(home->bus), 0);
	ask(home, home->digest, 0, 1);
	expect_chunk(home, 0, 0);
}

static void garbage_is_not_answered(void **state) {
	struct home *home = *state;
	static const char *const payloads[] = { "", "{", "[]", "null",
		"{\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"first\":0,\"count\":1}",
		"{\"proplet_id\":\"w\",\"boot\":\"" BOOT "\",\"digest\":\"../../etc/passwd\","
		"\"first\":0,\"count\":1}" };
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		bus_deliver(home->bus, home->topics.module_request,
				(struct bytes){ (const uint8_t *)payloads[i],
						strlen(payloads[i]) });
	}
	static const char *const ids[] = { "a/b", "+", "#" };
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		CLEANUP(mem_freep)
		char *text = str_format("{\"proplet_id\":\"%s\",\"boot\":\"" BOOT "\",\"digest\":"
					"\"%s\",\"first\":0,\"count\":1}",
				ids[i], home->digest);
		bus_deliver(home->bus, home->topics.module_request,
				(struct bytes){ (const uint8_t *)text, strlen(text) });
	}
	assert_int_equal(bus_count(home->bus), 0);
}

static void it_hears_requests(void **state) {
	struct home *home = *state;
	assert_true(bus_hears(home->bus, "m/d/c/c/registry/manager"));
	home->bus->down = true; /* what is lost the worker asks for again */
	ask(home, home->digest, 0, 3);
	assert_int_equal(bus_count(home->bus), 0);
}

/* Nothing is said of it: whoever has the key may set it, and the worker asks again. */
static void a_file_of_another_key(void **state) {
	struct home *home = *state;
	struct error err;
	struct modules *modules = home->modules;
	bulk_destroy(home->bulk);
	home->modules = modules_open(home->folder, NULL, &err);
	const struct bus_options options = { .address = "127.0.0.1:1" };
	home->bulk = bulk_create(&options, &home->topics, home->modules, NULL, &err);
	home->bus = last_bus;
	modules_close(modules);
	ask(home, home->digest, 0, 3);
	assert_int_equal(bus_count(home->bus), 0);
}

/* Whoever made them send could keep them sending. */
static void requests_of_others(void **state) {
	struct home *home = *state;
	struct chunk_request request = {
		.proplet_id = (char[]){ "w" }, .boot = BOOT, .count = 1, .number = 7
	};
	memcpy(request.digest, home->digest, sizeof(request.digest));
	CLEANUP(mem_freep) char *good = request_of(home, &request);
	CLEANUP(mem_freep) char *plain = chunk_request_encode(&request);
	request.proplet_id = (char[]){ "v" };
	CLEANUP(mem_freep) char *other = request_of(home, &request);
	CLEANUP(mem_freep) char *changed = str_copy(good);
	strstr(changed, "\"count\":1")[8] = '3';
	bus_forget(home->bus);
	deliver(home, plain);
	deliver(home, other);
	deliver(home, changed);
	assert_int_equal(bus_count(home->bus), 0);
	deliver(home, good);
	assert_int_equal(bus_count(home->bus), 1);
	deliver(home, good); /* recorded */
	assert_int_equal(bus_count(home->bus), 1);
	home->number = 5;
	ask(home, home->digest, 0, 1); /* number 6 */
	assert_int_equal(bus_count(home->bus), 0);
	home->number = 7;
	ask(home, home->digest, 0, 1);
	assert_int_equal(bus_count(home->bus), 1);
}

/* A version of the worker that has the key and signs nothing yet: only who is known for it. */
static void requests_of_early_versions(void **state) {
	struct home *home = *state;
	struct chunk_request request = { .proplet_id = (char[]){ "w" }, .boot = BOOT, .count = 1 };
	memcpy(request.digest, home->digest, sizeof(request.digest));
	CLEANUP(mem_freep) char *plain = chunk_request_encode(&request);
	request.number = 7;
	CLEANUP(mem_freep) char *numbered = chunk_request_encode(&request);
	bus_forget(home->bus);
	bulk_expect(home->bulk, "v", false);
	deliver(home, plain);
	assert_int_equal(bus_count(home->bus), 0);
	bulk_expect(home->bulk, "w", false);
	deliver(home, numbered); /* who counts also signs */
	assert_int_equal(bus_count(home->bus), 0);
	deliver(home, plain);
	assert_int_equal(bus_count(home->bus), 1);
	ask(home, home->digest, 0, 1); /* signed: it is another version now */
	assert_int_equal(bus_count(home->bus), 1);
	deliver(home, plain);
	assert_int_equal(bus_count(home->bus), 1);
	bulk_expect(home->bulk, "w", false);
	bulk_expect(home->bulk, "w", true);
	deliver(home, plain);
	assert_int_equal(bus_count(home->bus), 1);
}

#define WITH_HOME(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
/* The same with a key. */
#define SEALED(test)                                                                               \
	{ "sealed " #test, test, set_up_sealed, tear_down, NULL }

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_HOME(every_chunk_that_is_asked_for),
		WITH_HOME(a_module_that_is_not_here),
		WITH_HOME(a_module_that_cannot_be_opened_now),
		WITH_HOME(garbage_is_not_answered),
		WITH_HOME(it_hears_requests),
		SEALED(every_chunk_that_is_asked_for),
		SEALED(a_module_that_is_not_here),
		SEALED(a_module_that_cannot_be_opened_now),
		SEALED(a_file_of_another_key),
		SEALED(requests_of_others),
		SEALED(requests_of_early_versions),
	};
	return cmocka_run_group_tests_name("manager/bulk", tests, NULL, NULL);
}
