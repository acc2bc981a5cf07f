/* SPDX-License-Identifier: Apache-2.0 */
/* What the evidence of profile 1 is about. */
#include "executor/layout.h"

enum { MESSAGE_MAX = 64 * 1024 * 1024 };

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

static bool hash_execution(const struct asked *asked, uint8_t out[DIGEST_SIZE], struct error *err) {
	struct buf message = BUF_INIT(MESSAGE_MAX);
	bool ok = asked->layout->pack_execution(asked, &message, err);
	if (ok) {
		struct listed list = listed_begin();
		listed_add(&list, (struct bytes){ message.data, message.size });
		listed_end(&list, out);
	}
	buf_finish(&message);
	return ok;
}

static bool hash_outputs(const struct asked *asked, const struct value *outputs, size_t count,
		uint8_t out[DIGEST_SIZE], struct error *err) {
	struct buf message = BUF_INIT(MESSAGE_MAX);
	struct listed list = listed_begin();
	bool ok = true;
	for (size_t i = 0; ok && i < count; i++) {
		buf_clear(&message);
		ok = asked->layout->pack_output(&outputs[i], &message, err);
		listed_add(&list, (struct bytes){ message.data, message.size });
	}
	listed_end(&list, out);
	buf_finish(&message);
	return ok;
}

bool layout_report_data(const struct asked *asked, const struct value *outputs, size_t count,
		uint8_t report_data[REPORT_DATA_SIZE], struct error *err) {
	return hash_execution(asked, report_data, err) &&
	       hash_outputs(asked, outputs, count, report_data + DIGEST_SIZE, err);
}
