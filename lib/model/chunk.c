/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that carry modules in pieces: those of the manager, and those of Propeller's proxy. */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "model/member.h"
#include "model/message.h"

/* --- module chunks -----------------------------------------------------------------------------
 */

static bool read_chunk_request(const json_t *object, struct chunk_request *r, struct error *err) {
	uint64_t first = 0, count = 1;
	if (!member_text(object, "proplet_id", MESSAGE_ID_MAX, &r->proplet_id, err) ||
			!member_need("proplet_id", r->proplet_id != NULL && r->proplet_id[0] != 0,
					err) ||
			!member_short(object, "boot", r->boot, sizeof(r->boot), err) ||
			!member_digest(object, "digest", r->digest, err) ||
			!member_need("digest", r->digest[0] != 0, err) ||
			!member_u64(object, "first", 0, UINT32_MAX, &first, err) ||
			!member_u64(object, "count", 1, 64, &count, err) ||
			!member_u64(object, "number", 0, INT64_MAX, &r->number, err)) {
		return false;
	}
	r->first = (uint32_t)first;
	r->count = (uint32_t)count;
	return true;
}

bool chunk_request_decode(struct chunk_request *request, struct bytes payload, struct error *err) {
	*request = (struct chunk_request){ 0 };
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_chunk_request(object, request, err)) {
		chunk_request_finish(request);
		return false;
	}
	return true;
}

char *chunk_request_encode(const struct chunk_request *request) {
	json_t *object = json_object();
	member_put_text(object, "proplet_id", request->proplet_id);
	member_put_text(object, "boot", request->boot);
	member_put_text(object, "digest", request->digest);
	member_put_u64(object, "first", request->first);
	member_put_u64(object, "count", request->count);
	if (request->number != 0) {
		member_put_u64(object, "number", request->number);
	}
	return member_dump(object);
}

void chunk_request_finish(struct chunk_request *request) {
	free(request->proplet_id);
	*request = (struct chunk_request){ 0 };
}

static const uint8_t chunk_magic[4] = { 'A', 'S', 'C', 1 };

static uint64_t get_big(const uint8_t *at, size_t size) {
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++) {
		value = value << 8 | at[i];
	}
	return value;
}

static void put_big(uint8_t *at, size_t size, uint64_t value) {
	for (size_t i = size; i-- > 0; value >>= 8) {
		at[i] = (uint8_t)value;
	}
}

uint32_t chunk_count(uint64_t module_size) {
	return (uint32_t)((module_size + CHUNK_BYTES - 1) / CHUNK_BYTES);
}

/* What a chunk says about itself must add up. */
static bool check_chunk(struct chunk *chunk, struct error *err) {
	chunk->sealed = false;
	if (chunk->count == 0) {
		return chunk->module_size == 0 && chunk->data.size == 0
				       ? true
				       : error_set(err, ERROR_INVALID,
							 "a chunk without a count has bytes");
	}
	if (chunk->module_size > (uint64_t)UINT32_MAX * CHUNK_BYTES / 2 ||
			chunk->count != chunk_count(chunk->module_size) ||
			chunk->index >= chunk->count) {
		return error_set(err, ERROR_INVALID,
				"chunk %u of %u does not fit a module of %llu bytes", chunk->index,
				chunk->count, (unsigned long long)chunk->module_size);
	}
	uint64_t begin = (uint64_t)chunk->index * CHUNK_BYTES;
	uint64_t left = chunk->module_size - begin;
	uint64_t size = left < CHUNK_BYTES ? left : CHUNK_BYTES;
	chunk->sealed = chunk->data.size == size + CHUNK_SEALED_MORE;
	if (chunk->data.size != size && !chunk->sealed) {
		return error_set(err, ERROR_INVALID, "chunk %u of %u has %zu bytes", chunk->index,
				chunk->count, chunk->data.size);
	}
	return true;
}

