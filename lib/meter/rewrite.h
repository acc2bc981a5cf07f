/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The code that counts, and the bodies with it in them. */
#include "meter/body.h"
#include "meter/writer.h"

/* The globals that the rewritten module has in addition. */
struct counters {
	uint32_t gas, depth;
};

/* A body with its size in front. */
void rewrite_body(struct writer *writer, const struct body *body, const struct counters *counters);
/* The function that a module charges with, whatever its own body was. */
void rewrite_gas_function(struct writer *writer, const struct counters *counters);
