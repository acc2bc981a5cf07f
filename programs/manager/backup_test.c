/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/backup.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "manager/request_fixture.h"
#include "store/archive.h"

/* The clock of the manager runs ahead of ours by so much. */
static _Atomic uint64_t ahead_ms;
uint64_t __real_clock_ms(void);
uint64_t __wrap_clock_ms(void);
uint64_t __wrap_clock_ms(void) {
	return __real_clock_ms() + ahead_ms;
}

static struct manager_settings settings;

/* The store of the fixture is in memory: this one is on the disk. */
static int set_up(void **state) {
	struct error err;
	(void)request_set_up(state);
	struct manager *m = *state;
	ahead_ms = 0;
	settings = *m->settings;
	settings.state_dir = str_format("%s", modules_folder());
	settings.sqlite_path = str_format("%s/manager.db", modules_folder());
	settings.storage = str_copy("sqlite");
	m->settings = &settings;
	store_close(m->store);
	m->store = store_open(settings.sqlite_path, NULL, &err);
	assert_non_null(m->store);
	m->backups = backups_create(m);
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
	backups_close(m->backups);
	hang_up();
	backups_destroy(m->backups);
	int result = request_tear_down(state);
	free(settings.state_dir);
	free(settings.sqlite_path);
	free(settings.storage);
	return result;
}

/* A task with a module of so many bytes, all of them different from run to run of the byte. */
static void keep_module(struct manager *m, size_t size, uint8_t fill) {
	struct error err;
	struct module_info info;
	CLEANUP(mem_freep) uint8_t *bytes = mem_zero(size, 1);
	size_t body = size - 14;
	memcpy(bytes, "\0asm\1\0\0\0\0", 9);
	for (size_t i = 0; i < 5; i++) {
		bytes[9 + i] = (uint8_t)((body >> (7 * i) & 0x7f) | (i < 4 ? 0x80 : 0));
	}
	memset(bytes + 15, fill, size - 15); /* behind a name of no characters */
	struct module_upload *upload = modules_begin(m->modules, size);
	if (!module_upload_add(upload, (struct bytes){ bytes, size }, &err) ||
			!module_upload_finish(upload, &info, &err)) {
		fail_msg("%s", err.message);
	}
	module_upload_destroy(upload);
	struct task *task = make_task(m);
	memcpy(task->work.digest, info.digest, sizeof(task->work.digest));
	assert_true(manager_write(m) && store_task_change(m->store, task, &err));
	next_batch(m);
	modules_unpin(m->modules, info.digest);
}

static int ask(struct manager *m) {
	struct http_request request = { .method = "GET", .path = "/backup" };
	serve(m, &request);
	json_decref(request.answer);
	return request.status;
}

/* Reads what there is, at most `most` bytes; waits while there is nothing. False at the end. */
static bool read_some(uint8_t *to, size_t most, size_t *got) {
	long count = 0;
	while ((count = fixture_stream.source->read(fixture_stream.context, to, most)) == 0) {
		(void)poll(NULL, 0, 1);
	}
	*got = count > 0 ? (size_t)count : 0;
	return count > 0;
}

static bool ignore_manifest(
		void *context, const struct archive_manifest *manifest, struct error *err) {
	(void)context, (void)manifest, (void)err;
	return true;
}

/* All of it; false if that is no backup. */
static bool read_all(struct error *err) {
	static const struct archive_visitor visitor = { .manifest = ignore_manifest };
	static uint8_t piece[16 * 1024];
	struct archive_reader *reader = archive_reader_create(&visitor, NULL);
	bool ok = true;
	size_t got;
	while (read_some(piece, sizeof(piece), &got)) {
		ok = ok && archive_reader_add(reader, (struct bytes){ piece, got }, err);
	}
	ok = ok && archive_reader_end(reader, err);
	archive_reader_destroy(reader);
	hang_up();
	return ok;
}

