/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "attest/execution.h"

static struct json_request *read_json(const char *text, struct asked *asked, struct error *err) {
	*err = (struct error){ .message = "" };
	return json_request_read((struct bytes){ (const uint8_t *)text, strlen(text) }, asked, err);
}

static void expect_hash(const char *text, const uint8_t wanted[DIGEST_SIZE]) {
	uint8_t hash[DIGEST_SIZE];
	struct error err;
	struct execution_request *request = execution_request_read(
			(struct bytes){ (const uint8_t *)text, strlen(text) }, &err);
	assert_non_null(request);
	assert_true(execution_hash(&request->execution, hash, &err));
	assert_memory_equal(hash, wanted, DIGEST_SIZE);
	execution_request_destroy(request);
}

static void json_takes_both_spellings(void **state) {
	(void)state;
	static const char *const texts[] = {
		"{\"execution\":{\"version\":\"1.0\",\"requestId\":\"r1\",\"bytecode\":\"AGFzbQ=="
		"\","
		"\"fnName\":\"add\",\"inputs\":[\"5\",\"3\"],\"timestamp\":\"-7\"},"
		"\"runtimeConfig\":{\"mode\":\"WASMVM_MODE_MULTIPASS\","
		"\"gasLimit\":{\"useGasLimit\":true,\"limit\":\"9007199254740993\"}}}",
		"{\"execution\":{\"version\":\"1.0\",\"request_id\":\"r1\",\"bytecode\":\"AGFzbQ=="
		"\","
		"\"fn_name\":\"add\",\"inputs\":[\"5\",\"3\"],\"timestamp\":-7,\"more\":[]},"
		"\"runtime_config\":{\"mode\":2,\"gas_limit\":{\"use_gas_limit\":true,"
		"\"limit\":9007199254740993}},\"other\":null}",
		"{\"execution\":{\"version\":\"1.0\",\"request_id\":\"r1\",\"bytecode\":\"AGFzbQ=="
		"\","
		"\"fn_name\":\"add\",\"inputs\":[\"5\",\"3\"],\"timestamp\":-7},"
		"\"runtime_config\":{\"mode\":\"DTVM_MODE_MULTIPASS\",\"gas_limit\":{"
		"\"use_gas_limit\":true,\"limit\":9007199254740993}}}",
	};
	uint8_t first[REPORT_DATA_SIZE], data[REPORT_DATA_SIZE];
	for (size_t i = 0; i < 3; i++) {
		struct asked asked;
		struct error err;
		struct json_request *request = read_json(texts[i], &asked, &err);
		if (request == NULL) {
			fail_msg("%s", err.message);
		}
		assert_string_equal(asked.function, "add");
		assert_int_equal(asked.mode, ENGINE_MULTIPASS);
		assert_true(asked.gas_limited);
		assert_int_equal(asked.gas_limit, 9007199254740993);
		assert_true(layout_report_data(&asked, NULL, 0, i == 0 ? first : data, &err));
		assert_true(i == 0 || memcmp(first, data, sizeof(data)) == 0);
		json_request_destroy(request);
		expect_hash(texts[i], first); /* who verifies packs it without protobuf-c */
	}
}

static void json_defaults_are_those_of_the_messages(void **state) {
	(void)state;
	struct asked asked;
	struct error err;
	struct json_request *request = read_json(
			"{\"execution\":{\"fnName\":null},\"runtimeConfig\":null}", &asked, &err);
	assert_non_null(request);
	assert_string_equal(asked.function, "");
	assert_int_equal(asked.mode, ENGINE_INTERP);
	assert_false(asked.gas_limited);
	assert_int_equal(asked.input_count, 0);
	json_request_destroy(request);
}

