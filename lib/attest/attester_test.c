/* SPDX-License-Identifier: Apache-2.0 */
/* Which attester there is, and what is said where there is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attest/attester.h"
#include "attest/sample.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"

/* A root that says of itself what a test wants: a FAKE. */
static char root[] = "/tmp/airscrew-signs-XXXXXX";

static int make_root(void **state) {
	static const char *const folders[] = { "dev", "proc" };
	struct error err;
	(void)state;
	if (mkdtemp(root) == NULL) {
		return -1;
	}
	for (size_t i = 0; i < 2; i++) {
		CLEANUP(mem_freep) char *path = str_format("%s/%s", root, folders[i]);
		if (!file_make_folder(path, &err)) {
			return -1;
		}
	}
	return 0;
}

static int remove_root(void **state) {
	static const char *const paths[] = { "dev/sev", "dev/tdx_guest", "proc/cpuinfo", "dev",
		"proc" };
	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		CLEANUP(mem_freep) char *path = str_format("%s/%s", root, paths[i]);
		(void)remove(path);
	}
	return rmdir(root);
}

static void put(const char *name, const char *text) {
	struct error err;
	CLEANUP(mem_freep) char *path = str_format("%s/%s", root, name);
	assert_true(file_write(path, text, strlen(text), 0600, &err));
}

static struct error refused(const char *choice) {
	struct error err;
	struct attester_settings settings = { .choice = choice,
		.tsm_folder = "/nonexistent/tsm",
		.guest_device = "/nonexistent/sev-guest",
		.signs_root = root };
	assert_null(attester_open(&settings, &err));
	return err;
}

static void assert_says(const char *message, const char *words) {
	if (strstr(message, words) == NULL) {
		fail_msg("\"%s\" is not in: %s", words, message);
	}
}

/* Nothing is made up: neither sample nor error without what to do. */
static void test_no_evidence_without_a_tee(void **state) {
	static const char *const choices[] = { NULL, "auto", "sev-snp" };
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct error err = refused(choices[i]);
		assert_int_equal(err.code, ERROR_UNATTESTED);
		assert_says(err.message, "/nonexistent/tsm");
		assert_says(err.message, "/nonexistent/sev-guest");
		assert_says(err.message, "sample attester, which proves nothing");
	}
	assert_int_equal(refused("sgx").code, ERROR_INVALID);
	assert_int_equal(refused("").code, ERROR_INVALID);
}

/* A host that could run such guests is not one of them. */
static void test_signs_are_hints(void **state) {
	(void)state;
	put("dev/sev", "");
	put("dev/tdx_guest", "");
	put("proc/cpuinfo",
			"processor\t: 0\nflags\t\t: fpu sev sev_es sev_snp\nflags\t: sev_snp\n");
	struct error err = refused(NULL);
	assert_int_equal(err.code, ERROR_UNATTESTED);
	assert_says(err.message, "this is a host of confidential guests, not one of them");
	assert_says(err.message, "Intel TDX is not understood yet");
	assert_says(err.message, "the CPU could host confidential guests");
}

static void test_a_sample_by_name_only(void **state) {
	struct error err;
	struct evidence evidence;
	struct attester_settings settings = { .choice = "sample" };
	const uint8_t data[EVIDENCE_DATA_BYTES] = { 1, 2, 3 };
	(void)state;
	struct attester *attester = attester_open(&settings, &err);
	assert_non_null(attester);
	assert_int_equal(attester_tee(attester), EVIDENCE_SAMPLE);
	evidence_init(&evidence);
	assert_true(attester_report(attester, data, &evidence, &err));
	assert_true(attester_report(attester, data, &evidence, &err)); /* replaces it */
	assert_int_equal(evidence.report.size, SAMPLE_REPORT_BYTES);
	assert_memory_equal(sample_data(evidence_report(&evidence)), data, sizeof(data));
	for (enum certificate i = 0; i < CERTIFICATES; i++) {
		assert_int_equal(certificates_get(&evidence.certificates, i).size, 0);
	}
	evidence_finish(&evidence);
	attester_close(attester);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_evidence_without_a_tee),
		cmocka_unit_test(test_signs_are_hints),
		cmocka_unit_test(test_a_sample_by_name_only),
	};
	return cmocka_run_group_tests(tests, make_root, remove_root);
}
