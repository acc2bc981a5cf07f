/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One operator of a body or a constant expression, as it stands in the binary. */
#include "meter/reader.h"

/* Those that have to be known one by one. Behind a prefix: prefix * 256 and the number. */
enum operator_code {
	OP_UNREACHABLE = 0x00,
	OP_NOP = 0x01,
	OP_BLOCK = 0x02,
	OP_LOOP = 0x03,
	OP_IF = 0x04,
	OP_ELSE = 0x05,
	OP_END = 0x0b,
	OP_BR = 0x0c,
	OP_BR_IF = 0x0d,
	OP_BR_TABLE = 0x0e,
	OP_RETURN = 0x0f,
	OP_CALL = 0x10,
	OP_CALL_INDIRECT = 0x11,
	OP_LOCAL_GET = 0x20,
	OP_LOCAL_TEE = 0x22,
	OP_GLOBAL_GET = 0x23,
	OP_GLOBAL_SET = 0x24,
	OP_I64_CONST = 0x42,
	OP_I64_LT_S = 0x53,
	OP_I64_LT_U = 0x54,
	OP_I64_NE = 0x52,
	OP_I64_ADD = 0x7c,
	OP_I64_SUB = 0x7d,
	OP_I64_AND = 0x83,
	OP_I64_SHR_U = 0x88,
	OP_I64_EXTEND_I32_U = 0xad,
	OP_MEMORY_INIT = 0xfc08,
	OP_MEMORY_COPY = 0xfc0a,
	OP_MEMORY_FILL = 0xfc0b,
	OP_TABLE_INIT = 0xfc0c,
	OP_TABLE_COPY = 0xfc0e,
	OP_TABLE_GROW = 0xfc0f,
	OP_TABLE_FILL = 0xfc11,
};

struct operator{
	const uint8_t *at; /* its first byte */
	unsigned code;
	uint8_t takes, leaves; /* values; what a type says comes on top */
	int64_t block;         /* of block, loop, if: negative a value type or empty, else a type */
	uint32_t index[2];     /* of a label (of br_table: the last), function, type, memory... */
	uint32_t label_max;    /* of br_table: the greatest */
};

/* False: the reader has failed. Refuses operators that are not metered by their feature's name. */
bool operator_read(struct reader *reader, struct operator* op) MUST_CHECK;