bool chunk_decode(struct chunk *chunk, struct bytes payload, struct error *err) {
	const uint8_t *at = payload.data;
	if (payload.size < CHUNK_HEADER_BYTES ||
			memcmp(at, chunk_magic, sizeof(chunk_magic)) != 0) {
		return error_set(err, ERROR_INVALID, "not a module chunk of version 1");
	}
	chunk->module_size = get_big(at + 4, 8);
	chunk->index = (uint32_t)get_big(at + 12, 4);
	chunk->count = (uint32_t)get_big(at + 16, 4);
	hex_encode(at + 20, DIGEST_SIZE, chunk->digest);
	chunk->data = (struct bytes){ at + CHUNK_HEADER_BYTES, payload.size - CHUNK_HEADER_BYTES };
	return check_chunk(chunk, err);
}

void chunk_header_encode(const struct chunk *chunk, uint8_t header[CHUNK_HEADER_BYTES]) {
	memset(header, 0, CHUNK_HEADER_BYTES);
	memcpy(header, chunk_magic, sizeof(chunk_magic));
	put_big(header + 4, 8, chunk->module_size);
	put_big(header + 12, 4, chunk->index);
	put_big(header + 16, 4, chunk->count);
	if (!hex_decode(chunk->digest, header + 20, DIGEST_SIZE)) {
		memset(header + 20, 0, DIGEST_SIZE);
	}
}

/* --- images through Propeller's proxy ----------------------------------------------------------
 */

char *image_request_encode(const char *name) {
	json_t *object = json_object();
	member_put_text(object, "app_name", name);
	return member_dump(object);
}

char *image_request_decode(struct bytes payload, struct error *err) {
	json_auto_t *object = member_parse(payload, err);
	char *name = NULL;
	if (object == NULL || !member_text(object, "app_name", WORKLOAD_IMAGE_MAX, &name, err) ||
			!member_need("app_name", name != NULL && name[0] != 0, err)) {
		free(name);
		return NULL;
	}
	return name;
}

/* The base64 of a chunk is nearly all of its message, and a parser of JSON takes it character by
 * character. So it is cut out, and what is left is parsed. In valid JSON these eight characters are
 * the name of a member, unless a backslash stands before them. */
struct cut {
	const char *text; /* NULL: there was nothing to be cut */
	size_t size;
};

static json_t *parse_without_data(struct bytes payload, struct cut *cut) {
	static const char name[] = "\"data\":\"";
	const char *whole = (const char *)payload.data, *end = whole + payload.size;
	const char *at = payload.size != 0 ? memmem(whole, payload.size, name, sizeof(name) - 1)
					   : NULL;
	const char *text = at != NULL ? at + sizeof(name) - 1 : NULL;
	const char *quote = at != NULL ? memchr(text, '"', (size_t)(end - text)) : NULL;
	if (quote == NULL || quote == text || at == whole || at[-1] == '\\' ||
			memchr(text, '\\', (size_t)(quote - text)) != NULL) {
		return NULL;
	}
	size_t head = (size_t)(text - 1 - whole), tail = (size_t)(end - quote - 1);
	CLEANUP(mem_freep) char *rest = mem_zero(head + tail + 2, 1);
	memcpy(rest, whole, head);
	rest[head] = '0';
	memcpy(rest + head + 1, quote + 1, tail);
	struct error ignored;
	json_t *object = member_parse((struct bytes){ (uint8_t *)rest, head + 1 + tail }, &ignored);
	const json_t *left = json_object_get(object, "data");
	if (!json_is_integer(left) || json_integer_value(left) != 0) {
		json_decref(object); /* a member of a member, or no JSON */
		return NULL;
	}
	*cut = (struct cut){ text, (size_t)(quote - text) };
	return object;
}

