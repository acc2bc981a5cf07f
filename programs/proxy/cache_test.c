/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

static char folder[64];
static struct seal_ring *ring; /* of the next cache */

static int set_up(void **state) {
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/airscrew-cache-XXXXXX");
	return mkdtemp(folder) != NULL ? 0 : -1;
}

/* The names in the folder but "lock"; all of them are removed with `clean`. */
static size_t count_files(bool clean) {
	DIR *names = opendir(folder);
	size_t count = 0;
	for (struct dirent *item = readdir(names); item != NULL; item = readdir(names)) {
		CLEANUP(mem_freep) char *path = str_format("%s/%s", folder, item->d_name);
		count += item->d_name[0] != '.' && !str_equal(item->d_name, "lock");
		if (clean && item->d_name[0] != '.') {
			(void)unlink(path);
		}
	}
	(void)closedir(names);
	return count;
}

static int tear_down(void **state) {
	(void)state;
	seal_ring_destroy(ring);
	ring = NULL;
	(void)count_files(true);
	return rmdir(folder);
}

static struct cache *open_it(uint64_t bytes_max) {
	struct error err;
	struct cache *cache = cache_open(folder, bytes_max, ring, &err);
	if (cache == NULL) {
		fail_msg("%s", err.message);
	}
	return cache;
}

static void key_of(const char *name, char key[DIGEST_HEX_SIZE]) {
	digest_hex(name, strlen(name), key);
}

static struct content put(struct cache *cache, const char *name, const char *text) {
	struct error err;
	struct content content;
	char key[DIGEST_HEX_SIZE], digest[DIGEST_HEX_SIZE];
	key_of(name, key);
	digest_hex(text, strlen(text), digest);
	struct spool *spool = cache_spool(cache, &err);
	assert_non_null(spool);
	size_t half = strlen(text) / 2;
	assert_true(spool_write(spool, (struct bytes){ (const uint8_t *)text, half }, &err));
	assert_true(spool_write(spool,
			(struct bytes){ (const uint8_t *)text + half, strlen(text) - half }, &err));
	assert_true(spool_keep(spool, key, digest, &content, &err));
	return content;
}

static void expect_content(struct content content, const char *text) {
	char read[64] = { 0 }, digest[DIGEST_HEX_SIZE];
	struct error err;
	assert_int_equal(content.size, strlen(text));
	assert_true(content_read(&content, 0, (uint8_t *)read, strlen(text), &err));
	digest_hex(text, strlen(text), digest);
	assert_string_equal(content.digest, digest);
	assert_string_equal(read, text);
	file_closep(&content.fd);
}

static bool has(struct cache *cache, const char *name, const char *text) {
	struct content content;
	char key[DIGEST_HEX_SIZE];
	key_of(name, key);
	if (!cache_find(cache, key, &content)) {
		return false;
	}
	expect_content(content, text);
	return true;
}

static void what_is_kept_is_found(void **state) {
	(void)state;
	struct cache *cache = open_it(1000);
	assert_false(has(cache, "a", ""));
	expect_content(put(cache, "a", "hello"), "hello");
	assert_true(has(cache, "a", "hello"));
	assert_false(has(cache, "b", ""));
	expect_content(put(cache, "a", "other"), "other"); /* in its place */
	assert_true(has(cache, "a", "other"));
	assert_int_equal(cache_bytes(cache), 5);
	assert_int_equal(count_files(false), 1);
	cache_close(cache);
	cache = open_it(1000);
	assert_true(has(cache, "a", "other"));
	cache_close(cache);
}

static void the_least_used_go_first(void **state) {
	(void)state;
	struct cache *cache = open_it(12);
	expect_content(put(cache, "a", "aaaa"), "aaaa");
	expect_content(put(cache, "b", "bbbb"), "bbbb");
	expect_content(put(cache, "c", "cccc"), "cccc");
	assert_true(has(cache, "a", "aaaa"));
	struct content open = put(cache, "d", "dddd");
	assert_false(has(cache, "b", ""));
	assert_true(has(cache, "a", "aaaa") && has(cache, "c", "cccc") && has(cache, "d", "dddd"));
	expect_content(put(cache, "e", "eeeeeeeeeeee"), "eeeeeeeeeeee");
	assert_int_equal(count_files(false), 1);
	expect_content(open, "dddd"); /* gone, and readable for who has it open */
	expect_content(put(cache, "f", "more than twelve"), "more than twelve"); /* not kept */
	assert_false(has(cache, "f", ""));
	assert_true(has(cache, "e", "eeeeeeeeeeee"));
	assert_int_equal(cache_bytes(cache), 12);
	cache_close(cache);
	cache = open_it(0); /* a smaller bound holds at once */
	assert_int_equal(count_files(false), 0);
	expect_content(put(cache, "a", "a"), "a");
	assert_int_equal(count_files(false), 0);
	cache_close(cache);
}

