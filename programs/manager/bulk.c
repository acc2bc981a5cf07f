/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/bulk.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "bus/sealed.h"
#include "model/message.h"

struct bulk {
	struct bus *bus;
	const struct topics *topics;
	struct modules *modules;
	struct seal_ring *ring; /* NULL: chunks are not sealed */
	struct map *numbers;    /* worker -> uint64_t, of its last request; of the bus thread */
	pthread_mutex_t lock;   /* guards early */
	struct map *early;      /* a set: workers that have the key, and do not sign requests */
	/* Of the bus thread: a chunk's header, then a block with room for an envelope. It is read,
	 * opened and sealed where it is. */
	uint8_t payload[CHUNK_HEADER_BYTES + BLOCK_ROOM];
};

static void publish(struct bulk *bulk, const struct chunk_request *request, struct bytes payload) {
	struct error err;
	CLEANUP(mem_freep) char *topic = topics_chunk(bulk->topics, request->proplet_id);
	if (!bus_publish(bulk->bus, topic, payload.data, payload.size, &err)) {
		log_debug("a chunk was not published proplet=%s error=\"%s\"", request->proplet_id,
				err.message);
	}
}

static void say_missing(struct bulk *bulk, const struct chunk_request *request) {
	struct chunk chunk = { 0 };
	memcpy(chunk.digest, request->digest, sizeof(chunk.digest));
	chunk_header_encode(&chunk, bulk->payload);
	publish(bulk, request, (struct bytes){ bulk->payload, CHUNK_HEADER_BYTES });
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

/* Where the chunk's data begins: unsealed right at the plaintext, for which the header moves up. */
static bool prepare(struct bulk *bulk, const struct chunk_request *request,
		const struct chunk *chunk, struct bytes plain, struct bytes *payload) {
	uint8_t *begin = bulk->payload + (bulk->ring != NULL ? 0 : SEAL_HEADER_BYTES);
	size_t more = bulk->ring != NULL ? SEAL_OVERHEAD_BYTES : 0;
	*payload = (struct bytes){ begin, CHUNK_HEADER_BYTES + plain.size + more };
	chunk_header_encode(chunk, begin);
	return bulk->ring == NULL || seal_chunk(bulk, request, chunk, plain);
}

static bool send_chunk(struct bulk *bulk, const struct chunk_request *request,
		struct module_file *file, uint32_t index) {
	static_assert((int)CHUNK_BYTES == (int)BLOCK_BYTES, "a chunk is a block");
	uint64_t size = module_file_size(file);
	struct chunk chunk = { .module_size = size, .index = index, .count = chunk_count(size) };
	struct bytes plain, payload;
	struct error err;
	memcpy(chunk.digest, request->digest, sizeof(chunk.digest));
	if (!module_file_block(file, index, bulk->payload + CHUNK_HEADER_BYTES, &plain, &err)) {
		log_error("a module file cannot be read digest=%s error=\"%s\"", request->digest,
				err.message);
		return false;
	}
	if (!prepare(bulk, request, &chunk, plain, &payload)) {
		return false;
	}
	publish(bulk, request, payload);
	return true;
}

static void serve(struct bulk *bulk, const struct chunk_request *request) {
	struct error err;
	CLEANUP(module_file_closep)
	struct module_file *file = modules_open_file(bulk->modules, request->digest, &err);
	if (file == NULL) {
		log_warn("a worker asks for a module that cannot be had digest=%s proplet=%s "
			 "error=\"%s\"",
				request->digest, request->proplet_id, err.message);
		if (err.code == ERROR_NOT_FOUND) { /* else: it asks again in a moment */
			say_missing(bulk, request);
		}
		return;
	}
	uint32_t count = chunk_count(module_file_size(file));
	for (uint32_t i = 0; i < request->count && request->first < count; i++) {
		if (!send_chunk(bulk, request, file, request->first + i)) {
			return;
		}
		if (request->first + i + 1 == count) {
			return;
		}
	}
}

/* A recorded request is signed as well: so each number counts once. Only workers with the key are
 * remembered. */
static bool is_new(struct bulk *bulk, const struct chunk_request *request, struct error *err) {
	uint64_t *last = map_get(bulk->numbers, request->proplet_id);
	if (last == NULL) {
		last = MEM_NEW(uint64_t);
		(void)map_put(bulk->numbers, request->proplet_id, last);
	}
	if (request->number <= *last) {
		return error_set(err, ERROR_INTEGRITY, "it is repeated");
	}
	*last = request->number;
	return true;
}

void bulk_expect(struct bulk *bulk, const char *worker, bool is_signed) {
	(void)pthread_mutex_lock(&bulk->lock);
	if (is_signed) {
		(void)map_remove(bulk->early, worker);
	} else {
		(void)map_put(bulk->early, worker, bulk);
	}
	(void)pthread_mutex_unlock(&bulk->lock);
}

/* What early versions send: no number, no signature. */
static bool is_early(struct bulk *bulk, const struct chunk_request *request) {
	(void)pthread_mutex_lock(&bulk->lock);
	bool early = map_get(bulk->early, request->proplet_id) != NULL;
	(void)pthread_mutex_unlock(&bulk->lock);
	return early && request->number == 0;
}

static bool is_signed(struct bulk *bulk, const struct chunk_request *request, struct bytes payload,
		struct error *err) {
	struct buf json = BUF_INIT(payload.size);
	bool ok = sealed_verify(bulk->ring, SEAL_NOTICE, request->proplet_id,
				  bulk->topics->module_request, payload, &json, err) &&
		  is_new(bulk, request, err);
	buf_finish(&json);
	if (ok) {
		bulk_expect(bulk, request->proplet_id, true);
	}
	return ok;
}

static bool may_ask(struct bulk *bulk, const struct chunk_request *request, struct bytes payload,
		struct error *err) {
	return bulk->ring == NULL || is_early(bulk, request) ||
	       is_signed(bulk, request, payload, err);
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
		if (may_ask(bulk, &request, payload, &err)) {
			serve(bulk, &request);
		} else {
			log_debug("a request for chunks, dropped proplet=%s error=\"%s\"",
					request.proplet_id, err.message);
		}
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

static void free_workers(struct bulk *bulk) {
	const char *worker;
	void *number;
	for (size_t at = 0; map_next(bulk->numbers, &at, &worker, &number);) {
		free(number);
	}
	map_destroy(bulk->numbers);
	map_destroy(bulk->early);
	(void)pthread_mutex_destroy(&bulk->lock);
}

struct bulk *bulk_create(const struct bus_options *options, const struct topics *topics,
		struct modules *modules, struct seal_ring *ring, struct error *err) {
	struct bulk *bulk = MEM_NEW(struct bulk);
	const struct bus_handlers handlers = { on_connected, on_disconnected, on_message, bulk };
	bulk->topics = topics;
	bulk->modules = modules;
	bulk->ring = ring;
	bulk->numbers = map_create();
	bulk->early = map_create();
	(void)pthread_mutex_init(&bulk->lock, NULL);
	bulk->bus = bus_create(options, &handlers, err);
	if (bulk->bus == NULL) {
		free_workers(bulk);
		free(bulk);
		return NULL;
	}
	bus_subscribe(bulk->bus, topics->module_request);
	return bulk;
}

void bulk_destroy(struct bulk *bulk) {
	if (bulk != NULL) {
		bus_destroy(bulk->bus, 0);
		free_workers(bulk);
		free(bulk);
	}
}
