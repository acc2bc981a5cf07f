/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Text: copies, comparisons, strict numbers, and lists of strings. Pure functions; what is
 * returned as `char *` belongs to the caller and is freed with free().
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"

char *str_copy(const char *text) MUST_CHECK; /* NULL gives NULL */
char *str_format(const char *format, ...) PRINTF(1, 2) MUST_CHECK;
bool str_equal(const char *a, const char *b); /* NULL equals only NULL */
bool str_starts(const char *text, const char *prefix);
bool str_ends(const char *text, const char *suffix);
/* Replaces *place by a copy of text (or NULL) and frees what was there. */
void str_set(char **place, const char *text);

/* Whole-string numbers: "5abc", "", " 5" and out of range are ERROR_INVALID naming the text. */
bool str_to_u64(const char *text, uint64_t *value, struct error *err) MUST_CHECK;
bool str_to_i64(const char *text, int64_t *value, struct error *err) MUST_CHECK;
/* "true", "1", "yes", "on" and their opposites, any case. */
bool str_to_bool(const char *text, bool *value, struct error *err) MUST_CHECK;
/* "30", "30s", "500ms", "5m", "1h", "1m30s": milliseconds; a bare number counts seconds. */
bool str_to_duration_ms(const char *text, uint64_t *ms, struct error *err) MUST_CHECK;
/* "512", "64KiB", "256MiB", "1GiB": bytes. "k", "M", "G" are short for KiB, MiB, GiB. */
bool str_to_bytes(const char *text, uint64_t *bytes, struct error *err) MUST_CHECK;
/* "1.5 GiB", for people; freed by the caller. */
char *str_size(double bytes) MUST_CHECK;

/* The size of the well-formed UTF-8 character that the bytes begin with, 0 if they do not. */
size_t str_utf8_next(const char *bytes, size_t size);
/* True for well-formed UTF-8 (no surrogates, no overlong forms). */
bool str_is_utf8(const char *bytes, size_t size);
/*
 * A copy in which each malformed byte is U+FFFD; *copied is its size, a zero byte follows. Never
 * NULL.
 */
char *str_utf8(const char *bytes, size_t size, size_t *copied) MUST_CHECK;

/* A list of strings that it owns. {0} is empty. */
struct strings {
	char **items;
	size_t count;
};
void strings_add(struct strings *list, const char *text);
void strings_copy(struct strings *to, const struct strings *from); /* replaces `to` */
bool strings_has(const struct strings *list, const char *text);
/* Cuts at a separator; empty pieces are left out. */
void strings_split(struct strings *list, const char *text, char separator);
void strings_finish(struct strings *list); /* leaves it empty */
/* As exec wants them, with NULL at the end; the list is freed by the caller, its words are not. */
char **strings_argv(const struct strings *list) MUST_CHECK;
