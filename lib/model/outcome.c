/* SPDX-License-Identifier: Apache-2.0 */
#include "model/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/member.h"
#include "model/workload.h"

enum { ERROR_TEXT_MAX = 64 * 1024 };

void outcome_finish(struct outcome *outcome) {
	json_decref(outcome->results);
	free(outcome->out.bytes);
	free(outcome->error_out.bytes);
	free(outcome->error);
	*outcome = (struct outcome){ 0 };
}

void outcome_move(struct outcome *to, struct outcome *from) {
	outcome_finish(to);
	*to = *from;
	*from = (struct outcome){ 0 };
}

/* Text as UTF-8 under `name`; where that loses something, all of it as base64 under `whole`. */
static void write_text(json_t *object, const char *name, const char *whole,
		const struct outcome_text *text) {
	if (text->bytes == NULL || text->size == 0) {
		return;
	}
	if (str_is_utf8(text->bytes, text->size)) {
		json_object_set_new(object, name, json_stringn(text->bytes, text->size));
		return;
	}
	size_t size;
	CLEANUP(mem_freep) char *shown = str_utf8(text->bytes, text->size, &size);
	CLEANUP(mem_freep) char *encoded = base64_encode((const uint8_t *)text->bytes, text->size);
	json_object_set_new(object, name, json_stringn(shown, size));
	json_object_set_new(object, whole, json_string(encoded));
}

void outcome_write(const struct outcome *outcome, json_t *object) {
	if (outcome->results != NULL) {
		json_object_set(object, "results", outcome->results);
	}
	write_text(object, "stdout", "stdout_base64", &outcome->out);
	write_text(object, "stderr", "stderr_base64", &outcome->error_out);
	if (outcome->exited) {
		json_object_set_new(object, "exit_code", json_integer(outcome->exit_code));
	}
	if (outcome->truncated) {
		json_object_set_new(object, "truncated", json_true());
	}
	if (outcome->interrupted) {
		json_object_set_new(object, "interrupted", json_true());
	}
	member_put_text(object, "error", outcome->error);
	if (outcome->started_at != 0) {
		member_put_time(object, "started_at", outcome->started_at);
	}
	if (outcome->finished_at != 0) {
		member_put_time(object, "finished_at", outcome->finished_at);
	}
	if (outcome->fuel_used != 0) {
		member_put_u64(object, "fuel_used", outcome->fuel_used);
	}
	if (outcome->gas_used != 0) {
		member_put_u64(object, "gas_used", outcome->gas_used);
	}
}

static bool read_whole(const char *name, const json_t *encoded, struct outcome_text *text,
		struct error *err) {
	struct buf bytes = BUF_INIT(2 * (size_t)WORKLOAD_OUTPUT_MAX);
	if (!base64_decode(json_string_value(encoded), json_string_length(encoded), &bytes, err)) {
		buf_finish(&bytes);
		return error_wrap(err, "field \"%s\"", name);
	}
	free(text->bytes);
	text->bytes = (char *)buf_take(&bytes, &text->size);
	return true;
}

static bool read_text(const json_t *object, const char *name, const char *whole,
		struct outcome_text *text, struct error *err) {
	const json_t *value = json_object_get(object, name);
	const json_t *encoded = json_object_get(object, whole);
	if (json_is_string(encoded)) {
		return read_whole(whole, encoded, text, err);
	}
	if (value == NULL || json_is_null(value)) {
		return true;
	}
	if (!json_is_string(value)) {
		return error_set(err, ERROR_INVALID, "field \"%s\": expected a string", name);
	}
	free(text->bytes);
	text->size = json_string_length(value);
	text->bytes = mem_copy(json_string_value(value), text->size);
	return true;
}

static bool read_exit_code(const json_t *object, struct outcome *outcome, struct error *err) {
	const json_t *value = json_object_get(object, "exit_code");
	if (value == NULL || json_is_null(value)) {
		return true;
	}
	json_int_t code = json_integer_value(value);
	if (!json_is_integer(value) || code < INT32_MIN || code > UINT32_MAX) {
		return error_set(
				err, ERROR_INVALID, "field \"exit_code\": expected a whole number");
	}
	outcome->exited = true;
	outcome->exit_code = (int)code;
	return true;
}

/* Some workers say "no error" with an empty text. */
static bool read_error(const json_t *object, struct outcome *outcome, struct error *err) {
	const json_t *value = json_object_get(object, "error");
	if (json_is_string(value) && json_string_length(value) > ERROR_TEXT_MAX) {
		char *cut = mem_copy(json_string_value(value), ERROR_TEXT_MAX);
		size_t size;
		outcome->error = str_utf8(cut, strlen(cut), &size);
		free(cut);
		return true;
	}
	if (!member_any_text(object, "error", ERROR_TEXT_MAX, &outcome->error, err)) {
		return false;
	}
	if (outcome->error != NULL && outcome->error[0] == 0) {
		str_set(&outcome->error, NULL);
	}
	return true;
}

/* Workers of before 2026 say `result`, a list of bytes. */
static json_t *read_bytes(const json_t *list) {
	size_t count = json_array_size(list), copied;
	if (!json_is_array(list) || count > WORKLOAD_OUTPUT_MAX) {
		return NULL;
	}
	CLEANUP(mem_freep) char *bytes = mem_zero(count + 1, 1);
	for (size_t i = 0; i < count; i++) {
		bytes[i] = (char)json_integer_value(json_array_get(list, i));
	}
	CLEANUP(mem_freep) char *text = str_utf8(bytes, count, &copied);
	return json_stringn(text, copied);
}

bool outcome_read(struct outcome *outcome, const json_t *object, struct error *err) {
	json_t *results = json_object_get(object, "results");
	*outcome = (struct outcome){ 0 };
	if (results != NULL && !json_is_null(results)) {
		outcome->results = json_incref(results);
	} else {
		outcome->results = read_bytes(json_object_get(object, "result"));
	}
	if (read_text(object, "stdout", "stdout_base64", &outcome->out, err) &&
			read_text(object, "stderr", "stderr_base64", &outcome->error_out, err) &&
			read_exit_code(object, outcome, err) && read_error(object, outcome, err) &&
			member_bool(object, "truncated", &outcome->truncated, err) &&
			member_bool(object, "interrupted", &outcome->interrupted, err) &&
			member_time(object, "started_at", &outcome->started_at, err) &&
			member_time(object, "finished_at", &outcome->finished_at, err) &&
			member_u64(object, "fuel_used", 0, INT64_MAX, &outcome->fuel_used, err) &&
			member_u64(object, "gas_used", 0, INT64_MAX, &outcome->gas_used, err)) {
		return true;
	}
	outcome_finish(outcome);
	return false;
}
