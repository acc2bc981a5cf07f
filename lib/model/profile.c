/* SPDX-License-Identifier: Apache-2.0 */
#include "model/profile.h"

#include <math.h>
#include <stddef.h>

#include "base/str.h"
#include "model/member.h"

enum { NANOS_PER_MS = 1000000, MS = 1000 };

/* What Propeller's workers do where nothing is said. */
static const struct {
	uint64_t interval_ms, history;
} defaults[] = { { 10 * MS, 100 }, { 120 * MS, 500 } }; /* a task, a daemon */

static const struct {
	const char *name;
	size_t offset;
} flags[] = {
	{ "enabled", offsetof(struct profile, enabled) },
	{ "collect_cpu", offsetof(struct profile, cpu) },
	{ "collect_memory", offsetof(struct profile, memory) },
	{ "collect_disk_io", offsetof(struct profile, disk) },
	{ "collect_threads", offsetof(struct profile, threads) },
	{ "collect_file_descriptors", offsetof(struct profile, files) },
	{ "export_to_mqtt", offsetof(struct profile, publish) },
	{ "retain_history", offsetof(struct profile, retain) },
};

enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };

static bool *flag_of(struct profile *profile, size_t index) {
	return (bool *)(void *)((char *)profile + flags[index].offset);
}

static bool flag_value(const struct profile *profile, size_t index) {
	return *(const bool *)(const void *)((const char *)profile + flags[index].offset);
}

void profile_init(struct profile *profile) {
	*profile = (struct profile){ 0 };
	for (size_t i = 0; i < FLAGS; i++) {
		*flag_of(profile, i) = true;
	}
}

static bool read_number(struct profile *profile, const json_t *value, struct error *err) {
	const json_int_t most = (json_int_t)PROFILE_INTERVAL_MAX_MS * NANOS_PER_MS;
	double number = json_number_value(value);
	profile->nanos = number >= PROFILE_NANOS;
	double ms = profile->nanos ? number / NANOS_PER_MS : number * MS;
	if (!(number >= 0) || ms > (double)PROFILE_INTERVAL_MAX_MS ||
			json_integer_value(value) > most) {
		return member_refuse(err, "interval",
				"%g is not within 0 s to a year; numbers from "
				"%d on count nanoseconds, smaller ones seconds",
				number, PROFILE_NANOS);
	}
	profile->interval_ms = (uint64_t)ceil(ms);
	return true;
}

static bool read_interval(struct profile *profile, const json_t *object, struct error *err) {
	const json_t *value = json_object_get(object, "interval");
	if (value == NULL || json_is_null(value)) {
		return true;
	}
	if (json_is_number(value)) {
		return read_number(profile, value, err);
	}
	if (!json_is_string(value)) {
		return member_refuse(err, "interval", "expected a number or text such as \"10s\"");
	}
	if (!str_to_duration_ms(json_string_value(value), &profile->interval_ms, err)) {
		return error_wrap(err, "field \"interval\"") || error_in(err, "interval");
	}
	return profile->interval_ms <= PROFILE_INTERVAL_MAX_MS ||
	       member_refuse(err, "interval", "more than a year");
}

static bool read_members(struct profile *profile, const json_t *object, struct error *err) {
	for (size_t i = 0; i < FLAGS; i++) {
		if (!member_bool(object, flags[i].name, flag_of(profile, i), err)) {
			return false;
		}
	}
	return read_interval(profile, object, err) &&
	       member_u64(object, "history_size", 0, PROFILE_HISTORY_MAX, &profile->history, err);
}

bool profile_read(struct profile *profile, const json_t *object, struct error *err) {
	const json_t *value = json_object_get(object, "monitoring_profile");
	struct profile said;
	if (value == NULL || json_is_null(value)) {
		return true;
	}
	if (!json_is_object(value)) {
		return member_refuse(err, "monitoring_profile", "expected an object");
	}
	profile_init(&said);
	said.given = true;
	if (!read_members(&said, value, err)) {
		return error_wrap(err, "field \"monitoring_profile\"") ||
		       error_in(err, "monitoring_profile");
	}
	*profile = said;
	return true;
}

static json_t *write_flags(const struct profile *profile) {
	json_t *object = json_object();
	for (size_t i = 0; i < FLAGS; i++) {
		json_object_set_new(object, flags[i].name, json_boolean(flag_value(profile, i)));
	}
	return object;
}

static json_t *interval_asked(const struct profile *profile) {
	uint64_t ms = profile->interval_ms;
	if (profile->nanos) {
		return json_integer((json_int_t)(ms * NANOS_PER_MS));
	}
	return ms % MS == 0 ? json_integer((json_int_t)(ms / MS)) : json_real((double)ms / MS);
}

json_t *profile_write(const struct profile *profile) {
	if (!profile->given) {
		return NULL;
	}
	json_t *object = write_flags(profile);
	if (profile->interval_ms != 0) {
		json_object_set_new(object, "interval", interval_asked(profile));
	}
	if (profile->history != 0) {
		member_put_u64(object, "history_size", profile->history);
	}
	return object;
}

uint64_t profile_interval(const struct profile *profile, bool daemon) {
	return profile->interval_ms != 0 ? profile->interval_ms : defaults[daemon].interval_ms;
}

uint64_t profile_history(const struct profile *profile, bool daemon) {
	return profile->history != 0 ? profile->history : defaults[daemon].history;
}

json_t *profile_encode(const struct profile *profile, bool daemon) {
	json_t *object = write_flags(profile);
	member_put_u64(object, "interval", (profile_interval(profile, daemon) + MS - 1) / MS);
	member_put_u64(object, "history_size", profile_history(profile, daemon));
	return object;
}
