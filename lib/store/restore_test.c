/* SPDX-License-Identifier: Apache-2.0 */
/* A store that is backed up, and what comes out of the backup. */
#include "store/restore.h"

#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "store/archive_fixture.h"
#include "store/modules_fixture.h"
#include "store/snapshot.h"

enum { BACKUP_MAX = 64 * 1024 * 1024 };

/* A store beside its modules, as a manager has them. */
struct kept {
	void *above;
	char *database, *modules_folder, *aside, *wanted;
	struct store *store;
	struct modules *modules;
	atomic_bool cancel;
	struct buf backup;
};

static int set_up(void **state) {
	struct kept *kept = MEM_NEW(struct kept);
	if (make_folder(&kept->above) != 0) {
		return 1;
	}
	const char *above = kept->above;
	kept->database = str_format("%s/manager.db", above);
	kept->modules_folder = str_format("%s/modules", above);
	kept->aside = str_format("%s/backup", above);
	kept->wanted = str_format("%s/new", above);
	kept->store = open_store(kept->database);
	kept->modules = open_modules(kept->modules_folder, NULL);
	kept->backup = BUF_INIT(BACKUP_MAX);
	*state = kept;
	return 0;
}

static int tear_down(void **state) {
	struct kept *kept = *state;
	store_close(kept->store);
	modules_close(kept->modules);
	int result = remove_folder(&kept->above);
	buf_finish(&kept->backup);
	free(kept->database);
	free(kept->modules_folder);
	free(kept->aside);
	free(kept->wanted);
	free(kept);
	return result;
}

/* A task with a module of that size; its digest. */
static void add_with_module(
		struct kept *kept, const char *name, size_t size, char digest[DIGEST_HEX_SIZE]) {
	struct error err;
	struct module_info info;
	CLEANUP(mem_freep) uint8_t *data = make_module(size, (unsigned)size);
	assert_ok(upload(kept->modules, (struct bytes){ data, size }, 4096, &info, &err));
	struct task *task = make_task(name);
	memcpy(task->work.digest, info.digest, sizeof(task->work.digest));
	begin(kept->store);
	assert_ok(store_task_add(kept->store, task, &err));
	commit(kept->store);
	modules_unpin(kept->modules, info.digest);
	memcpy(digest, info.digest, DIGEST_HEX_SIZE);
	task_destroy(task);
}

static bool back_up(struct kept *kept, bool (*put)(void *, struct bytes, struct error *),
		struct error *err) {
	const struct snapshot snapshot = { .database = kept->database,
		.modules = kept->modules,
		.folder = kept->aside,
		.cancel = &kept->cancel };
	struct archive_writer writer = { .put = put, .context = kept };
	return snapshot_write(&snapshot, &writer, err);
}

static bool keep(void *context, struct bytes piece, struct error *err) {
	return keep_piece(&((struct kept *)context)->backup, piece, err);
}

/* NULL, or where it is now. */
static bool take_back(struct kept *kept, const char *wanted, struct error *err) {
	struct restore *restore = restore_begin(wanted, err);
	bool ok = restore != NULL;
	for (size_t at = 0; ok && at < kept->backup.size; at += 10000) {
		size_t left = kept->backup.size - at;
		ok = restore_add(restore,
				(struct bytes){ kept->backup.data + at,
						left < 10000 ? left : 10000 },
				err);
	}
	ok = ok && restore_finish(restore, err);
	restore_destroy(restore);
	return ok;
}

static void assert_untouched(const struct kept *kept, size_t names) {
	struct stat info;
	assert_int_equal(stat(kept->wanted, &info), -1);
	assert_int_equal(names_in(kept->above), names);
}

/* Tasks in one transaction. */
static void add_many(struct kept *kept, int count) {
	struct error err;
	begin(kept->store);
	for (int i = 0; i < count; i++) {
		struct task *task = make_task("many");
		assert_ok(store_task_add(kept->store, task, &err));
		task_destroy(task);
	}
	commit(kept->store);
}

