/* SPDX-License-Identifier: Apache-2.0 */
/*
 * differential FILE: generated modules (each behind its size), plain and metered, in every mode of
 * the engine. Says what it saw as JSON, and why if something differs (exit 1). tests/test_x_gas.py
 *
 * Of each exported function, with a few arguments: metered, all modes end alike, with the same
 * results, memories, globals and gas; a limit of exactly that gas changes nothing, and one less is
 * out of gas; so do modes agree with little gas and little depth. Plain, nothing differs from that
 * (but where a mode's own stack ended).
 */
#include "base/file.h"
#include "meter/fixture.h"

enum { CALLS_EACH = 3, GAS = 50000000, FILE_MAX = 256 << 20 };

struct tally {
	size_t modules, refused, functions, calls, endings[5], plain_overflows, skipped;
	uint64_t gas;
	bool wrong;
};

/* One module in all its forms. */
struct subject {
	size_t number;
	wasmtime_module_t *plain[MODES], *metered[MODES];
	struct tally *tally;
	uint64_t random;
};

static uint64_t next_random(uint64_t *state) {
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

/* Often near 0 or near where something overflows. */
static uint64_t number(uint64_t *state) {
	static const uint64_t liked[] = { 0, 1, 2, 7, 63, 64, 65535, 65536, 0x7fffffff, 0x80000000,
		0xffffffff, UINT64_MAX, INT64_MAX, 0x7ff8000000000000, 0x7fc00000, 0x3f800000 };
	uint64_t choice = next_random(state);
	return choice % 3 == 0 ? next_random(state) : liked[choice / 3 % 16];
}

static wasmtime_val_t value_for(const wasm_valtype_t *type, uint64_t *state) {
	static const uint8_t kinds[] = {
		[WASMTIME_VALTYPE_KIND_I32] = WASMTIME_I32,
		[WASMTIME_VALTYPE_KIND_I64] = WASMTIME_I64,
		[WASMTIME_VALTYPE_KIND_F32] = WASMTIME_F32,
		[WASMTIME_VALTYPE_KIND_F64] = WASMTIME_F64,
		[WASMTIME_VALTYPE_KIND_V128] = WASMTIME_V128,
		[WASMTIME_VALTYPE_KIND_REF] = WASMTIME_FUNCREF,
	};
	wasmtime_valtype_t whole; /* wasm_valtype_kind() ends the process on a v128 */
	wasmtime_valtype_new(type, &whole);
	wasmtime_val_t value = { .kind = kinds[whole.kind] };
	wasmtime_valtype_delete(&whole);
	if (value.kind == WASMTIME_FUNCREF) {
		wasmtime_funcref_set_null(&value.of.funcref);
		return value;
	}
	uint64_t bits[2] = { number(state), number(state) };
	memcpy(&value.of, bits, sizeof(bits));
	return value;
}

static bool same_values(const struct outcome *a, const struct outcome *b) {
	for (size_t i = 0; i < a->count; i++) {
		if (a->results[i].kind != b->results[i].kind ||
				memcmp(&a->results[i].of, &b->results[i].of,
						value_size(a->results[i].kind)) != 0) {
			return false;
		}
	}
	return a->count == b->count;
}

/* A plain module whose start function traps has no state to look at. */
static bool same(const struct outcome *a, const struct outcome *b) {
	if (a->end != b->end || a->trap != b->trap) {
		return false;
	}
	bool state = a->state == b->state || a->state == 0 || b->state == 0;
	return (a->end != END_RETURNED || same_values(a, b)) && state;
}

static void differ(const struct subject *subject, const struct call *call, const char *what,
		const struct outcome *a, const struct outcome *b) {
	subject->tally->wrong = true;
	fprintf(stderr,
			"module %zu, %s, %s: %s (trap %d, gas %lld, state %llx; %s) and %s (trap "
			"%d, gas %lld, state %llx; %s)\n",
			subject->number, call->name, what, ending_names[a->end], a->trap,
			(long long)a->used, (unsigned long long)a->state, a->message,
			ending_names[b->end], b->trap, (long long)b->used,
			(unsigned long long)b->state, b->message);
}

static void release(struct outcome *outcome) {
	for (size_t i = 0; i < outcome->count && outcome->end == END_RETURNED; i++) {
		wasmtime_val_unroot(&outcome->results[i]);
	}
}

/* The same metered call in all modes; the first one's outcome. */
static struct outcome metered_call(const struct subject *subject, const struct call *call,
		const char *what) {
	struct outcome first = call_module(0, subject->metered[0], call);
	for (int mode = 1; mode < MODES; mode++) {
		if (subject->metered[mode] == NULL) {
			continue;
		}
		struct outcome other = call_module(mode, subject->metered[mode], call);
		if (!same(&first, &other) || first.used != other.used || other.end == END_HOST) {
			differ(subject, call, what, &first, &other);
		}
		release(&other);
	}
	subject->tally->calls++;
	subject->tally->endings[first.end]++;
	return first;
}

static void plain_calls(const struct subject *subject, const struct call *call,
		const struct outcome *metered) {
	struct call plain = *call;
	plain.metered = false;
	for (int mode = 0; mode < MODES; mode++) {
		if (subject->plain[mode] == NULL) {
			continue;
		}
		struct outcome outcome = call_module(mode, subject->plain[mode], &plain);
		if (outcome.end == END_HOST && outcome.trap == WASMTIME_TRAP_CODE_STACK_OVERFLOW) {
			subject->tally->plain_overflows++;
		} else if (!same(&outcome, metered)) {
			differ(subject, call, "plain and metered", &outcome, metered);
		}
		release(&outcome);
	}
}

/* The same call with other limits: enough, one too little, half; a little depth. */
static void limit_calls(const struct subject *subject, struct call call,
		const struct outcome *whole) {
	int64_t used = whole->used;
	call.limit = used > 0 ? used : 1;
	struct outcome outcome = metered_call(subject, &call, "with exactly its gas");
	if (!same(&outcome, whole) || outcome.used != used) {
		differ(subject, &call, "with exactly its gas", whole, &outcome);
	}
	release(&outcome);
	for (int64_t limit = used - 1; limit > 0 && limit >= used / 2;
			limit -= used > 3 ? used / 3 : 1) {
		call.limit = limit;
		outcome = metered_call(subject, &call, "with less than its gas");
		if (outcome.end != END_OUT_OF_GAS || outcome.used != limit) {
			differ(subject, &call, "with less than its gas", whole, &outcome);
		}
		release(&outcome);
	}
	call.limit = GAS;
	call.calls = 1 + (uint32_t)(next_random((uint64_t *)(uintptr_t)&subject->random) % 4);
	outcome = metered_call(subject, &call, "with few calls");
	release(&outcome);
	call.calls = METER_CALLS;
	call.slots = (uint32_t)(next_random((uint64_t *)(uintptr_t)&subject->random) % 64);
	outcome = metered_call(subject, &call, "with few slots");
	release(&outcome);
}

static void try_call(struct subject *subject, const char *name, const wasm_functype_t *type) {
	struct call call = { .name = name,
		.metered = true,
		.with_state = true,
		.limit = GAS,
		.calls = METER_CALLS,
		.slots = METER_SLOTS };
	const wasm_valtype_vec_t *params = wasm_functype_params(type);
	for (size_t i = 0; i < params->size; i++) {
		call.args[call.arg_count++] = value_for(params->data[i], &subject->random);
	}
	struct outcome whole = metered_call(subject, &call, "metered");
	subject->tally->gas += (uint64_t)whole.used;
	if (whole.end == END_RETURNED || whole.end == END_TRAP) {
		plain_calls(subject, &call, &whole);
		limit_calls(subject, call, &whole);
	} else if (whole.end == END_HOST) {
		differ(subject, &call, "metered", &whole, &whole);
	}
	release(&whole);
}

static void try_exports(struct subject *subject) {
	wasm_exporttype_vec_t exports;
	wasmtime_module_exports(subject->plain[0], &exports);
	for (size_t i = 0; i < exports.size; i++) {
		const wasm_functype_t *type =
				wasm_externtype_as_functype_const(wasm_exporttype_type(exports.data[i]));
		const wasm_name_t *name = wasm_exporttype_name(exports.data[i]);
		char text[128];
		if (type == NULL || name->size >= sizeof(text) ||
				wasm_functype_params(type)->size > VALUES_MAX ||
				wasm_functype_results(type)->size > VALUES_MAX) {
			continue;
		}
		(void)snprintf(text, sizeof(text), "%.*s", (int)name->size, name->data);
		if (strlen(text) != name->size) {
			continue; /* it has a zero byte in it */
		}
		subject->tally->functions++;
		for (int j = 0; j < CALLS_EACH; j++) {
			try_call(subject, text, type);
		}
	}
	wasm_exporttype_vec_delete(&exports);
}

/* Singlepass may refuse what the others take; then its metered form has to be refused as well. */
static void compile_all(struct subject *subject, struct bytes wasm, const struct buf *metered) {
	char plain_message[300] = "", metered_message[300] = "";
	for (int mode = 0; mode < MODES; mode++) {
		subject->plain[mode] = mode_compile(mode, wasm.data, wasm.size, plain_message,
				sizeof(plain_message));
		subject->metered[mode] = mode_compile(mode, metered->data, metered->size,
				metered_message, sizeof(metered_message));
		if ((subject->plain[mode] == NULL) != (subject->metered[mode] == NULL) ||
				(subject->plain[mode] == NULL && mode != 1)) {
			fprintf(stderr, "module %zu, %s: plain \"%s\", metered \"%s\"\n",
					subject->number, mode_names[mode], plain_message,
					metered_message);
			subject->tally->wrong = true;
		} else if (subject->plain[mode] == NULL) {
			fprintf(stderr, "module %zu: singlepass: %s\n", subject->number,
					plain_message);
			subject->tally->skipped++;
		}
	}
}

static void delete_module(wasmtime_module_t *module) {
	if (module != NULL) {
		wasmtime_module_delete(module);
	}
}

static void try_module(struct tally *tally, struct bytes wasm) {
	struct subject subject = { .number = tally->modules++, .tally = tally,
		.random = tally->modules };
	struct buf metered = BUF_INIT(OUTPUT_MAX);
	struct meter_module info;
	struct error err;
	if (!meter_rewrite(wasm, NULL, &metered, &info, &err)) {
		fprintf(stderr, "module %zu: %s\n", subject.number, err.message);
		tally->refused++;
	} else {
		compile_all(&subject, wasm, &metered);
		if (subject.plain[0] != NULL && subject.metered[0] != NULL) {
			try_exports(&subject);
		}
	}
	for (int mode = 0; mode < MODES; mode++) {
		delete_module(subject.plain[mode]);
		delete_module(subject.metered[mode]);
	}
	buf_finish(&metered);
}

static void *try_all(void *context) {
	struct bytes *all = context;
	struct tally tally = { 0 };
	(void)modes_make(NULL);
	while (all->size >= 4) {
		uint32_t size = (uint32_t)all->data[0] | (uint32_t)all->data[1] << 8 |
				(uint32_t)all->data[2] << 16 | (uint32_t)all->data[3] << 24;
		if (size > all->size - 4) {
			tally.wrong = true;
			break;
		}
		try_module(&tally, (struct bytes){ all->data + 4, size });
		*all = (struct bytes){ all->data + 4 + size, all->size - 4 - size };
	}
	(void)modes_finish(NULL);
	printf("{\"modules\": %zu, \"refused\": %zu, \"functions\": %zu, \"calls\": %zu, "
	       "\"returned\": %zu, \"trapped\": %zu, \"out_of_gas\": %zu, \"call_depth\": %zu, "
	       "\"host\": %zu, \"plain_overflows\": %zu, \"not_singlepass\": %zu, \"gas\": %llu}\n",
			tally.modules, tally.refused, tally.functions, tally.calls,
			tally.endings[END_RETURNED], tally.endings[END_TRAP],
			tally.endings[END_OUT_OF_GAS], tally.endings[END_DEPTH],
			tally.endings[END_HOST], tally.plain_overflows, tally.skipped,
			(unsigned long long)tally.gas);
	all->size = tally.wrong;
	return NULL;
}

int main(int argc, char **argv) {
	struct buf file = BUF_INIT(FILE_MAX);
	struct error err;
	if (argc != 2 || !file_read(argv[1], &file, &err)) {
		fprintf(stderr, "usage: differential FILE\n");
		return 2;
	}
	struct bytes all = { file.data, file.size };
	on_stack(try_all, &all);
	buf_finish(&file);
	return all.size == 0 ? 0 : 1;
}
