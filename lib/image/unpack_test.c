/* SPDX-License-Identifier: Apache-2.0 */
/* Archives as other tools make them, good and bad. */
#include "image/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <archive.h>
#include <archive_entry.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

enum { ARCHIVE_MAX = 1 << 20, SIZE_MAX_HERE = 1 << 20 };

enum packing { PLAIN, GZIP, ZSTD };

struct file {
	const char *path, *content;
	const char *hard, *soft; /* links to */
	unsigned type;           /* 0: AE_IFREG */
	size_t zeros;            /* instead of content */
};

static struct bytes make(
		const struct file *files, size_t count, enum packing packing, uint8_t *room) {
	size_t used = 0;
	struct archive *archive = archive_write_new();
	assert_int_equal(archive_write_set_format_pax_restricted(archive), ARCHIVE_OK);
	if (packing == GZIP) {
		assert_int_equal(archive_write_add_filter_gzip(archive), ARCHIVE_OK);
	} else if (packing == ZSTD) {
		assert_int_equal(archive_write_add_filter_zstd(archive), ARCHIVE_OK);
	}
	assert_int_equal(archive_write_open_memory(archive, room, ARCHIVE_MAX, &used), ARCHIVE_OK);
	for (size_t i = 0; i < count; i++) {
		struct archive_entry *entry = archive_entry_new();
		size_t size = files[i].zeros != 0        ? files[i].zeros
			      : files[i].content != NULL ? strlen(files[i].content)
							 : 0;
		archive_entry_set_pathname(entry, files[i].path);
		archive_entry_set_filetype(entry, files[i].type != 0 ? files[i].type : AE_IFREG);
		archive_entry_set_perm(entry, 0644);
		archive_entry_set_size(entry, (la_int64_t)size);
		if (files[i].hard != NULL) {
			archive_entry_set_hardlink(entry, files[i].hard);
		}
		if (files[i].soft != NULL) {
			archive_entry_set_symlink(entry, files[i].soft);
		}
		assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
		for (size_t left = files[i].zeros; left > 0;) {
			static const char zeros[4096];
			size_t some = left < sizeof(zeros) ? left : sizeof(zeros);
			assert_int_equal(archive_write_data(archive, zeros, some), some);
			left -= some;
		}
		if (files[i].content != NULL) {
			(void)archive_write_data(archive, files[i].content, size);
		}
		archive_entry_free(entry);
	}
	assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
	(void)archive_write_free(archive);
	return (struct bytes){ room, used };
}

/* Gives the layer in pieces of `step` bytes. */
struct feed {
	struct bytes layer;
	size_t at, step;
	bool fails;
};

static bool feed_read(void *context, struct bytes *piece, struct error *err) {
	struct feed *feed = context;
	size_t left = feed->layer.size - feed->at;
	size_t some = left < feed->step ? left : feed->step;
	if (feed->fails && feed->at > feed->layer.size / 2) {
		return error_set(err, ERROR_TIMEOUT, "the registry is gone");
	}
	*piece = (struct bytes){ feed->layer.data + feed->at, some };
	feed->at += some;
	return true;
}

static bool keep(void *context, struct bytes piece, struct error *err) {
	return buf_append(context, piece.data, piece.size, err);
}

struct try {
	const char *path;
	size_t step;
	bool fails, ok;
	struct error err;
	struct unpack_result result;
	struct buf out;
	size_t read;
};

static void try_it(struct try *it, struct bytes layer) {
	struct feed feed = {
		.layer = layer, .step = it->step != 0 ? it->step : 100, .fails = it->fails
	};
	const struct unpack_source source = { feed_read, &feed };
	it->out = BUF_INIT(2 * SIZE_MAX_HERE);
	const struct unpack_options options = {
		.path = it->path, .size_max = SIZE_MAX_HERE, .take = keep, .context = &it->out
	};
	it->ok = unpack_module(&source, &options, &it->result, &it->err);
	it->read = feed.at;
}

static void try_end(struct try *it) {
	unpack_finish(&it->result);
	buf_finish(&it->out);
}

#define TRY(it, packing, ...)                                                                      \
	do {                                                                                       \
		const struct file files_[] = { __VA_ARGS__ };                                      \
		uint8_t *room_ = mem_zero(ARCHIVE_MAX, 1);                                         \
		struct bytes layer_ =                                                              \
				make(files_, sizeof(files_) / sizeof(files_[0]), packing, room_);  \
		try_it(it, layer_);                                                                \
		if ((it)->ok) {                                                                    \
			assert_int_equal((it)->read, layer_.size);                                 \
		}                                                                                  \
		free(room_);                                                                       \
	} while (0)

