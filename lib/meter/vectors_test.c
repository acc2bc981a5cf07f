/* SPDX-License-Identifier: Apache-2.0 */
/* spec/gas-vectors.json in every mode of the engine. */
#include <jansson.h>

#include "base/str.h"
#include "meter/fixture.h"

static const struct {
	const char *name;
	int codes[2];
} traps[] = {
	{ "unreachable", { WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED, -1 } },
	{ "division by zero", { WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO, -1 } },
	{ "memory", { WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS, -1 } },
	{ "table", { WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS, -1 } },
};

static const char *text_of(const json_t *object, const char *name) {
	return json_string_value(json_object_get(object, name));
}

static int64_t number_of(const json_t *object, const char *name, int64_t otherwise) {
	const json_t *item = json_object_get(object, name);
	return item != NULL ? json_integer_value(item) : otherwise;
}

/* "i32:5" */
static wasmtime_val_t value_of(const json_t *item) {
	const char *text = json_string_value(item);
	int64_t number = strtoll(text + 4, NULL, 10);
	if (strncmp(text, "i32:", 4) == 0) {
		return (wasmtime_val_t){ .kind = WASMTIME_I32, .of.i32 = (int32_t)number };
	}
	assert_memory_equal(text, "i64:", 4);
	return (wasmtime_val_t){ .kind = WASMTIME_I64, .of.i64 = number };
}

static struct call call_of(const json_t *vector) {
	struct call call = { .name = text_of(vector, "call"),
		.metered = true,
		.limit = number_of(vector, "limit", 0),
		.calls = (uint32_t)number_of(vector, "calls", METER_CALLS),
		.slots = (uint32_t)number_of(vector, "slots", METER_SLOTS) };
	const json_t *item;
	size_t index;
	json_array_foreach(json_object_get(vector, "args"), index, item) {
		call.args[call.arg_count++] = value_of(item);
	}
	return call;
}

static bool trap_is(const char *name, int code) {
	for (size_t i = 0; i < sizeof(traps) / sizeof(traps[0]); i++) {
		if (str_equal(traps[i].name, name)) {
			return traps[i].codes[0] == code;
		}
	}
	return false;
}

static void compare(const json_t *vector, const char *mode, const struct outcome *outcome) {
	const char *name = text_of(vector, "name"), *end = text_of(vector, "end");
	if (!str_equal(ending_names[outcome->end], end)) {
		fail_msg("%s, %s: %s (%s), not %s", name, mode, ending_names[outcome->end],
				outcome->message, end);
	}
	if (outcome->end == END_TRAP && !trap_is(text_of(vector, "trap"), outcome->trap)) {
		fail_msg("%s, %s: trap %d, not %s", name, mode, outcome->trap,
				text_of(vector, "trap"));
	}
	if (outcome->used != number_of(vector, "used", -1)) {
		fail_msg("%s, %s: gas used %lld, not %lld", name, mode, (long long)outcome->used,
				(long long)number_of(vector, "used", -1));
	}
	const json_t *results = json_object_get(vector, "results");
	if (outcome->end != END_RETURNED) {
		return;
	}
	assert_int_equal(json_array_size(results), outcome->count);
	for (size_t i = 0; i < outcome->count; i++) {
		wasmtime_val_t wanted = value_of(json_array_get(results, i));
		assert_int_equal(outcome->results[i].kind, wanted.kind);
		if (wanted.kind == WASMTIME_I32 ? outcome->results[i].of.i32 != wanted.of.i32
						: outcome->results[i].of.i64 != wanted.of.i64) {
			fail_msg("%s, %s: result %zu is another", name, mode, i);
		}
	}
}

static void check(const json_t *vector) {
	wasm_byte_vec_t wasm = wasm_of(text_of(vector, "module"));
	struct buf out = metered_of((const uint8_t *)wasm.data, wasm.size);
	struct call call = call_of(vector);
	for (int mode = 0; mode < MODES; mode++) {
		char message[400];
		wasmtime_module_t *module =
				mode_compile(mode, out.data, out.size, message, sizeof(message));
		if (module == NULL) {
			fail_msg("%s, %s: %s", text_of(vector, "name"), mode_names[mode], message);
		}
		struct outcome outcome = call_module(mode, module, &call);
		compare(vector, mode_names[mode], &outcome);
		wasmtime_module_delete(module);
	}
	buf_finish(&out);
	wasm_byte_vec_delete(&wasm);
}

static void vectors_hold(void **state) {
	(void)state;
	json_error_t error;
	json_t *root = json_load_file(getenv("GAS_VECTORS"), 0, &error);
	const json_t *vectors = json_object_get(root, "vectors"), *vector;
	assert_true(json_array_size(vectors) > 90);
	size_t index;
	json_array_foreach(vectors, index, vector) {
		check(vector);
	}
	json_decref(root);
}

static void *run(void *failed) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(vectors_hold) };
	*(int *)failed = cmocka_run_group_tests(tests, modes_make, modes_finish);
	return NULL;
}

int main(void) {
	int failed = 1;
	on_stack(run, &failed);
	return failed;
}
