/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/attestation.h"

#include <stdlib.h>

#include "attest/sample.h"
#include "attest/snp.h"
#include "base/base64.h"
#include "base/mem.h"

/* One object after the other: `any` says whether a comma is due. */
struct members {
	struct buf *out;
	struct error *err;
	bool any, failed;
};

static void put(struct members *members, const char *name) {
	members->failed = members->failed ||
			  !buf_printf(members->out, members->err,
					  "%s\"%s\":", members->any ? "," : "", name);
	members->any = true;
}

static void put_text(struct members *members, const char *text) {
	members->failed = members->failed || !buf_printf(members->out, members->err, "%s", text);
}

static void put_bytes(struct members *members, const char *name, struct bytes bytes) {
	if (bytes.size != 0) {
		CLEANUP(mem_freep) char *text = base64_encode(bytes.data, bytes.size);
		put(members, name);
		members->failed = members->failed ||
				  !buf_printf(members->out, members->err, "\"%s\"", text);
	}
}

/* 64-bit ones in quotes, as protojson has them. */
static void put_number(struct members *members, const char *name, uint64_t value, bool quoted) {
	if (value != 0) {
		const char *quote = quoted ? "\"" : "";
		put(members, name);
		members->failed = members->failed ||
				  !buf_printf(members->out, members->err, "%s%llu%s", quote,
						  (unsigned long long)value, quote);
	}
}

/* --- SEV-SNP -----------------------------------------------------------------------------------
 */

static const struct field {
	const char *name;
	uint16_t at, size;
} fields[] = {
#define FIELD(name, at, size) { name, at, size },
#define MORE(name, at, size)
#include "attest/attestation.def"
#undef FIELD
#undef MORE
}, more_fields[] = {
#define FIELD(name, at, size)
#define MORE(name, at, size) { name, at, size },
#include "attest/attestation.def"
#undef FIELD
#undef MORE
};

static uint64_t number_at(const uint8_t *bytes, size_t size) {
	uint64_t value = 0;
	for (size_t i = size; i > 0; i--) {
		value = value << 8 | bytes[i - 1];
	}
	return value;
}

/* CPUID 1 EAX as a processor of this family, model and stepping would give it. */
static uint32_t cpuid_of(const struct snp_report *report) {
	uint32_t base = report->family < 0xf ? report->family : 0xf;
	uint32_t model = report->model;
	return (report->family - base) << 20 | (model >> 4) << 16 | base << 8 | (model & 15) << 4 |
	       (report->stepping & 15);
}

static void put_field(struct members *members, const struct snp_report *report,
		const struct field *field) {
	const uint8_t *bytes = report->bytes + field->at;
	if (field->size > 8) {
		put_bytes(members, field->name, (struct bytes){ bytes, field->size });
	} else {
		put_number(members, field->name, number_at(bytes, field->size), field->size == 8);
	}
}

static void put_report(struct members *members, const struct snp_report *report) {
	put(members, "report");
	put_text(members, "{");
	members->any = false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		put_field(members, report, &fields[i]);
	}
	if (report->version >= 3) {
		put_number(members, "cpuid1eaxFms", cpuid_of(report), false);
	}
	for (size_t i = 0; i < sizeof(more_fields) / sizeof(more_fields[0]); i++) {
		put_field(members, report, &more_fields[i]);
	}
	put_text(members, "}");
	members->any = true;
}

static void put_chain(struct members *members, const struct certificates *certificates) {
	static const struct {
		const char *name;
		enum certificate which;
	} rows[] = { { "vcekCert", CERTIFICATE_VCEK }, { "askCert", CERTIFICATE_ASK },
		{ "arkCert", CERTIFICATE_ARK }, { "vlekCert", CERTIFICATE_VLEK } };
	put(members, "certificateChain");
	put_text(members, "{");
	members->any = false;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_bytes(members, rows[i].name, certificates_get(certificates, rows[i].which));
	}
	put_text(members, "}");
	members->any = true;
}

static void put_product(struct members *members, const struct snp_report *report) {
	static const char *const names[] = { [SNP_PRODUCT_MILAN] = "MILAN",
		[SNP_PRODUCT_GENOA] = "GENOA",
		[SNP_PRODUCT_TURIN] = "TURIN" };
	if (report->product != SNP_PRODUCT_UNKNOWN) {
		put(members, "product");
		members->failed = members->failed ||
				  !buf_printf(members->out, members->err,
						  "{\"name\":\"SEV_PRODUCT_%s\","
						  "\"machineStepping\":%u}",
						  names[report->product], report->stepping & 15u);
	}
}

static bool snp_json(const struct evidence *evidence, struct buf *out, struct error *err) {
	struct snp_report report;
	struct verdict verdict;
	struct members members = { .out = out, .err = err };
	if (!snp_parse(evidence_report(evidence), &report, &verdict)) {
		return verdict_error(&verdict, err);
	}
	put_text(&members, "{");
	put_report(&members, &report);
	put_chain(&members, &evidence->certificates);
	put_product(&members, &report);
	put_text(&members, "}");
	return !members.failed;
}

/* --- sample ------------------------------------------------------------------------------------
 */

static bool sample_json(const struct evidence *evidence, struct buf *out, struct error *err) {
	const uint8_t *data = sample_data(evidence_report(evidence));
	if (data == NULL) {
		return error_set(err, ERROR_INTEGRITY, "these bytes are no sample report");
	}
	CLEANUP(mem_freep) char *text = base64_encode(data, EVIDENCE_DATA_BYTES);
	return buf_printf(out, err,
			"{\"sample\":true,\"warning\":\"NOT ATTESTED: made without hardware, "
			"proves "
			"nothing\",\"report\":{\"reportData\":\"%s\"}}",
			text);
}

bool attestation_json(const struct evidence *evidence, struct buf *out, struct error *err) {
	static bool (*const writers[])(const struct evidence *, struct buf *, struct error *) = {
		[EVIDENCE_SAMPLE] = sample_json, [EVIDENCE_SEV_SNP] = snp_json
	};
	return writers[evidence->tee](evidence, out, err);
}
