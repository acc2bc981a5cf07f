/* SPDX-License-Identifier: Apache-2.0 */
#include "store/module_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "store/modules_fixture.h"

/* In all the files of the folder. */
static bool on_disk(const struct home *home, struct bytes marker) {
	bool found = false;
	DIR *folder = opendir(home->folder);
	assert_non_null(folder);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		struct error err;
		CLEANUP(mem_freep) char *path = str_format("%s/%s", home->folder, entry->d_name);
		CLEANUP(buf_finish) struct buf content = BUF_INIT(4 * 1024 * 1024);
		if (entry->d_name[0] != '.') {
			assert_ok(file_read(path, &content, &err));
			found = found || memmem(content.data, content.size, marker.data,
							 marker.size) != NULL;
		}
	}
	assert_int_equal(closedir(folder), 0);
	return found;
}

/* Uploads piece by piece, and looks at the disk after each. */
static void upload_watched(struct home *home, struct bytes bytes, struct bytes marker,
		struct module_info *info) {
	enum { STEP = 50000 };
	struct error err;
	struct module_upload *upload = modules_begin(home->modules, bytes.size);
	for (size_t at = 0; at < bytes.size; at += STEP) {
		size_t left = bytes.size - at;
		struct bytes piece = { bytes.data + at, left < STEP ? left : STEP };
		assert_ok(module_upload_add(upload, piece, &err));
		assert_false(on_disk(home, marker));
	}
	assert_ok(module_upload_finish(upload, info, &err));
	module_upload_destroy(upload);
	assert_false(on_disk(home, marker));
}

static const size_t sealed_sizes[] = { 10, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1,
	2 * BLOCK_BYTES, 2 * BLOCK_BYTES + 1, 3 * BLOCK_BYTES };

static void test_sealed_sizes(void **state) {
	struct home *home = *state;
	for (size_t i = 0; i < sizeof(sealed_sizes) / sizeof(sealed_sizes[0]); i++) {
		size_t size = sealed_sizes[i];
		struct module_info info;
		CLEANUP(mem_freep) uint8_t *data = make_module(size, (unsigned)i);
		struct bytes bytes = { data, size };
		/* Of the smallest there is nothing else that could be told from chance. */
		struct bytes marker = size < 100 ? bytes : (struct bytes){ data + size - 50, 32 };
		upload_watched(home, bytes, marker, &info);
		assert_content(home->modules, info.digest, bytes);
		assert_int_equal(names_in(home->folder), i + 1);
	}
}

/* That the search of these tests finds what is there. */
static void test_unsealed_is_seen(void **state) {
	struct home *home = *state;
	struct error err;
	enum { SIZE = 300000 };
	CLEANUP(mem_freep) uint8_t *data = make_module(SIZE, 1);
	struct module_upload *upload = modules_begin(home->modules, SIZE);
	assert_ok(module_upload_add(upload, (struct bytes){ data, SIZE - 1 }, &err));
	assert_true(on_disk(home, (struct bytes){ data + SIZE - 50, 32 }));
	module_upload_destroy(upload);
}

/* The form alone: modules have ten bytes at least. */
static void test_blocks_of_any_size(void **state) {
	struct home *home = *state;
	struct error err;
	struct blocks blocks, again;
	uint8_t head[BLOCKS_HEAD_BYTES], room[SEAL_OVERHEAD_BYTES + 1];
	blocks_begin(&blocks, home->ring);
	blocks.size = 1;
	room[SEAL_HEADER_BYTES] = 'x';
	assert_ok(blocks_seal(&blocks, 0, 1, room, &err));
	assert_ok(blocks_seal_head(&blocks, DIGEST_A, head, &err));
	assert_true(blocks_are((struct bytes){ head, sizeof(head) }));
	assert_ok(blocks_open_head(
			&again, home->ring, DIGEST_A, (struct bytes){ head, sizeof(head) }, &err));
	assert_int_equal(again.size, 1);
	assert_ok(blocks_open(&again, 0, 1, room, &err));
	assert_int_equal(room[SEAL_HEADER_BYTES], 'x');
	assert_int_equal(blocks_file_size(0), BLOCKS_HEAD_BYTES);
	assert_int_equal(blocks_file_size(1), BLOCKS_HEAD_BYTES + SEAL_OVERHEAD_BYTES + 1);
	assert_int_equal(blocks_file_size(BLOCK_BYTES + 1), blocks_offset(1) + sizeof(room));
	head[BLOCKS_BEGIN_BYTES - 1]++;
	assert_fails(blocks_open_head(&again, home->ring, DIGEST_A,
				     (struct bytes){ head, sizeof(head) }, &err),
			ERROR_INTEGRITY, "version 2");
}

