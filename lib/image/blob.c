/* SPDX-License-Identifier: Apache-2.0 */
#include "image/blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/beside.h"
#include "base/digest.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* A transfer may break so often without a MiB in between. */
enum { BREAKS_MAX = 5, PROGRESS = 1024 * 1024, PAUSE_MS = 250 };
/* From so many bytes on it is worth a thread to hash them. */
enum { LARGE = 1024 * 1024 };

struct blob {
	struct session *session;
	struct wire *wire;
	const char *promised;
	uint64_t size, offset; /* offset: what was read so far */
	uint64_t skip;         /* of an answer that begins anew: bytes that we have already */
	uint64_t broke_at;     /* the offset of the last break that counted from 0 */
	unsigned breaks;
	bool asked, ended;
	struct digest *digest;
	struct beside *beside; /* hashes the last piece while its taker does something with it */
	struct bytes piece;
};

struct blob *blob_open(
		struct session *session, struct wire *wire, const char *digest, uint64_t size) {
	struct blob *blob = MEM_NEW(struct blob);
	blob->session = session;
	blob->wire = wire;
	blob->promised = digest;
	blob->size = size;
	blob->digest = digest_create();
	blob->beside = size >= LARGE ? beside_create() : NULL;
	return blob;
}

void blob_close(struct blob *blob) {
	if (blob != NULL) {
		beside_destroy(blob->beside);
		digest_destroy(blob->digest);
		free(blob);
	}
}

static bool wrong_length(const struct blob *blob, uint64_t length, struct error *err) {
	return error_set(err, ERROR_INTEGRITY,
			"the registry sends %llu bytes for %s, which has %llu in the manifest",
			(unsigned long long)length, blob->promised, (unsigned long long)blob->size);
}

static bool check_head(struct blob *blob, const struct wire_answer *answer, struct error *err) {
	bool part = answer->status == 206;
	blob->skip = part ? 0 : blob->offset;
	if (part && answer->range_from != (int64_t)blob->offset) {
		return error_set(err, ERROR_INTEGRITY,
				"the registry sends another part of %s than it was asked for",
				blob->promised);
	}
	uint64_t expected = part ? blob->size - blob->offset : blob->size;
	return answer->length < 0 || (uint64_t)answer->length == expected ||
	       wrong_length(blob, (uint64_t)answer->length, err);
}

static bool ask(struct blob *blob, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("/blobs/%s", blob->promised);
	const struct wire_answer *answer =
			session_get(blob->session, path, NULL, blob->offset, err);
	blob->asked = answer != NULL;
	return answer != NULL && check_head(blob, answer, err);
}

static bool go_on(struct blob *blob, struct error *err) {
	if (!wire_broken(blob->wire)) {
		return false;
	}
	if (blob->offset >= blob->broke_at + PROGRESS) {
		blob->broke_at = blob->offset;
		blob->breaks = 0;
	}
	if (++blob->breaks > BREAKS_MAX) {
		return error_wrap(err, "broken %u times, the last time after %llu of %llu bytes",
				blob->breaks, (unsigned long long)blob->offset,
				(unsigned long long)blob->size);
	}
	log_debug("a transfer goes on where it broke at=%llu size=%llu error=\"%s\"",
			(unsigned long long)blob->offset, (unsigned long long)blob->size,
			err->message);
	blob->asked = false;
	return wire_pause(blob->wire, PAUSE_MS, err);
}

/* The next bytes that are new; of size 0 at the end of an answer. */
static bool read_new(struct blob *blob, struct bytes *piece, struct error *err) {
	do {
		if (!wire_read(blob->wire, piece, err)) {
			return false;
		}
		uint64_t known = piece->size < blob->skip ? piece->size : blob->skip;
		if (piece->size == 0) {
			return true;
		}
		piece->data += known;
		piece->size -= (size_t)known;
		blob->skip -= known;
	} while (piece->size == 0);
	return true;
}

static bool check_end(struct blob *blob, struct error *err) {
	uint8_t bytes[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	if (blob->offset != blob->size) {
		return wrong_length(blob, blob->offset, err);
	}
	digest_finish(blob->digest, bytes);
	hex_encode(bytes, sizeof(bytes), hex);
	blob->ended = true;
	return strcmp(blob->promised + strlen("sha256:"), hex) == 0 ||
	       error_set(err, ERROR_INTEGRITY,
			       "the registry sends something else for %s: its digest is sha256:%s",
			       blob->promised, hex);
}

static void hash_piece(void *context) {
	struct blob *blob = context;
	digest_update(blob->digest, blob->piece.data, blob->piece.size);
}

static void hash(struct blob *blob, struct bytes piece) {
	blob->piece = piece;
	if (blob->beside != NULL) {
		beside_begin(blob->beside, hash_piece, blob);
	} else {
		hash_piece(blob);
	}
}

bool blob_read(struct blob *blob, struct bytes *piece, struct error *err) {
	*piece = (struct bytes){ 0 };
	if (blob->ended) {
		return true;
	}
	if (blob->beside != NULL) {
		beside_wait(blob->beside); /* the piece before goes now */
	}
	while (!blob->asked || !read_new(blob, piece, err)) {
		if (blob->asked && wire_broken(blob->wire) && blob->offset == blob->size) {
			break; /* only its end was missing */
		}
		if (blob->asked ? !go_on(blob, err) : !ask(blob, err)) {
			return false;
		}
	}
	blob->offset += piece->size;
	if (blob->offset > blob->size) {
		return wrong_length(blob, blob->offset, err);
	}
	if (piece->size == 0) {
		return check_end(blob, err);
	}
	hash(blob, *piece);
	return true;
}
