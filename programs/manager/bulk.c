/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/bulk.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/message.h"

struct bulk {
	struct bus *bus;
	const struct topics *topics;
	struct modules *modules;
	struct seal_ring *ring; /* NULL: chunks are not sealed */
	/* Of the bus thread. */
	uint8_t payload[CHUNK_HEADER_BYTES + CHUNK_BYTES + CHUNK_SEALED_MORE];
};

static void publish(struct bulk *bulk, const struct chunk_request *request, size_t size) {
	struct error err;
	CLEANUP(mem_freep) char *topic = topics_chunk(bulk->topics, request->proplet_id);
	if (!bus_publish(bulk->bus, topic, bulk->payload, size, &err)) {
		log_debug("a chunk was not published proplet=%s error=\"%s\"", request->proplet_id,
				err.message);
	}
}

static void say_missing(struct bulk *bulk, const struct chunk_request *request) {
	struct chunk chunk = { 0 };
	memcpy(chunk.digest, request->digest, sizeof(chunk.digest));
	chunk_header_encode(&chunk, bulk->payload);
	publish(bulk, request, CHUNK_HEADER_BYTES);
}

static bool seal_chunk(struct bulk *bulk, const struct chunk_request *request,
		const struct chunk *chunk, struct bytes plain) {
	static_assert((int)CHUNK_SEALED_MORE == (int)SEAL_OVERHEAD_BYTES, "spec/seal.md");
	const struct seal_context context = { .direction = SEAL_MODULE,
		.worker = request->proplet_id,
		.boot = request->boot,
		.subject = chunk->digest,
		.index = chunk->index,
		.count = chunk->count };
	struct error err;
	bool ok = seal_box_into(
			bulk->ring, &context, plain, bulk->payload + CHUNK_HEADER_BYTES, &err);
	if (!ok) {
		log_error("a chunk cannot be sealed proplet=%s error=\"%s\"", request->proplet_id,
				err.message);
	}
	return ok;
}

static bool send_chunk(struct bulk *bulk, const struct chunk_request *request, int fd,
		uint64_t size, uint32_t index) {
	struct chunk chunk = { .module_size = size, .index = index, .count = chunk_count(size) };
	memcpy(chunk.digest, request->digest, sizeof(chunk.digest));
	chunk_header_encode(&chunk, bulk->payload);
	uint64_t begin = (uint64_t)index * CHUNK_BYTES;
	size_t length = (size_t)(size - begin < CHUNK_BYTES ? size - begin : CHUNK_BYTES);
	uint8_t *data = bulk->payload + CHUNK_HEADER_BYTES;
	uint8_t *plain = bulk->ring != NULL ? data + SEAL_HEADER_BYTES : data;
	ssize_t got = pread(fd, plain, length, (off_t)begin);
	if (got < 0 || (size_t)got != length) {
		log_error("a module file cannot be read digest=%s error=\"%s\"", request->digest,
				strerror(got < 0 ? errno : EIO));
		return false;
	}
	if (bulk->ring != NULL) {
		if (!seal_chunk(bulk, request, &chunk, (struct bytes){ plain, length })) {
			return false;
		}
		length += CHUNK_SEALED_MORE;
	}
	publish(bulk, request, CHUNK_HEADER_BYTES + length);
	return true;
}

static void serve(struct bulk *bulk, const struct chunk_request *request) {
	struct error err;
	uint64_t size = 0;
	CLEANUP(file_closep)
	int fd = modules_open_file(bulk->modules, request->digest, &size, &err);
	if (fd < 0) {
		log_warn("a worker asks for a module that cannot be had digest=%s proplet=%s "
			 "error=\"%s\"",
				request->digest, request->proplet_id, err.message);
		if (err.code == ERROR_NOT_FOUND) { /* else: it asks again in a moment */
			say_missing(bulk, request);
		}
		return;
	}
	uint32_t count = chunk_count(size);
	for (uint32_t i = 0; i < request->count && request->first < count; i++) {
		if (!send_chunk(bulk, request, fd, size, request->first + i)) {
			return;
		}
		if (request->first + i + 1 == count) {
			return;
		}
	}
}

static void on_message(void *context, const char *topic, struct bytes payload) {
	struct bulk *bulk = context;
	struct chunk_request request;
	struct error err;
	if (!chunk_request_decode(&request, payload, &err)) {
		log_warn("a request that says nothing, dropped topic=%s error=\"%s\"", topic,
				err.message);
		return;
	}
	if (topics_id_valid(request.proplet_id)) {
		serve(bulk, &request);
	}
	chunk_request_finish(&request);
}

static void on_connected(void *context) {
	(void)context;
	log_debug("the second connection to the broker is there");
}

static void on_disconnected(void *context, const char *reason) {
	(void)context;
	log_debug("the second connection to the broker is gone reason=\"%s\"", reason);
}

struct bulk *bulk_create(const struct bus_options *options, const struct topics *topics,
		struct modules *modules, struct seal_ring *ring, struct error *err) {
	struct bulk *bulk = MEM_NEW(struct bulk);
	const struct bus_handlers handlers = { on_connected, on_disconnected, on_message, bulk };
	bulk->topics = topics;
	bulk->modules = modules;
	bulk->ring = ring;
	bulk->bus = bus_create(options, &handlers, err);
	if (bulk->bus == NULL) {
		free(bulk);
		return NULL;
	}
	bus_subscribe(bulk->bus, topics->module_request);
	return bulk;
}

void bulk_destroy(struct bulk *bulk) {
	if (bulk != NULL) {
		bus_destroy(bulk->bus, 0);
		free(bulk);
	}
}
