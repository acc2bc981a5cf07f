/* SPDX-License-Identifier: Apache-2.0 */
/* The way back: from the JSON of attestation.c, or of go-sev-guest's protojson, to a report's
 * bytes. */
#include <jansson.h>
#include <string.h>

#include "attest/attestation.h"
#include "attest/sample.h"
#include "attest/snp.h"
#include "base/base64.h"
#include "base/str.h"

static const struct field {
	const char *name;
	uint16_t at, size;
} fields[] = {
#define FIELD(name, at, size) { name, at, size },
#define MORE(name, at, size) { name, at, size },
#include "attest/attestation.def"
#undef FIELD
#undef MORE
};

static bool spoilt(const char *name, struct error *err) {
	return error_set(err, ERROR_INTEGRITY,
			"the attestation's member \"%s\" is missing or not what it should be",
			name);
}

/* A member that is not there is zero. */
static bool get_number(const json_t *object, const char *name, size_t size, uint64_t *out,
		struct error *err) {
	const json_t *value = json_object_get(object, name);
	struct error inner;
	*out = 0;
	if (value == NULL) {
		return true;
	}
	if (json_is_string(value)) {
		if (!str_to_u64(json_string_value(value), out, &inner)) {
			return spoilt(name, err);
		}
	} else if (json_is_integer(value) && json_integer_value(value) >= 0) {
		*out = (uint64_t)json_integer_value(value);
	} else {
		return spoilt(name, err);
	}
	return size == 8 || *out >> 8 * size == 0 || spoilt(name, err);
}

static bool get_bytes(const json_t *object, const char *name, struct buf *out, struct error *err) {
	const json_t *value = json_object_get(object, name);
	struct error inner;
	return value == NULL ||
	       (json_is_string(value) && base64_decode(json_string_value(value),
							 json_string_length(value), out, &inner)) ||
	       spoilt(name, err);
}

static void put_number(uint8_t *out, uint64_t value, size_t size) {
	for (size_t i = 0; i < size; i++) {
		out[i] = (uint8_t)(value >> 8 * i);
	}
}

static bool read_field(const json_t *object, const struct field *field, uint8_t *report,
		struct error *err) {
	uint64_t number;
	if (field->size <= 8) {
		bool done = get_number(object, field->name, field->size, &number, err);
		put_number(report + field->at, number, field->size);
		return done;
	}
	CLEANUP(buf_finish) struct buf bytes = BUF_INIT(field->size);
	if (!get_bytes(object, field->name, &bytes, err) ||
			(bytes.size != 0 && bytes.size != field->size)) {
		return spoilt(field->name, err);
	}
	if (bytes.size != 0) {
		memcpy(report + field->at, bytes.data, bytes.size);
	}
	return true;
}

/* CPUID 1 EAX, taken apart into family, model and stepping. */
static bool read_cpu(const json_t *object, uint8_t *report, struct error *err) {
	uint64_t cpu;
	if (!get_number(object, "cpuid1eaxFms", 4, &cpu, err)) {
		return false;
	}
	report[0x188] = (uint8_t)((cpu >> 8 & 0xf) + (cpu >> 20 & 0xff));
	report[0x189] = (uint8_t)((cpu >> 16 & 0xf) << 4 | (cpu >> 4 & 0xf));
	report[0x18a] = (uint8_t)(cpu & 0xf);
	return true;
}

static bool read_chain(const json_t *object, struct certificates *out, struct error *err) {
	static const struct {
		const char *name;
		enum certificate which;
	} rows[] = { { "vcekCert", CERTIFICATE_VCEK }, { "askCert", CERTIFICATE_ASK },
		{ "arkCert", CERTIFICATE_ARK }, { "vlekCert", CERTIFICATE_VLEK } };
	bool done = true;
	for (size_t i = 0; done && i < sizeof(rows) / sizeof(rows[0]); i++) {
		done = get_bytes(object, rows[i].name, &out->items[rows[i].which], err);
	}
	return done;
}

static bool read_snp(const json_t *root, struct evidence *out, struct error *err) {
	uint8_t report[SNP_REPORT_BYTES] = { 0 };
	const json_t *object = json_object_get(root, "report");
	bool done = json_is_object(object) || spoilt("report", err);
	for (size_t i = 0; done && i < sizeof(fields) / sizeof(fields[0]); i++) {
		done = read_field(object, &fields[i], report, err);
	}
	out->tee = EVIDENCE_SEV_SNP;
	return done && read_cpu(object, report, err) &&
	       buf_append(&out->report, report, sizeof(report), err) &&
	       read_chain(json_object_get(root, "certificateChain"), &out->certificates, err);
}

static bool read_sample(const json_t *root, struct evidence *out, struct error *err) {
	CLEANUP(buf_finish) struct buf data = BUF_INIT(EVIDENCE_DATA_BYTES);
	if (!get_bytes(json_object_get(root, "report"), "reportData", &data, err) ||
			data.size != EVIDENCE_DATA_BYTES) {
		return spoilt("reportData", err);
	}
	return sample_report(data.data, out, err);
}

/* An executor's answer has the attestation as a text in it. */
static json_t *unpack(json_t *root, struct error *err) {
	const json_t *result = json_object_get(root, "result");
	const json_t *text = json_object_get(result != NULL ? result : root, "attestation");
	if (text == NULL) {
		return root;
	}
	json_t *inner = json_loadb(json_is_string(text) ? json_string_value(text) : "",
			json_string_length(text), JSON_REJECT_DUPLICATES, NULL);
	json_decref(root);
	if (inner == NULL) {
		(void)spoilt("attestation", err);
	}
	return inner;
}

bool attestation_parse(struct bytes json, struct evidence *out, struct error *err) {
	json_error_t where;
	if (json.size > ATTESTATION_JSON_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "an attestation of %zu bytes is too large",
				json.size);
	}
	json_t *root = json_loadb(
			(const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &where);
	if (root == NULL) {
		return error_set(err, ERROR_INTEGRITY, "the attestation is not JSON: line %d: %s",
				where.line, where.text);
	}
	root = unpack(root, err);
	if (root == NULL) {
		return false;
	}
	bool sample = json_is_true(json_object_get(root, "sample"));
	bool done = sample ? read_sample(root, out, err) : read_snp(root, out, err);
	json_decref(root);
	return done;
}
