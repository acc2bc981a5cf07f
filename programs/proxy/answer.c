/* SPDX-License-Identifier: Apache-2.0 */
/* How answers look: Propeller's JSON for all, or sealed for one worker (spec/topics.md). */
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "proxy/proxy.h"
#include "seal/seal.h"

char *answer_topic(const struct proxy *proxy, const struct job *job) {
	return job->worker != NULL ? topics_image(&proxy->topics, job->worker)
				   : str_copy(proxy->topics.image_chunk);
}

/* Where a sealed chunk stands in its message: behind the header, the envelope's and the digest. */
enum { SEALED_AT = IMAGE_PART_HEADER_BYTES + SEAL_HEADER_BYTES + DIGEST_SIZE };

/* A header and an envelope of what is first and then, which may stand in its place already. */
static bool seal_answer(const struct proxy *proxy, const struct job *job,
		const struct image_part *part, struct bytes first, struct buf *out,
		struct error *err) {
	const struct seal_context context = { .direction = SEAL_IMAGE,
		.worker = job->worker,
		.boot = job->boot,
		.number = job->number,
		.subject = job->name,
		.index = part->index,
		.count = part->count };
	size_t size = first.size + part->data.size;
	out->size = 0;
	if (!buf_reserve(out, IMAGE_PART_HEADER_BYTES + SEAL_OVERHEAD_BYTES + size, err)) {
		return false;
	}
	uint8_t *envelope = out->data + IMAGE_PART_HEADER_BYTES;
	uint8_t *plain = envelope + SEAL_HEADER_BYTES;
	image_part_header(part, out->data);
	memcpy(plain, first.data, first.size);
	memmove(plain + first.size, part->data.data, part->data.size);
	if (!seal_box_into(proxy->ring, &context, (struct bytes){ plain, size }, envelope, err)) {
		explicit_bzero(plain, size);
		return false;
	}
	out->size = IMAGE_PART_HEADER_BYTES + SEAL_OVERHEAD_BYTES + size;
	return true;
}

uint8_t *answer_room(const struct job *job, struct buf *out, size_t size, struct error *err) {
	buf_clear(out);
	if (!buf_reserve(out, out->limit, err)) {
		return NULL;
	}
	return job->worker != NULL ? out->data + SEALED_AT : out->data + out->limit - size;
}

bool answer_encode(const struct proxy *proxy, const struct job *job, const struct piece *piece,
		struct buf *out, struct error *err) {
	uint8_t digest[DIGEST_SIZE];
	if (job->worker == NULL) {
		return image_chunk_encode(
				out, job->name, piece->index, piece->count, piece->data, err);
	}
	const struct image_part part = { job->number, piece->index, piece->count, piece->data };
	return (hex_decode(piece->digest, digest, sizeof(digest)) ||
			       error_set(err, ERROR_INVALID, "the module has no digest")) &&
	       seal_answer(proxy, job, &part, (struct bytes){ digest, sizeof(digest) }, out, err);
}

static void say(struct proxy *proxy, const struct job *job, struct bytes message) {
	struct error err;
	CLEANUP(mem_freep) char *topic = answer_topic(proxy, job);
	if (!bus_publish(proxy->bus, topic, message.data, message.size, &err)) {
		log_warn("and that cannot be said image=\"%s\" error=\"%s\"", job->name,
				err.message);
	}
}

static void refuse_sealed(struct proxy *proxy, const struct job *job, const struct error *why) {
	struct error err;
	struct buf message = BUF_INIT(2 * ERROR_MESSAGE_MAX);
	const struct image_part part = { .number = job->number,
		.data = { (const uint8_t *)why->message, strlen(why->message) } };
	const struct bytes nothing = { (const uint8_t *)"", 0 };
	if (seal_answer(proxy, job, &part, nothing, &message, &err)) {
		say(proxy, job, (struct bytes){ message.data, message.size });
	} else {
		log_error("an answer cannot be sealed error=\"%s\"", err.message);
	}
	buf_finish(&message);
}

void answer_refuse(struct proxy *proxy, const struct job *job, const struct error *why) {
	log_warn("an image does not come image=\"%s\" proplet=%s error=\"%s\"", job->name,
			job->worker != NULL ? job->worker : "", why->message);
	if (job->worker != NULL) {
		refuse_sealed(proxy, job, why);
		return;
	}
	CLEANUP(mem_freep) char *text = image_failure_encode(job->name, why->message);
	say(proxy, job, (struct bytes){ (const uint8_t *)text, strlen(text) });
}

void answer_unopened(struct proxy *proxy, const struct image_order *order) {
	char name[] = "?";
	uint8_t header[IMAGE_PART_HEADER_BYTES];
	const struct image_part part = { .number = order->number };
	const struct job job = { .name = name, .worker = order->proplet_id };
	image_part_header(&part, header);
	say(proxy, &job, (struct bytes){ header, sizeof(header) });
}
