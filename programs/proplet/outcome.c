/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/outcome.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

enum { TAIL_MAX = 512 };

static void take_bytes(struct outcome_text *to, struct buf *from) {
	if (from->size != 0) {
		to->bytes = (char *)buf_take(from, &to->size);
	}
}

static json_t *text_value(const char *bytes, size_t size) {
	size_t copied;
	CLEANUP(mem_freep) char *text = str_utf8(bytes != NULL ? bytes : "", size, &copied);
	return json_stringn(text, copied);
}

/* What a guest wrote last before it ended badly. */
static char *last_words(const struct outcome_text *text) {
	size_t size = text->size < TAIL_MAX ? text->size : TAIL_MAX, copied;
	if (size == 0) {
		return NULL;
	}
	const char *from = text->bytes + text->size - size;
	while (size != 0 && (from[size - 1] == '\n' || from[size - 1] == '\r')) {
		size--;
	}
	return str_utf8(from, size, &copied);
}

static void take_result(struct outcome *outcome, struct run_result *result) {
	take_bytes(&outcome->out, &result->stdout_bytes);
	take_bytes(&outcome->error_out, &result->stderr_bytes);
	outcome->truncated = result->truncated;
	outcome->fuel_used = result->fuel_used;
	outcome->gas_used = result->gas_used;
	outcome->results = result->has_values ? text_value(result->values, strlen(result->values))
					      : text_value(outcome->out.bytes, outcome->out.size);
}

void outcome_ended(struct outcome *outcome, struct run_result *result) {
	take_result(outcome, result);
	outcome->exited = result->exited;
	outcome->exit_code = result->exit_code;
	if (result->exited && result->exit_code != 0) {
		CLEANUP(mem_freep) char *words = last_words(&outcome->error_out);
		outcome->error = str_format("exited with code %d%s%s", result->exit_code,
				words != NULL ? ": " : "", words != NULL ? words : "");
	}
}

void outcome_failed(struct outcome *outcome, struct run_result *result, const struct error *err) {
	take_result(outcome, result);
	outcome->interrupted = err->code == ERROR_INTERRUPTED;
	str_set(&outcome->error, err->message);
}
