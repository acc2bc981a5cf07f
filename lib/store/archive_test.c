/* SPDX-License-Identifier: Apache-2.0 */
#include "store/archive_fixture.h"
#include "store/archive_parts.h"

/* What the reader handed on. */
struct seen {
	struct archive_manifest manifest;
	unsigned members, ends;
	uint64_t sizes, bytes;
	char names[512];
};

static bool see_manifest(
		void *context, const struct archive_manifest *manifest, struct error *err) {
	(void)err;
	((struct seen *)context)->manifest = *manifest;
	return true;
}

static bool see_begin(void *context, const char *name, uint64_t size, struct error *err) {
	struct seen *seen = context;
	size_t used = strlen(seen->names);
	(void)err;
	(void)snprintf(seen->names + used, sizeof(seen->names) - used, "%s ", name);
	seen->members++;
	seen->sizes += size;
	return true;
}

static bool see_data(void *context, struct bytes piece, struct error *err) {
	(void)err;
	((struct seen *)context)->bytes += piece.size;
	return true;
}

static bool see_end(void *context, struct error *err) {
	(void)err;
	((struct seen *)context)->ends++;
	return true;
}

static const struct archive_visitor visitor = { see_manifest, see_begin, see_data, see_end };

static bool read_in_steps(struct bytes bytes, size_t step, struct seen *seen, struct error *err) {
	struct archive_reader *reader = archive_reader_create(&visitor, seen);
	bool ok = true;
	for (size_t at = 0; ok && at < bytes.size; at += step) {
		size_t size = bytes.size - at < step ? bytes.size - at : step;
		ok = archive_reader_add(reader, (struct bytes){ bytes.data + at, size }, err);
	}
	ok = ok && archive_reader_end(reader, err);
	archive_reader_destroy(reader);
	return ok;
}

static bool read_all(const struct buf *backup, struct error *err) {
	struct seen seen = { 0 };
	return read_in_steps(
			(struct bytes){ backup->data, backup->size }, backup->size, &seen, err);
}

static int small(void **state) {
	struct buf *backup = MEM_NEW(struct buf);
	*backup = BUF_INIT(1 << 20);
	write_small(backup);
	*state = backup;
	return 0;
}

static int drop(void **state) {
	buf_finish(*state);
	free(*state);
	return 0;
}

static void what_is_written_is_read(void **state) {
	static const size_t steps[] = { 1, 7, 511, 512, 513, 1 << 20 };
	const struct buf *backup = *state;
	struct error err;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct seen seen = { 0 };
		assert_ok(read_in_steps((struct bytes){ backup->data, backup->size }, steps[i],
				&seen, &err));
		const struct archive_manifest manifest = small_manifest();
		assert_memory_equal(&seen.manifest, &manifest, sizeof(manifest));
		assert_string_equal(seen.names,
				"manager.db modules/" DIGEST_A " modules/" DIGEST_B " ");
		assert_int_equal(seen.members, 3);
		assert_int_equal(seen.ends, 3);
		assert_int_equal(seen.bytes, 1612);
		assert_int_equal(seen.sizes, 1612);
	}
	assert_int_equal(backup->size % ARCHIVE_BLOCK, 0);
}

static void torn_anywhere_it_is_refused(void **state) {
	const struct buf *backup = *state;
	struct error err;
	for (size_t size = 0; size < backup->size; size++) {
		struct seen seen = { 0 };
		assert_false(read_in_steps(
				(struct bytes){ backup->data, size }, backup->size, &seen, &err));
		assert_int_equal(err.code, ERROR_INTEGRITY);
		assert_non_null(strstr(err.message, size < ARCHIVE_BLOCK ? "no backup" : "torn"));
	}
}