static void what_was_kept_is_there_again(void **state) {
	struct kept *kept = *state;
	struct error err;
	char one[DIGEST_HEX_SIZE], two[DIGEST_HEX_SIZE];
	add_with_module(kept, "one", 70000, one);
	add_with_module(kept, "two", 512, two);
	task_destroy(add_task(kept->store, "three"));
	assert_ok(back_up(kept, keep, &err));
	assert_int_equal(names_in(kept->aside), 0);
	assert_ok(take_back(kept, kept->wanted, &err));
	CLEANUP(mem_freep) char *database = str_format("%s/manager.db", kept->wanted);
	CLEANUP(mem_freep) char *folder = str_format("%s/modules", kept->wanted);
	struct store *store = open_store(database);
	struct modules *modules = open_modules(folder, NULL);
	assert_page(store, 0, 10, NULL, "three two one", 3);
	CLEANUP(mem_freep) uint8_t *data = make_module(70000, 70000);
	assert_ok(read_back(modules, one, (struct bytes){ data, 70000 }, &err));
	assert_true(is_there(modules, two));
	struct stat info;
	assert_int_equal(stat(database, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(stat(kept->wanted, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0700);
	modules_close(modules);
	store_close(store);
}

static void a_new_era_begins(void **state) {
	struct kept *kept = *state;
	struct error err;
	int64_t before = clock_wall_ns() / 1000;
	assert_int_equal(store_era(kept->store), 0);
	assert_false(store_unsettled(kept->store));
	assert_ok(back_up(kept, keep, &err));
	assert_ok(take_back(kept, kept->wanted, &err));
	CLEANUP(mem_freep) char *database = str_format("%s/manager.db", kept->wanted);
	struct store *store = open_store(database);
	uint64_t era = store_era(store);
	assert_true(era >= (uint64_t)before && era <= (uint64_t)(clock_wall_ns() / 1000));
	assert_true(store_unsettled(store));
	begin(store);
	assert_ok(store_settle(store, &err));
	store_rollback(store);
	assert_true(store_unsettled(store));
	begin(store);
	assert_ok(store_settle(store, &err));
	commit(store);
	assert_false(store_unsettled(store));
	store_close(store);
	store = open_store(database);
	assert_false(store_unsettled(store));
	assert_int_equal(store_era(store), era);
	store_close(store);
}

/* The lost manager's clock was ahead of ours: the era is above its numbers all the same. */
static void an_era_is_above_what_was_counted(void **state) {
	struct kept *kept = *state;
	struct error err;
	const uint64_t later = (uint64_t)clock_wall_ns() / 1000 + 3600000000;
	struct task *task = add_task(kept->store, "ahead");
	task->attempt = later;
	move_task(kept->store, task, TASK_PENDING, false);
	task_destroy(task);
	assert_ok(back_up(kept, keep, &err));
	assert_ok(take_back(kept, kept->wanted, &err));
	CLEANUP(mem_freep) char *database = str_format("%s/manager.db", kept->wanted);
	struct store *store = open_store(database);
	assert_int_equal(store_era(store), later + 1);
	store_close(store);
}

/* Deletes a task and its module when the first bytes are on their way. */
static bool delete_meanwhile(void *context, struct bytes piece, struct error *err) {
	struct kept *kept = context;
	if (kept->backup.size == 0) {
		char digest[DIGEST_HEX_SIZE];
		CLEANUP(mem_freep) uint8_t *data = make_module(70000, 70000);
		digest_hex(data, 70000, digest);
		modules_remove(kept->modules, digest);
		assert_false(is_there(kept->modules, digest)); /* for all others */
		task_destroy(add_task(kept->store, "later"));
	}
	return keep(kept, piece, err);
}

static void modules_deleted_meanwhile_are_in_it(void **state) {
	struct kept *kept = *state;
	struct error err;
	char digest[DIGEST_HEX_SIZE];
	add_with_module(kept, "one", 70000, digest);
	assert_ok(back_up(kept, delete_meanwhile, &err));
	assert_int_equal(names_in(kept->aside), 0);
	assert_ok(take_back(kept, kept->wanted, &err));
	CLEANUP(mem_freep) char *folder = str_format("%s/modules", kept->wanted);
	CLEANUP(mem_freep) char *database = str_format("%s/manager.db", kept->wanted);
	struct modules *modules = open_modules(folder, NULL);
	struct store *store = open_store(database);
	assert_true(is_there(modules, digest));
	assert_page(store, 0, 10, NULL, "one", 1);
	store_close(store);
	modules_close(modules);
	modules_remove(kept->modules, digest); /* nothing is held any more */
	assert_int_equal(names_in(kept->aside), 0);
}

static void missing_modules_are_counted(void **state) {
	struct kept *kept = *state;
	struct error err;
	char digest[DIGEST_HEX_SIZE];
	add_with_module(kept, "one", 70000, digest);
	modules_remove(kept->modules, digest);
	assert_ok(back_up(kept, keep, &err));
	assert_ok(take_back(kept, NULL, &err));
	struct restore *restore = restore_begin(NULL, &err);
	assert_ok(restore_add(restore, (struct bytes){ kept->backup.data, 1024 }, &err));
	assert_int_equal(restore_manifest(restore)->missing, 1);
	restore_destroy(restore);
}

static bool give_up(void *context, struct bytes piece, struct error *err) {
	(void)context, (void)piece;
	return error_set(err, ERROR_INTERRUPTED, "enough");
}

static void given_up_it_leaves_nothing(void **state) {
	struct kept *kept = *state;
	struct error err;
	assert_fails(back_up(kept, give_up, &err), ERROR_INTERRUPTED, "enough");
	assert_int_equal(names_in(kept->aside), 0);
	add_many(kept, 5000);
	atomic_store(&kept->cancel, true);
	assert_fails(back_up(kept, keep, &err), ERROR_INTERRUPTED, "its client is gone");
	assert_int_equal(names_in(kept->aside), 0);
	assert_int_equal(kept->backup.size, 0);
}

static void leftovers_are_removed(void **state) {
	struct kept *kept = *state;
	struct error err;
	CLEANUP(mem_freep) char *left = str_format("%s/snapshot.db", kept->aside);
	assert_ok(snapshot_clear(kept->aside, &err));
	assert_ok(file_write(left, "x", 1, 0600, &err));
	assert_ok(back_up(kept, keep, &err));
	assert_ok(take_back(kept, NULL, &err));
}

/* --- refusals ---------------------------------------------------------------------------------
 */

static void torn_or_changed_nothing_is_written(void **state) {
	struct kept *kept = *state;
	struct error err;
	char digest[DIGEST_HEX_SIZE];
	add_with_module(kept, "one", 2000, digest);
	assert_ok(back_up(kept, keep, &err));
	size_t names = names_in(kept->above), size = kept->backup.size;
	for (size_t at = 0; at < size; at += 3989) {
		kept->backup.size = at;
		assert_fails(take_back(kept, kept->wanted, &err), ERROR_INTEGRITY, "backup");
		assert_untouched(kept, names);
		kept->backup.size = size;
		kept->backup.data[at] ^= 0x40;
		assert_false(take_back(kept, kept->wanted, &err));
		assert_untouched(kept, names);
		kept->backup.data[at] ^= 0x40;
	}
	assert_ok(take_back(kept, kept->wanted, &err));
}

static void only_an_empty_folder_is_taken(void **state) {
	struct kept *kept = *state;
	struct error err;
	assert_ok(back_up(kept, keep, &err));
	assert_fails(take_back(kept, kept->above, &err), ERROR_CONFLICT, "a manager is running on");
	assert_ok(file_make_folder(kept->wanted, &err));
	CLEANUP(mem_freep) char *file = str_format("%s/mine", kept->wanted);
	assert_ok(file_write(file, "x", 1, 0600, &err));
	assert_fails(take_back(kept, kept->wanted, &err), ERROR_CONFLICT, "is not empty");
	assert_int_equal(names_in(kept->wanted), 1);
	assert_int_equal(unlink(file), 0);
	assert_ok(take_back(kept, kept->wanted, &err));
	assert_fails(take_back(kept, kept->wanted, &err), ERROR_CONFLICT, "is not empty");
	assert_fails(take_back(kept, kept->database, &err), ERROR_INTERNAL, "Not a directory");
}

/* A backup whose bytes are in order and whose database is `sql` more than ours. */
static void make_other(struct kept *kept, const char *sql) {
	struct error err;
	sqlite3 *db;
	CLEANUP(mem_freep) char *path = str_format("%s/other.db", (char *)kept->above);
	(void)unlink(path);
	store_close(open_store(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	struct buf bytes = BUF_INIT(1 << 24);
	assert_ok(file_read(path, &bytes, &err));
	struct archive_manifest manifest = small_manifest();
	manifest.database_size = bytes.size;
	manifest.modules = manifest.module_bytes = 0;
	struct archive_writer writer = { .put = keep_piece, .context = &kept->backup };
	buf_clear(&kept->backup);
	assert_ok(archive_begin(&writer, &manifest, &err));
	assert_ok(archive_member(&writer, "manager.db", bytes.size, &err));
	assert_ok(archive_add(&writer, (struct bytes){ bytes.data, bytes.size }, &err));
	assert_ok(archive_end(&writer, &err));
	archive_writer_finish(&writer);
	buf_finish(&bytes);
	assert_int_equal(unlink(path), 0);
}

static void databases_that_are_not_ours_are_refused(void **state) {
	static const struct {
		const char *sql, *text;
	} rows[] = {
		{ "CREATE TRIGGER t AFTER INSERT ON tasks BEGIN DELETE FROM tasks; END",
				"triggers" },
		{ "CREATE VIEW v AS SELECT * FROM tasks", "triggers" },
		{ "CREATE VIRTUAL TABLE f USING fts5(x)", "triggers" },
		{ "PRAGMA application_id = 7", "manifest says" },
		{ "PRAGMA user_version = 5", "manifest says" },
		{ "PRAGMA user_version = 99", "manifest says" },
		{ "INSERT INTO tasks(id, digest, created, body) VALUES('x', zeroblob(32), 0, '{}')",
				"its modules are not those" },
		{ "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = 3 WHERE name ="
		  " 'moves'",
				"damaged" },
	};
	struct kept *kept = *state;
	struct error err;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_other(kept, rows[i].sql);
		size_t names = names_in(kept->above);
		assert_fails(take_back(kept, kept->wanted, &err), ERROR_INTEGRITY, rows[i].text);
		assert_untouched(kept, names);
	}
	make_other(kept, "");
	assert_ok(take_back(kept, kept->wanted, &err));
}

/* --- meanwhile --------------------------------------------------------------------------------
 */

struct writing {
	struct kept *kept;
	atomic_bool stop;
	_Atomic unsigned long commits;
};

static void *write_on(void *context) {
	struct writing *writing = context;
	while (!atomic_load(&writing->stop)) {
		task_destroy(add_task(writing->kept->store, "meanwhile"));
		atomic_fetch_add(&writing->commits, 1);
	}
	return NULL;
}

static void the_writer_goes_on(void **state) {
	struct kept *kept = *state;
	struct error err;
	struct writing writing = { .kept = kept };
	pthread_t thread;
	add_many(kept, 500);
	assert_int_equal(pthread_create(&thread, NULL, write_on, &writing), 0);
	unsigned long before = atomic_load(&writing.commits);
	for (int i = 0; i < 5; i++) {
		buf_clear(&kept->backup);
		assert_ok(back_up(kept, keep, &err));
	}
	unsigned long meanwhile = atomic_load(&writing.commits) - before;
	atomic_store(&writing.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(meanwhile > 0);
	assert_ok(take_back(kept, kept->wanted, &err));
	CLEANUP(mem_freep) char *database = str_format("%s/manager.db", kept->wanted);
	struct store *store = open_store(database);
	uint64_t total = 0;
	struct names names = { "" };
	assert_ok(store_task_list(store, 0, 1, NULL, name_visited, &names, &total, &err));
	assert_true(total >= 500 && total <= 500 + atomic_load(&writing.commits));
	store_close(store);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_STORE(what_was_kept_is_there_again),
		WITH_STORE(a_new_era_begins),
		WITH_STORE(an_era_is_above_what_was_counted),
		WITH_STORE(modules_deleted_meanwhile_are_in_it),
		WITH_STORE(missing_modules_are_counted),
		WITH_STORE(given_up_it_leaves_nothing),
		WITH_STORE(leftovers_are_removed),
		WITH_STORE(torn_or_changed_nothing_is_written),
		WITH_STORE(only_an_empty_folder_is_taken),
		WITH_STORE(databases_that_are_not_ours_are_refused),
		WITH_STORE(the_writer_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
