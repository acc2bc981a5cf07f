/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool no_memory(size_t size, struct error *err) {
	return error_set(err, ERROR_NO_MEMORY, "no memory for a file of %zu bytes: %s", size,
			strerror(errno));
}

bool memory_file_reserve(struct memory_file *file, size_t room, struct error *err) {
	if (room <= file->room) {
		return true;
	}
	if (file->fd <= 0) {
		file->fd = memfd_create("bytes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	}
	if (file->fd <= 0 || ftruncate(file->fd, (off_t)room) != 0) {
		return no_memory(room, err);
	}
	void *data = file->data == NULL ? mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED,
							  file->fd, 0)
					: mremap(file->data, file->room, room, MREMAP_MAYMOVE);
	if (data == MAP_FAILED) {
		return no_memory(room, err);
	}
	file->data = data;
	file->room = room;
	return true;
}

/* The pages are asked for first: one that is not to be had is an error here, and the end of the
 * process where it is touched. */
bool memory_file_append(struct memory_file *file, struct bytes bytes, struct error *err) {
	assert(bytes.size <= file->room - file->size);
	if (bytes.size == 0) {
		return true;
	}
	if (fallocate(file->fd, 0, (off_t)file->size, (off_t)bytes.size) != 0) {
		return no_memory(file->size + bytes.size, err);
	}
	memcpy(file->data + file->size, bytes.data, bytes.size);
	file->size += bytes.size;
	return true;
}

bool memory_file_seal(struct memory_file *file, struct error *err) {
	return (ftruncate(file->fd, (off_t)file->size) == 0 &&
			       fcntl(file->fd, F_ADD_SEALS,
					       F_SEAL_FUTURE_WRITE | F_SEAL_GROW | F_SEAL_SHRINK |
							       F_SEAL_SEAL) == 0) ||
	       error_errno(err, errno, "sealing a memory file");
}

void memory_file_finish(struct memory_file *file, bool wipe) {
	if (file->data != NULL) {
		if (wipe) {
			explicit_bzero(file->data, file->size);
		}
		(void)munmap(file->data, file->room);
	}
	if (file->fd > 0) {
		(void)close(file->fd);
	}
	*file = (struct memory_file){ 0 };
}