static const struct {
	const char *text, *words, *place; /* NULL: nowhere in it */
} bad[] = {
	{ "", "not JSON", NULL },
	{ "{", "not JSON", NULL },
	{ "[]", "the body has to be", NULL },
	{ "{}", "execution is missing", "/execution" },
	{ "{\"execution\":5}", "execution has to be", "/execution" },
	{ "{\"execution\":{\"fnName\":5}}", "fnName has to be", "/execution/fnName" },
	{ "{\"execution\":{\"fnName\":\"a\\u0000b\"}}", "not JSON", NULL },
	{ "{\"execution\":{\"inputs\":\"5\"}}", "inputs has to be", "/execution/inputs" },
	{ "{\"execution\":{\"inputs\":[\"5\",5]}}", "inputs has to be", "/execution/inputs/1" },
	{ "{\"execution\":{},\"runtime_config\":{\"gas_limit\":{\"use_gas_limit\":1}}}",
			"use_gas_limit", "/runtime_config/gas_limit/use_gas_limit" },
	{ "{\"execution\":{\"request_id\":1}}", "request_id has to be", "/execution/request_id" },
	{ "{\"execution\":{\"timestamp\":1.5}}", "timestamp has to be", "/execution/timestamp" },
	{ "{\"execution\":{\"timestamp\":\"5abc\"}}", "timestamp has to be",
			"/execution/timestamp" },
	{ "{\"execution\":{},\"runtimeConfig\":{\"mode\":7}}", "runtime_config.mode", NULL },
	{ "{\"execution\":{},\"runtimeConfig\":{\"mode\":\"FAST\"}}", "mode has to be",
			"/runtimeConfig/mode" },
	{ "{\"execution\":{},\"runtimeConfig\":{\"gasLimit\":{\"useGasLimit\":1}}}", "useGasLimit",
			"/runtimeConfig/gasLimit/useGasLimit" },
	{ "{\"execution\":{},\"runtimeConfig\":{\"gasLimit\":{\"useGasLimit\":true,\"limit\":-1}}}",
			"not negative", NULL },
	{ "{\"execution\":{},\"runtimeConfig\":{\"gasLimit\":{\"limit\":\"99999999999999999999\"}}"
	  "}",
			"limit has to be", "/runtimeConfig/gasLimit/limit" },
};

static void json_refuses_what_it_is_not(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct asked asked;
		struct error err;
		assert_null(read_json(bad[i].text, &asked, &err));
		if (err.code != ERROR_INVALID || strstr(err.message, bad[i].words) == NULL) {
			fail_msg("%s: %s", bad[i].text, err.message);
		}
		if (bad[i].place == NULL) {
			assert_int_equal(err.part, ERROR_ANYWHERE);
		} else {
			assert_int_equal(err.part, ERROR_IN_BODY);
			assert_string_equal(err.place, bad[i].place);
		}
	}
}

static void json_answers_as_protojson(void **state) {
	(void)state;
	static const struct value outputs[] = {
		{ VALUE_I32, { .i32 = 0 } },
		{ VALUE_I64, { .i64 = -21 } },
		{ VALUE_F32, { .f32 = 0.05f } },
		{ VALUE_F64, { .bits64 = 0x7ff8000000000000 } },
		{ VALUE_F64, { .bits64 = 0xfff0000000000000 } },
		{ VALUE_F64, { .f64 = 1e21 } },
	};
	struct asked asked;
	struct error err;
	struct buf out = BUF_INIT(4096);
	struct json_request *request = read_json(
			"{\"execution\":{\"requestId\":\"a\\\"b\",\"inputs\":[\"\\u00e9\"]}}",
			&asked, &err);
	const struct answered answered = {
		.outputs = outputs, .output_count = 6, .attestation = "{}", .report_data = "ab"
	};
	assert_non_null(request);
	assert_true(json_answer_write(&asked, &answered, "{\"version\":2}", &out, &err));
	assert_string_equal(buf_text(&out),
			"{\"requestId\":\"a\\\"b\",\"result\":{\"inputs\":[\"\xc3\xa9\"],"
			"\"outputValues\":[{\"type\":\"VALUE_TYPE_INT32\",\"int32Value\":0},"
			"{\"type\":\"VALUE_TYPE_INT64\",\"int64Value\":\"-21\"},"
			"{\"type\":\"VALUE_TYPE_FLOAT32\",\"float32Value\":0.05},"
			"{\"type\":\"VALUE_TYPE_FLOAT64\",\"float64Value\":\"NaN\"},"
			"{\"type\":\"VALUE_TYPE_FLOAT64\",\"float64Value\":\"-Infinity\"},"
			"{\"type\":\"VALUE_TYPE_FLOAT64\",\"float64Value\":1e+21}],"
			"\"attestation\":\"{}\",\"reportData\":\"ab\"},\"receipt\":{\"version\":2}}"
			"\n");
	json_request_destroy(request);
	buf_clear(&out);
	request = read_json("{\"execution\":{}}", &asked, &err);
	assert_true(json_answer_write(
			&asked, &(const struct answered){ .output_count = 0 }, "", &out, &err));
	assert_string_equal(buf_text(&out), "{\"result\":{}}\n");
	json_request_destroy(request);
	buf_finish(&out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_takes_both_spellings),
		cmocka_unit_test(json_defaults_are_those_of_the_messages),
		cmocka_unit_test(json_refuses_what_it_is_not),
		cmocka_unit_test(json_answers_as_protojson),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
