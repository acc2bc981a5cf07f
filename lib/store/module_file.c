/* SPDX-License-Identifier: Apache-2.0 */
#include "store/module_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

struct module_file {
	int fd;
	bool sealed;
	struct blocks blocks; /* of a plain one only its size */
	uint8_t head[BLOCKS_HEAD_BYTES];
	char digest[DIGEST_HEX_SIZE];
};

/* As much as there is. */
static bool read_some(
		int fd, uint8_t *out, size_t size, uint64_t at, size_t *got, struct error *err) {
	for (*got = 0; *got < size;) {
		ssize_t count = pread(fd, out + *got, size - *got, (off_t)(at + *got));
		if (count < 0 && errno == EINTR) {
			continue;
		}
		if (count < 0) {
			return error_errno(err, errno, "reading a module file");
		}
		if (count == 0) {
			break;
		}
		*got += (size_t)count;
	}
	return true;
}

static bool read_all(const struct module_file *file, uint8_t *out, size_t size, uint64_t at,
		struct error *err) {
	size_t got;
	return read_some(file->fd, out, size, at, &got, err) &&
	       (got == size || error_set(err, ERROR_INTEGRITY, "the file of module %s was cut",
					       file->digest));
}

static bool say_what_to_do(struct error *err) {
	if (err->code == ERROR_KEY_MISMATCH) {
		char why[ERROR_MESSAGE_MAX];
		(void)snprintf(why, sizeof(why), "%s", err->message);
		(void)error_set(err, ERROR_KEY_MISMATCH,
				"%s: set MANAGER_WORKLOAD_KEY to the one that it was uploaded "
				"with, or upload the module again",
				why);
	}
	return false;
}

/* A file of `size` bytes that begins with `begin`: which kind it is, and whether it is whole. */
static bool judge(struct module_file *file, struct seal_ring *ring, uint64_t size,
		struct bytes begin, struct error *err) {
	file->sealed = blocks_are(begin);
	if (!file->sealed) {
		file->blocks.size = size;
		return (begin.size >= 8 && memcmp(begin.data, "\0asm", 4) == 0) ||
		       error_set(err, ERROR_INTEGRITY, "it is no module (any more)");
	}
	if (!blocks_open_head(&file->blocks, ring, file->digest, begin, err)) {
		return say_what_to_do(err);
	}
	return size == blocks_file_size(file->blocks.size) ||
	       error_set(err, ERROR_INTEGRITY, "it was cut, or added to");
}

static bool open_at(struct module_file *file, const char *path, struct seal_ring *ring,
		struct error *err) {
	struct stat info;
	size_t got;
	file->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0 && errno == ENOENT) {
		return error_set(err, ERROR_NOT_FOUND, "there is no module %s", file->digest);
	}
	if (file->fd < 0 || fstat(file->fd, &info) != 0) {
		return error_errno(err, errno, "opening the module file %s", path);
	}
	return read_some(file->fd, file->head, sizeof(file->head), 0, &got, err) &&
	       (judge(file, ring, (uint64_t)info.st_size, (struct bytes){ file->head, got }, err) ||
			       error_wrap(err, "the module file %s", path));
}

struct module_file *module_file_open(
		const char *path, struct seal_ring *ring, const char *digest, struct error *err) {
	struct module_file *file = MEM_NEW(struct module_file);
	memcpy(file->digest, digest, sizeof(file->digest));
	if (!open_at(file, path, ring, err)) {
		module_file_close(file);
		return NULL;
	}
	return file;
}

void module_file_close(struct module_file *file) {
	if (file != NULL) {
		file_closep(&file->fd);
		free(file);
	}
}

void module_file_closep(struct module_file **file) {
	module_file_close(*file);
	*file = NULL;
}

uint64_t module_file_size(const struct module_file *file) {
	return file->blocks.size;
}

bool module_file_sealed_with(const struct module_file *file, const uint8_t id[SEAL_KEY_ID_BYTES]) {
	return file->sealed && memcmp(blocks_head_key(file->head), id, SEAL_KEY_ID_BYTES) == 0;
}

static bool open_block(struct module_file *file, uint64_t index, size_t size, uint8_t *room,
		struct error *err) {
	if (!read_all(file, room, SEAL_OVERHEAD_BYTES + size, blocks_offset(index), err)) {
		return false;
	}
	return blocks_open(&file->blocks, index, size, room, err) ||
	       error_wrap(err, "block %llu of the file of module %s", (unsigned long long)index,
			       file->digest);
}

bool module_file_block(struct module_file *file, uint64_t index, uint8_t room[BLOCK_ROOM],
		struct bytes *plain, struct error *err) {
	uint64_t size = file->blocks.size, begin = index * BLOCK_BYTES;
	if (index > size / BLOCK_BYTES || begin >= size) {
		return error_set(err, ERROR_INVALID, "module %s has no block %llu", file->digest,
				(unsigned long long)index);
	}
	size_t length = size - begin < BLOCK_BYTES ? (size_t)(size - begin) : (size_t)BLOCK_BYTES;
	*plain = (struct bytes){ room + SEAL_HEADER_BYTES, length };
	return file->sealed ? open_block(file, index, length, room, err)
			    : read_all(file, room + SEAL_HEADER_BYTES, length, begin, err);
}

bool module_file_read(struct module_file *file, struct buf *out, struct error *err) {
	CLEANUP(mem_freep) uint8_t *room = mem_zero(BLOCK_ROOM, 1);
	uint64_t size = file->blocks.size;
	for (uint64_t index = 0; index * BLOCK_BYTES < size; index++) {
		struct bytes plain;
		if (!module_file_block(file, index, room, &plain, err) ||
				!buf_append(out, plain.data, plain.size, err)) {
			return false;
		}
	}
	return true;
}