struct sealed {
	uint8_t *data; /* of the module */
	struct bytes bytes;
	struct module_info info;
	char *path;
};

enum { SEALED_SIZE = 2 * BLOCK_BYTES + 100 };

static void seal_one(struct home *home, unsigned seed, struct sealed *sealed) {
	struct error err;
	sealed->data = make_module(SEALED_SIZE, seed);
	sealed->bytes = (struct bytes){ sealed->data, SEALED_SIZE };
	assert_ok(upload(home->modules, sealed->bytes, 10000, &sealed->info, &err));
	sealed->path = str_format("%s/%s", home->folder, sealed->info.digest);
}

static void sealed_finish(struct sealed *sealed) {
	free(sealed->data);
	free(sealed->path);
}

static void refuse_file(struct home *home, const struct sealed *sealed, enum error_code code,
		const char *text) {
	struct error err;
	assert_fails(read_back(home->modules, sealed->info.digest, sealed->bytes, &err), code,
			text);
}

static void reopen(struct home *home, const char *keys) {
	modules_close(home->modules);
	seal_ring_destroy(home->ring);
	home->ring = keys != NULL ? ring_of(keys) : NULL;
	home->modules = open_modules(home->folder, home->ring);
}

static void assert_sealed(const struct sealed *sealed, bool expected) {
	struct error err;
	CLEANUP(buf_finish) struct buf content = BUF_INIT(4 * 1024 * 1024);
	assert_ok(file_read(sealed->path, &content, &err));
	assert_int_equal(blocks_are((struct bytes){ content.data, content.size }), expected);
}

/* Its module comes again, and can be read afterwards. */
static void upload_again(struct home *home, struct sealed *sealed) {
	struct error err;
	assert_ok(upload(home->modules, sealed->bytes, 10000, &sealed->info, &err));
	assert_content(home->modules, sealed->info.digest, sealed->bytes);
	assert_int_equal(names_in(home->folder), 1);
}

static void test_plain_ones_from_before(void **state) {
	struct home *home = *state;
	CLEANUP(sealed_finish) struct sealed one;
	seal_one(home, 1, &one);
	assert_sealed(&one, false);
	reopen(home, KEY_A);
	assert_content(home->modules, one.info.digest, one.bytes);
	assert_sealed(&one, false);
	upload_again(home, &one);
	assert_sealed(&one, true);
}

static void test_other_keys(void **state) {
	struct home *home = *state;
	CLEANUP(sealed_finish) struct sealed one;
	seal_one(home, 1, &one);
	reopen(home, KEY_B);
	refuse_file(home, &one, ERROR_KEY_MISMATCH, "set MANAGER_WORKLOAD_KEY");
	reopen(home, NULL);
	refuse_file(home, &one, ERROR_KEY_MISMATCH, "set MANAGER_WORKLOAD_KEY");
	reopen(home, KEY_B "," KEY_A);
	assert_content(home->modules, one.info.digest, one.bytes);
	upload_again(home, &one); /* now with the first key */
	reopen(home, KEY_A);
	refuse_file(home, &one, ERROR_KEY_MISMATCH, one.path);
	upload_again(home, &one);
	reopen(home, NULL);
	upload_again(home, &one);
	assert_sealed(&one, false);
}