static bool read_data(const json_t *object, struct image_chunk *c, struct error *err) {
	const json_t *data = json_object_get(object, "data");
	if (!json_is_string(data) || json_string_length(data) == 0) {
		return error_set(err, ERROR_INVALID, "field \"data\": expected base64 text");
	}
	return base64_decode(json_string_value(data), json_string_length(data), &c->data, err) ||
	       error_wrap(err, "field \"data\"");
}

static bool read_image_chunk(const json_t *object, const struct cut *cut, struct image_chunk *c,
		struct error *err) {
	uint64_t index = UINT64_MAX, count = 0;
	if (!member_text(object, "app_name", WORKLOAD_IMAGE_MAX, &c->name, err) ||
			!member_need("app_name", c->name != NULL && c->name[0] != 0, err) ||
			!member_any_text(object, "error", ERROR_MESSAGE_MAX, &c->error, err)) {
		return false;
	}
	if (c->error != NULL && c->error[0] != 0) {
		return true;
	}
	str_set(&c->error, NULL);
	if (!member_u64(object, "total_chunks", 1, IMAGE_CHUNKS_MAX, &count, err) ||
			!member_need("total_chunks", count != 0, err) ||
			!member_u64(object, "chunk_idx", 0, count - 1, &index, err) ||
			!member_need("chunk_idx", index != UINT64_MAX, err)) {
		return false;
	}
	c->index = (uint32_t)index;
	c->count = (uint32_t)count;
	return cut->text == NULL ? read_data(object, c, err)
				 : base64_decode(cut->text, cut->size, &c->data, err) ||
						   error_wrap(err, "field \"data\"");
}

bool image_chunk_decode(struct image_chunk *chunk, struct bytes payload, size_t data_max,
		struct error *err) {
	struct buf room = BUF_INIT(data_max);
	return image_chunk_decode_into(chunk, payload, &room, err);
}

bool image_chunk_decode_into(struct image_chunk *chunk, struct bytes payload, struct buf *room,
		struct error *err) {
	struct cut cut = { 0 };
	*chunk = (struct image_chunk){ .data = *room };
	*room = (struct buf){ 0 };
	buf_clear(&chunk->data);
	json_auto_t *object = parse_without_data(payload, &cut);
	if (object == NULL) {
		object = member_parse(payload, err);
	}
	if (object != NULL && read_image_chunk(object, &cut, chunk, err)) {
		return true;
	}
	image_chunk_finish(chunk);
	return false;
}

void image_chunk_finish(struct image_chunk *chunk) {
	free(chunk->name);
	free(chunk->error);
	buf_finish(&chunk->data);
	*chunk = (struct image_chunk){ 0 };
}

/* A little at a time: the whole text stands in memory once, in `out`. */
static bool append_base64(struct buf *out, struct bytes data, struct error *err) {
	enum { STEP = 3 * 4096 };
	bool ok = buf_reserve(out, data.size / 3 * 4 + 8, err);
	for (size_t at = 0; ok && at < data.size; at += STEP) {
		size_t size = data.size - at < STEP ? data.size - at : STEP;
		CLEANUP(mem_freep) char *text = base64_encode(data.data + at, size);
		ok = buf_append(out, text, strlen(text), err);
	}
	return ok;
}

bool image_chunk_encode(struct buf *out, const char *name, uint32_t index, uint32_t count,
		struct bytes data, struct error *err) {
	CLEANUP(mem_freep) char *quoted = member_dump(json_pack("[s]", name));
	buf_clear(out);
	return buf_printf(out, err, "{\"app_name\":%.*s,\"chunk_idx\":%u,\"total_chunks\":%u,",
			       (int)strlen(quoted) - 2, quoted + 1, index, count) &&
	       buf_append(out, "\"data\":\"", 8, err) && append_base64(out, data, err) &&
	       buf_append(out, "\"}", 2, err);
}

char *image_failure_encode(const char *name, const char *error) {
	json_t *object = json_object();
	member_put_text(object, "app_name", name);
	member_put_text(object, "error", error);
	return member_dump(object);
}