/* When the thread has ended as well. */
static void ask_until(struct manager *m, int status) {
	uint64_t deadline = __real_clock_ms() + 60000;
	int got;
	while ((got = ask(m)) != status) {
		assert_int_equal(got, 429);
		assert_true(__real_clock_ms() < deadline);
		(void)poll(NULL, 0, 1);
	}
}

static void one_after_the_other(void **state) {
	struct manager *m = *state;
	struct error err;
	keep_module(m, 3000000, 'a'); /* more than the pipe takes */
	for (int i = 0; i < 3; i++) {
		ask_until(m, 200);
		assert_int_equal(ask(m), 429);
		if (!read_all(&err)) {
			fail_msg("%s", err.message);
		}
	}
}

/* Nor hears the next one of it when HTTP is through at last. */
static void who_has_all_of_it_is_not_waited_for(void **state) {
	struct manager *m = *state;
	struct error err = { 0 };
	uint8_t piece[4096];
	size_t got;
	keep_module(m, 3000000, 'a');
	ask_until(m, 200);
	while (read_some(piece, sizeof(piece), &got)) {
	}
	const struct http_source *source = fixture_stream.source;
	void *first = fixture_stream.context;
	assert_int_equal(ask(m), 200);
	source->end(first);
	assert_int_equal(ask(m), 429);
	if (!read_all(&err)) {
		fail_msg("%s", err.message);
	}
}

static void a_client_that_goes(void **state) {
	struct manager *m = *state;
	struct error err;
	uint8_t piece[4096];
	size_t got;
	keep_module(m, 3000000, 'a');
	ask_until(m, 200);
	hang_up(); /* before the first byte */
	ask_until(m, 200);
	assert_true(read_some(piece, sizeof(piece), &got));
	hang_up();
	ask_until(m, 200);
	assert_true(read_all(&err));
}

/* It gets what was in the pipe, and no more. */
static void a_client_that_is_slow(void **state) {
	struct manager *m = *state;
	struct error err = { 0 };
	keep_module(m, 3000000, 'a');
	ask_until(m, 200);
	uint8_t piece[4096];
	size_t got, all = 0;
	while (all < 4096 && read_some(piece, sizeof(piece) - all, &got)) {
		all += got;
	}
	ahead_ms = BACKUP_PACE_MS + 1;
	while (read_some(piece, sizeof(piece), &got)) {
		all += got;
		if (all < BACKUP_PIPE_BYTES) {
			(void)poll(NULL, 0, 1); /* the pipe fills up again meanwhile */
		}
	}
	hang_up();
	assert_true(all < 2000000);
	ask_until(m, 200);
	if (!read_all(&err)) {
		fail_msg("%s", err.message);
	}
}

static void an_end_of_the_manager(void **state) {
	struct manager *m = *state;
	struct error err = { 0 };
	keep_module(m, 3000000, 'a');
	ask_until(m, 200);
	backups_close(m->backups);
	assert_false(read_all(&err));
	assert_non_null(strstr(err.message, "backup"));
	assert_int_equal(ask(m), 429);
}

static void nothing_is_kept_in_memory(void **state) {
	struct manager *m = *state;
	backups_destroy(m->backups);
	free(settings.storage);
	settings.storage = str_copy("memory");
	m->backups = backups_create(m);
	assert_int_equal(ask(m), 422);
}

static void leftovers_go_at_the_start(void **state) {
	struct manager *m = *state;
	struct stat info;
	CLEANUP(mem_freep) char *left = str_format("%s/backup/snapshot.db", settings.state_dir);
	FILE *file = fopen(left, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	backups_destroy(m->backups);
	m->backups = backups_create(m);
	assert_int_equal(stat(left, &info), -1);
}

#define WITH_BACKUPS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_BACKUPS(one_after_the_other),
		WITH_BACKUPS(who_has_all_of_it_is_not_waited_for),
		WITH_BACKUPS(a_client_that_goes),
		WITH_BACKUPS(a_client_that_is_slow),
		WITH_BACKUPS(an_end_of_the_manager),
		WITH_BACKUPS(nothing_is_kept_in_memory),
		WITH_BACKUPS(leftovers_go_at_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
