/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/report_data.h"

#include "base/proto.h"

enum { VALUE_MAX = 64 }; /* of its message */

static void put_u32(struct digest *digest, uint32_t number) {
	const uint8_t bytes[4] = { (uint8_t)(number >> 24), (uint8_t)(number >> 16),
		(uint8_t)(number >> 8), (uint8_t)number };
	digest_update(digest, bytes, sizeof(bytes));
}

struct listed listed_begin(void) {
	return (struct listed){ .digest = digest_create() };
}

void listed_add(struct listed *list, struct bytes message) {
	put_u32(list->digest, list->count++);
	put_u32(list->digest, (uint32_t)message.size);
	digest_update(list->digest, message.data, message.size);
}

void listed_end(struct listed *list, uint8_t out[DIGEST_SIZE]) {
	digest_finish(list->digest, out);
	digest_destroy(list->digest);
	list->digest = NULL;
}

void report_data_execution(struct bytes message, uint8_t out[DIGEST_SIZE]) {
	struct listed list = listed_begin();
	listed_add(&list, message);
	listed_end(&list, out);
}

/* The members of a value's oneof; they are there also where they are 0. */
static const struct {
	uint32_t i32, i64, f32, f64;
	bool typed; /* its type stands in front, as field 1 */
} layouts[] = {
	[VALUE_LAYOUT_DTVM] = { 2, 3, 4, 5, true },
	[VALUE_LAYOUT_WASM] = { 6, 8, 10, 11, false },
};

bool report_data_value(enum value_layout layout, const struct statement_value *value,
		struct buf *out, struct error *err) {
	if (layouts[layout].typed && !proto_put_number(out, 1, value->type, err)) {
		return false;
	}
	switch (value->type) {
	case STATEMENT_I32: /* a negative one has 64 bits */
		return proto_put_number(out, layouts[layout].i32,
				(uint64_t)(int64_t)(int32_t)(uint32_t)value->bits, err);
	case STATEMENT_I64: return proto_put_number(out, layouts[layout].i64, value->bits, err);
	case STATEMENT_F32:
		return proto_put_32(out, layouts[layout].f32, (uint32_t)value->bits, err);
	case STATEMENT_F64: return proto_put_64(out, layouts[layout].f64, value->bits, err);
	}
	return error_set(err, ERROR_INTERNAL, "a value of no type");
}

bool report_data_outputs(enum value_layout layout, const struct statement_values *outputs,
		uint8_t out[DIGEST_SIZE], struct error *err) {
	struct buf message = BUF_INIT(VALUE_MAX);
	struct listed list = listed_begin();
	bool ok = true;
	for (size_t i = 0; ok && i < outputs->count; i++) {
		buf_clear(&message);
		ok = report_data_value(layout, &outputs->items[i], &message, err);
		listed_add(&list, (struct bytes){ message.data, message.size });
	}
	listed_end(&list, out);
	buf_finish(&message);
	return ok;
}
