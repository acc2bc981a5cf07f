/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64: what is accepted encodes to the same text again, and the stream gives the same answer
 * however the text is cut. The first byte chooses the size of the pieces.
 *
 * clang -std=gnu17 -g -O1 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -I. -Ilib
 * fuzz/base64_fuzz.c lib/base/{base64,buf,error,mem,str_utf8}.c
 */
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

/* Each piece is decoded into a block of its own, so that a write past its end is seen. */
static bool decode_in_pieces(const char *text, size_t size, size_t piece, struct buf *out) {
	struct error err;
	struct base64_stream stream = { 0 };
	for (size_t at = 0; at < size; at += piece) {
		size_t part = size - at < piece ? size - at : piece;
		size_t written;
		CLEANUP(mem_freep) uint8_t *bytes = malloc(3 * (part / 4 + 1));
		must(bytes != NULL);
		if (!base64_stream_feed(&stream, text + at, part, bytes, &written, &err)) {
			return false;
		}
		must(buf_append(out, bytes, written, &err));
	}
	return base64_stream_end(&stream, &err);
}

static void check_round_trip(const char *text, size_t size, const struct buf *out) {
	CLEANUP(mem_freep) char *again = base64_encode(out->data, out->size);
	must(strlen(again) == size && memcmp(again, text, size) == 0);
}

static void check_encoding(const uint8_t *bytes, size_t size) {
	struct error err;
	CLEANUP(buf_finish) struct buf out = BUF_INIT(size);
	CLEANUP(mem_freep) char *text = base64_encode(bytes, size);
	must(base64_decode(text, strlen(text), &out, &err));
	must(out.size == size && memcmp(buf_text(&out), bytes, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0) {
		return 0;
	}
	struct error err;
	const char *text = (const char *)data + 1;
	size_t length = size - 1;
	CLEANUP(buf_finish) struct buf whole = BUF_INIT(length);
	CLEANUP(buf_finish) struct buf pieces = BUF_INIT(length);
	bool good = base64_decode(text, length, &whole, &err);
	must(decode_in_pieces(text, length, 1 + data[0] % 67U, &pieces) == good);
	if (good) {
		must(whole.size == pieces.size);
		must(memcmp(buf_text(&whole), buf_text(&pieces), whole.size) == 0);
		check_round_trip(text, length, &whole);
	} else {
		must(err.code == ERROR_INVALID && whole.size == 0);
	}
	check_encoding(data + 1, length);
	return 0;
}
