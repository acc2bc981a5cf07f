/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static void wipe_room(uint8_t *room) {
	if (room != NULL) {
		explicit_bzero(room, BLOCK_ROOM);
		free(room);
	}
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool read_all(int fd, uint64_t from, uint8_t *out, size_t size, struct error *err) {
	for (size_t at = 0; at < size;) {
		ssize_t got = pread(fd, out + at, size - at, (off_t)(from + at));
		if (got == 0 || (got < 0 && errno != EINTR)) {
			return error_errno(err, got == 0 ? EIO : errno, "reading what was pulled");
		}
		at += got > 0 ? (size_t)got : 0;
	}
	return true;
}

static bool open_sealed(struct content *content, uint64_t file_size, struct error *err) {
	uint8_t head[BLOCKS_HEAD_BYTES];
	size_t size = file_size < sizeof(head) ? (size_t)file_size : sizeof(head);
	if (!read_all(content->fd, 0, head, size, err) ||
			!blocks_open_head(&content->blocks, content->ring, content->digest,
					(struct bytes){ head, size }, err)) {
		return false;
	}
	content->size = content->blocks.size;
	return file_size == blocks_file_size(content->size) ||
	       error_set(err, ERROR_INTEGRITY, "a sealed file was cut, or added to");
}

bool content_open(struct content *content, struct error *err) {
	struct stat status;
	if (fstat(content->fd, &status) != 0) {
		return error_errno(err, errno, "looking at what was pulled");
	}
	content->size = (uint64_t)status.st_size;
	return content->ring == NULL || open_sealed(content, (uint64_t)status.st_size, err);
}

/* One block, into its place in the room. */
static bool read_block(const struct content *content, uint64_t index, uint8_t *room, size_t *size,
		struct error *err) {
	uint64_t rest = content->size - index * BLOCK_BYTES;
	*size = rest < BLOCK_BYTES ? (size_t)rest : BLOCK_BYTES;
	return read_all(content->fd, blocks_offset(index), room, *size + SEAL_OVERHEAD_BYTES,
			       err) &&
	       blocks_open(&content->blocks, index, *size, room, err);
}

static bool read_sealed(const struct content *content, uint64_t from, struct buf *out,
		uint8_t *room, struct error *err) {
	while (out->size < out->limit) {
		size_t size, skip = (size_t)(from % BLOCK_BYTES);
		if (!read_block(content, from / BLOCK_BYTES, room, &size, err)) {
			return false;
		}
		size_t part = size - skip, left = out->limit - out->size;
		part = part < left ? part : left;
		memcpy(out->data + out->size, room + SEAL_HEADER_BYTES + skip, part);
		out->size += part;
		from += part;
	}
	return true;
}

bool content_read(const struct content *content, uint64_t from, uint8_t *out, size_t size,
		struct error *err) {
	if (content->ring == NULL) {
		return read_all(content->fd, from, out, size, err);
	}
	struct buf place = { .data = out, .capacity = size, .limit = size };
	uint8_t *room = mem_zero(1, BLOCK_ROOM);
	bool ok = read_sealed(content, from, &place, room, err);
	wipe_room(room);
	return ok;
}

/* --- writing -----------------------------------------------------------------------------------
 */

static bool write_all(struct content_writer *writer, const uint8_t *bytes, size_t size,
		struct error *err) {
	for (size_t at = 0; at < size;) {
		ssize_t done = write(writer->fd, bytes + at, size - at);
		if (done < 0 && errno != EINTR) {
			return error_errno(err, errno, "writing what is pulled");
		}
		at += done > 0 ? (size_t)done : 0;
	}
	writer->file_size += size;
	return true;
}

bool content_begin(
		struct content_writer *writer, int fd, struct seal_ring *ring, struct error *err) {
	static const uint8_t no_head[BLOCKS_HEAD_BYTES]; /* that is written last */
	*writer = (struct content_writer){ .fd = fd, .ring = ring };
	if (ring == NULL) {
		return true;
	}
	writer->room = mem_zero(1, BLOCK_ROOM);
	blocks_begin(&writer->blocks, ring);
	return write_all(writer, no_head, sizeof(no_head), err);
}

static bool flush(struct content_writer *writer, struct error *err) {
	size_t size = writer->filled;
	writer->filled = 0;
	return blocks_seal(&writer->blocks, (writer->size - size) / BLOCK_BYTES, size, writer->room,
			       err) &&
	       write_all(writer, writer->room, size + SEAL_OVERHEAD_BYTES, err);
}

bool content_write(struct content_writer *writer, struct bytes piece, struct error *err) {
	if (writer->ring == NULL) {
		writer->size += piece.size;
		return write_all(writer, piece.data, piece.size, err);
	}
	for (size_t at = 0; at < piece.size;) {
		size_t part = piece.size - at, space = BLOCK_BYTES - writer->filled;
		part = part < space ? part : space;
		memcpy(writer->room + SEAL_HEADER_BYTES + writer->filled, piece.data + at, part);
		writer->filled += part;
		writer->size += part;
		at += part;
		if (writer->filled == BLOCK_BYTES && !flush(writer, err)) {
			return false;
		}
	}
	return true;
}

bool content_end(struct content_writer *writer, const char digest[DIGEST_HEX_SIZE],
		struct error *err) {
	uint8_t head[BLOCKS_HEAD_BYTES];
	if (writer->ring == NULL) {
		return true;
	}
	writer->blocks.size = writer->size;
	if ((writer->filled != 0 && !flush(writer, err)) ||
			!blocks_seal_head(&writer->blocks, digest, head, err)) {
		return false;
	}
	return pwrite(writer->fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) ||
	       error_errno(err, errno, "writing what is pulled");
}

void content_drop(struct content_writer *writer) {
	wipe_room(writer->room);
	writer->room = NULL;
}
