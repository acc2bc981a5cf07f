/* SPDX-License-Identifier: Apache-2.0 */
#include "store/modules.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/base64.h"
#include "store/modules_fixture.h"

/* --- uploads ----------------------------------------------------------------------------- */

static void test_upload(void **state) {
	static const size_t steps[] = { 1, 7, 4096, 1000000 };
	struct home *home = *state;
	struct error err;
	struct stat info;
	CLEANUP(mem_freep) uint8_t *data = make_module(70000, 1);
	struct bytes bytes = { data, 70000 };
	char digest[DIGEST_HEX_SIZE];
	digest_hex(data, bytes.size, digest);
	for (int i = 0; i < 4; i++) {
		struct module_info got;
		assert_ok(upload(home->modules, bytes, steps[i], &got, &err));
		assert_string_equal(got.digest, digest);
		assert_int_equal(got.size, bytes.size);
		assert_content(home->modules, digest, bytes);
		assert_int_equal(names_in(home->folder), 1); /* once, and nothing beside it */
	}
	CLEANUP(mem_freep) char *path = str_format("%s/%s", home->folder, digest);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(stat(home->folder, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
}

static void test_shown(void **state) {
	struct home *home = *state;
	struct error err;
	for (size_t size = 10; size < 60; size++) {
		struct module_info got;
		char expected[32];
		CLEANUP(mem_freep) uint8_t *data = make_module(size, (unsigned)size);
		CLEANUP(mem_freep) char *whole = base64_encode(data, size);
		size_t length = strlen(whole);
		(void)snprintf(expected, sizeof(expected),
				length <= 20 ? "%s" : "%.10s<REDACTED>%s", whole,
				whole + length - 10);
		assert_ok(upload(home->modules, (struct bytes){ data, size }, size % 5 + 1, &got,
				&err));
		assert_string_equal(got.shown, expected);
	}
}

static void test_not_a_module(void **state) {
	struct home *home = *state;
	struct error err;
	struct module_upload *upload = modules_begin(home->modules, 1000);
	struct bytes bytes = { (const uint8_t *)"<!doctype html>", 15 };
	assert_fails(module_upload_add(upload, bytes, &err), ERROR_MODULE,
			"begins with \"<!doctyp\"");
	module_upload_destroy(upload);
	assert_int_equal(names_in(home->folder), 0);
	module_upload_destroy(NULL);
}

static void test_truncated(void **state) {
	struct home *home = *state;
	struct error err;
	struct module_info info;
	CLEANUP(mem_freep) uint8_t *data = make_module(5000, 2);
	assert_fails(upload(home->modules, (struct bytes){ data, 4999 }, 100, &info, &err),
			ERROR_MODULE, "section 0 at offset 8 needs 1 bytes more");
	assert_fails(upload(home->modules, (struct bytes){ data, 0 }, 100, &info, &err),
			ERROR_MODULE, "it has only 0 bytes");
	assert_int_equal(names_in(home->folder), 0);
}

static void test_limit(void **state) {
	struct home *home = *state;
	struct error err;
	CLEANUP(mem_freep) uint8_t *data = make_module(1001, 3);
	struct module_upload *upload = modules_begin(home->modules, 1000);
	assert_ok(module_upload_add(upload, (struct bytes){ data, 1000 }, &err));
	assert_ok(module_upload_add(upload, (struct bytes){ NULL, 0 }, &err));
	assert_fails(module_upload_add(upload, (struct bytes){ data + 1000, 1 }, &err),
			ERROR_TOO_LARGE, "over the limit of 1000 bytes");
	module_upload_destroy(upload);
	assert_int_equal(names_in(home->folder), 0);
}

/* Also before the upload is destroyed: by then its sender has an answer. */
static void test_nothing_is_left_beside(void **state) {
	struct home *home = *state;
	struct error err;
	struct module_info info;
	enum { SIZE = 300000 };
	CLEANUP(mem_freep) uint8_t *data = make_module(SIZE, 5);
	struct module_upload *refused = modules_begin(home->modules, SIZE - 1);
	assert_ok(module_upload_add(refused, (struct bytes){ data, SIZE - 1 }, &err));
	assert_int_equal(names_in(home->folder), 1);
	assert_fails(module_upload_add(refused, (struct bytes){ data, 1 }, &err), ERROR_TOO_LARGE,
			"over the limit");
	assert_int_equal(names_in(home->folder), 0);
	module_upload_destroy(refused);
	for (int i = 0; i < 2; i++) {
		struct module_upload *known = modules_begin(home->modules, SIZE);
		assert_ok(module_upload_add(known, (struct bytes){ data, SIZE }, &err));
		assert_ok(module_upload_finish(known, &info, &err));
		assert_int_equal(names_in(home->folder), 1);
		module_upload_destroy(known);
	}
}

static void test_damaged_file_is_replaced(void **state) {
	struct home *home = *state;
	struct error err;
	struct module_info info;
	CLEANUP(mem_freep) uint8_t *data = make_module(3000, 4);
	struct bytes bytes = { data, 3000 };
	assert_ok(upload(home->modules, bytes, 1000, &info, &err));
	CLEANUP(mem_freep) char *path = str_format("%s/%s", home->folder, info.digest);
	assert_int_equal(truncate(path, 100), 0);
	assert_ok(upload(home->modules, bytes, 1000, &info, &err));
	assert_content(home->modules, info.digest, bytes);
}

/* Many tasks bring the same small module: such a one costs no file and no sync of the folder. */
static void test_known_module_needs_no_file(void **state) {
	struct home *home = *state;
	struct error err;
	struct module_info info;
	struct rlimit limit, none;
	CLEANUP(mem_freep) uint8_t *known = make_module(3000, 6);
	CLEANUP(mem_freep) uint8_t *other_bytes = make_module(3001, 7);
	assert_ok(upload(home->modules, (struct bytes){ known, 3000 }, 1000, &info, &err));
	modules_unpin(home->modules, info.digest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ 0, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	bool again = upload(home->modules, (struct bytes){ known, 3000 }, 1000, &info, &err);
	bool other = upload(home->modules, (struct bytes){ other_bytes, 3001 }, 1000, &info, &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_true(again);
	assert_false(other);
	assert_int_equal(names_in(home->folder), 1);
}

/* --- files ------------------------------------------------------------------------------- */

static void test_leftovers_go(void **state) {
	struct home *home = *state;
	struct error err;
	struct module_info info;
	const size_t size = 300 * 1000; /* more than is held in memory */
	CLEANUP(mem_freep) uint8_t *data = make_module(size, 5);
	assert_ok(upload(home->modules, (struct bytes){ data, size }, 1000, &info, &err));
	struct module_upload *cut = modules_begin(home->modules, size);
	assert_ok(module_upload_add(cut, (struct bytes){ data, size - 1 }, &err));
	assert_int_equal(names_in(home->folder), 2);
	struct modules *again = open_modules(home->folder, home->ring); /* as after a crash */
	assert_int_equal(names_in(home->folder), 1);
	assert_true(is_there(again, info.digest));
	modules_close(again);
	module_upload_destroy(cut);
}

static void test_open_file(void **state) {
	struct home *home = *state;
	struct error err;
	static const char *const bad[] = { "", "..", "../modules", "/etc/passwd", DIGEST_A "a",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(modules_open_file(home->modules, bad[i], &err));
		assert_int_equal(err.code, ERROR_NOT_FOUND);
	}
	assert_null(modules_open_file(home->modules, DIGEST_A, &err));
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.message, DIGEST_A));
	/* What is there and cannot be opened is another thing: a worker must not hear "gone". */
	CLEANUP(mem_freep) char *path = str_format("%s/" DIGEST_A, home->folder);
	assert_int_equal(symlink(DIGEST_A, path), 0);
	assert_null(modules_open_file(home->modules, DIGEST_A, &err));
	assert_int_equal(err.code, ERROR_INTERNAL);
}

static void test_pins(void **state) {
	struct home *home = *state;
	struct error err;
	struct module_info info;
	CLEANUP(mem_freep) uint8_t *data = make_module(1000, 6);
	for (int i = 0; i < 2; i++) {
		assert_ok(upload(home->modules, (struct bytes){ data, 1000 }, 1000, &info, &err));
	}
	modules_remove(home->modules, info.digest);
	assert_true(is_there(home->modules, info.digest));
	modules_unpin(home->modules, info.digest);
	modules_remove(home->modules, info.digest);
	assert_true(is_there(home->modules, info.digest)); /* two uploads, two pins */
	modules_unpin(home->modules, info.digest);
	modules_unpin(home->modules, info.digest); /* one too many changes nothing */
	assert_true(is_there(home->modules, info.digest));
	modules_remove(home->modules, info.digest);
	assert_false(is_there(home->modules, info.digest));
	modules_remove(home->modules, info.digest);
	modules_remove(home->modules, "../../anything");
	modules_unpin(home->modules, DIGEST_B);
}

static void count_one(void *context, const char *digest) {
	assert_true(digest_text_valid(digest));
	++*(size_t *)context;
}

static void test_each(void **state) {
	struct home *home = *state;
	struct error err;
	size_t count = 0;
	for (unsigned i = 0; i < 5; i++) {
		struct module_info info;
		CLEANUP(mem_freep) uint8_t *data = make_module(1000, 100 + i);
		assert_ok(upload(home->modules, (struct bytes){ data, 1000 }, 1000, &info, &err));
	}
	CLEANUP(mem_freep) char *other = str_format("%s/README", home->folder);
	assert_ok(file_write(other, "x", 1, 0600, &err));
	assert_ok(modules_each(home->modules, count_one, &count, &err));
	assert_int_equal(count, 5);
}

/* --- threads ----------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 30 };
struct racer {
	struct modules *modules;
	struct bytes bytes;
	atomic_int *failures;
	pthread_t thread;
};

/* What this thread has pinned is there, whatever the others remove. */
static void *race(void *context) {
	struct racer *racer = context;
	struct error err;
	for (int i = 0; i < ROUNDS; i++) {
		struct module_info info;
		bool ok = upload(racer->modules, racer->bytes, 300, &info, &err);
		modules_remove(racer->modules, info.digest);
		struct module_file *file =
				ok ? modules_open_file(racer->modules, info.digest, &err) : NULL;
		atomic_fetch_add(racer->failures, file == NULL);
		module_file_close(file);
		modules_unpin(racer->modules, info.digest);
		modules_remove(racer->modules, info.digest);
	}
	return NULL;
}

static void test_threads(void **state) {
	struct home *home = *state;
	atomic_int failures = 0;
	CLEANUP(mem_freep) uint8_t *same = make_module(1000, 7);
	struct racer racers[THREADS];
	for (int i = 0; i < THREADS; i++) {
		racers[i] = (struct racer){ home->modules, { same, 1000 }, &failures, 0 };
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(racers[i].thread, NULL), 0);
	}
	assert_int_equal(failures, 0);
	assert_int_equal(names_in(home->folder), 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		AT_HOME(test_upload),
		AT_HOME(test_shown),
		AT_HOME(test_not_a_module),
		AT_HOME(test_truncated),
		AT_HOME(test_limit),
		AT_HOME(test_nothing_is_left_beside),
		AT_HOME(test_damaged_file_is_replaced),
		AT_HOME(test_known_module_needs_no_file),
		AT_HOME(test_leftovers_go),
		AT_HOME(test_open_file),
		AT_HOME(test_pins),
		AT_HOME(test_each),
		AT_HOME(test_threads),
		SEALED(test_upload),
		SEALED(test_shown),
		SEALED(test_not_a_module),
		SEALED(test_truncated),
		SEALED(test_limit),
		SEALED(test_nothing_is_left_beside),
		SEALED(test_damaged_file_is_replaced),
		SEALED(test_leftovers_go),
		SEALED(test_open_file),
		SEALED(test_pins),
		SEALED(test_each),
		SEALED(test_threads),
	};
	return cmocka_run_group_tests_name("store/modules", tests, NULL, NULL);
}
