/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reading members of JSON objects that came from outside: each call checks one member's type and
 * bounds, and says in its error which member it was. An absent or null member leaves the value
 * alone and is no error. Only lib/model includes this.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"
#include "base/str.h"

/* One JSON object out of bytes; the caller drops the reference. Depth and syntax are checked. */
json_t *member_parse(struct bytes text, struct error *err) MUST_CHECK;
/* The compact text of a value, which it drops; freed by the caller; never NULL. */
char *member_dump(json_t *value) MUST_CHECK;

/* ERROR_INVALID, `field "NAME": ` and what is wrong with it, in that place; returns false. */
bool member_refuse(struct error *err, const char *name, const char *format, ...) PRINTF(3, 4);

/* Text of at most `max` bytes; replaces *value. Control characters are refused. */
bool member_text(const json_t *object, const char *name, size_t max, char **value,
		struct error *err) MUST_CHECK;
/* The same, but any character may occur. */
bool member_any_text(const json_t *object, const char *name, size_t max, char **value,
		struct error *err) MUST_CHECK;
/* Text that fits `size` bytes with its zero byte, such as a UUID. */
bool member_short(const json_t *object, const char *name, char *value, size_t size,
		struct error *err) MUST_CHECK;
bool member_digest(const json_t *object, const char *name, char value[DIGEST_HEX_SIZE],
		struct error *err) MUST_CHECK;
bool member_bool(const json_t *object, const char *name, bool *value, struct error *err) MUST_CHECK;
bool member_u64(const json_t *object, const char *name, uint64_t min, uint64_t max, uint64_t *value,
		struct error *err) MUST_CHECK;
/* A number of seconds, whole or not, as milliseconds. */
bool member_seconds(const json_t *object, const char *name, uint64_t max_ms, uint64_t *ms,
		struct error *err) MUST_CHECK;
/* A list of strings; with `numbers`, numbers in it become text. Replaces *list. */
bool member_strings(const json_t *object, const char *name, bool numbers, struct strings *list,
		struct error *err) MUST_CHECK;
/* An object of strings as "NAME=value". Replaces *list. */
bool member_env(const json_t *object, const char *name, struct strings *list,
		struct error *err) MUST_CHECK;
/* An object; *value gets a new reference in place of the old one. */
bool member_object(const json_t *object, const char *name, json_t **value,
		struct error *err) MUST_CHECK;
/* A time: RFC 3339 text, {secs_since_epoch, nanos_since_epoch} (or secs and nanos), or a number of
 * seconds or milliseconds since 1970. 0, which is no time, for one that cannot be: devices without
 * a clock count from their start. */
bool member_time(const json_t *object, const char *name, int64_t *wall_ns,
		struct error *err) MUST_CHECK;

/* Writing: what is NULL or empty is left out. */
void member_put_text(json_t *object, const char *name, const char *text);
void member_put_u64(json_t *object, const char *name, uint64_t value);
void member_put_time(json_t *object, const char *name, int64_t wall_ns); /* 0: the zero time */
json_t *member_list(const struct strings *list);
json_t *member_env_object(const struct strings *env);
/* ERROR_INVALID unless it was there: for members that nothing can do without. */
bool member_need(const char *name, bool there, struct error *err) MUST_CHECK;
