/* SPDX-License-Identifier: Apache-2.0 */
/* The SEV guest device, whose ioctl() is this test's: a FAKE for hardware that is not here. */
#include "attest/fixture.h"

#include <errno.h>
#include <linux/sev-guest.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "attest/attester.h"

int __wrap_ioctl(int fd, unsigned long request, ...);

static struct fake {
	bool no_table, busy, refused, wrong_status;
	unsigned plain, extended, vmpl;
} fake;

static void put_report(const struct snp_report_req *request, struct snp_report_resp *answer) {
	struct fixture_chain chain = { .product = SNP_PRODUCT_MILAN };
	fixture_report(&chain, 3, answer->data + 32);
	memcpy(answer->data + 32 + SNP_DATA_AT, request->user_data, EVIDENCE_DATA_BYTES);
	uint32_t size = SNP_REPORT_BYTES;
	memcpy(answer->data + 4, &size, sizeof(size));
	answer->data[0] = fake.wrong_status ? 0x16 : 0;
	fake.vmpl = request->vmpl;
}

static int refuse(struct snp_guest_request_ioctl *call, uint32_t why) {
	call->vmm_error = why;
	errno = why == SNP_GUEST_VMM_ERR_BUSY ? EAGAIN : why != 0 ? ENOSPC : EIO;
	call->fw_error = why == 0 ? 0x16 : 0;
	return -1;
}

static int extended(struct snp_guest_request_ioctl *call) {
	static const uint8_t ark[] = { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43,
		0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae, 48, 0, 0, 0, 4, 0, 0, 0 };
	struct snp_ext_report_req *request = (struct snp_ext_report_req *)(uintptr_t)call->req_data;
	uint8_t *table = (uint8_t *)(uintptr_t)request->certs_address;
	fake.extended++;
	if (fake.no_table || fake.busy) {
		return refuse(call,
				fake.busy ? SNP_GUEST_VMM_ERR_BUSY : SNP_GUEST_VMM_ERR_INVALID_LEN);
	}
	assert_int_equal(request->certs_len % 4096, 0); /* the kernel demands it */
	memcpy(table, ark, sizeof(ark));
	memcpy(table + 48, "root", 4);
	put_report(&request->data, (struct snp_report_resp *)(uintptr_t)call->resp_data);
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...) {
	va_list more;
	va_start(more, request);
	struct snp_guest_request_ioctl *call = va_arg(more, struct snp_guest_request_ioctl *);
	va_end(more);
	assert_true(fd >= 0);
	assert_int_equal(call->msg_version, 1);
	if (request == SNP_GET_EXT_REPORT) {
		return extended(call);
	}
	assert_true(request == SNP_GET_REPORT);
	fake.plain++;
	if (fake.refused) {
		return refuse(call, 0);
	}
	put_report((const struct snp_report_req *)(uintptr_t)call->req_data,
			(struct snp_report_resp *)(uintptr_t)call->resp_data);
	return 0;
}

static struct attester *open_it(struct error *err) {
	struct attester_settings settings = { .tsm_folder = "/nonexistent/tsm",
		.guest_device = "/dev/null",
		.signs_root = "/nonexistent",
		.vmpl = 1 };
	return attester_open(&settings, err);
}

static int reset(void **state) {
	(void)state;
	fake = (struct fake){ 0 };
	return 0;
}

static void test_a_report_with_the_hosts_certificates(void **state) {
	struct error err;
	struct evidence evidence;
	uint8_t data[EVIDENCE_DATA_BYTES] = { 7 };
	(void)state;
	struct attester *attester = open_it(&err);
	assert_non_null(attester);
	evidence_init(&evidence);
	assert_true(attester_report(attester, data, &evidence, &err));
	assert_int_equal(evidence.tee, EVIDENCE_SEV_SNP);
	assert_int_equal(evidence.report.size, SNP_REPORT_BYTES);
	assert_string_equal(buf_text(&evidence.certificates.items[CERTIFICATE_ARK]), "root");
	assert_int_equal(fake.extended, 2);
	assert_int_equal(fake.plain, 0);
	assert_int_equal(fake.vmpl, 1);
	evidence_finish(&evidence);
	attester_close(attester);
}

static void test_a_report_without_certificates(void **state) {
	struct error err;
	(void)state;
	fake.no_table = true;
	struct attester *attester = open_it(&err);
	assert_non_null(attester);
	assert_int_equal(fake.plain, 1);
	attester_close(attester);
}

static void expect(const char *words) {
	struct error err;
	assert_null(open_it(&err));
	assert_int_equal(err.code, ERROR_UNATTESTED);
	if (strstr(err.message, words) == NULL) {
		fail_msg("\"%s\" is not in: %s", words, err.message);
	}
}

static void test_a_host_that_throttles(void **state) {
	(void)state;
	fake.busy = true;
	expect("the host throttles");
	assert_int_equal(fake.plain, 0); /* asking again at once would not help */
}

static void test_a_firmware_that_refuses(void **state) {
	(void)state;
	fake.no_table = fake.refused = true;
	expect("firmware 0x16");
}

static void test_an_answer_that_is_none(void **state) {
	(void)state;
	fake.wrong_status = true;
	expect("status 0x16");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_a_report_with_the_hosts_certificates, reset),
		cmocka_unit_test_setup(test_a_report_without_certificates, reset),
		cmocka_unit_test_setup(test_a_host_that_throttles, reset),
		cmocka_unit_test_setup(test_a_firmware_that_refuses, reset),
		cmocka_unit_test_setup(test_an_answer_that_is_none, reset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