static void what_is_half_done_is_nothing(void **state) {
	(void)state;
	struct error err;
	struct cache *cache = open_it(100);
	struct spool *spool = cache_spool(cache, &err);
	assert_true(spool_write(spool, (struct bytes){ (const uint8_t *)"x", 1 }, &err));
	assert_int_equal(count_files(false), 1);
	spool_drop(spool);
	assert_int_equal(count_files(false), 0);
	spool_drop(NULL);
	cache_close(cache);
	/* What a killed process has left goes; what is not ours stays. */
	CLEANUP(mem_freep) char *left = str_format("%s/spool-abcdef", folder);
	CLEANUP(mem_freep) char *other = str_format("%s/notes", folder);
	assert_true(file_write(left, "x", 1, 0600, &err) && file_write(other, "x", 1, 0600, &err));
	cache = open_it(100);
	assert_int_equal(access(left, F_OK), -1);
	assert_int_equal(access(other, F_OK), 0);
	assert_int_equal(cache_bytes(cache), 0);
	cache_close(cache);
}

static void what_the_disk_has_forgotten(void **state) {
	(void)state;
	char key[DIGEST_HEX_SIZE], digest[DIGEST_HEX_SIZE];
	key_of("a", key);
	digest_hex("hello", 5, digest);
	CLEANUP(mem_freep) char *path = str_format("%s/%s.%s", folder, key, digest);
	static const char *const damages[] = { "hellO", "hell", "", "hello!" };
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		struct error err;
		struct cache *cache = open_it(100);
		expect_content(put(cache, "a", "hello"), "hello");
		assert_true(file_write(path, damages[i], strlen(damages[i]), 0600, &err));
		assert_false(has(cache, "a", ""));
		assert_int_equal(access(path, F_OK), -1);
		assert_int_equal(cache_bytes(cache), 0);
		expect_content(put(cache, "a", "hello"), "hello");
		assert_int_equal(unlink(path), 0);
		assert_false(has(cache, "a", ""));
		cache_close(cache);
	}
}

static void one_process_at_a_time(void **state) {
	(void)state;
	struct error err;
	struct cache *cache = open_it(100);
	assert_null(cache_open(folder, 100, NULL, &err));
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, folder));
	cache_close(cache);
	cache_close(open_it(100));
	assert_null(cache_open("/proc/nothing", 100, NULL, &err));
}

static void new_ring(const char *keys) {
	struct error err;
	seal_ring_destroy(ring);
	ring = seal_ring_create(NULL, &err);
	assert_true(ring != NULL && seal_ring_read(ring, keys, &err));
}

#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

/* The name of the only file, which does not have the text in it. */
static char *expect_ciphertext(const char *text) {
	struct error err;
	struct buf bytes = BUF_INIT(1000);
	char key[DIGEST_HEX_SIZE], digest[DIGEST_HEX_SIZE];
	key_of("a", key);
	digest_hex(text, strlen(text), digest);
	char *path = str_format("%s/%s.%s.sealed", folder, key, digest);
	assert_true(file_read(path, &bytes, &err));
	assert_int_equal(bytes.size, BLOCKS_HEAD_BYTES + SEAL_OVERHEAD_BYTES + strlen(text));
	assert_null(memmem(bytes.data, bytes.size, text, strlen(text)));
	buf_finish(&bytes);
	return path;
}

static void with_a_key_all_is_sealed(void **state) {
	(void)state;
	new_ring(KEY);
	struct cache *cache = open_it(1000);
	expect_content(put(cache, "a", "hello"), "hello");
	assert_true(has(cache, "a", "hello"));
	CLEANUP(mem_freep) char *path = expect_ciphertext("hello");
	cache_close(cache);
	new_ring(OTHER "," KEY); /* a new key, the old one is still there */
	cache = open_it(1000);
	assert_int_equal(cache_bytes(cache), BLOCKS_HEAD_BYTES + SEAL_OVERHEAD_BYTES + 5);
	assert_true(has(cache, "a", "hello"));
	cache_close(cache);
	new_ring(OTHER);
	cache = open_it(1000);
	assert_false(has(cache, "a", ""));
	assert_int_equal(access(path, F_OK), -1);
	cache_close(cache);
}

static void what_is_in_the_other_form_goes(void **state) {
	(void)state;
	struct cache *cache = open_it(1000);
	expect_content(put(cache, "a", "hello"), "hello");
	cache_close(cache);
	new_ring(KEY);
	cache = open_it(1000);
	assert_int_equal(count_files(false), 0);
	expect_content(put(cache, "a", "hello"), "hello");
	cache_close(cache);
	seal_ring_destroy(ring);
	ring = NULL;
	cache = open_it(1000);
	assert_int_equal(count_files(false), 0);
	cache_close(cache);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		TEST(what_is_kept_is_found),
		TEST(the_least_used_go_first),
		TEST(what_is_half_done_is_nothing),
		TEST(what_the_disk_has_forgotten),
		TEST(one_process_at_a_time),
		TEST(with_a_key_all_is_sealed),
		TEST(what_is_in_the_other_form_goes),
	};
	return cmocka_run_group_tests_name("proxy/cache", tests, NULL, NULL);
}
