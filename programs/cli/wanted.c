/* SPDX-License-Identifier: Apache-2.0 */
/* What the flags of a verification ask for. */
#include "cli/verify.h"

#include <stdlib.h>
#include <string.h>

#include "attest/chain_file.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"

enum { MODULE_MAX = 256 << 20, LIST_MAX = 1 << 20, MEASUREMENTS = 32 };

static bool wrong(const char *flag, const char *what, struct error *err) {
	return error_set(err, ERROR_INVALID, "flag --%s: %s", flag, what);
}

static bool read_hex(
		const char *flag, const char *text, uint8_t *out, size_t size, struct error *err) {
	if (text == NULL) {
		return true;
	}
	return (strlen(text) == 2 * size && hex_decode(text, out, size)) ||
	       error_set(err, ERROR_INVALID, "flag --%s: %zu hex digits are wanted", flag,
			       2 * size);
}

static bool read_nonce(struct wanted *wanted, const char *text, struct error *err) {
	size_t size = text != NULL ? strlen(text) / 2 : 0;
	if (text == NULL) {
		return true;
	}
	if (size > sizeof(wanted->nonce) || strlen(text) != 2 * size ||
			!hex_decode(text, wanted->nonce, size)) {
		return wrong("nonce", "up to 64 bytes as hex digits are wanted", err);
	}
	wanted->nonce_bytes = (struct bytes){ wanted->nonce, size };
	wanted->policy.nonce = &wanted->nonce_bytes;
	return true;
}

static bool read_measurements(struct wanted *wanted, const char *text, struct error *err) {
	struct strings list = { 0 };
	strings_split(&list, text != NULL ? text : "", ',');
	bool done = text == NULL || (list.count != 0 && list.count <= MEASUREMENTS) ||
		    wrong("measurement", "1 to 32 are wanted", err);
	for (size_t i = 0; done && i < list.count; i++) {
		done = read_hex("measurement", list.items[i], wanted->measurements[i],
				SNP_MEASUREMENT_BYTES, err);
	}
	wanted->policy.snp.measurements = text != NULL ? wanted->measurements : NULL;
	wanted->policy.snp.measurement_count = list.count;
	strings_finish(&list);
	return done;
}

static bool read_time(struct wanted *wanted, const char *text, struct error *err) {
	return text == NULL || clock_parse(text, &wanted->policy.snp.at_ns) ||
	       wrong("at", "a time like 2026-11-20T12:00:00Z is wanted", err);
}

static bool read_vmpl(struct wanted *wanted, const char *text, struct error *err) {
	uint64_t value = 0;
	if (text != NULL && (!str_to_u64(text, &value, err) || value > 3)) {
		return wrong("vmpl", "0 to 3 are wanted", err);
	}
	wanted->policy.snp.most_vmpl = (unsigned)value;
	return true;
}

/* "snp=23,microcode=209" */
static bool read_level(struct snp_tcb *tcb, char *item, struct error *err) {
	const struct {
		const char *name;
		uint8_t *place;
	} rows[] = { { "fmc", &tcb->fmc }, { "boot-loader", &tcb->boot_loader },
		{ "tee", &tcb->tee }, { "snp", &tcb->snp }, { "microcode", &tcb->microcode } };
	char *equals = strchr(item, '=');
	uint64_t value = 0;
	if (equals != NULL) {
		*equals = 0;
	}
	for (size_t i = 0; equals != NULL && i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (str_equal(rows[i].name, item) && str_to_u64(equals + 1, &value, err) &&
				value <= UINT8_MAX) {
			*rows[i].place = (uint8_t)value;
			return true;
		}
	}
	return wrong("min-tcb", "fmc, boot-loader, tee, snp, microcode, each with =0 to =255", err);
}

static bool read_minimum(struct wanted *wanted, const char *text, struct error *err) {
	struct strings list = { 0 };
	strings_split(&list, text != NULL ? text : "", ',');
	bool done = true;
	for (size_t i = 0; done && i < list.count; i++) {
		done = read_level(&wanted->policy.snp.minimum_tcb, list.items[i], err);
	}
	strings_finish(&list);
	return done;
}

