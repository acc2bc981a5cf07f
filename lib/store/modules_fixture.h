/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For the tests of module files: a folder of them, with a key or without, and modules to put in. */
#include <dirent.h>

#include "base/buf.h"
#include "base/file.h"
#include "store/fixture.h"
#include "store/modules.h"

#define KEY_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_B "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

struct home {
	void *above;
	char *folder;
	struct modules *modules;
	struct seal_ring *ring;
};

static inline struct modules *open_modules(const char *folder, struct seal_ring *ring) {
	struct error err;
	struct modules *modules = modules_open(folder, ring, &err);
	if (modules == NULL) {
		fail_msg("%s: %s", folder, err.message);
	}
	return modules;
}

static inline struct seal_ring *ring_of(const char *keys) {
	struct error err;
	struct seal_ring *ring = seal_ring_create(NULL, &err);
	assert_non_null(ring);
	assert_ok(seal_ring_read(ring, keys, &err));
	return ring;
}

static inline int open_home_with(void **state, const char *keys) {
	struct home *home = MEM_NEW(struct home);
	home->ring = keys != NULL ? ring_of(keys) : NULL;
	*state = home;
	if (make_folder(&home->above) != 0) {
		return 1;
	}
	home->folder = str_format("%s/state/modules", (char *)home->above);
	home->modules = open_modules(home->folder, home->ring);
	return 0;
}

static inline int open_home(void **state) {
	return open_home_with(state, NULL);
}

static inline int open_sealed(void **state) {
	return open_home_with(state, KEY_A);
}

static inline int close_home(void **state) {
	struct home *home = *state;
	modules_close(home->modules);
	int result = remove_folder(&home->above);
	seal_ring_destroy(home->ring);
	free(home->folder);
	free(home);
	return result;
}

/* A module of `size` bytes (at least 10) with one custom section of bytes that depend on `seed`. */
static inline uint8_t *make_module(size_t size, unsigned seed) {
	static const uint8_t head[] = { 0, 'a', 's', 'm', 1, 0, 0, 0, 0 };
	uint8_t *bytes = mem_zero(size, 1);
	memcpy(bytes, head, sizeof(head));
	size_t width = size - 10 < 128 ? 1 : 5, body = size - 9 - width;
	for (size_t i = 0; i < width; i++) {
		bytes[9 + i] = (uint8_t)((body >> (7 * i) & 0x7f) | (i + 1 < width ? 0x80 : 0));
	}
	for (size_t i = 9 + width; i < size; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(seed >> 24);
	}
	return bytes;
}

static inline bool add_pieces(
		struct module_upload *upload, struct bytes bytes, size_t step, struct error *err) {
	for (size_t at = 0; at < bytes.size; at += step) {
		size_t left = bytes.size - at;
		struct bytes piece = { bytes.data + at, left < step ? left : step };
		if (!module_upload_add(upload, piece, err)) {
			return false;
		}
	}
	return true;
}

/* Uploads in pieces of `step`. */
static inline bool upload(struct modules *modules, struct bytes bytes, size_t step,
		struct module_info *info, struct error *err) {
	struct module_upload *upload = modules_begin(modules, 1024 * 1024);
	bool ok = add_pieces(upload, bytes, step, err) && module_upload_finish(upload, info, err);
	module_upload_destroy(upload);
	return ok;
}

static inline size_t names_in(const char *path) {
	size_t count = 0;
	DIR *folder = opendir(path);
	assert_non_null(folder);
	for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		count += entry->d_name[0] != '.';
	}
	assert_int_equal(closedir(folder), 0);
	return count;
}

static inline bool is_there(struct modules *modules, const char *digest) {
	struct error err;
	CLEANUP(module_file_closep)
	struct module_file *file = modules_open_file(modules, digest, &err);
	assert_true(file != NULL || err.code == ERROR_NOT_FOUND);
	return file != NULL;
}

/* False with the error of whatever failed; what was read is right. */
static inline bool read_back(struct modules *modules, const char *digest, struct bytes bytes,
		struct error *err) {
	CLEANUP(module_file_closep)
	struct module_file *file = modules_open_file(modules, digest, err);
	if (file == NULL) {
		return false;
	}
	assert_int_equal(module_file_size(file), bytes.size);
	CLEANUP(buf_finish) struct buf got = BUF_INIT(bytes.size);
	if (!module_file_read(file, &got, err)) {
		return false;
	}
	assert_int_equal(got.size, bytes.size);
	assert_memory_equal(got.data, bytes.data, bytes.size);
	return true;
}

static inline void assert_content(struct modules *modules, const char *digest, struct bytes bytes) {
	struct error err;
	assert_ok(read_back(modules, digest, bytes, &err));
}

#define AT_HOME(test) cmocka_unit_test_setup_teardown(test, open_home, close_home)
/* The same with a key. */
#define SEALED(test)                                                                               \
	{ "sealed " #test, test, open_sealed, close_home, NULL }
