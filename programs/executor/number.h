/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An input of spec/dtvm.proto: the text of a number ("5", "-0x10", "+1.5", "inf", "nan"), or, if it
 * is no such text for its type, base64 of one ("NQ=="). Nothing else: no spaces, no digits behind
 * which something stands, nothing out of range, no octal.
 */
#include "engine/function.h"

/* `number` counts from 1 and is for messages. ERROR_INVALID. */
bool number_read(const char *text, enum value_type type, size_t number, struct value *value,
		struct error *err) MUST_CHECK;
