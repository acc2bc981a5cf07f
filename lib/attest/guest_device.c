/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence from /dev/sev-guest (Linux 5.19 on, Documentation/virt/coco/sev-guest): with the host's
 * certificates, or, if it gives none, alone. Where the host throttles, the kernel waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sev-guest.h>
#include <string.h>
#include <sys/ioctl.h>

#include "attest/attester_kinds.h"
#include "attest/ghcb.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

#define DEVICE "/dev/sev-guest"

enum {
	TABLE_BYTES = 16 << 10, /* the kernel's limit */
	STATUS_AT = 0,
	SIZE_AT = 4,
	REPORT_AT = 32,
};

struct device {
	int fd;
	unsigned vmpl;
	char *path;
};

static uint32_t word_at(const struct snp_report_resp *answer, size_t at) {
	uint32_t value;
	memcpy(&value, answer->data + at, sizeof(value));
	return value; /* of this machine, which is little-endian */
}

static bool refuse(const struct device *device, const struct snp_guest_request_ioctl *call,
		int number, struct error *err) {
	const char *hint = call->vmm_error == SNP_GUEST_VMM_ERR_BUSY ? " (the host throttles)" : "";
	(void)error_errno(err, number, "%s gives no report, firmware 0x%x, host 0x%x%s",
			device->path, call->fw_error, call->vmm_error, hint);
	err->code = ERROR_UNAVAILABLE;
	return false;
}

static bool take_answer(const struct device *device, const struct snp_report_resp *answer,
		struct evidence *out, struct error *err) {
	uint32_t status = word_at(answer, STATUS_AT), size = word_at(answer, SIZE_AT);
	if (status != 0 || size > sizeof(answer->data) - REPORT_AT) {
		return error_set(err, ERROR_UNAVAILABLE,
				"%s: the firmware answers with status 0x%x and %u bytes",
				device->path, status, size);
	}
	out->tee = EVIDENCE_SEV_SNP;
	return buf_append(&out->report, answer->data + REPORT_AT, size, err);
}

static struct snp_report_req request_for(const struct device *device, const uint8_t *data) {
	struct snp_report_req request = { .vmpl = device->vmpl };
	memcpy(request.user_data, data, EVIDENCE_DATA_BYTES);
	return request;
}

/* Without certificates. */
static bool ask_plain(const struct device *device, const uint8_t *data, struct evidence *out,
		struct error *err) {
	CLEANUP(mem_freep) struct snp_report_resp *answer = MEM_NEW(struct snp_report_resp);
	struct snp_report_req request = request_for(device, data);
	struct snp_guest_request_ioctl call = {
		.msg_version = 1, .req_data = (uintptr_t)&request, .resp_data = (uintptr_t)answer
	};
	if (ioctl(device->fd, SNP_GET_REPORT, &call) != 0) {
		return refuse(device, &call, errno, err);
	}
	return take_answer(device, answer, out, err);
}

/* False where the host has no table, or too large a one; `done` says whether there is an answer. */
static bool ask_extended(const struct device *device, const uint8_t *data, struct evidence *out,
		bool *done, struct error *err) {
	CLEANUP(mem_freep) struct snp_report_resp *answer = MEM_NEW(struct snp_report_resp);
	CLEANUP(mem_freep) uint8_t *table = mem_zero(TABLE_BYTES, 1);
	struct snp_ext_report_req request = { .data = request_for(device, data),
		.certs_address = (uintptr_t)table,
		.certs_len = TABLE_BYTES };
	struct snp_guest_request_ioctl call = {
		.msg_version = 1, .req_data = (uintptr_t)&request, .resp_data = (uintptr_t)answer
	};
	*done = ioctl(device->fd, SNP_GET_EXT_REPORT, &call) == 0;
	if (!*done) {
		bool busy = call.vmm_error == SNP_GUEST_VMM_ERR_BUSY;
		*done = busy;
		return !busy || refuse(device, &call, errno, err);
	}
	return take_answer(device, answer, out, err) &&
	       ghcb_parse((struct bytes){ table, TABLE_BYTES }, &out->certificates, err);
}

static bool device_report(void *state, const uint8_t data[EVIDENCE_DATA_BYTES],
		struct evidence *out, struct error *err) {
	bool done;
	if (!ask_extended(state, data, out, &done, err)) {
		return false;
	}
	return done || ask_plain(state, data, out, err);
}

static void device_close(void *state) {
	struct device *device = state;
	file_closep(&device->fd);
	free(device->path);
	free(device);
}

static void *device_open(const struct attester_settings *settings, struct error *err) {
	const char *path = settings->guest_device != NULL ? settings->guest_device : DEVICE;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		error_errno(err, errno, "cannot open %s", path);
		return NULL;
	}
	struct device *device = MEM_NEW(struct device);
	*device = (struct device){ .fd = fd, .vmpl = settings->vmpl, .path = str_copy(path) };
	return device;
}

const struct attester_kind attester_device = {
	.name = "the SEV guest device",
	.tee = EVIDENCE_SEV_SNP,
	.automatic = true,
	.open = device_open,
	.report = device_report,
	.close = device_close,
};