static bool read_certificates(struct wanted *wanted, const char *path, struct error *err) {
	CLEANUP(buf_finish) struct buf file = BUF_INIT(CHAIN_FILE_MAX);
	wanted->policy.certificates = &wanted->certificates;
	return path == NULL ||
	       (file_read(path, &file, err) &&
			       (chain_file_read(&wanted->certificates,
						(struct bytes){ file.data, file.size }, err) ||
					       error_wrap(err, "%s", path)));
}

static bool read_roots(struct wanted *wanted, const char *path, struct error *err) {
	CLEANUP(buf_finish) struct buf file = BUF_INIT(ROOTS_FILE_MAX);
	roots_builtin(&wanted->roots);
	wanted->policy.snp.roots = &wanted->roots;
	return path == NULL ||
	       (file_read(path, &file, err) &&
			       (roots_parse(&wanted->roots, (struct bytes){ file.data, file.size },
						err) ||
					       error_wrap(err, "%s", path)));
}

static bool read_list(struct wanted *wanted, const char *path, struct error *err) {
	if (path != NULL && !file_read(path, &wanted->crl, err)) {
		return false;
	}
	wanted->policy.snp.crl = (struct bytes){ wanted->crl.data, wanted->crl.size };
	return path == NULL || wanted->crl.size != 0 || wrong("crl", "the file is empty", err);
}

static bool read_module(struct wanted *wanted, const char *path, struct error *err) {
	CLEANUP(buf_finish) struct buf file = BUF_INIT(MODULE_MAX);
	if (path == NULL) {
		return true;
	}
	if (!file_read(path, &file, err)) {
		return false;
	}
	digest_of(file.data, file.size, wanted->wasm);
	wanted->policy.wasm = wanted->wasm;
	return true;
}

static bool read_data(struct wanted *wanted, const char *const *flags, struct error *err) {
	struct snp_policy *snp = &wanted->policy.snp;
	snp->data = flags[FLAG_REPORT_DATA] != NULL ? wanted->data : NULL;
	snp->host_data = flags[FLAG_HOST_DATA] != NULL ? wanted->host_data : NULL;
	snp->allow_debug = flags[FLAG_ALLOW_DEBUG] != NULL;
	snp->allow_migration = flags[FLAG_ALLOW_MIGRATION] != NULL;
	return read_hex("report-data", flags[FLAG_REPORT_DATA], wanted->data, EVIDENCE_DATA_BYTES,
			       err) &&
	       read_hex("host-data", flags[FLAG_HOST_DATA], wanted->host_data, SNP_HOST_DATA_BYTES,
			       err);
}

bool wanted_read(struct wanted *wanted, const struct arguments *arguments, struct error *err) {
	const char *const *flags = arguments->flags;
	*wanted = (struct wanted){ .crl = BUF_INIT(LIST_MAX) };
	certificates_init(&wanted->certificates);
	return read_data(wanted, flags, err) &&
	       read_measurements(wanted, flags[FLAG_MEASUREMENT], err) &&
	       read_nonce(wanted, flags[FLAG_NONCE], err) &&
	       read_time(wanted, flags[FLAG_AT], err) && read_vmpl(wanted, flags[FLAG_VMPL], err) &&
	       read_minimum(wanted, flags[FLAG_MIN_TCB], err) &&
	       read_certificates(wanted, flags[FLAG_CHAIN], err) &&
	       read_certificates(wanted, flags[FLAG_VCEK], err) &&
	       read_roots(wanted, flags[FLAG_ROOTS], err) &&
	       read_list(wanted, flags[FLAG_CRL], err) &&
	       read_module(wanted, flags[FLAG_WASM], err);
}

void wanted_finish(struct wanted *wanted) {
	certificates_finish(&wanted->certificates);
	buf_finish(&wanted->crl);
}
