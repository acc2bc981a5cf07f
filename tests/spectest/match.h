/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Values of the suite's JSON: what is passed, and whether what came is what was expected. */
#include <jansson.h>
#include <stdbool.h>

#include <wasmtime.h>

/* False for what cannot be passed: references that are not null. */
bool value_of_json(const json_t *json, wasmtime_val_t *value);
/* Bit for bit, but for "nan:canonical" and "nan:arithmetic"; a reference: whether it is null. */
bool value_matches(const json_t *expected, const wasmtime_val_t *value);
/* What it is, in hexadecimal, for a message. */
void value_show(const wasmtime_val_t *value, char *text, size_t size);