static void a_module_is_found(void **state) {
	(void)state;
	static const size_t steps[] = { 1, 3, 511, 100000 };
	for (size_t i = 0; i < 24; i++) {
		struct try it = { .step = steps[i % 4], .path = i % 8 < 4 ? NULL : "bin/app.wasm" };
		TRY(&it, (enum packing)(i / 8), { .path = "./", .type = AE_IFDIR },
				{ .path = "etc/readme", .content = "hello" },
				{ .path = "./bin/app.wasm", .content = "module" },
				{ .path = "z", .content = "after it" });
		if (!it.ok) {
			fail_msg("%s", it.err.message);
		}
		assert_string_equal(it.result.path, "bin/app.wasm");
		assert_int_equal(it.result.size, 6);
		assert_string_equal(buf_text(&it.out), "module");
		try_end(&it);
	}
}

static void a_layer_that_is_a_module(void **state) {
	(void)state;
	for (size_t step = 1; step < 16; step += 7) {
		struct try it = { .step = step };
		try_it(&it, (struct bytes){ (const uint8_t *)"\0asm\1\0\0\0rest", 12 });
		assert_true(it.ok);
		assert_string_equal(it.result.path, "");
		assert_int_equal(it.out.size, 12);
		assert_memory_equal(it.out.data, "\0asm\1\0\0\0rest", 12);
		try_end(&it);
	}
}

static void nothing_of_that_kind(void **state) {
	(void)state;
	struct try it = { 0 };
	TRY(&it, GZIP, { .path = "a", .content = "x" }, { .path = "b.wasm/", .type = AE_IFDIR });
	assert_true(it.ok);
	assert_null(it.result.path);
	assert_false(it.result.removed);
	try_end(&it);
	it = (struct try){ 0 };
	try_it(&it, (struct bytes){ (const uint8_t *)"", 0 });
	assert_true(it.ok);
	assert_null(it.result.path);
	try_end(&it);
}

