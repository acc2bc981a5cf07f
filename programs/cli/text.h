/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Text for a terminal. Texts of guests, workers and managers are data and never commands to the
 * terminal: controls (also those of ISO 6429 above 0x7f), what turns the writing direction around
 * and bytes that are no UTF-8 become \x1b, \u202e.
 */
#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

/* A copy without any of that, cut to `width` columns with a "~" at its end (0: not cut). */
char *printable(const char *text, size_t width) MUST_CHECK;
/* How many columns of a terminal a text takes: wide characters of East Asia two, accents none. */
size_t text_width(const char *text);
/* Shortens a printable text in place to `width` columns, its last one a "~". */
void text_cut(char *text, size_t width);
/* Columns of the terminal that a descriptor is, 0 if it is none. COLUMNS has the last word. */
size_t terminal_width(int fd);
/* True where colours are wanted: on a terminal, and NO_COLOR is not set. */
bool terminal_colours(int fd);
