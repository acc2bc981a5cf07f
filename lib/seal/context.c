/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/context.h"

#include <string.h>

#include "seal/derive.h"

const char *seal_direction_name(enum seal_direction direction) {
	static const char *const names[SEAL_DIRECTIONS] = { "command", "module", "result",
		"announce", "notice", "request", "image", "store" };
	return names[direction];
}

bool context_check(const struct seal_context *context, struct error *err) {
	const struct {
		const char *what, *text;
	} texts[] = {
		{ "worker id", context->worker },
		{ "boot id", context->boot },
		{ "task id", context->task_id },
		{ "digest or name", context->subject },
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].text != NULL && strlen(texts[i].text) > SEAL_TEXT_MAX) {
			return error_set(err, ERROR_INVALID,
					"an envelope cannot be bound to a %s of %zu bytes (at most "
					"%d)",
					texts[i].what, strlen(texts[i].text), SEAL_TEXT_MAX);
		}
	}
	return true;
}

static void add_number(struct buf *out, uint64_t value, size_t size) {
	uint8_t bytes[8];
	struct error err;
	for (size_t i = 0; i < size; i++) {
		bytes[i] = (uint8_t)(value >> 8 * (size - 1 - i));
	}
	seal_must(buf_append(out, bytes, size, &err));
}

static void add_field(struct buf *out, const void *bytes, size_t size) {
	struct error err;
	add_number(out, size, 4);
	seal_must(buf_append(out, bytes, size, &err));
}

static void add_text(struct buf *out, const char *text) {
	add_field(out, text, text != NULL ? strlen(text) : 0);
}

static void add_number_field(struct buf *out, uint64_t value) {
	add_number(out, 8, 4);
	add_number(out, value, 8);
}

void context_encode(const struct seal_context *context, const uint8_t id[SEAL_KEY_ID_BYTES],
		struct buf *out) {
	add_text(out, SEAL_LABEL);
	add_field(out, id, SEAL_KEY_ID_BYTES);
	add_text(out, seal_direction_name(context->direction));
	add_text(out, context->worker);
	add_text(out, context->boot);
	add_number_field(out, context->number);
	add_text(out, context->task_id);
	add_number_field(out, context->attempt);
	add_text(out, context->subject);
	add_number_field(out, context->index);
	add_number_field(out, context->count);
}
