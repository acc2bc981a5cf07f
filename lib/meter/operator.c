/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/operator.h"

enum immediate {
	MISSING, /* no such operator */
	NONE,
	BLOCK,
	INDEX,
	INDEX_INDEX,
	LABELS,
	TYPES,
	MEMORY,
	MEMORY_LANE,
	LANE,
	NUMBER_32,
	NUMBER_64,
	BYTES_4,
	BYTES_8,
	BYTES_16,
	HEAP_TYPE
};

struct form {
	uint8_t immediate, takes, leaves;
};

#define OPERATOR(first, last, immediate, takes, leaves)                                            \
	[first... last] = { immediate, takes, leaves },
#define PLAIN
static const struct form plain[256] = {
#include "meter/operators.def"
};
#undef PLAIN
#define MISC
static const struct form misc[256] = {
#include "meter/operators.def"
};
#undef MISC
#define VECTOR
static const struct form vector[256] = {
#include "meter/operators.def"
};
#undef VECTOR

/* What an operator that is in no table belongs to. */
static const struct {
	uint32_t first, last;
	const char *feature;
} features[] = {
	{ 0x06, 0x0a, "exceptions" },
	{ 0x12, 0x13, "tail calls" },
	{ 0x14, 0x14, "typed function references" },
	{ 0x15, 0x15, "tail calls" },
	{ 0x18, 0x19, "exceptions" },
	{ 0x1f, 0x1f, "exceptions" },
	{ 0xd3, 0xd3, "garbage collection types" },
	{ 0xd4, 0xd6, "typed function references" },
	{ 0xe0, 0xe6, "stack switching" },
	{ 0xfb, 0xfb, "garbage collection types" },
	{ 0xfe, 0xfe, "threads" },
	{ 0xfc13, 0xfc16, "128-bit arithmetic" },
};

static bool refuse(struct reader *reader, uint32_t code) {
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (code >= features[i].first && code <= features[i].last) {
			return reader_refuse(reader, features[i].feature);
		}
	}
	return reader_fail(reader, "there is no such operator");
}

static void read_labels(struct reader *reader, struct operator* op) {
	uint32_t count = reader_count(reader, UINT32_MAX);
	for (uint64_t i = 0; i <= count && reader_ok(reader); i++) {
		op->index[0] = reader_u32(reader);
		op->label_max = op->index[0] > op->label_max ? op->index[0] : op->label_max;
	}
}

static void read_types(struct reader *reader) {
	uint32_t count = reader_count(reader, UINT32_MAX);
	for (uint32_t i = 0; i < count && reader_ok(reader); i++) {
		(void)reader_type(reader);
	}
}

static void read_memory(struct reader *reader) {
	enum { HAS_INDEX = 0x40 };
	if ((reader_u32(reader) & HAS_INDEX) != 0) {
		(void)reader_u32(reader);
	}
	(void)reader_u64(reader);
}

static void read_block(struct reader *reader, struct operator* op) {
	enum { EMPTY = 0x40 };
	uint8_t first = reader->at < reader->end ? *reader->at : 0;
	if (first >= 0x41 && first <= 0x7f) {
		(void)reader_type(reader);
	} else if (first != EMPTY) {
		op->block = reader_s33(reader);
		if (op->block < 0) {
			(void)reader_fail(reader, "there is no such block type");
		}
		return;
	} else {
		(void)reader_byte(reader);
	}
	op->block = first - 0x80;
}

static bool read_immediate(struct reader *reader, enum immediate immediate, struct operator* op) {
	switch (immediate) {
	case MISSING: return refuse(reader, op->code);
	case NONE: break;
	case BLOCK: read_block(reader, op); break;
	case INDEX: op->index[0] = reader_u32(reader); break;
	case INDEX_INDEX:
		op->index[0] = reader_u32(reader);
		op->index[1] = reader_u32(reader);
		break;
	case LABELS: read_labels(reader, op); break;
	case TYPES: read_types(reader); break;
	case MEMORY: read_memory(reader); break;
	case MEMORY_LANE:
		read_memory(reader);
		(void)reader_byte(reader);
		break;
	case LANE: (void)reader_byte(reader); break;
	case NUMBER_32: reader_skip_leb(reader, 5); break;
	case NUMBER_64: reader_skip_leb(reader, 10); break;
	case BYTES_4: (void)reader_take(reader, 4); break;
	case BYTES_8: (void)reader_take(reader, 8); break;
	case BYTES_16: (void)reader_take(reader, 16); break;
	case HEAP_TYPE: (void)reader_type(reader); break;
	}
	return reader_ok(reader);
}

bool operator_read(struct reader *reader, struct operator* op) {
	enum { PREFIX_MISC = 0xfc, PREFIX_VECTOR = 0xfd };
	*op = (struct operator){ .at = reader->at };
	const struct form *forms = plain;
	uint32_t number = reader_byte(reader);
	op->code = number;
	if (number == PREFIX_MISC || number == PREFIX_VECTOR) {
		forms = number == PREFIX_MISC ? misc : vector;
		uint32_t behind = reader_u32(reader);
		if (behind > 255) {
			return number == PREFIX_VECTOR && behind < 0x120
					       ? reader_refuse(reader, "relaxed SIMD")
					       : reader_fail(reader, "there is no such operator");
		}
		op->code = number << 8 | behind;
		number = behind;
	}
	op->takes = forms[number].takes;
	op->leaves = forms[number].leaves;
	return reader_ok(reader) &&
	       read_immediate(reader, (enum immediate)forms[number].immediate, op);
}
