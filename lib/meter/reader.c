/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/reader.h"

bool reader_fail(struct reader *reader, const char *what) {
	if (!reader->failed) {
		error_set(reader->err, ERROR_MODULE, "the module is not valid: %s (byte %zu)", what,
				(size_t)(reader->at - reader->origin));
	}
	reader->failed = true;
	return false;
}

bool reader_refuse(struct reader *reader, const char *feature) {
	if (!reader->failed) {
		error_set(reader->err, ERROR_MODULE,
				"the module uses %s, which a metered run does not have: compile it "
				"without (byte %zu)",
				feature, (size_t)(reader->at - reader->origin));
	}
	reader->failed = true;
	return false;
}

uint8_t reader_byte(struct reader *reader) {
	if (!reader_more(reader)) {
		(void)reader_fail(reader, "it ends too early");
		return 0;
	}
	return *reader->at++;
}

static uint64_t unsigned_leb(struct reader *reader, unsigned bits) {
	uint64_t value = 0;
	for (unsigned shift = 0; shift < bits; shift += 7) {
		uint8_t byte = reader_byte(reader);
		if (shift + 7 > bits && (byte >> (bits - shift)) != 0) {
			break;
		}
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			return reader_ok(reader) ? value : 0;
		}
	}
	(void)reader_fail(reader, "a number is too long");
	return 0;
}

uint32_t reader_u32(struct reader *reader) {
	return (uint32_t)unsigned_leb(reader, 32);
}

uint64_t reader_u64(struct reader *reader) {
	return unsigned_leb(reader, 64);
}

int64_t reader_s33(struct reader *reader) {
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t byte = reader_byte(reader);
		value |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			bool negative = (byte & 0x40) != 0;
			return (int64_t)(negative ? value | ~UINT64_C(0) << (shift + 7) : value);
		}
	}
	(void)reader_fail(reader, "a number is too long");
	return 0;
}

void reader_skip_leb(struct reader *reader, unsigned most) {
	for (unsigned i = 0; i < most; i++) {
		if ((reader_byte(reader) & 0x80) == 0) {
			return;
		}
	}
	(void)reader_fail(reader, "a number is too long");
}

struct bytes reader_take(struct reader *reader, size_t size) {
	if (reader->failed || size > (size_t)(reader->end - reader->at)) {
		(void)reader_fail(reader, "it ends too early");
		return (struct bytes){ reader->at, 0 };
	}
	struct bytes taken = { reader->at, size };
	reader->at += size;
	return taken;
}

uint32_t reader_count(struct reader *reader, uint32_t most) {
	uint32_t count = reader_u32(reader);
	if (count > most || count > (size_t)(reader->end - reader->at)) {
		(void)reader_fail(reader, "it counts more than it has");
		return 0;
	}
	return count;
}

struct bytes reader_block(struct reader *reader) {
	uint32_t size = reader_u32(reader);
	return reader_take(reader, size);
}

/* Types in ranges; those without a feature are metered. */
static const struct {
	uint8_t first, last;
	const char *feature;
} types[] = {
	{ 0x7b, 0x7f, NULL }, /* v128 f64 f32 i64 i32 */
	{ 0x70, 0x70, NULL }, /* funcref */
	{ 0x6f, 0x6f, "references of the host (externref)" },
	{ 0x63, 0x64, "typed references" },
	{ 0x69, 0x69, "exceptions" },
	{ 0x74, 0x74, "exceptions" },
	{ 0x6a, 0x73, "garbage collection types" },
};

uint8_t reader_type(struct reader *reader) {
	uint8_t type = reader_byte(reader);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (type < types[i].first || type > types[i].last) {
			continue;
		}
		if (types[i].feature != NULL) {
			(void)reader_refuse(reader, types[i].feature);
		}
		return type;
	}
	(void)reader_fail(reader, "there is no such type");
	return type;
}

struct reader reader_of(struct bytes bytes, const uint8_t *origin, struct error *err) {
	/* Of a section that is not there the data are NULL, which nothing may be added to. */
	const uint8_t *end = bytes.size > 0 ? bytes.data + bytes.size : bytes.data;
	return (struct reader){ bytes.data, end, origin, err, false };
}

struct reader reader_within(const struct reader *reader, struct bytes part) {
	struct reader within = reader_of(part, reader->origin, reader->err);
	within.failed = reader->failed;
	return within;
}
