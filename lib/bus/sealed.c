/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/sealed.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { MESSAGE_MAX_BYTES = 256 * 1024 * 1024 };

static const char sealed_member[] = "sealed", sealed_begin[] = "\"sealed\":\"";

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

/* Base64 needs no escapes, and no parser's help. */
static char *put_beside(json_t *clear, const char *sealed) {
	CLEANUP(mem_freep) char *text = json_dumps(clear, JSON_COMPACT);
	json_decref(clear);
	size_t size = text != NULL ? strlen(text) : 0;
	return size < 2 ? NULL
			: str_format("%.*s%s%s%s\"}", (int)size - 1, text, size > 2 ? "," : "",
					  sealed_begin, sealed);
}

char *sealed_wrap(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		const char *json, struct error *err) {
	struct bytes plain = { (const uint8_t *)json, strlen(json) };
	json_auto_t *object = parse(plain, err);
	if (object == NULL) {
		return NULL;
	}
	struct seal_context context = context_of(object, direction, worker);
	CLEANUP(mem_freep) char *sealed = seal_box_text(ring, &context, plain, err);
	return sealed != NULL ? put_beside(clear_part(object), sealed) : NULL;
}

/* The envelope is nearly all of a message, and a parser of JSON takes it letter by letter. So it is
 * cut out, and what is left is parsed; it is one of ours if that has a 0 for it. In valid JSON
 * these letters are the name of a member, unless a backslash stands before them. */
static json_t *parse_around(struct bytes message, struct bytes *sealed) {
	const char *whole = (const char *)message.data, *end = whole + message.size;
	const char *at = message.size != 0 ? memmem(whole, message.size, sealed_begin,
							     sizeof(sealed_begin) - 1)
					   : NULL;
	const char *text = at != NULL ? at + sizeof(sealed_begin) - 1 : NULL;
	const char *quote = at != NULL ? memchr(text, '"', (size_t)(end - text)) : NULL;
	if (quote == NULL || at == whole || at[-1] == '\\' ||
			memchr(text, '\\', (size_t)(quote - text)) != NULL) {
		return NULL;
	}
	size_t head = (size_t)(text - 1 - whole), tail = (size_t)(end - quote - 1);
	CLEANUP(mem_freep) char *rest = mem_zero(head + 1 + tail, 1);
	memcpy(rest, whole, head);
	rest[head] = '0';
	memcpy(rest + head + 1, quote + 1, tail);
	struct error ignored;
	json_t *object = parse((struct bytes){ (uint8_t *)rest, head + 1 + tail }, &ignored);
	const json_t *left = json_object_get(object, sealed_member);
	if (!json_is_integer(left) || json_integer_value(left) != 0) {
		json_decref(object); /* a member of a member, or no JSON */
		return NULL;
	}
	*sealed = (struct bytes){ (const uint8_t *)text, (size_t)(quote - text) };
	return object;
}

/* The message and its envelope; NULL with an error if it has none. */
static json_t *parse_sealed(struct bytes message, struct bytes *sealed, struct error *err) {
	json_t *object = message.size <= MESSAGE_MAX_BYTES ? parse_around(message, sealed) : NULL;
	if (object != NULL) {
		return object;
	}
	object = parse(message, err);
	const json_t *member = json_object_get(object, sealed_member);
	if (object != NULL && !json_is_string(member)) {
		json_decref(object);
		error_set(err, ERROR_INTEGRITY, "it is not sealed");
		return NULL;
	}
	*sealed = (struct bytes){ (const uint8_t *)json_string_value(member),
		json_string_length(member) };
	return object;
}

char *sealed_sender(struct bytes message) {
	struct bytes sealed;
	struct error ignored;
	json_auto_t *object = parse_around(message, &sealed);
	if (object == NULL) {
		object = parse(message, &ignored);
	}
	return str_copy(json_string_value(json_object_get(object, "proplet_id")));
}

/* What was sealed is the whole message: of what stands beside it only the context counts. */
bool sealed_unwrap(struct seal_ring *ring, enum seal_direction direction, const char *worker,
		struct bytes message, struct buf *json, struct error *err) {
	struct bytes sealed;
	json_auto_t *object = parse_sealed(message, &sealed, err);
	if (object == NULL) {
		return false;
	}
	struct seal_context context = context_of(object, direction, worker);
	return seal_open_text(ring, &context, (const char *)sealed.data, sealed.size, json, err);
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
	       (seal_signed(message) || memmem(message.data, message.size, sealed_begin,
							sizeof(sealed_begin) - 1) != NULL);
}
