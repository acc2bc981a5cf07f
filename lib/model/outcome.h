/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What came of one attempt, as a worker reports it and the API shows it. It owns its strings.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

/* Text of a guest; may hold zero bytes and anything else. */
struct outcome_text {
	char *bytes; /* NULL: empty */
	size_t size;
};

struct outcome {
	json_t *results; /* Propeller's field: a string here, whatever a foreign worker sends */
	struct outcome_text out, error_out; /* stdout, stderr */
	bool exited;
	int exit_code;
	bool truncated;                  /* some output was cut at the limit */
	bool interrupted;                /* ended by a stop: the state becomes Interrupted */
	char *error;                     /* NULL: no failure */
	int64_t started_at, finished_at; /* wall ns by the worker's clock; 0: unknown or never
					    started */
	uint64_t fuel_used;              /* 0: not metered */
	uint64_t gas_used;               /* 0: not counted */
};

void outcome_finish(struct outcome *outcome); /* leaves it empty */
/* Moves the content; `from` is empty afterwards. */
void outcome_move(struct outcome *to, struct outcome *from);

/*
 * The JSON members results, stdout, stderr, exit_code, truncated, error, ... into an object. Text
 * that is not UTF-8 is shown with U+FFFD and comes whole as stdout_base64 / stderr_base64.
 */
void outcome_write(const struct outcome *outcome, json_t *object);
bool outcome_read(struct outcome *outcome, const json_t *object, struct error *err) MUST_CHECK;