/* There is one way to write a backup: no bit of it can be another one. */
static void changed_anywhere_it_is_refused(void **state) {
	struct buf *backup = *state;
	struct error err;
	for (size_t at = 0; at < backup->size; at++) {
		for (int bit = 0; bit < 8; bit++) {
			backup->data[at] ^= (uint8_t)(1 << bit);
			if (read_all(backup, &err)) {
				fail_msg("bit %d of byte %zu counts for nothing", bit, at);
			}
			assert_true(err.code == ERROR_INTEGRITY || err.code == ERROR_INVALID ||
					err.code == ERROR_TOO_LARGE);
			backup->data[at] ^= (uint8_t)(1 << bit);
		}
	}
	assert_ok(read_all(backup, &err));
}

static void more_behind_its_end_is_refused(void **state) {
	struct buf *backup = *state;
	struct error err;
	assert_ok(buf_append(backup, "", 1, &err));
	assert_fails(read_all(backup, &err), ERROR_INTEGRITY, "something was added");
}

/* --- members that are not ours ----------------------------------------------------------------
 */

/* Puts a number of octal digits where a header has it, and makes its sum right again. */
static void resum(uint8_t *block) {
	unsigned sum = 0;
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < ARCHIVE_BLOCK; i++) {
		sum += block[i];
	}
	(void)snprintf((char *)block + 148, 8, "%06o", sum);
}

static void headers_of_others_are_refused(void **state) {
	static const struct {
		size_t at;
		const char *bytes;
	} rows[] = {
		{ 0, "../manager.db" },
		{ 0, "/etc/passwd" },
		{ 0, "manager.db/x" },
		{ 0, "modules/../../x" },
		{ 0, "modules/" },
		{ 0, "modules/AAAA" },
		{ 0, "Manager.db" },
		{ 0, "manifest.json" },
		{ 0, "end.json" },
		{ 0, "x" },
		{ 156, "1" },
		{ 156, "2" },
		{ 156, "3" },
		{ 156, "4" },
		{ 156, "5" },
		{ 156, "6" },
		{ 156, "7" },
		{ 156, "L" },
		{ 156, "K" },
		{ 156, "x" },
		{ 156, "g" },
		{ 156, "S" },
		{ 157, "manager.db" },
		{ 345, "prefix" },
		{ 100, "0004755" },
		{ 108, "0001750" },
		{ 124, "77777777777" },
		{ 124, "-0000001000" },
		{ 124, "00000001751" },
		{ 124, "\x80\x7f\xff\xff" },
		{ 124, "\x80" },
		{ 124, " 1000" },
		{ 136, "0" },
		{ 257, "ustar  " },
		{ 265, "root" },
		{ 329, "0000001" },
		{ 500, "x" },
	};
	const struct buf *backup = *state;
	struct error err;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf other = BUF_INIT(1 << 20);
		assert_ok(buf_append(&other, backup->data, backup->size, &err));
		uint8_t *header = other.data + 2 * (size_t)ARCHIVE_BLOCK;
		assert_string_equal((const char *)header, "manager.db");
		memset(header, 0, rows[i].at == 0 ? 100 : 0);
		memcpy(header + rows[i].at, rows[i].bytes, strlen(rows[i].bytes));
		resum(header);
		if (read_all(&other, &err)) {
			fail_msg("%zu, \"%s\" is taken", rows[i].at, rows[i].bytes);
		}
		assert_int_equal(err.code, ERROR_INTEGRITY);
		buf_finish(&other);
	}
}

