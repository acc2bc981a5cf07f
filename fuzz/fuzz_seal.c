/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealed things from the broker. Whatever comes, only what was sealed here for this opens, and it
 * opens to what it was. The first byte chooses the way in, the second what is done to a good
 * envelope: with it come a byte's place and value.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "seal/seal.h"
#include "seal/v1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORKER "5f0c0f2e-58b4-4d0e-9d2a-0c3c2e8b6a11"
#define OBJECT "{\"proplet_id\":\"" WORKER "\"}"

static const struct seal_context context = {
	.direction = SEAL_COMMAND,
	.worker = WORKER,
	.number = 7,
};

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

static struct seal_ring *create_ring(const char *worker) {
	struct error err;
	struct seal_ring *ring = seal_ring_create(worker, &err);
	struct seal_key *key = seal_key_parse(
			"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", &err);
	must(ring != NULL && key != NULL && seal_ring_add(ring, key, &err));
	seal_key_destroy(key);
	return ring;
}

static void must_be_refusal(const struct error *err) {
	must(err->code == ERROR_INTEGRITY || err->code == ERROR_KEY_MISMATCH);
}

/* Nobody can make one of these without the key. */
static void open_anything(struct seal_ring *ring, struct bytes given) {
	struct error err;
	struct seal_memory memory;
	CLEANUP(buf_finish) struct buf plain = BUF_INIT(given.size);
	must(!seal_open(ring, &context, given, &memory, &err));
	must_be_refusal(&err);
	must(!seal_open_text(ring, &context, (const char *)given.data, given.size, &plain, &err));
	must_be_refusal(&err);
	must(!seal_v1_open(ring, given, NULL, &memory, &err));
	must_be_refusal(&err);
	must(plain.size == 0);
}

static void verify_anything(struct seal_ring *ring, struct bytes given) {
	struct error err;
	CLEANUP(buf_finish) struct buf json = BUF_INIT(given.size + 1);
	must(!seal_verify(ring, &context, given, &json, &err));
	must_be_refusal(&err);
	must(json.size == 0);
}

/* An envelope of ours in which one byte is another one, or which was cut or made longer. */
static void open_spoilt(struct seal_ring *from, struct seal_ring *to, const uint8_t *how,
		struct bytes given) {
	struct error err;
	CLEANUP(buf_finish) struct buf envelope = BUF_INIT(given.size + 100);
	CLEANUP(buf_finish) struct buf plain = BUF_INIT(given.size + 100);
	must(seal_box(from, &context, given, &envelope, &err));
	size_t at = (how[1] * 256U + how[2]) % envelope.size;
	bool good = false;
	switch (how[0] % 4) {
	case 0: envelope.size = at; break;
	case 1: must(buf_append(&envelope, how, 3, &err)); break;
	default: envelope.data[at] ^= how[0] & 0xfc; good = (how[0] & 0xfc) == 0;
	}
	must(seal_open_buf(to, &context, (struct bytes){ envelope.data, envelope.size }, &plain,
			     &err) == good);
	if (good) {
		must(plain.size == given.size);
		must(given.size == 0 || memcmp(plain.data, given.data, given.size) == 0);
	} else {
		must_be_refusal(&err);
		must(plain.size == 0);
	}
}

/* A signed message of ours with something put into it. */
static void verify_spoilt(struct seal_ring *from, struct seal_ring *to, const uint8_t *how,
		struct bytes given) {
	struct error err;
	CLEANUP(buf_finish) struct buf message = BUF_INIT(10000);
	CLEANUP(buf_finish) struct buf spoilt = BUF_INIT(10000 + given.size);
	CLEANUP(buf_finish) struct buf json = BUF_INIT(20000 + given.size);
	must(seal_sign(from, &context, OBJECT, &message, &err));
	size_t at = (how[1] * 256U + how[2]) % (message.size + 1);
	must(buf_append(&spoilt, message.data, at, &err));
	must(buf_append(&spoilt, given.data, given.size, &err));
	must(buf_append(&spoilt, message.data + at, message.size - at, &err));
	bool good = seal_verify(
			to, &context, (struct bytes){ spoilt.data, spoilt.size }, &json, &err);
	/* What verifies says what was signed; the list itself may be spoilt if one still fits. */
	must(!good || strcmp(buf_text(&json), OBJECT) == 0);
	must(good || given.size != 0);
}

static void parse_key(struct bytes given) {
	struct error err;
	CLEANUP(mem_freep) char *text = mem_copy(given.data, given.size);
	struct seal_key *key = seal_key_parse(text, &err);
	must((key != NULL) == (strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64));
	seal_key_destroy(key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size < 4) {
		return 0;
	}
	struct seal_ring *manager = create_ring(NULL), *worker = create_ring(WORKER);
	struct bytes rest = { data + 4, size - 4 };
	switch (data[0] % 5) {
	case 0: open_anything(worker, rest); break;
	case 1: verify_anything(manager, rest); break;
	case 2: open_spoilt(manager, worker, data + 1, rest); break;
	case 3: verify_spoilt(worker, manager, data + 1, rest); break;
	default: parse_key(rest);
	}
	seal_ring_destroy(manager);
	seal_ring_destroy(worker);
	return 0;
}
