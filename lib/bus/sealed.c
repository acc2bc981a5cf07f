/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/sealed.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { MESSAGE_MAX_BYTES = 256 * 1024 * 1024 };

static const char sealed_member[] = "sealed";

/* What stays readable: who it is for, and which attempt it is about. */
static const char *const clear_members[] = { "type", "boot", "task_id", "attempt", "number",
	"proplet_id" };

static uint64_t number_of(const json_t *object, const char *name) {
	json_int_t value = json_integer_value(json_object_get(object, name));
	return value > 0 ? (uint64_t)value : 0;
}

/* Both sides read it from what is readable: who changes that changes the context. */
static struct seal_context context_of(
		const json_t *object, enum seal_direction direction, const char *worker) {
	return (struct seal_context){ .direction = direction,
		.worker = worker,
		.boot = json_string_value(json_object_get(object, "boot")),
		.number = direction == SEAL_COMMAND ? number_of(object, "number") : 0,
		.task_id = json_string_value(json_object_get(object, "task_id")),
		.attempt = number_of(object, "attempt") };
}

static json_t *parse(struct bytes message, struct error *err) {
	json_t *object = json_loadb(
			(const char *)message.data, message.size, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(object)) {
		json_decref(object);
		error_set(err, ERROR_INVALID, "not a JSON object");
		return NULL;
	}
	return object;
}

/* --- sealed ------------------------------------------------------------------------------------
 */

/* The readable members again, beside what is sealed. */
static json_t *clear_part(const json_t *object) {
	json_t *clear = json_object();
	for (size_t i = 0; i < sizeof(clear_members) / sizeof(clear_members[0]); i++) {
		json_t *value = json_object_get(object, clear_members[i]);
		if (value != NULL) {
			json_object_set(clear, clear_members[i], value);
		}
	}
	return clear;
}

char *sealed_wrap(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		const char *json, struct error *err) {
	struct bytes plain = { (const uint8_t *)json, strlen(json) };
	json_auto_t *object = parse(plain, err);
	if (object == NULL) {
		return NULL;
	}
	struct seal_context context = context_of(object, direction, worker);
	char *sealed = seal_box_text(ring, &context, plain, err);
	if (sealed == NULL) {
		return NULL;
	}
	json_auto_t *clear = clear_part(object);
	json_object_set_new(clear, sealed_member, json_string(sealed));
	free(sealed);
	return json_dumps(clear, JSON_COMPACT);
}

/* What was sealed is the whole message: of what stands beside it only the context counts. */
bool sealed_unwrap(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		struct bytes message, struct buf *json, struct error *err) {
	json_auto_t *object = parse(message, err);
	if (object == NULL) {
		return false;
	}
	const json_t *sealed = json_object_get(object, sealed_member);
	if (!json_is_string(sealed)) {
		return error_set(err, ERROR_INTEGRITY, "it is not sealed");
	}
	struct seal_context context = context_of(object, direction, worker);
	return seal_open_text(ring, &context, json_string_value(sealed), json_string_length(sealed),
			json, err);
}

/* --- signed ------------------------------------------------------------------------------------
 */

static bool signed_context(struct bytes message, enum seal_direction direction, const char *worker,
		const char *topic, json_t **object, struct seal_context *context,
		struct error *err) {
	*object = parse(message, err);
	if (*object == NULL) {
		return false;
	}
	*context = context_of(*object, direction, worker);
	context->subject = topic;
	if (direction == SEAL_ANNOUNCE) {
		context->task_id = NULL;
		context->attempt = 0;
	}
	return true;
}

char *sealed_sign(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		const char *topic, const char *json, struct error *err) {
	struct bytes message = { (const uint8_t *)json, strlen(json) };
	struct buf out = BUF_INIT(MESSAGE_MAX_BYTES);
	struct seal_context context;
	json_auto_t *object = NULL;
	size_t size;
	if (!signed_context(message, direction, worker, topic, &object, &context, err) ||
			!seal_sign(ring, &context, json, &out, err)) {
		buf_finish(&out);
		return NULL;
	}
	return (char *)buf_take(&out, &size);
}

bool sealed_verify(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		const char *topic, struct bytes message, struct buf *json, struct error *err) {
	struct seal_context context;
	json_auto_t *object = NULL;
	return signed_context(message, direction, worker, topic, &object, &context, err) &&
	       seal_verify(ring, &context, message, json, err);
}

bool sealed_is(struct bytes message) {
	return message.size != 0 &&
	       (seal_signed(message) ||
			       memmem(message.data, message.size, "\"sealed\":\"", 10) != NULL);
}
