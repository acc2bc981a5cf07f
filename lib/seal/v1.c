/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/v1.h"

#include <strings.h>

#include "base/random.h"
#include "seal/gcm.h"
#include "seal/ring.h"

_Static_assert(SEAL_V1_OVERHEAD_BYTES == GCM_NONCE_BYTES + GCM_TAG_BYTES, "as specified");

static const struct bytes nothing = { (const uint8_t *)"", 0 };

bool seal_v1_box(const struct seal_ring *ring, struct bytes plain, struct buf *out,
		char checksum[DIGEST_HEX_SIZE], struct error *err) {
	if (ring_keys(ring) == 0) {
		return error_set(err, ERROR_INVALID, "there is no workload key");
	}
	if (plain.size > SEAL_PLAIN_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "%zu bytes are too many for one envelope",
				plain.size);
	}
	size_t size = SEAL_V1_OVERHEAD_BYTES + plain.size;
	if (!buf_reserve(out, size, err)) {
		return false;
	}
	uint8_t *envelope = out->data + out->size;
	random_bytes(envelope, GCM_NONCE_BYTES);
	gcm_seal(ring_key_bytes(ring, 0), envelope, nothing, plain, envelope + GCM_NONCE_BYTES);
	digest_hex(envelope, size, checksum);
	out->size += size;
	out->data[out->size] = 0;
	return true;
}

static bool check(struct bytes envelope, const char *checksum, struct error *err) {
	if (envelope.size < SEAL_V1_OVERHEAD_BYTES ||
			envelope.size - SEAL_V1_OVERHEAD_BYTES > SEAL_PLAIN_MAX) {
		return error_set(err, ERROR_INTEGRITY,
				"an envelope (version 1) has at least %d bytes, this one %zu",
				SEAL_V1_OVERHEAD_BYTES, envelope.size);
	}
	char is[DIGEST_HEX_SIZE];
	if (checksum != NULL) {
		digest_hex(envelope.data, envelope.size, is);
	}
	return checksum == NULL || strcasecmp(checksum, is) == 0 ||
	       error_set(err, ERROR_INTEGRITY,
			       "the envelope (version 1) does not have the checksum that came "
			       "with it");
}

bool seal_v1_open(const struct seal_ring *ring, struct bytes envelope, const char *checksum,
		struct seal_memory *plain, struct error *err) {
	*plain = (struct seal_memory){ 0 };
	if (!check(envelope, checksum, err) ||
			!seal_memory_create(plain, envelope.size - SEAL_V1_OVERHEAD_BYTES,
					SEAL_MEMORY_PLAIN, err)) {
		return false;
	}
	struct bytes sealed = { envelope.data + GCM_NONCE_BYTES, envelope.size - GCM_NONCE_BYTES };
	for (size_t i = 0; i < ring_keys(ring); i++) {
		if (gcm_open(ring_key_bytes(ring, i), envelope.data, nothing, sealed,
				    plain->data)) {
			return true;
		}
	}
	seal_memory_finish(plain);
	return error_set(err, ERROR_INTEGRITY,
			"the envelope (version 1) was changed, or sealed with another key");
}
