/* SPDX-License-Identifier: Apache-2.0 */
/* Signed messages: {...,"auth":["<envelope of the SHA-256 of {...}>",...]} (spec/seal.md). */
#include <string.h>

#include "base/base64.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/random.h"
#include "seal/envelope.h"
#include "seal/ring.h"

static const char list_begin[] = ",\"auth\":[";
static const char list_end[] = "]}";

enum {
	BEGIN_SIZE = sizeof(list_begin) - 1,
	END_SIZE = sizeof(list_end) - 1,
	ENVELOPE_SIZE = SEAL_OVERHEAD_BYTES + DIGEST_SIZE,
	TEXT_SIZE = (ENVELOPE_SIZE + 2) / 3 * 4,
	ITEM_SIZE = TEXT_SIZE + 3, /* quotes and a comma */
};

/* One envelope, quoted. */
static bool add_item(struct seal_ring *ring, size_t form, const struct seal_context *context,
		const uint8_t digest[DIGEST_SIZE], struct buf *out, struct error *err) {
	uint8_t nonce[XAES_NONCE_BYTES], envelope[ENVELOPE_SIZE];
	random_bytes(nonce, sizeof(nonce));
	if (!envelope_seal(ring, form, context, nonce, (struct bytes){ digest, DIGEST_SIZE },
			    envelope, err)) {
		return false;
	}
	CLEANUP(mem_freep) char *text = base64_encode(envelope, sizeof(envelope));
	return buf_printf(out, err, "\"%s\"", text);
}

static bool add_list(struct seal_ring *ring, const struct seal_context *context,
		const uint8_t digest[DIGEST_SIZE], struct buf *out, struct error *err) {
	const char *between = list_begin;
	for (size_t form = 0; form < RING_FORMS_MAX; form++) {
		if (ring_has_form(ring, form)) {
			if (!buf_append(out, between, strlen(between), err) ||
					!add_item(ring, form, context, digest, out, err)) {
				return false;
			}
			between = ",";
		}
	}
	return buf_append(out, list_end, END_SIZE, err);
}

bool seal_sign(struct seal_ring *ring, const struct seal_context *context, const char *json,
		struct buf *out, struct error *err) {
	size_t length = strlen(json), begin = out->size;
	uint8_t digest[DIGEST_SIZE];
	if (length < 3 || json[0] != '{' || json[length - 1] != '}') {
		return error_set(err, ERROR_INVALID, "only a JSON object with members is signed");
	}
	if (!ring_check(ring, context->worker != NULL ? context->worker : "", err) ||
			!buf_append(out, json, length - 1, err)) {
		return false;
	}
	digest_of(json, length, digest);
	if (!add_list(ring, context, digest, out, err)) {
		out->size = begin;
		out->data[begin] = 0;
		return false;
	}
	return true;
}

/* Where the list begins, or the message's size. */
static size_t find_list(struct bytes message) {
	size_t most = BEGIN_SIZE + RING_FORMS_MAX * ITEM_SIZE + END_SIZE;
	size_t last = message.size > most ? message.size - most : 0;
	if (message.size < BEGIN_SIZE + END_SIZE ||
			memcmp(message.data + message.size - END_SIZE, list_end, END_SIZE) != 0) {
		return message.size;
	}
	for (size_t at = message.size - END_SIZE - BEGIN_SIZE + 1; at-- > last;) {
		if (memcmp(message.data + at, list_begin, BEGIN_SIZE) == 0) {
			return at;
		}
	}
	return message.size;
}

bool seal_signed(struct bytes message) {
	return find_list(message) != message.size;
}

/*
 * True for an envelope in quotes that has this digest in it. Else `worst` is why: that something
 * was changed outweighs that a key is not here.
 */
static bool item_fits(struct seal_ring *ring, const struct seal_context *context, const char *item,
		const uint8_t digest[DIGEST_SIZE], struct error *worst) {
	struct error why;
	CLEANUP(buf_finish) struct buf said = BUF_INIT(ENVELOPE_SIZE);
	bool quoted = item[0] == '"' && item[TEXT_SIZE + 1] == '"';
	if (quoted && !seal_open_text(ring, context, item + 1, TEXT_SIZE, &said, &why)) {
		if (worst->code != ERROR_INTEGRITY) {
			*worst = why;
		}
		return false;
	}
	return (quoted && said.size == DIGEST_SIZE &&
			       memcmp(said.data, digest, DIGEST_SIZE) == 0) ||
	       error_set(worst, ERROR_INTEGRITY, "the message was changed after it was signed");
}

/* `list`: from the first quote to the last one. */
static bool list_fits(struct seal_ring *ring, const struct seal_context *context, struct bytes list,
		const uint8_t digest[DIGEST_SIZE], struct error *err) {
	struct error worst = { 0 };
	bool whole = list.size != 0 && (list.size + 1) % ITEM_SIZE == 0;
	for (size_t at = 0; whole && at < list.size; at += ITEM_SIZE) {
		const char *item = (const char *)list.data + at;
		whole = at == 0 || item[-1] == ',';
		if (whole && item_fits(ring, context, item, digest, &worst)) {
			return true;
		}
	}
	if (!whole) {
		return error_set(err, ERROR_INTEGRITY, "the signature of a message is malformed");
	}
	*err = worst;
	return false;
}

bool seal_verify(struct seal_ring *ring, const struct seal_context *context, struct bytes message,
		struct buf *json, struct error *err) {
	size_t size = find_list(message), begin = json->size;
	uint8_t digest[DIGEST_SIZE];
	if (size == message.size) {
		return error_set(err, ERROR_INTEGRITY, "the message is not signed");
	}
	if (!buf_append(json, message.data, size, err) || !buf_append(json, "}", 1, err)) {
		return false;
	}
	digest_of(json->data + begin, json->size - begin, digest);
	struct bytes list = { message.data + size + BEGIN_SIZE,
		message.size - size - BEGIN_SIZE - END_SIZE };
	if (list_fits(ring, context, list, digest, err)) {
		return true;
	}
	json->size = begin;
	json->data[begin] = 0;
	return false;
}
