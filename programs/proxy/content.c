/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"

enum { ROOM = SEAL_OVERHEAD_BYTES + CONTENT_BLOCK };

static const uint8_t magic[4] = { 'A', 'S', 'B', 1 };

static struct seal_context context_of(const char *id, uint64_t index) {
	return (struct seal_context){ .direction = SEAL_STORE, .subject = id, .index = index };
}

static void wipe_room(uint8_t *room) {
	if (room != NULL) {
		explicit_bzero(room, ROOM);
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
	uint8_t head[CONTENT_HEAD];
	uint64_t rest = file_size - CONTENT_HEAD, last = rest % ROOM;
	if (file_size < CONTENT_HEAD || (last != 0 && last <= SEAL_OVERHEAD_BYTES)) {
		return error_set(err, ERROR_INTEGRITY, "a sealed file was cut");
	}
	if (!read_all(content->fd, 0, head, sizeof(head), err)) {
		return false;
	}
	if (memcmp(head, magic, sizeof(magic)) != 0) {
		return error_set(err, ERROR_INTEGRITY, "not a sealed file, version 1");
	}
	hex_encode(head + sizeof(magic), CONTENT_ID_BYTES, content->id);
	content->size = rest / ROOM * CONTENT_BLOCK + (last != 0 ? last - SEAL_OVERHEAD_BYTES : 0);
	return true;
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
	const struct seal_context context = context_of(content->id, index);
	uint64_t rest = content->size - index * CONTENT_BLOCK;
	*size = rest < CONTENT_BLOCK ? (size_t)rest : CONTENT_BLOCK;
	struct bytes envelope = { room, *size + SEAL_OVERHEAD_BYTES };
	return read_all(content->fd, CONTENT_HEAD + index * ROOM, room, envelope.size, err) &&
	       seal_open_into(content->ring, &context, envelope, room + SEAL_HEADER_BYTES, err);
}

static bool read_sealed(const struct content *content, uint64_t from, struct buf *out,
		uint8_t *room, struct error *err) {
	while (out->size < out->limit) {
		size_t size, skip = (size_t)(from % CONTENT_BLOCK);
		if (!read_block(content, from / CONTENT_BLOCK, room, &size, err)) {
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
	uint8_t *room = mem_zero(1, ROOM);
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
	uint8_t head[CONTENT_HEAD];
	*writer = (struct content_writer){ .fd = fd, .ring = ring };
	if (ring == NULL) {
		return true;
	}
	writer->room = mem_zero(1, ROOM);
	memcpy(head, magic, sizeof(magic));
	random_bytes(head + sizeof(magic), CONTENT_ID_BYTES);
	hex_encode(head + sizeof(magic), CONTENT_ID_BYTES, writer->id);
	return write_all(writer, head, sizeof(head), err);
}

static bool flush(struct content_writer *writer, struct error *err) {
	size_t size = writer->filled;
	const struct seal_context context =
			context_of(writer->id, (writer->size - size) / CONTENT_BLOCK);
	writer->filled = 0;
	return seal_box_into(writer->ring, &context,
			       (struct bytes){ writer->room + SEAL_HEADER_BYTES, size },
			       writer->room, err) &&
	       write_all(writer, writer->room, size + SEAL_OVERHEAD_BYTES, err);
}

bool content_write(struct content_writer *writer, struct bytes piece, struct error *err) {
	if (writer->ring == NULL) {
		writer->size += piece.size;
		return write_all(writer, piece.data, piece.size, err);
	}
	for (size_t at = 0; at < piece.size;) {
		size_t part = piece.size - at, space = CONTENT_BLOCK - writer->filled;
		part = part < space ? part : space;
		memcpy(writer->room + SEAL_HEADER_BYTES + writer->filled, piece.data + at, part);
		writer->filled += part;
		writer->size += part;
		at += part;
		if (writer->filled == CONTENT_BLOCK && !flush(writer, err)) {
			return false;
		}
	}
	return true;
}

bool content_end(struct content_writer *writer, struct error *err) {
	return writer->filled == 0 || flush(writer, err);
}

void content_drop(struct content_writer *writer) {
	wipe_room(writer->room);
	writer->room = NULL;
}
