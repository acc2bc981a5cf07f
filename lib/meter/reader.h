/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reading the binary format of WebAssembly, bytes that nobody is to be trusted for.
 *
 * The first failure sticks: from then on every read gives 0, and the error says what and where.
 * So a caller may read on and look once, but asks reader_ok() in every loop whose count it read.
 */
#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

struct reader {
	const uint8_t *at, *end;
	const uint8_t *origin; /* of the whole module, for messages */
	struct error *err;
	bool failed;
};

/* Of a module's bytes; `origin` is where the module begins. */
struct reader reader_of(struct bytes bytes, const uint8_t *origin, struct error *err);
static inline bool reader_ok(const struct reader *reader) {
	return !reader->failed;
}
static inline bool reader_more(const struct reader *reader) {
	return !reader->failed && reader->at < reader->end;
}
/* ERROR_MODULE: "the module is not valid: <what> (byte 12)"; always false. */
bool reader_fail(struct reader *reader, const char *what);
/* ERROR_MODULE: a feature that is not metered, by its name; always false. */
bool reader_refuse(struct reader *reader, const char *feature);

uint8_t reader_byte(struct reader *reader);
uint32_t reader_u32(struct reader *reader);
uint64_t reader_u64(struct reader *reader);
int64_t reader_s33(struct reader *reader);
void reader_skip_leb(struct reader *reader, unsigned most); /* at most so many bytes */
struct bytes reader_take(struct reader *reader, size_t size);
/* A count of things that take at least one byte each. */
uint32_t reader_count(struct reader *reader, uint32_t most);
/* A size and so many bytes. */
struct bytes reader_block(struct reader *reader);
/* Of a number type, v128 or a reference; refuses what is not metered. */
uint8_t reader_type(struct reader *reader);
/* A reader of a part, with the same error. */
struct reader reader_within(const struct reader *reader, struct bytes part);