static void test_sealed_once(void **state) {
	struct home *home = *state;
	struct stat before, after;
	CLEANUP(sealed_finish) struct sealed one;
	seal_one(home, 1, &one);
	assert_int_equal(stat(one.path, &before), 0);
	upload_again(home, &one);
	assert_int_equal(stat(one.path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

static void test_sealed_and_cut(void **state) {
	static const off_t sizes[] = { 0, 7, 8, 50, BLOCKS_HEAD_BYTES,
		BLOCKS_HEAD_BYTES + BLOCK_ROOM, BLOCKS_HEAD_BYTES + 2 * BLOCK_ROOM + 100,
		BLOCKS_HEAD_BYTES + 4 * BLOCK_ROOM };
	struct home *home = *state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CLEANUP(sealed_finish) struct sealed one;
		seal_one(home, 1, &one);
		assert_int_equal(truncate(one.path, sizes[i]), 0);
		refuse_file(home, &one, ERROR_INTEGRITY, one.info.digest);
	}
}

/* Cut while it is read: its head was whole. */
static void test_cut_behind_the_reader(void **state) {
	struct home *home = *state;
	struct error err;
	struct bytes plain;
	CLEANUP(sealed_finish) struct sealed one;
	seal_one(home, 1, &one);
	CLEANUP(mem_freep) uint8_t *room = mem_zero(BLOCK_ROOM, 1);
	CLEANUP(module_file_closep)
	struct module_file *file = modules_open_file(home->modules, one.info.digest, &err);
	assert_non_null(file);
	assert_int_equal(truncate(one.path, BLOCKS_HEAD_BYTES + BLOCK_ROOM + 10), 0);
	assert_ok(module_file_block(file, 0, room, &plain, &err));
	assert_fails(module_file_block(file, 1, room, &plain, &err), ERROR_INTEGRITY, "was cut");
	assert_fails(module_file_block(file, 3, room, &plain, &err), ERROR_INVALID, "no block 3");
	assert_fails(module_file_block(file, UINT64_MAX, room, &plain, &err), ERROR_INVALID,
			"no block");
}

/* Some bytes of one file over those of another, or of itself. */
static void put_bytes(const char *from, off_t source, const char *to, off_t target, size_t size) {
	CLEANUP(mem_freep) uint8_t *bytes = mem_zero(size, 1);
	CLEANUP(file_closep) int in = open(from, O_RDONLY | O_CLOEXEC);
	CLEANUP(file_closep) int out = open(to, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pread(in, bytes, size, source), size);
	assert_int_equal(pwrite(out, bytes, size, target), size);
}

static void test_exchanged(void **state) {
	const off_t first = BLOCKS_HEAD_BYTES, second = BLOCKS_HEAD_BYTES + BLOCK_ROOM;
	struct home *home = *state;
	CLEANUP(sealed_finish) struct sealed one, other;
	seal_one(home, 1, &one);
	seal_one(home, 2, &other);
	put_bytes(one.path, second, one.path, first, BLOCK_ROOM); /* in one file */
	refuse_file(home, &one, ERROR_INTEGRITY, "block 0");
	put_bytes(other.path, second, one.path, second, BLOCK_ROOM); /* the same block of another */
	put_bytes(other.path, first, one.path, first, BLOCK_ROOM);
	refuse_file(home, &one, ERROR_INTEGRITY, "block 0");
	put_bytes(other.path, 0, one.path, 0, BLOCKS_HEAD_BYTES); /* and its head */
	refuse_file(home, &one, ERROR_INTEGRITY, "another module");
	assert_content(home->modules, other.info.digest, other.bytes);
}

static void test_changed(void **state) {
	static const off_t places[] = { BLOCKS_BEGIN_BYTES, BLOCKS_HEAD_BYTES - 20,
		BLOCKS_HEAD_BYTES - 1, BLOCKS_HEAD_BYTES + 40, BLOCKS_HEAD_BYTES + BLOCK_ROOM - 1,
		BLOCKS_HEAD_BYTES + 2 * BLOCK_ROOM + 50 };
	struct home *home = *state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		CLEANUP(sealed_finish) struct sealed one;
		seal_one(home, (unsigned)i, &one);
		CLEANUP(file_closep) int fd = open(one.path, O_RDWR | O_CLOEXEC);
		uint8_t byte;
		assert_int_equal(pread(fd, &byte, 1, places[i]), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
		refuse_file(home, &one, ERROR_INTEGRITY, one.info.digest);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		SEALED(test_sealed_sizes),
		AT_HOME(test_unsealed_is_seen),
		SEALED(test_blocks_of_any_size),
		AT_HOME(test_plain_ones_from_before),
		SEALED(test_other_keys),
		SEALED(test_sealed_once),
		SEALED(test_sealed_and_cut),
		SEALED(test_cut_behind_the_reader),
		SEALED(test_exchanged),
		SEALED(test_changed),
	};
	return cmocka_run_group_tests_name("store/module_file", tests, NULL, NULL);
}
