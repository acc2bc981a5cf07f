/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <dtvm.pb-c.h>
#include <wasm.pb-c.h>

#include "base/hex.h"

/* An execution with version "1.0", request_id "r1", bytecode "AGFzbQ==", fn "add", ["5","3"]. */
static const char execution_hex[] = "0a03312e3012027231" /* version, request_id */
				    "1a084147467a"
				    "6251"
				    "3d3d" /* bytecode */
				    "22036164642a01352a0133";

static struct bytes request_of(const char *behind, uint8_t *place) {
	char text[512];
	size_t size = strlen(execution_hex) / 2 + strlen(behind) / 2;
	(void)snprintf(text, sizeof(text), "0a%02x%s%s", (unsigned)(strlen(execution_hex) / 2),
			execution_hex, behind);
	size = strlen(text) / 2;
	assert_true(hex_decode(text, place, size));
	return (struct bytes){ place, size };
}

static void layout_has_the_published_report_data(void **state) {
	(void)state;
	uint8_t place[256], data[REPORT_DATA_SIZE];
	char text[2 * REPORT_DATA_SIZE + 1];
	struct asked asked;
	struct error err = { .message = "" };
	struct value output = { VALUE_I32, { .i32 = 8 } };
	void *request = layout_dtvm.open(request_of("", place), &asked, &err);
	assert_non_null(request);
	assert_string_equal(asked.request_id, "r1");
	assert_string_equal(asked.function, "add");
	assert_int_equal(asked.input_count, 2);
	assert_int_equal(asked.mode, ENGINE_INTERP);
	assert_false(asked.gas_limited);
	assert_true(layout_report_data(&asked, &output, 1, data, &err));
	hex_encode(data, sizeof(data), text);
	assert_string_equal(text,
			"79ef6f5869fd9e1ce72a0763aae886d4d4771b566fcb99ad0f6702a463d939d5"
			"44575a3d0806339abf2ac69fc645606dc05638a6856942a9d8a0a3a0b90da447");
	assert_true(layout_report_data(&asked, NULL, 0, data, &err));
	hex_encode(data + DIGEST_SIZE, DIGEST_SIZE, text);
	assert_string_equal(text, "e3b0c44298fc1c149afbf4c8996fb924"
				  "27ae41e4649b934ca495991b7852b855");
	layout_dtvm.close(request);
}

/* A field that we do not know (15, varint 1) stays in the hash, behind the others. */
static void layout_keeps_unknown_fields(void **state) {
	(void)state;
	uint8_t first[256], second[256], one[64], two[64];
	struct asked asked;
	struct error err;
	static const char with[] = "0a0c"
				   "7801"
				   "0a03312e30"
				   "22036164"
				   "64";
	static const char sorted[] = "0a0c"
				     "0a03312e30"
				     "2203616464"
				     "7801";
	assert_true(hex_decode(with, first, strlen(with) / 2));
	assert_true(hex_decode(sorted, second, strlen(sorted) / 2));
	void *a = layout_dtvm.open((struct bytes){ first, strlen(with) / 2 }, &asked, &err);
	assert_non_null(a);
	assert_true(layout_report_data(&asked, NULL, 0, one, &err));
	layout_dtvm.close(a);
	void *b = layout_dtvm.open((struct bytes){ second, strlen(sorted) / 2 }, &asked, &err);
	assert_non_null(b);
	struct listed list = listed_begin();
	listed_add(&list, (struct bytes){ second + 2, strlen(sorted) / 2 - 2 });
	listed_end(&list, two);
	assert_memory_equal(one, two, DIGEST_SIZE);
	layout_dtvm.close(b);
}