/* Where the file that is wanted is no file of this layer. */
static void links_devices_and_ways_out(void **state) {
	(void)state;
	static const struct {
		struct file file;
		const char *path;
		bool ok;
		const char *says;
	} rows[] = {
		{ { .path = "a.wasm", .soft = "/etc/passwd", .type = AE_IFLNK }, NULL, true, "" },
		{ { .path = "a.wasm", .soft = "/etc/passwd", .type = AE_IFLNK }, "a.wasm", false,
				"is a link" },
		{ { .path = "a.wasm", .hard = "../x" }, "a.wasm", false, "is a link" },
		{ { .path = "a.wasm", .hard = "../x" }, NULL, true, "" },
		{ { .path = "a.wasm", .type = AE_IFCHR }, "a.wasm", false, "not a file" },
		{ { .path = "a.wasm", .type = AE_IFIFO }, NULL, true, "" },
		{ { .path = "../a.wasm", .content = "x" }, NULL, true, "" },
		{ { .path = "b/../../a.wasm", .content = "x" }, "a.wasm", true, "" },
		{ { .path = ".wh.a.wasm", .content = "" }, NULL, true, "" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct try it = { .path = rows[i].path };
		TRY(&it, PLAIN, rows[i].file, { .path = "other", .content = "y" });
		if (it.ok != rows[i].ok || it.result.path != NULL ||
				(!it.ok && strstr(it.err.message, rows[i].says) == NULL)) {
			fail_msg("%zu: %d %s", i, it.ok, it.err.message);
		}
		try_end(&it);
	}
}

static void what_a_layer_removes(void **state) {
	(void)state;
	static const struct {
		const char *entry;
		bool removed;
	} rows[] = { { "bin/.wh.app.wasm", true }, { "bin/.wh..wh..opq", true },
		{ ".wh..wh..opq", true }, { ".wh.bin", true }, { ".wh.bi", false },
		{ ".wh.app.wasm", false }, { "etc/.wh..wh..opq", false } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct try it = { .path = "bin/app.wasm" };
		TRY(&it, PLAIN, { .path = rows[i].entry, .content = "" });
		assert_true(it.ok);
		if (it.result.removed != rows[i].removed) {
			fail_msg("%s", rows[i].entry);
		}
		try_end(&it);
	}
}

static void several_modules(void **state) {
	(void)state;
	struct try it = { 0 };
	TRY(&it, PLAIN, { .path = "a.wasm", .content = "1" }, { .path = "b.wasm", .content = "2" });
	assert_false(it.ok);
	assert_non_null(strstr(it.err.message, "\"a.wasm\" and \"b.wasm\": say which one"));
	try_end(&it);
	it = (struct try){ .path = "b.wasm" };
	TRY(&it, PLAIN, { .path = "a.wasm", .content = "1" }, { .path = "b.wasm", .content = "2" });
	assert_true(it.ok);
	assert_string_equal(buf_text(&it.out), "2");
	try_end(&it);
	it = (struct try){ .path = "a.wasm" };
	TRY(&it, PLAIN, { .path = "a.wasm", .content = "1" }, { .path = "a.wasm", .content = "2" });
	assert_false(it.ok);
	assert_non_null(strstr(it.err.message, "twice"));
	try_end(&it);
}

/* A few kilobytes that would be much more: beside the module, as the module, as a lie. */
static void bombs(void **state) {
	(void)state;
	for (enum packing packing = GZIP; packing <= ZSTD; packing++) {
		struct try it = { .step = 65536 };
		TRY(&it, packing, { .path = "zeros", .zeros = 3 * SIZE_MAX_HERE });
		assert_false(it.ok);
		assert_int_equal(it.err.code, ERROR_TOO_LARGE);
		try_end(&it);
		it = (struct try){ .step = 65536 };
		TRY(&it, packing, { .path = "a.wasm", .zeros = SIZE_MAX_HERE + 1 });
		assert_false(it.ok);
		assert_int_equal(it.err.code, ERROR_TOO_LARGE);
		assert_true(it.out.size <= SIZE_MAX_HERE);
		try_end(&it);
	}
}

/* Frames may follow each other; the last one has to be whole. */
static void zstd_streams(void **state) {
	(void)state;
	static const struct file file = { .path = "a.wasm", .content = "some content of it" };
	uint8_t *room = mem_zero(ARCHIVE_MAX, 1);
	struct bytes layer = make(&file, 1, ZSTD, room);
	for (size_t cut = 0; cut < layer.size; cut++) {
		struct try it = { .step = 7 };
		/* what is behind the archive's end is not unpacked: its digest is all that counts
		 */
		try_it(&it, (struct bytes){ layer.data, cut });
		assert_true(cut == 0 || !it.ok || cut > layer.size - 8);
		try_end(&it);
	}
	static const uint8_t empty_frame[] = "\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00";
	memmove(room + sizeof(empty_frame) - 1, room, layer.size);
	memcpy(room, empty_frame, sizeof(empty_frame) - 1);
	struct try it = { .step = 5 };
	try_it(&it, (struct bytes){ room, layer.size + sizeof(empty_frame) - 1 });
	if (!it.ok) {
		fail_msg("%s", it.err.message);
	}
	assert_string_equal(buf_text(&it.out), "some content of it");
	try_end(&it);
	free(room);
}

static void archives_that_are_none(void **state) {
	(void)state;
	static const struct {
		const char *bytes;
		size_t size;
		enum error_code code;
	} rows[] = {
		{ "\x1f\x8b nonsense", 11, ERROR_INVALID },
		{ "\x1f\x8b", 2, ERROR_INVALID },
		{ "\x28\xb5\x2f\xfd more", 9, ERROR_INVALID },
		{ "\x28\xb5\x2f\xfd", 4, ERROR_INVALID },
		{ "\x28\xb5\x2f\xfd\x00\x78\x01\x00\x00", 9,
				ERROR_INVALID }, /* nothing in 32 MiB */
		{ "\x28\xb5\x2f\xfd\x00\x79\x01\x00\x00", 9, ERROR_TOO_LARGE }, /* a bit more */
		{ "this is some text and no archive at all", 39, ERROR_INVALID },
		{ "\0\0\0", 3, ERROR_INVALID },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct try it = { 0 };
		try_it(&it, (struct bytes){ (const uint8_t *)rows[i].bytes, rows[i].size });
		if (it.ok || it.err.code != rows[i].code) {
			fail_msg("%zu: %d %s", i, it.ok, it.err.message);
		}
		try_end(&it);
	}
}

static void a_source_that_breaks(void **state) {
	(void)state;
	for (enum packing packing = PLAIN; packing <= ZSTD; packing++) {
		struct try it = { .fails = true, .step = 16 };
		TRY(&it, packing, { .path = "a.wasm", .content = "some content of it" },
				{ .path = "b", .content = "more" });
		assert_false(it.ok);
		assert_string_equal(it.err.message, "the registry is gone");
		try_end(&it);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_is_found),
		cmocka_unit_test(a_layer_that_is_a_module),
		cmocka_unit_test(nothing_of_that_kind),
		cmocka_unit_test(links_devices_and_ways_out),
		cmocka_unit_test(what_a_layer_removes),
		cmocka_unit_test(several_modules),
		cmocka_unit_test(bombs),
		cmocka_unit_test(zstd_streams),
		cmocka_unit_test(archives_that_are_none),
		cmocka_unit_test(a_source_that_breaks),
	};
	return cmocka_run_group_tests_name("image/unpack", tests, NULL, NULL);
}
