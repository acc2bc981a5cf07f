/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that comes over MQTT, and samples as stores keep them: the first byte chooses the
 * decoder. What was decoded must also be encodable, and decodable again. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/message.h"
#include "model/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes text_bytes(const char *text) {
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void presences(struct bytes payload) {
	struct error err;
	struct presence presence, again;
	if (!presence_decode(&presence, payload, &err)) {
		return;
	}
	CLEANUP(mem_freep) char *text = presence_encode(&presence, true);
	if (!presence_decode(&again, text_bytes(text), &err)) {
		abort();
	}
	presence_finish(&again);
	presence_finish(&presence);
}

static void commands(struct bytes payload) {
	struct error err;
	struct command command, again;
	if (!command_decode(&command, payload, &err)) {
		return;
	}
	CLEANUP(mem_freep) char *text = command_encode(&command);
	if (!command_decode(&again, text_bytes(text), &err)) {
		abort();
	}
	command_finish(&again);
	command_finish(&command);
}

static void old_starts(struct bytes payload) {
	struct error err;
	struct command command;
	if (command_decode_old(&command, COMMAND_START, payload, &err)) {
		free(command_encode_old(&command, 0));
		command_finish(&command);
	}
}

static void old_stops(struct bytes payload) {
	struct error err;
	struct command command;
	if (command_decode_old(&command, COMMAND_STOP, payload, &err)) {
		free(command_encode_old(&command, 2));
		command_finish(&command);
	}
}

static void reports(struct bytes payload) {
	struct error err;
	struct report report, again;
	if (!report_decode(&report, payload, &err)) {
		return;
	}
	CLEANUP(mem_freep) char *text = report_encode(&report);
	if (!report_decode(&again, text_bytes(text), &err)) {
		abort();
	}
	report_finish(&again);
	report_finish(&report);
}

static void notices(struct bytes payload) {
	struct error err;
	struct notice notice;
	if (notice_decode(&notice, payload, &err)) {
		free(notice_encode(&notice));
		notice_finish(&notice);
	}
}

static void requests(struct bytes payload) {
	struct error err;
	struct chunk_request request;
	if (chunk_request_decode(&request, payload, &err)) {
		free(chunk_request_encode(&request));
		chunk_request_finish(&request);
	}
}

static void chunks(struct bytes payload) {
	struct error err;
	struct chunk chunk;
	uint8_t header[CHUNK_HEADER_BYTES];
	if (!chunk_decode(&chunk, payload, &err)) {
		return;
	}
	if (chunk.data.size > payload.size || (chunk.count != 0 && chunk.index >= chunk.count)) {
		abort();
	}
	chunk_header_encode(&chunk, header);
}

static void image_chunks(struct bytes payload) {
	struct error err;
	struct image_chunk chunk;
	if (!image_chunk_decode(&chunk, payload, 1000, &err)) {
		return;
	}
	if (chunk.error == NULL && (chunk.index >= chunk.count || chunk.data.size == 0 ||
						   chunk.data.size > 1000)) {
		abort();
	}
	free(image_request_encode(chunk.name));
	image_chunk_finish(&chunk);
}

static void image_requests(struct bytes payload) {
	struct error err;
	free(image_request_decode(payload, &err));
}

static void image_orders(struct bytes payload) {
	struct error err;
	struct image_order order, again;
	if (!image_order_decode(&order, payload, &err)) {
		return;
	}
	CLEANUP(mem_freep) char *text = image_order_encode(&order);
	if (!image_order_decode(&again, text_bytes(text), &err) || again.number != order.number) {
		abort();
	}
	image_order_finish(&again);
	image_order_finish(&order);
}

static void image_parts(struct bytes payload) {
	struct error err;
	struct image_part part;
	uint8_t header[IMAGE_PART_HEADER_BYTES];
	if (!image_part_decode(&part, payload, &err)) {
		return;
	}
	image_part_header(&part, header);
	if (memcmp(header, payload.data, sizeof(header)) != 0 ||
			part.data.size + sizeof(header) != payload.size ||
			(part.count != 0 && part.index >= part.count)) {
		abort();
	}
}

static void metrics(enum metrics_kind kind, struct bytes payload) {
	struct error err;
	struct metrics metrics, again;
	if (!metrics_decode(&metrics, kind, payload, &err)) {
		return;
	}
	CLEANUP(mem_freep) char *text = metrics_encode(&metrics);
	if (!metrics_decode(&again, kind, text_bytes(text), &err)) {
		abort();
	}
	metrics_finish(&again);
	metrics_finish(&metrics);
}

static void metrics_of_workers(struct bytes payload) {
	metrics(METRICS_PROPLET, payload);
}

static void metrics_of_tasks(struct bytes payload) {
	metrics(METRICS_TASK, payload);
}

/* Out of a backup that is somebody else's. */
static void packed_samples(struct bytes payload) {
	uint8_t packed[SAMPLE_PACKED_MAX];
	struct sample sample = { .kind = METRICS_TASK }, again = { .kind = METRICS_TASK };
	if (!sample_unpack(&sample, payload)) {
		return;
	}
	size_t size = sample_pack(&sample, packed);
	if (size > payload.size || !sample_unpack(&again, (struct bytes){ packed, size }) ||
			memcmp(again.values, sample.values, sizeof(sample.values)) != 0) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static void (*const decoders[])(struct bytes payload) = { presences, commands, old_starts,
		old_stops, reports, notices, requests, chunks, image_chunks, metrics_of_workers,
		metrics_of_tasks, image_requests, image_orders, image_parts, packed_samples };
	if (size > 0) {
		decoders[data[0] % (sizeof(decoders) / sizeof(decoders[0]))](
				(struct bytes){ data + 1, size - 1 });
	}
	return 0;
}