static void members_come_in_order(void **state) {
	static const struct {
		const char *names[4];
		size_t size; /* of the database */
	} rows[] = {
		{ { "modules/" DIGEST_A, "manager.db" }, 1000 },
		{ { "manager.db", "modules/" DIGEST_B, "modules/" DIGEST_A }, 1000 },
		{ { "manager.db", "modules/" DIGEST_A, "modules/" DIGEST_A }, 1000 },
		{ { "manager.db", "manager.db" }, 1000 },
		{ { "manager.db", "modules/" DIGEST_A }, 1000 }, /* and no second one */
		{ { "manager.db" }, 999 },
		{ { NULL }, 0 },
	};
	(void)state;
	struct error err;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = BUF_INIT(1 << 20);
		struct archive_writer writer = { .put = keep_piece, .context = &out };
		const struct archive_manifest manifest = small_manifest();
		assert_ok(archive_begin(&writer, &manifest, &err));
		for (size_t k = 0; k < 4 && rows[i].names[k] != NULL; k++) {
			bool database = strcmp(rows[i].names[k], "manager.db") == 0;
			put_member(&writer, rows[i].names[k], database ? rows[i].size : 100);
		}
		assert_ok(archive_end(&writer, &err));
		archive_writer_finish(&writer);
		assert_fails(read_all(&out, &err), ERROR_INTEGRITY, "damaged");
		buf_finish(&out);
	}
}

/* --- manifests --------------------------------------------------------------------------------
 */

static void newer_ones_are_refused(void **state) {
	(void)state;
	struct error err;
	struct archive_manifest schema = small_manifest(), format = small_manifest();
	schema.schema++;
	format.format = 2;
	const struct {
		const struct archive_manifest *manifest;
		const char *text;
	} rows[] = { { &schema, "this backup has schema version 7, this program knows up to 6: use "
				"the newer propeller-cli" },
		{ &format, "this backup has format 2, this program knows up to 1" } };
	for (size_t i = 0; i < 2; i++) {
		struct buf out = BUF_INIT(1 << 20);
		struct archive_writer writer = { .put = keep_piece, .context = &out };
		assert_ok(archive_begin(&writer, rows[i].manifest, &err));
		archive_writer_finish(&writer);
		assert_fails(read_all(&out, &err), ERROR_INVALID, rows[i].text);
		buf_finish(&out);
	}
}

static void bad_manifests_are_refused(void **state) {
	static const char *const rows[] = { "", "x", "[]", "{}", "null", "{\"format\":0}",
		"{\"format\":\"1\"}", "{\"format\":1}", "{\"format\":1,\"schema\":-1}",
		("{\"format\":1,\"version\":\"1\",\"created\":\"2026-11-18T09:06:40Z\","
		 "\"schema\":1}"),
		"{\"format\":1,\"format\":1,\"version\":\"1\"}" };
	(void)state;
	struct error err;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t blocks[2 * ARCHIVE_BLOCK] = { 0 };
		struct buf out = BUF_INIT(1 << 20);
		archive_header(blocks, "manifest.json", strlen(rows[i]), CREATED);
		memcpy(blocks + ARCHIVE_BLOCK, rows[i], strlen(rows[i]));
		assert_ok(buf_append(&out, blocks, sizeof(blocks), &err));
		assert_fails(read_all(&out, &err), ERROR_INTEGRITY, "damaged");
		buf_finish(&out);
	}
}

static void a_reason_is_repeated(void **state) {
	struct error err;
	for (int begun = 0; begun < 2; begun++) {
		struct buf out = BUF_INIT(1 << 20);
		struct archive_writer writer = { .put = keep_piece, .context = &out };
		const struct archive_manifest manifest = small_manifest();
		assert_ok(!begun || archive_begin(&writer, &manifest, &err));
		assert_ok(archive_fail(&writer, "no space left on the disk", &err));
		archive_writer_finish(&writer);
		assert_fails(read_all(&out, &err), ERROR_INTERNAL,
				"could not complete the backup: no space left");
		buf_finish(&out);
	}
	(void)state;
}

