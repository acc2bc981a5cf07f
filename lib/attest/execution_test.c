/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/execution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "attest/report_data.h"
#include "base/hex.h"

#define CALL                                                                                       \
	"\"version\":\"1.0\",\"requestId\":\"r1\",\"bytecode\":\"AGFzbQ==\",\"fnName\":\"add\","   \
	"\"inputs\":[\"5\",\"3\"]"

static struct execution_request *read_json(const char *text, struct error *err) {
	*err = (struct error){ .message = "" };
	return execution_request_read((struct bytes){ (const uint8_t *)text, strlen(text) }, err);
}

static void hash_of(const char *text, char out[DIGEST_HEX_SIZE]) {
	uint8_t hash[DIGEST_SIZE];
	struct error err;
	struct execution_request *request = read_json(text, &err);
	if (request == NULL) {
		fail_msg("%s: %s", text, err.message);
	}
	assert_true(execution_hash(&request->execution, hash, &err));
	hex_encode(hash, sizeof(hash), out);
	execution_request_destroy(request);
}

/* WASMVM-TEE's own example. */
static const char published[] = "79ef6f5869fd9e1ce72a0763aae886d4d4771b566fcb99ad0f6702a463d939d5";

static void it_has_the_published_hash(void **state) {
	(void)state;
	static const char snake[] =
			"{\"execution\":{\"version\":\"1.0\",\"request_id\":\"r1\",\"bytecode\":"
			"\"AGFzbQ==\",\"fn_name\":\"add\",\"inputs\":[\"5\",\"3\"],\"timestamp\":"
			"null}}";
	static const char *const same[] = {
		"{\"execution\":{" CALL "}}",
		"{\"execution\":{" CALL
		",\"timestamp\":0,\"more\":1},\"runtimeConfig\":{\"mode\":2}}",
		snake,
	};
	char text[DIGEST_HEX_SIZE];
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		hash_of(same[i], text);
		assert_string_equal(text, published);
	}
}

/* Each of them is another execution. */
static void everything_counts(void **state) {
	(void)state;
	static const char *const others[] = {
		"{\"execution\":{" CALL ",\"timestamp\":1}}",
		"{\"execution\":{" CALL ",\"timestamp\":\"-1\"}}",
		"{\"execution\":{\"version\":\"1.1\",\"requestId\":\"r1\",\"bytecode\":\"AGFzbQ=="
		"\","
		"\"fnName\":\"add\",\"inputs\":[\"5\",\"3\"]}}",
		"{\"execution\":{\"version\":\"1.0\",\"requestId\":\"r2\",\"bytecode\":\"AGFzbQ=="
		"\","
		"\"fnName\":\"add\",\"inputs\":[\"5\",\"3\"]}}",
		"{\"execution\":{\"version\":\"1.0\",\"requestId\":\"r1\",\"bytecode\":\"AGFzbR=="
		"\","
		"\"fnName\":\"add\",\"inputs\":[\"5\",\"3\"]}}",
		"{\"execution\":{\"version\":\"1.0\",\"requestId\":\"r1\",\"bytecode\":\"AGFzbQ=="
		"\","
		"\"fnName\":\"sub\",\"inputs\":[\"5\",\"3\"]}}",
		"{\"execution\":{\"version\":\"1.0\",\"requestId\":\"r1\",\"bytecode\":\"AGFzbQ=="
		"\","
		"\"fnName\":\"add\",\"inputs\":[\"3\",\"5\"]}}",
		"{\"execution\":{\"version\":\"1.0\",\"requestId\":\"r1\",\"bytecode\":\"AGFzbQ=="
		"\","
		"\"fnName\":\"add\",\"inputs\":[\"5\",\"3\",\"\"]}}",
	};
	enum { OTHERS = sizeof(others) / sizeof(others[0]) };
	char texts[OTHERS][DIGEST_HEX_SIZE];
	for (size_t i = 0; i < OTHERS; i++) {
		hash_of(others[i], texts[i]);
		assert_string_not_equal(texts[i], published);
		for (size_t j = 0; j < i; j++) {
			assert_string_not_equal(texts[i], texts[j]);
		}
	}
}

static void the_configuration_is_read(void **state) {
	(void)state;
	struct error err;
	struct execution_request *request = read_json(
			"{\"execution\":{},\"runtimeConfig\":{\"mode\":\"DTVM_MODE_MULTIPASS\","
			"\"gasLimit\":{\"useGasLimit\":true,\"limit\":\"9007199254740993\"}}}",
			&err);
	assert_non_null(request);
	assert_true(request->execution.given && request->config.given);
	assert_string_equal(request->execution.function, "");
	assert_int_equal(request->config.mode, 2);
	assert_true(request->config.gas_given && request->config.use_gas_limit);
	assert_true(request->config.gas_limit == 9007199254740993);
	execution_request_destroy(request);
	request = read_json("{}", &err);
	assert_non_null(request);
	assert_false(request->execution.given || request->config.given);
	execution_request_destroy(request);
}

static void what_is_none_is_refused(void **state) {
	(void)state;
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ "", "not JSON" },
		{ "{\"execution\":{" CALL, "not JSON" },
		{ "[]", "the body has to be" },
		{ "{\"execution\":5}", "execution has to be" },
		{ "{\"execution\":{\"fnName\":5}}", "fnName has to be" },
		{ "{\"execution\":{\"inputs\":[5]}}", "inputs has to be" },
		{ "{\"execution\":{\"timestamp\":1.5}}", "timestamp has to be" },
		{ "{\"runtimeConfig\":{\"mode\":\"FAST\"}}", "mode has to be" },
		{ "{\"execution\":{\"fnName\":\"a\",\"fnName\":\"b\"}}", "not JSON" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err;
		assert_null(read_json(rows[i].text, &err));
		if (err.code != ERROR_INVALID || strstr(err.message, rows[i].words) == NULL) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_the_published_hash),
		cmocka_unit_test(everything_counts),
		cmocka_unit_test(the_configuration_is_read),
		cmocka_unit_test(what_is_none_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
