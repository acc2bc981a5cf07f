/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/envelope.h"

#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"
#include "seal/context.h"
#include "seal/ring.h"

enum { VERSION = 2, AAD_MAX = 8192, ID_AT = 1, NONCE_AT = ID_AT + SEAL_KEY_ID_BYTES };
_Static_assert(NONCE_AT + XAES_NONCE_BYTES == SEAL_HEADER_BYTES, "the header is as specified");

static const char *worker_of(const struct seal_context *context) {
	return context->worker != NULL ? context->worker : "";
}

static bool check(const struct seal_ring *ring, const struct seal_context *context,
		struct error *err) {
	return context_check(context, err) && ring_check(ring, worker_of(context), err);
}

bool envelope_seal(struct seal_ring *ring, size_t form, const struct seal_context *context,
		const uint8_t nonce[XAES_NONCE_BYTES], struct bytes plain, uint8_t *out,
		struct error *err) {
	if (!check(ring, context, err)) {
		return false;
	}
	if (plain.size > SEAL_PLAIN_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "%zu bytes are too many for one envelope",
				plain.size);
	}
	struct ring_key key;
	CLEANUP(buf_finish) struct buf aad = BUF_INIT(AAD_MAX);
	ring_derive(ring, form, worker_of(context), context->direction, &key);
	context_encode(context, key.id, &aad);
	out[0] = VERSION;
	memcpy(out + ID_AT, key.id, SEAL_KEY_ID_BYTES);
	memcpy(out + NONCE_AT, nonce, XAES_NONCE_BYTES);
	xaes_seal(key.bytes, nonce, (struct bytes){ aad.data, aad.size }, plain,
			out + SEAL_HEADER_BYTES);
	explicit_bzero(&key, sizeof(key));
	return true;
}

bool seal_box_into(struct seal_ring *ring, const struct seal_context *context, struct bytes plain,
		uint8_t *out, struct error *err) {
	uint8_t nonce[XAES_NONCE_BYTES];
	random_bytes(nonce, sizeof(nonce));
	return envelope_seal(ring, ring_form(ring), context, nonce, plain, out, err);
}

bool seal_box(struct seal_ring *ring, const struct seal_context *context, struct bytes plain,
		struct buf *out, struct error *err) {
	size_t size = plain.size <= SEAL_PLAIN_MAX ? SEAL_OVERHEAD_BYTES + plain.size : 0;
	if (!buf_reserve(out, size, err) ||
			!seal_box_into(ring, context, plain, out->data + out->size, err)) {
		return false;
	}
	out->size += size;
	out->data[out->size] = 0;
	return true;
}

char *seal_box_text(struct seal_ring *ring, const struct seal_context *context, struct bytes plain,
		struct error *err) {
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(SEAL_OVERHEAD_BYTES + SEAL_PLAIN_MAX);
	return seal_box(ring, context, plain, &envelope, err)
			       ? base64_encode(envelope.data, envelope.size)
			       : NULL;
}

static bool check_header(struct bytes envelope, struct error *err) {
	if (envelope.size < SEAL_OVERHEAD_BYTES) {
		return error_set(err, ERROR_INTEGRITY,
				"an envelope of %zu bytes is cut (it has %d at least)",
				envelope.size, SEAL_OVERHEAD_BYTES);
	}
	if (envelope.data[0] != VERSION) {
		return error_set(err, ERROR_INTEGRITY,
				"an envelope of version %d is not understood (%d is)",
				envelope.data[0], VERSION);
	}
	return envelope.size - SEAL_OVERHEAD_BYTES <= SEAL_PLAIN_MAX ||
	       error_set(err, ERROR_INTEGRITY, "an envelope of %zu bytes is too large",
			       envelope.size);
}

static bool say_unknown(const uint8_t *id, struct error *err) {
	char text[2 * SEAL_KEY_ID_BYTES + 1];
	hex_encode(id, SEAL_KEY_ID_BYTES, text);
	return error_set(err, ERROR_KEY_MISMATCH,
			"key mismatch: it was sealed with key %s, which is not here; give both "
			"sides the same workload key",
			text);
}

static bool open_with(struct seal_ring *ring, size_t form, const struct seal_context *context,
		struct bytes envelope, uint8_t *out) {
	struct ring_key key;
	CLEANUP(buf_finish) struct buf aad = BUF_INIT(AAD_MAX);
	ring_derive(ring, form, worker_of(context), context->direction, &key);
	context_encode(context, key.id, &aad);
	struct bytes sealed = { envelope.data + SEAL_HEADER_BYTES,
		envelope.size - SEAL_HEADER_BYTES };
	bool fits = xaes_open(key.bytes, envelope.data + NONCE_AT,
			(struct bytes){ aad.data, aad.size }, sealed, out);
	explicit_bzero(&key, sizeof(key));
	return fits;
}

bool seal_open_into(struct seal_ring *ring, const struct seal_context *context,
		struct bytes envelope, uint8_t *out, struct error *err) {
	if (!check_header(envelope, err) || !check(ring, context, err)) {
		return false;
	}
	const uint8_t *id = envelope.data + ID_AT;
	size_t form = ring_find(ring, worker_of(context), id);
	if (form == RING_NO_FORM) {
		return say_unknown(id, err);
	}
	if (!open_with(ring, form, context, envelope, out)) {
		return error_set(err, ERROR_INTEGRITY,
				"the envelope was changed, or is for something else");
	}
	ring_opened(ring, form);
	return true;
}

bool seal_open(struct seal_ring *ring, const struct seal_context *context, struct bytes envelope,
		struct seal_memory *plain, struct error *err) {
	*plain = (struct seal_memory){ 0 };
	if (!check_header(envelope, err) ||
			!seal_memory_create(plain, envelope.size - SEAL_OVERHEAD_BYTES,
					SEAL_MEMORY_PLAIN, err)) {
		return false;
	}
	bool opened = seal_open_into(ring, context, envelope, plain->data, err);
	if (!opened) {
		seal_memory_finish(plain);
	}
	return opened;
}

bool seal_open_buf(struct seal_ring *ring, const struct seal_context *context,
		struct bytes envelope, struct buf *plain, struct error *err) {
	if (!check_header(envelope, err) ||
			!buf_reserve(plain, envelope.size - SEAL_OVERHEAD_BYTES, err)) {
		return false;
	}
	bool opened = seal_open_into(ring, context, envelope, plain->data + plain->size, err);
	plain->size += opened ? envelope.size - SEAL_OVERHEAD_BYTES : 0;
	plain->data[plain->size] = 0;
	return opened;
}

bool seal_open_text(struct seal_ring *ring, const struct seal_context *context, const char *text,
		size_t size, struct buf *plain, struct error *err) {
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(size);
	if (!base64_decode(text, size, &envelope, err)) {
		err->code = err->code == ERROR_INVALID ? ERROR_INTEGRITY : err->code;
		return error_wrap(err, "an envelope is not in base64");
	}
	return seal_open_buf(
			ring, context, (struct bytes){ envelope.data, envelope.size }, plain, err);
}