/* The backup is as it was written, and so are its modules: damaged. */
static void damaged_modules_are_counted(void **state) {
	static const struct {
		const char *content;
		unsigned rotten;
	} rows[] = { { "\0asm\1\0\0\0", 1 }, { "ASCWxxxx", 0 }, { "\0as", 0 } };
	(void)state;
	struct error err;
	for (size_t i = 0; i < 3; i++) {
		struct buf out = BUF_INIT(1 << 20);
		struct archive_writer writer = { .put = keep_piece, .context = &out };
		struct archive_manifest manifest = small_manifest();
		size_t size = i == 2 ? 3 : 8;
		char right[DIGEST_HEX_SIZE];
		digest_hex("\0asm\1\0\0", 7, right);
		CLEANUP(mem_freep) char *name = str_format("modules/%s", right);
		bool first = strcmp(right, DIGEST_A) < 0;
		assert_ok(archive_begin(&writer, &manifest, &err));
		put_member(&writer, "manager.db", 1000);
		for (int k = 0; k < 2; k++) {
			bool good = (k == 0) == first;
			const char *content = good ? "\0asm\1\0\0" : rows[i].content;
			const struct bytes bytes = { (const uint8_t *)content, good ? 7 : size };
			assert_ok(archive_member(&writer, good ? name : "modules/" DIGEST_A,
					bytes.size, &err));
			assert_ok(archive_add(&writer, bytes, &err));
		}
		assert_ok(archive_end(&writer, &err));
		archive_writer_finish(&writer);
		for (size_t step = 1; step < 600; step += 599 - 1) {
			struct seen seen = { 0 };
			struct archive_reader *reader = archive_reader_create(&visitor, &seen);
			for (size_t at = 0; at < out.size; at += step) {
				size_t left = out.size - at;
				assert_ok(archive_reader_add(reader,
						(struct bytes){ out.data + at,
								left < step ? left : step },
						&err));
			}
			assert_ok(archive_reader_end(reader, &err));
			assert_int_equal(archive_reader_rotten(reader), rows[i].rotten);
			archive_reader_destroy(reader);
		}
		buf_finish(&out);
	}
}

static void large_sizes_have_a_header(void **state) {
	static const uint64_t sizes[] = { 0, 1, 511, (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33,
		UINT64_C(1) << 47, UINT64_MAX };
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t block[ARCHIVE_BLOCK];
		char name[ARCHIVE_NAME_MAX];
		uint64_t size, time;
		archive_header(block, "manager.db", sizes[i], CREATED);
		assert_true(archive_read_header(block, name, &size, &time));
		assert_true(size == sizes[i] && time == CREATED);
		assert_string_equal(name, "manager.db");
	}
}

/* A writer that is told wrong sizes says so, instead of making a backup that nobody can read. */
static void members_have_the_size_they_said(void **state) {
	(void)state;
	struct error err;
	struct buf out = BUF_INIT(1 << 20);
	struct archive_writer writer = { .put = keep_piece, .context = &out };
	const struct archive_manifest manifest = small_manifest();
	assert_ok(archive_begin(&writer, &manifest, &err));
	assert_ok(archive_member(&writer, "manager.db", 3, &err));
	assert_fails(archive_member(&writer, "x", 1, &err), ERROR_INTERNAL, "not complete");
	assert_fails(archive_add(&writer, (struct bytes){ (const uint8_t *)"abcd", 4 }, &err),
			ERROR_INTERNAL, "has grown");
	archive_writer_finish(&writer);
	buf_finish(&out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, small, drop),
		cmocka_unit_test_setup_teardown(torn_anywhere_it_is_refused, small, drop),
		cmocka_unit_test_setup_teardown(changed_anywhere_it_is_refused, small, drop),
		cmocka_unit_test_setup_teardown(more_behind_its_end_is_refused, small, drop),
		cmocka_unit_test_setup_teardown(headers_of_others_are_refused, small, drop),
		cmocka_unit_test(members_come_in_order),
		cmocka_unit_test(newer_ones_are_refused),
		cmocka_unit_test(bad_manifests_are_refused),
		cmocka_unit_test(a_reason_is_repeated),
		cmocka_unit_test(damaged_modules_are_counted),
		cmocka_unit_test(large_sizes_have_a_header),
		cmocka_unit_test(members_have_the_size_they_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
