/* SPDX-License-Identifier: Apache-2.0 */
#include "model/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/member.h"
#include "model/message.h"

static const struct row {
	enum metrics_kind kind;
	const char *group, *member;
	bool whole;
} rows[METRICS] = {
#define METRIC(kind_, group_, code, member_, whole_)                                               \
	[METRIC_##kind_##_##code] = { METRICS_##kind_, group_, member_, whole_ },
#include "spec/metrics.def"
#undef METRIC
};

static_assert((int)METRICS_FIRST_OF_TASK <= (int)SAMPLE_VALUES, "a sample holds either kind");

static_assert(SAMPLE_VALUES <= 32, "the mask of a packed sample");

static const double value_max = 9e18; /* fits json_int_t */

static int first_of(enum metrics_kind kind) {
	return kind == METRICS_TASK ? METRICS_FIRST_OF_TASK : 0;
}

static int behind(enum metrics_kind kind) {
	return kind == METRICS_TASK ? METRICS : METRICS_FIRST_OF_TASK;
}

void sample_init(struct sample *sample, enum metrics_kind kind) {
	*sample = (struct sample){ .kind = kind };
	for (int i = 0; i < SAMPLE_VALUES; i++) {
		sample->values[i] = NAN;
	}
}

void sample_set(struct sample *sample, enum metric metric, double value) {
	sample->values[(int)metric - first_of(sample->kind)] = value;
}

double sample_get(const struct sample *sample, enum metric metric) {
	return sample->values[(int)metric - first_of(sample->kind)];
}

static bool can_be(double value) {
	return value >= 0 && value <= value_max;
}

/* What cannot be counts as not said: -1 is "unknown" to some. */
static bool read_value(const json_t *object, int i, struct sample *sample, struct error *err) {
	const json_t *group = json_object_get(object, rows[i].group);
	const json_t *value = json_object_get(group, rows[i].member);
	if (value == NULL || json_is_null(value)) {
		return true;
	}
	if (!json_is_number(value)) {
		return error_set(err, ERROR_INVALID, "field \"%s\": expected a number",
				rows[i].member);
	}
	double number = json_number_value(value);
	if (can_be(number)) {
		sample_set(sample, (enum metric)i, number);
	}
	return true;
}

/* --- packed -------------------------------------------------------------------------------- */

static void put_bytes(uint8_t *bytes, size_t size, uint64_t number) {
	for (size_t i = 0; i < size; i++) {
		bytes[i] = (uint8_t)(number >> 8 * i);
	}
}

static uint64_t get_bytes(const uint8_t *bytes, size_t size) {
	uint64_t number = 0;
	for (size_t i = size; i-- > 0;) {
		number = number << 8 | bytes[i];
	}
	return number;
}

size_t sample_pack(const struct sample *sample, uint8_t bytes[SAMPLE_PACKED_MAX]) {
	uint64_t mask = 0;
	size_t size = 4;
	for (int i = 0; i < SAMPLE_VALUES; i++) {
		uint64_t bits;
		if (!isnan(sample->values[i])) {
			memcpy(&bits, &sample->values[i], sizeof(bits));
			put_bytes(bytes + size, sizeof(bits), bits);
			size += sizeof(bits);
			mask |= UINT64_C(1) << i;
		}
	}
	put_bytes(bytes, 4, mask);
	return size;
}

bool sample_unpack(struct sample *sample, struct bytes bytes) {
	uint64_t mask = bytes.size >= 4 ? get_bytes(bytes.data, 4) : 0;
	size_t at = 4;
	int count = behind(sample->kind) - first_of(sample->kind);
	sample_init(sample, sample->kind);
	if (bytes.size != 4 + 8 * (size_t)__builtin_popcountll(mask)) {
		return false;
	}
	for (int i = 0; i < count; i++) {
		if ((mask >> i & 1) != 0) {
			double value;
			uint64_t bits = get_bytes(bytes.data + at, sizeof(bits));
			memcpy(&value, &bits, sizeof(value));
			sample->values[i] = can_be(value) ? value : NAN;
			at += sizeof(bits);
		}
	}
	return true;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static bool is_object(const json_t *object, const char *name, struct error *err) {
	const json_t *value = json_object_get(object, name);
	return value == NULL || json_is_null(value) || json_is_object(value) ||
	       error_set(err, ERROR_INVALID, "field \"%s\": expected an object", name);
}

static bool read_sample(const json_t *object, struct sample *sample, struct error *err) {
	struct error ignored;
	for (int i = first_of(sample->kind); i < behind(sample->kind); i++) {
		if (!is_object(object, rows[i].group, err) || !read_value(object, i, sample, err)) {
			return false;
		}
	}
	(void)!member_time(object, "timestamp", &sample->at, &ignored);
	return true;
}

static bool read_names(const json_t *object, struct metrics *metrics, struct error *err) {
	bool of_task = metrics->sample.kind == METRICS_TASK;
	const char *id = of_task ? metrics->task_id : NULL;
	if (!member_text(object, "proplet_id", MESSAGE_ID_MAX, &metrics->proplet_id, err) ||
			!member_text(object, "namespace", MESSAGE_ID_MAX, &metrics->space, err) ||
			(of_task && !member_short(object, "task_id", metrics->task_id, UUID_SIZE,
						    err))) {
		return false;
	}
	id = of_task ? id : metrics->proplet_id;
	return (id != NULL && id[0] != 0) ||
	       error_set(err, ERROR_INVALID, "field \"%s\" is missing",
			       of_task ? "task_id" : "proplet_id");
}

bool metrics_decode(struct metrics *metrics, enum metrics_kind kind, struct bytes payload,
		struct error *err) {
	*metrics = (struct metrics){ 0 };
	sample_init(&metrics->sample, kind);
	json_auto_t *object = member_parse(payload, err);
	if (object == NULL) {
		return false;
	}
	if (!read_names(object, metrics, err) || !read_sample(object, &metrics->sample, err)) {
		metrics_finish(metrics);
		return false;
	}
	return true;
}

static json_t *group_of(json_t *object, const char *name) {
	json_t *group = json_object_get(object, name);
	if (group == NULL) {
		group = json_object();
		json_object_set_new(object, name, group);
	}
	return group;
}

static void write_values(json_t *object, const struct sample *sample) {
	for (int i = first_of(sample->kind); i < behind(sample->kind); i++) {
		double value = sample_get(sample, (enum metric)i);
		if (!isnan(value)) {
			json_object_set_new(group_of(object, rows[i].group), rows[i].member,
					rows[i].whole ? json_integer((json_int_t)value)
						      : json_real(value));
		}
	}
}

json_t *metrics_view(const struct metrics *metrics) {
	json_t *object = json_object();
	bool of_task = metrics->sample.kind == METRICS_TASK;
	if (of_task) {
		member_put_text(object, "task_id", metrics->task_id);
	}
	member_put_text(object, "proplet_id", metrics->proplet_id);
	if (!of_task) {
		member_put_text(object, "namespace", metrics->space);
	}
	/* These are always there. */
	(void)group_of(object, of_task ? "metrics" : "cpu_metrics");
	if (!of_task) {
		(void)group_of(object, "memory_metrics");
	}
	write_values(object, &metrics->sample);
	member_put_time(object, "timestamp", metrics->sample.at);
	return object;
}

char *metrics_encode(const struct metrics *metrics) {
	return member_dump(metrics_view(metrics));
}

void metrics_finish(struct metrics *metrics) {
	free(metrics->proplet_id);
	free(metrics->space);
	*metrics = (struct metrics){ 0 };
}
