/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of an SEV-SNP report. */
#include "attest/snp.h"

enum {
	ALGORITHM_ECDSA_P384 = 1,
	RS_BYTES = 144, /* r and s; the rest of the signature's field is padding */
};

static uint64_t little(const uint8_t *bytes, size_t size) {
	uint64_t value = 0;
	for (size_t i = size; i > 0; i--) {
		value = value << 8 | bytes[i - 1];
	}
	return value;
}

static uint32_t little32(const uint8_t *bytes) {
	return (uint32_t)little(bytes, 4);
}

/* What has to be zero, by the version from which on it means something. */
static const struct {
	uint32_t until; /* 0: in every version */
	uint16_t from, to;
} reserved[] = {
	{ 0, 0x04c, 0x050 },
	{ 3, 0x188, 0x18b },
	{ 0, 0x18b, 0x1a0 },
	{ 0, 0x1eb, 0x1ec },
	{ 0, 0x1ef, 0x1f0 },
	{ 5, 0x1f8, 0x208 },
	{ 0, 0x208, SNP_SIGNED_BYTES },
};

static bool is_zero(const uint8_t *bytes, size_t from, size_t to) {
	uint8_t any = 0;
	for (size_t i = from; i < to; i++) {
		any |= bytes[i];
	}
	return any == 0;
}

/* Family and models as AMD's key service tells products apart. */
static enum snp_product product_of(uint8_t family, uint8_t model) {
	static const struct {
		uint8_t family, first, last;
		enum snp_product product;
	} rows[] = {
		{ 0x19, 0x00, 0x0f, SNP_PRODUCT_MILAN },
		{ 0x19, 0x10, 0x1f, SNP_PRODUCT_GENOA },
		{ 0x19, 0xa0, 0xaf, SNP_PRODUCT_GENOA },
		{ 0x1a, 0x00, 0x1f, SNP_PRODUCT_TURIN },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].family == family && model >= rows[i].first && model <= rows[i].last) {
			return rows[i].product;
		}
	}
	return SNP_PRODUCT_UNKNOWN;
}

static void read_fields(const uint8_t *bytes, struct snp_report *out) {
	*out = (struct snp_report){
		.bytes = bytes,
		.version = little32(bytes),
		.guest_svn = little32(bytes + 0x004),
		.policy = little(bytes + 0x008, 8),
		.vmpl = little32(bytes + 0x030),
		.algorithm = little32(bytes + 0x034),
		.current_tcb = little(bytes + 0x038, 8),
		.platform_info = little(bytes + 0x040, 8),
		.signer_info = little32(bytes + 0x048),
		.data = bytes + SNP_DATA_AT,
		.measurement = bytes + 0x090,
		.host_data = bytes + 0x0c0,
		.reported_tcb = little(bytes + 0x180, 8),
		.chip_id = bytes + 0x1a0,
		.committed_tcb = little(bytes + 0x1e0, 8),
		.launch_tcb = little(bytes + 0x1f0, 8),
	};
	out->signer = (enum snp_signer)(out->signer_info >> 2 & 7);
	if (out->version >= 3) {
		out->family = bytes[0x188];
		out->model = bytes[0x189];
		out->stepping = bytes[0x18a];
		out->product = product_of(out->family, out->model);
	}
}

static bool check_reserved(const struct snp_report *report, struct verdict *verdict) {
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		bool counts = reserved[i].until == 0 || report->version < reserved[i].until;
		if (counts && !is_zero(report->bytes, reserved[i].from, reserved[i].to)) {
			return verdict_set(verdict, VERDICT_RESERVED, "bytes 0x%03x to 0x%03x",
					reserved[i].from, reserved[i].to - 1);
		}
	}
	if (report->signer_info >> 5 != 0) {
		return verdict_set(verdict, VERDICT_RESERVED, "bits 5 to 31 of the signer's");
	}
	return (report->policy >> 26 == 0 && (report->policy & SNP_POLICY_ALWAYS) != 0) ||
	       verdict_set(verdict, VERDICT_RESERVED,
			       "of the guest policy 0x%llx bit 17 has to be 1, bits 26 to 63 0",
			       (unsigned long long)report->policy);
}

bool snp_parse(struct bytes report, struct snp_report *out, struct verdict *verdict) {
	if (report.size != SNP_REPORT_BYTES) {
		return verdict_set(verdict, VERDICT_REPORT_SIZE, "%zu bytes instead of %d",
				report.size, SNP_REPORT_BYTES);
	}
	read_fields(report.data, out);
	if (out->version != 2 && out->version != 3 && out->version != 5) {
		return verdict_set(verdict, VERDICT_REPORT_VERSION,
				"version %u; 2, 3 and 5 are understood", out->version);
	}
	if (!check_reserved(out, verdict)) {
		return false;
	}
	if (out->algorithm != ALGORITHM_ECDSA_P384) {
		return verdict_set(verdict, VERDICT_ALGORITHM, "algorithm %u", out->algorithm);
	}
	if (out->signer != SNP_SIGNER_VCEK && out->signer != SNP_SIGNER_VLEK) {
		return verdict_set(verdict, VERDICT_SIGNER, "signing key %d", (int)out->signer);
	}
	return is_zero(report.data, SNP_SIGNED_BYTES + RS_BYTES, SNP_REPORT_BYTES) ||
	       verdict_set(verdict, VERDICT_PADDING, "bytes 0x%03x to 0x%03x",
			       SNP_SIGNED_BYTES + RS_BYTES, SNP_REPORT_BYTES - 1);
}

struct snp_tcb snp_tcb(uint64_t packed, enum snp_product product) {
	uint8_t part[8];
	for (int i = 0; i < 8; i++) {
		part[i] = (uint8_t)(packed >> 8 * i);
	}
	if (product == SNP_PRODUCT_TURIN) {
		return (struct snp_tcb){ .fmc = part[0],
			.boot_loader = part[1],
			.tee = part[2],
			.snp = part[3],
			.microcode = part[7] };
	}
	return (struct snp_tcb){
		.boot_loader = part[0], .tee = part[1], .snp = part[6], .microcode = part[7]
	};
}