static void layout_reads_mode_and_gas(void **state) {
	(void)state;
	static const struct {
		const char *config; /* of the runtime_config, hex */
		bool good;
		enum engine_kind mode;
		bool limited;
		uint64_t limit;
	} rows[] = {
		{ "1200", true, ENGINE_INTERP, false, 0 },
		{ "12020801", true, ENGINE_SINGLEPASS, false, 0 },
		{ "12020802", true, ENGINE_MULTIPASS, false, 0 },
		{ "12020807", false, ENGINE_INTERP, false, 0 },
		{ "120408001200", true, ENGINE_INTERP, false, 0 },
		{ "120612040801100a", true, ENGINE_INTERP, true, 10 },
		{ "1204120210"
		  "0a",
				true, ENGINE_INTERP, false, 0 }, /* use_gas_limit false */
		{ "120412020801", true, ENGINE_INTERP, true, 0 },
		{ "120f120d080110ffffffffffffffffff01", false, ENGINE_INTERP, false, 0 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t place[256];
		struct asked asked;
		struct error err = { .message = "" };
		void *request = layout_dtvm.open(request_of(rows[i].config, place), &asked, &err);
		if ((request != NULL) != rows[i].good) {
			fail_msg("row %zu: %s", i, err.message);
		}
		if (request != NULL) {
			assert_int_equal(asked.mode, rows[i].mode);
			assert_int_equal(asked.gas_limited, rows[i].limited);
			assert_int_equal(asked.gas_limit, rows[i].limit);
		}
		layout_dtvm.close(request);
	}
}

static void layout_refuses_no_execution(void **state) {
	(void)state;
	const struct layout *const layouts[] = { &layout_dtvm, &layout_wasm };
	for (size_t i = 0; i < 2; i++) {
		struct asked asked;
		struct error err;
		assert_null(layouts[i]->open(
				(struct bytes){ (const uint8_t *)"", 0 }, &asked, &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_non_null(strstr(err.message, "execution"));
	}
}

static void check_wasm_input(
		const char *input, enum value_type type, enum error_code code, uint64_t bits) {
	char text[128];
	uint8_t place[64];
	struct asked asked;
	struct error err = { .message = "" };
	struct value value = { .of = { .bits64 = 0 } };
	size_t size = strlen(input) / 2;
	(void)snprintf(text, sizeof(text), "0a%02zx2a%02zx%s", size + 2, size, input);
	assert_true(hex_decode(text, place, strlen(text) / 2));
	void *request = layout_wasm.open((struct bytes){ place, strlen(text) / 2 }, &asked, &err);
	assert_non_null(request);
	bool ok = layout_wasm.input(&asked, 0, type, &value, &err);
	if (ok != (code == ERROR_NONE) || (!ok && err.code != code)) {
		fail_msg("%s: %s", input, err.message);
	}
	if (ok) {
		bool wide = type == VALUE_I64 || type == VALUE_F64;
		assert_int_equal(wide ? value.of.bits64 : value.of.bits32, bits);
	}
	layout_wasm.close(request);
}

static void layout_wasm_takes_typed_numbers(void **state) {
	(void)state;
	check_wasm_input("0801", VALUE_I32, ERROR_NONE, 1); /* bool */
	check_wasm_input("10ffffffffffffffffff01", VALUE_I32, ERROR_NONE, 0xffffffff);
	check_wasm_input("10c801", VALUE_I32, ERROR_INVALID, 0); /* int8 200 */
	check_wasm_input("18c801", VALUE_I32, ERROR_NONE, 200);  /* uint8 200 */
	check_wasm_input("38ffffffff0f", VALUE_I32, ERROR_NONE, 0xffffffff);
	check_wasm_input("48ffffffffffffffffff01", VALUE_I64, ERROR_NONE, UINT64_MAX);
	check_wasm_input("3005", VALUE_I64, ERROR_INVALID, 0); /* int32 for an i64 */
	check_wasm_input("550000c03f", VALUE_F32, ERROR_NONE, 0x3fc00000);
	check_wasm_input("550000c03f", VALUE_I32, ERROR_INVALID, 0);
	check_wasm_input("59000000000000f83f", VALUE_F64, ERROR_NONE, 0x3ff8000000000000);
	check_wasm_input("620161", VALUE_I32, ERROR_UNSUPPORTED, 0); /* a string */
	check_wasm_input("6a0161", VALUE_I32, ERROR_UNSUPPORTED, 0); /* bytes */
	check_wasm_input("a201030a0105", VALUE_I32, ERROR_UNSUPPORTED, 0);
	check_wasm_input("", VALUE_I32, ERROR_INVALID, 0); /* nothing */
}

/* Every kind of value, in both layouts; protobuf-c reads back what was asked and came. */
static void answers_are_messages(void **state) {
	(void)state;
	static const char receipt[] = "ASR";
	static const struct value outputs[] = { { VALUE_I32, { .i32 = -1 } },
		{ VALUE_I64, { .i64 = INT64_MIN } }, { VALUE_F32, { .f32 = 0.1F } },
		{ VALUE_F64, { .f64 = -0.0 } } };
	const struct answered answered = { outputs, 4, "{}", "ab",
		{ (const uint8_t *)receipt, 3 } };
	uint8_t place[256];
	struct asked asked;
	struct error err;
	struct buf out = BUF_INIT(1024);
	void *request = layout_dtvm.open(request_of("", place), &asked, &err);
	assert_non_null(request);
	assert_true(layout_pack_answer(&asked, &answered, &out, &err));
	layout_dtvm.close(request);
	Dtvm__WASMVMExecutionResponse *response =
			dtvm__wasmvmexecution_response__unpack(NULL, out.size, out.data);
	assert_non_null(response);
	assert_string_equal(response->request_id, "r1");
	assert_memory_equal(response->receipt.data, receipt, 3);
	assert_int_equal(response->result->n_inputs, 2);
	assert_string_equal(response->result->inputs[1], "3");
	assert_string_equal(response->result->attestation, "{}");
	assert_string_equal(response->result->report_data, "ab");
	assert_int_equal(response->result->n_output_values, 4);
	assert_int_equal(response->result->output_values[3]->type, VALUE_F64);
	assert_int_equal(response->result->output_values[0]->int32_value, -1);
	assert_true(response->result->output_values[1]->int64_value == INT64_MIN);
	dtvm__wasmvmexecution_response__free_unpacked(response, NULL);
	buf_finish(&out);
}

static void answers_of_the_later_layout(void **state) {
	(void)state;
	static const struct value outputs[] = { { VALUE_I32, { .i32 = 0 } },
		{ VALUE_F32, { .f32 = 0.1F } } };
	const struct answered answered = { .outputs = outputs, .output_count = 2 };
	uint8_t place[64];
	struct asked asked;
	struct error err;
	struct buf out = BUF_INIT(1024);
	assert_true(hex_decode("0a082a0230052a021801", place, 10)); /* int32 5, uint8 1 */
	void *request = layout_wasm.open((struct bytes){ place, 10 }, &asked, &err);
	assert_non_null(request);
	assert_true(layout_pack_answer(&asked, &answered, &out, &err));
	layout_wasm.close(request);
	Wasm__WASMVMExecutionResponse *response =
			wasm__wasmvmexecution_response__unpack(NULL, out.size, out.data);
	assert_non_null(response);
	assert_string_equal(response->request_id, "");
	assert_int_equal(response->receipt.len, 0);
	assert_int_equal(response->result->n_inputs, 2);
	assert_int_equal(response->result->inputs[1]->uint8_value, 1);
	assert_int_equal(response->result->n_output_values, 2);
	assert_int_equal(response->result->output_values[0]->value_case,
			WASM__WASM_VALUE__VALUE_INT32_VALUE);
	assert_true(response->result->output_values[1]->float32_value == 0.1F);
	wasm__wasmvmexecution_response__free_unpacked(response, NULL);
	buf_finish(&out);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_has_the_published_report_data),
		cmocka_unit_test(layout_keeps_unknown_fields),
		cmocka_unit_test(layout_reads_mode_and_gas),
		cmocka_unit_test(layout_refuses_no_execution),
		cmocka_unit_test(layout_wasm_takes_typed_numbers),
		cmocka_unit_test(answers_are_messages),
		cmocka_unit_test(answers_of_the_later_layout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
