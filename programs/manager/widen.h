/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whole numbers of any size are JSON (RFC 8259, section 6), and jansson refuses a text with one
 * that does not fit 64 bits. Made a real one, it is what it is for most who read JSON; and all
 * others stay exact, which the parser's own JSON_DECODE_INT_AS_REAL takes from them. Pure.
 */
#include "base/buf.h"
#include "base/bytes.h"

/* `out` gets the text with "e0" behind each whole number below -2^63 or above 2^63 - 1; it needs
 * room for a ninth more than the text. What is no JSON stays none. */
bool widen_numbers(struct bytes text, struct buf *out, struct error *err) MUST_CHECK;
