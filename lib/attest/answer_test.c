/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "attest/sample.h"

#define DATA                                                                                       \
	"79ef6f5869fd9e1ce72a0763aae886d4d4771b566fcb99ad0f6702a463d939d5"                         \
	"44575a3d0806339abf2ac69fc645606dc05638a6856942a9d8a0a3a0b90da447"
#define B64                                                                                        \
	"ee9vWGn9nhznKgdjquiG1NR3G1Zvy5mtD2cCpGPZOdVEV1o9CAYzmr8qxp/GRWBtwFY4poVpQqnYoKOguQ2kRw=="
#define EVIDENCE "{\\\"sample\\\":true,\\\"report\\\":{\\\"reportData\\\":\\\"" B64 "\\\"}}"
#define REST "\"attestation\":\"" EVIDENCE "\",\"reportData\":\"" DATA "\""

static struct answer *parse(const char *text, struct error *err) {
	*err = (struct error){ .message = "" };
	return answer_parse((struct bytes){ (const uint8_t *)text, strlen(text) }, err);
}

static void answers_are_read(void **state) {
	(void)state;
	static const char *const texts[] = {
		"{\"requestId\":\"r1\",\"result\":{\"inputs\":[\"5\",\"3\"],\"outputValues\":[{"
		"\"type\":\"VALUE_TYPE_INT32\",\"int32Value\":8}]," REST "}}",
		"{\"request_id\":\"r1\",\"result\":{\"inputs\":[\"5\",\"3\"],\"output_values\":[{"
		"\"type\":\"VALUE_TYPE_INT32\",\"int32_value\":8}]," REST "},\"more\":[]}",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct error err;
		struct answer *answer = parse(texts[i], &err);
		if (answer == NULL) {
			fail_msg("%s", err.message);
		}
		assert_string_equal(answer->request_id, "r1");
		assert_int_equal(answer->input_count, 2);
		assert_string_equal(answer->inputs[1], "3");
		assert_int_equal(answer->outputs.count, 1);
		assert_int_equal(answer->outputs.items[0].type, STATEMENT_I32);
		assert_int_equal(answer->outputs.items[0].bits, 8);
		assert_int_equal(answer->report_data[0], 0x79);
		assert_int_equal(answer->evidence.tee, EVIDENCE_SAMPLE);
		const uint8_t *data = sample_data(evidence_report(&answer->evidence));
		assert_memory_equal(data, answer->report_data, REPORT_DATA_SIZE);
		answer_destroy(answer);
	}
}

static void outputs_keep_their_bits(void **state) {
	(void)state;
	static const struct {
		const char *text;
		enum statement_type type; /* 0: it is refused */
		uint64_t bits;
	} rows[] = {
		{ "\"VALUE_TYPE_INT32\",\"int32Value\":-1", STATEMENT_I32, 0xffffffff },
		{ "\"VALUE_TYPE_INT32\",\"int32Value\":2147483648", 0, 0 },
		{ "\"VALUE_TYPE_INT32\",\"int32Value\":1.5", 0, 0 },
		{ "\"VALUE_TYPE_INT32\",\"int32Value\":\"8\"", 0, 0 },
		{ "\"VALUE_TYPE_INT64\",\"int64Value\":\"-9223372036854775808\"", STATEMENT_I64,
				0x8000000000000000 },
		{ "\"VALUE_TYPE_INT64\",\"int64Value\":\"9007199254740993\"", STATEMENT_I64,
				9007199254740993 },
		{ "\"VALUE_TYPE_INT64\",\"int64Value\":\"9223372036854775808\"", 0, 0 },
		{ "\"VALUE_TYPE_FLOAT32\",\"float32Value\":0.1", STATEMENT_F32, 0x3dcccccd },
		{ "\"VALUE_TYPE_FLOAT32\",\"float32Value\":-0", STATEMENT_F32, 0x80000000 },
		{ "\"VALUE_TYPE_FLOAT32\",\"float32Value\":8", STATEMENT_F32, 0x41000000 },
		{ "\"VALUE_TYPE_FLOAT32\",\"float32Value\":\"NaN\"", STATEMENT_F32, 0x7fc00000 },
		{ "\"VALUE_TYPE_FLOAT64\",\"float64Value\":\"NaN\"", STATEMENT_F64,
				0x7ff8000000000000 },
		{ "\"VALUE_TYPE_FLOAT64\",\"float64Value\":\"-Infinity\"", STATEMENT_F64,
				0xfff0000000000000 },
		{ "\"VALUE_TYPE_FLOAT64\",\"float64Value\":1e+21", STATEMENT_F64,
				0x444b1ae4d6e2ef50 },
		{ "\"VALUE_TYPE_FLOAT64\",\"float64Value\":\"1\"", 0, 0 },
		{ "\"VALUE_TYPE_FLOAT64\",\"int32Value\":1", 0, 0 },
		{ "\"VALUE_TYPE_UNSPECIFIED\",\"int32Value\":1", 0, 0 },
		{ "\"VALUE_TYPE_INT32\"", 0, 0 },
		{ "1,\"int32Value\":1", 0, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[2048];
		struct error err;
		(void)snprintf(text, sizeof(text),
				"{\"result\":{\"outputValues\":[{\"type\":%s}]," REST "}}",
				rows[i].text);
		struct answer *answer = parse(text, &err);
		if ((answer != NULL) != (rows[i].type != 0)) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
		if (answer != NULL) {
			assert_int_equal(answer->outputs.items[0].type, rows[i].type);
			assert_true(answer->outputs.items[0].bits == rows[i].bits);
		} else {
			assert_int_equal(err.code, ERROR_INTEGRITY);
			assert_non_null(strstr(err.message, "outputValues"));
		}
		answer_destroy(answer);
	}
}

static void what_is_none_is_refused(void **state) {
	(void)state;
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", "not JSON" },
		{ "{\"result\":{" REST "}", "not JSON" }, /* cut off */
		{ "[]", "result" },
		{ "{\"result\":5}", "result" },
		{ "{\"result\":{\"reportData\":\"" DATA "\"}}", "attestation" },
		{ "{\"result\":{\"attestation\":\"\",\"reportData\":\"" DATA "\"}}",
				"attestation" },
		{ "{\"result\":{\"attestation\":\"" EVIDENCE "\"}}", "reportData" },
		{ "{\"result\":{\"attestation\":\"" EVIDENCE "\",\"reportData\":\"79ef\"}}",
				"reportData" },
		{ "{\"result\":{\"inputs\":[5]," REST "}}", "inputs" },
		{ "{\"result\":{\"inputs\":\"5\"," REST "}}", "inputs" },
		{ "{\"result\":{\"outputValues\":{}," REST "}}", "outputValues" },
		{ "{\"result\":{" REST "},\"result\":{" REST "}}", "not JSON" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err;
		assert_null(parse(rows[i].text, &err));
		if (err.code != ERROR_INTEGRITY || strstr(err.message, rows[i].words) == NULL) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_read),
		cmocka_unit_test(outputs_keep_their_bits),
		cmocka_unit_test(what_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
