/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/seal for tests/test_a_seal.py, which knows nothing of it: one deed, from stdin to stdout.
 *
 *   seal_tool DEED KEY[,KEY] HOLDER DIRECTION WORKER BOOT NUMBER TASK ATTEMPT SUBJECT INDEX COUNT
 *
 * DEED: box, open, sign, verify, v1box, v1open. HOLDER: worker (its keys are roots or its own) or
 * manager. A deed that fails says its error's slug on stderr and exits with 1. These keys are in
 * the tree: nobody else's belong on a command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "seal/seal.h"
#include "seal/v1.h"

enum { INPUT_MAX = 8 << 20, ARGUMENTS = 13 };

static void must(bool done, const struct error *err) {
	if (!done) {
		(void)fprintf(stderr, "%s %s\n", error_slug(err->code), err->message);
		exit(1);
	}
}

static uint64_t number(const char *text) {
	struct error err;
	uint64_t value = 0;
	must(str_to_u64(text, &value, &err), &err);
	return value;
}

static enum seal_direction direction(const char *name) {
	enum seal_direction i = 0;
	while (i < SEAL_DIRECTIONS - 1 && !str_equal(seal_direction_name(i), name)) {
		i++;
	}
	return i;
}

static struct seal_ring *ring_of(const char *keys, const char *worker) {
	struct error err;
	struct strings texts = { 0 };
	struct seal_ring *ring = seal_ring_create(worker, &err);
	must(ring != NULL, &err);
	strings_split(&texts, keys, ',');
	for (size_t i = 0; i < texts.count; i++) {
		struct seal_key *key = seal_key_parse(texts.items[i], &err);
		must(key != NULL && seal_ring_add(ring, key, &err), &err);
		seal_key_destroy(key);
	}
	strings_finish(&texts);
	return ring;
}

static bool open_v1(struct seal_ring *ring, struct bytes in, struct buf *out, struct error *err) {
	struct seal_memory plain;
	bool opened = seal_v1_open(ring, in, NULL, &plain, err) &&
		      buf_append(out, plain.data, plain.size, err);
	seal_memory_finish(&plain);
	return opened;
}

static bool deed(const char *name, struct seal_ring *ring, const struct seal_context *context,
		struct bytes in, struct buf *out, struct error *err) {
	char checksum[DIGEST_HEX_SIZE];
	if (str_equal(name, "box")) {
		return seal_box(ring, context, in, out, err);
	}
	if (str_equal(name, "open")) {
		return seal_open_buf(ring, context, in, out, err);
	}
	if (str_equal(name, "sign")) {
		return seal_sign(ring, context, (const char *)in.data, out, err);
	}
	if (str_equal(name, "verify")) {
		return seal_verify(ring, context, in, out, err);
	}
	if (str_equal(name, "v1box")) {
		return seal_v1_box(ring, in, out, checksum, err);
	}
	return open_v1(ring, in, out, err);
}

int main(int argc, char **argv) {
	struct error err;
	CLEANUP(buf_finish) struct buf in = BUF_INIT(INPUT_MAX), out = BUF_INIT(INPUT_MAX + 4096);
	if (argc != ARGUMENTS) {
		(void)fputs("see the head of tests/seal/tool.c\n", stderr);
		return 2;
	}
	const struct seal_context context = {
		.direction = direction(argv[4]),
		.worker = argv[5],
		.boot = argv[6],
		.number = number(argv[7]),
		.task_id = argv[8],
		.attempt = number(argv[9]),
		.subject = argv[10],
		.index = number(argv[11]),
		.count = number(argv[12]),
	};
	must(buf_reserve(&in, INPUT_MAX, &err), &err);
	in.size = fread(in.data, 1, INPUT_MAX, stdin);
	in.data[in.size] = 0;
	struct seal_ring *ring = ring_of(argv[2], str_equal(argv[3], "worker") ? argv[5] : NULL);
	must(deed(argv[1], ring, &context, (struct bytes){ in.data, in.size }, &out, &err), &err);
	seal_ring_destroy(ring);
	return fwrite(buf_text(&out), 1, out.size, stdout) == out.size ? 0 : 1;
}
