/* SPDX-License-Identifier: Apache-2.0 */
/* What wasmtime says when something goes wrong, in our words and cut to what helps. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/guest.h"

/* wasmtime describes with a chain: what it did, a backtrace, "Caused by:", the reasons. */
static char *take_message(wasm_byte_vec_t *message) {
	char *text = mem_copy(message->data, message->size);
	wasm_byte_vec_delete(message);
	for (char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' && *at != '\n') {
			*at = ' ';
		}
	}
	return text;
}

static char *error_text(wasmtime_error_t *error) {
	wasm_byte_vec_t message;
	wasmtime_error_message(error, &message);
	wasmtime_error_delete(error);
	return take_message(&message);
}

/* Skips "    2: " in front of a reason. */
static const char *after_number(const char *line) {
	line += strspn(line, " ");
	size_t digits = strspn(line, "0123456789");
	return digits > 0 && line[digits] == ':'
			       ? line + digits + 1 + strspn(line + digits + 1, " ")
			       : line;
}

/* The last reason of a chain, one line; it is what a person can act on. */
static void last_reason(const char *chain, char *out, size_t size) {
	const char *reasons = strstr(chain, "Caused by:\n");
	const char *line = reasons != NULL ? reasons + strlen("Caused by:\n") : chain, *best = line;
	while (reasons != NULL && *line != '\0') {
		best = line[strspn(line, " ")] != '\n' ? line : best;
		const char *end = strchr(line, '\n');
		line = end != NULL ? end + 1 : line + strlen(line);
	}
	best = after_number(best);
	(void)snprintf(out, size, "%.*s", (int)strcspn(best, "\n"), best);
}

/* "    3:   0x2a - module.wasm!name": the function's name and where it was. */
static bool frame_of(const char *line, char *out, size_t size) {
	unsigned number, offset = 0;
	int after = 0;
	bool placed = sscanf(line, " %u: 0x%x - %n", &number, &offset, &after) == 2 && after != 0;
	if (!placed && (sscanf(line, " %u: %n", &number, &after) != 1 || after == 0)) {
		return false;
	}
	const char *name = line + after;
	size_t length = strcspn(name, "\n");
	const char *bang = memchr(name, '!', length);
	if (bang != NULL) {
		length -= (size_t)(bang + 1 - name);
		name = bang + 1;
	}
	int used = snprintf(out, size, "%.*s", length < 80 ? (int)length : 80, name);
	if (placed && used > 0) {
		(void)snprintf(out + used, size - (size_t)used, " at 0x%x", offset);
	}
	return true;
}

/* A backtrace as text that grows: a frame that is like the one before is only counted. */
struct backtrace {
	char *text;
	size_t size, used;
	char last[112];
	unsigned repeats;
};

static void backtrace_add(
		struct backtrace *trace, const char *format, const char *text, unsigned number) {
	int more = snprintf(
			trace->text + trace->used, trace->size - trace->used, format, text, number);
	trace->used += more > 0 ? (size_t)more : 0;
}

static void backtrace_flush(struct backtrace *trace) {
	if (trace->repeats > 0) {
		backtrace_add(trace, "%s and %u more like it", "", trace->repeats);
		trace->repeats = 0;
	}
}

static void backtrace_frame(struct backtrace *trace, const char *frame) {
	if (str_equal(frame, trace->last)) {
		trace->repeats++;
		return;
	}
	backtrace_flush(trace);
	backtrace_add(trace, trace->used == 0 ? "; in %s" : ", called by %s", frame, 0);
	(void)snprintf(trace->last, sizeof(trace->last), "%s", frame);
}

/* "; in a at 0x2a, called by b at 0x50": nothing if there is no backtrace, cut if it is long. */
static void backtrace_of(const char *chain, char *out, size_t size) {
	struct backtrace trace = { .text = out, .size = size };
	const char *line = strstr(chain, "wasm backtrace:\n");
	out[0] = '\0';
	line = line != NULL ? strchr(line, '\n') : NULL;
	for (; line != NULL && line[1] == ' ' && trace.used + 160 < size;
			line = strchr(line, '\n')) {
		char frame[112];
		/* Lines in between are places in a source file, for modules with debug information.
		 */
		if (frame_of(++line, frame, sizeof(frame))) {
			backtrace_frame(&trace, frame);
		}
	}
	backtrace_flush(&trace);
}

static const char *trap_words(wasmtime_trap_code_t code) {
	static const char *const words[] = {
		[WASMTIME_TRAP_CODE_STACK_OVERFLOW] =
				"stack overflow: the calls are nested too deeply",
		[WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS] = "out of bounds memory access",
		[WASMTIME_TRAP_CODE_HEAP_MISALIGNED] = "misaligned atomic memory access",
		[WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS] = "out of bounds table access",
		[WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL] =
				"indirect call of an empty table element",
		[WASMTIME_TRAP_CODE_BAD_SIGNATURE] = "indirect call of a function of another type",
		[WASMTIME_TRAP_CODE_INTEGER_OVERFLOW] = "integer overflow",
		[WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO] = "integer division by zero",
		[WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER] = "invalid conversion to integer",
		[WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED] = "unreachable code was reached",
		[WASMTIME_TRAP_CODE_NULL_REFERENCE] = "use of a null reference",
		[WASMTIME_TRAP_CODE_ARRAY_OUT_OF_BOUNDS] = "out of bounds array access",
		[WASMTIME_TRAP_CODE_ALLOCATION_TOO_LARGE] = "an allocation that is too large",
		[WASMTIME_TRAP_CODE_CAST_FAILURE] = "a reference cast that fails",
		[WASMTIME_TRAP_CODE_UNCAUGHT_EXCEPTION] = "an exception that nobody caught",
	};
	return code < sizeof(words) / sizeof(words[0]) ? words[code] : NULL;
}

/* A refused growth that a guest then failed over: most do so at once. */
static void memory_words(const struct guest *guest, char *out, size_t size) {
	const struct airscrew_limiter *limits = &guest->limits;
	out[0] = '\0';
	if (limits->memory_refused != 0) {
		(void)snprintf(out, size,
				"; before that it was refused memory: it asked for %llu bytes in "
				"all, its limit is "
				"%llu",
				(unsigned long long)limits->memory_refused,
				(unsigned long long)limits->memory_limit);
	} else if (limits->table_refused != 0) {
		(void)snprintf(out, size,
				"; before that it was refused table space: it asked for %llu "
				"elements in all, the "
				"limit is %llu",
				(unsigned long long)limits->table_refused,
				(unsigned long long)limits->table_limit);
	}
}

static bool tell(const struct guest *guest, const char *words, const char *chain,
		struct error *err) {
	char backtrace[640], memory[192];
	backtrace_of(chain, backtrace, sizeof(backtrace));
	memory_words(guest, memory, sizeof(memory));
	return error_set(err, ERROR_FAILED, "the guest trapped: %.180s%s%s", words, backtrace,
			memory);
}

/* Where a trap comes without its code, as from calls of components, wasmtime's words tell it. */
static bool code_of(const char *reason, wasmtime_trap_code_t *code) {
	static const char *const words[] = {
		[WASMTIME_TRAP_CODE_STACK_OVERFLOW] = "call stack exhausted",
		[WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS] = "out of bounds memory access",
		[WASMTIME_TRAP_CODE_HEAP_MISALIGNED] = "unaligned atomic",
		[WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS] =
				"undefined element: out of bounds table access",
		[WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL] = "uninitialized element",
		[WASMTIME_TRAP_CODE_BAD_SIGNATURE] = "indirect call type mismatch",
		[WASMTIME_TRAP_CODE_INTEGER_OVERFLOW] = "integer overflow",
		[WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO] = "integer divide by zero",
		[WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER] = "invalid conversion to integer",
		[WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED] =
				"wasm `unreachable` instruction executed",
		[WASMTIME_TRAP_CODE_OUT_OF_FUEL] = "all fuel consumed by WebAssembly",
		[WASMTIME_TRAP_CODE_NULL_REFERENCE] = "null reference",
		[WASMTIME_TRAP_CODE_ARRAY_OUT_OF_BOUNDS] = "out of bounds array access",
		[WASMTIME_TRAP_CODE_ALLOCATION_TOO_LARGE] = "allocation size too large",
		[WASMTIME_TRAP_CODE_CAST_FAILURE] = "cast failure",
	};
	static const char prefix[] = "wasm trap: ";
	if (!str_starts(reason, prefix)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (words[i] != NULL && strcmp(reason + sizeof(prefix) - 1, words[i]) == 0) {
			*code = (wasmtime_trap_code_t)i;
			return true;
		}
	}
	return false;
}

static const char handed_over[] = "too much data at once: the values of a call, each of them 40 "
				  "bytes and text as it is, "
				  "may take 16 MiB";

static bool out_of_fuel(const struct guest *guest, struct error *err) {
	return error_set(err, ERROR_FAILED, "out of fuel: all %llu units were used",
			(unsigned long long)guest->request->limits.fuel);
}

bool trap_set(const struct guest *guest, wasm_trap_t *trap, struct error *err) {
	wasmtime_trap_code_t code;
	bool known = wasmtime_trap_code(trap, &code);
	wasm_message_t message;
	wasm_trap_message(trap, &message);
	wasm_trap_delete(trap);
	CLEANUP(mem_freep) char *chain = take_message(&message);
	if (known && code == WASMTIME_TRAP_CODE_OUT_OF_FUEL) {
		return out_of_fuel(guest, err);
	}
	char reason[200];
	last_reason(chain, reason, sizeof(reason));
	if (strstr(reason, "thrown Wasm exception") != NULL) {
		known = true;
		code = WASMTIME_TRAP_CODE_UNCAUGHT_EXCEPTION;
	}
	const char *words = known ? trap_words(code) : NULL;
	return tell(guest, words != NULL ? words : reason, chain, err);
}

/* The memories or tables that a module begins with are over a limit. */
static bool begins_too_large(const struct guest *guest, struct error *err) {
	const struct airscrew_limiter *limits = &guest->limits;
	bool memory = limits->memory_refused != 0;
	return error_set(err, ERROR_FAILED, "the module begins with %llu %s, the limit is %llu",
			(unsigned long long)(memory ? limits->memory_refused
						    : limits->table_refused),
			memory ? "bytes of memory" : "table elements",
			(unsigned long long)(memory ? limits->memory_limit : limits->table_limit));
}

bool trap_set_error(const struct guest *guest, wasmtime_error_t *error, struct error *err) {
	CLEANUP(mem_freep) char *chain = error_text(error);
	bool refused = guest->limits.memory_refused != 0 || guest->limits.table_refused != 0;
	if (refused && strstr(chain, "minimum size") != NULL) {
		return begins_too_large(guest, err);
	}
	if (strstr(chain, "shared memory support is disabled") != NULL) {
		return error_set(err, ERROR_MODULE,
				"the module has a shared memory, which guests do not get: build it "
				"without threads");
	}
	char reason[200];
	wasmtime_trap_code_t code;
	last_reason(chain, reason, sizeof(reason));
	if (strstr(reason, "too much data is being copied") != NULL) {
		(void)snprintf(reason, sizeof(reason), "%s", handed_over);
	}
	if (!code_of(reason, &code)) {
		return tell(guest, reason, chain, err);
	}
	return code == WASMTIME_TRAP_CODE_OUT_OF_FUEL ? out_of_fuel(guest, err)
						      : tell(guest, trap_words(code), chain, err);
}

bool module_set_error(wasmtime_error_t *error, struct error *err, const char *what) {
	CLEANUP(mem_freep) char *chain = error_text(error);
	char reason[400];
	last_reason(chain, reason, sizeof(reason));
	const char *joint = what[0] != '\0' ? ": " : "";
	return error_set(err, ERROR_MODULE, "%s%s%s", what, joint, reason);
}

static const char *extern_word(const wasm_externtype_t *type) {
	static const char *const words[] = { "function", "global", "table", "memory", "tag" };
	wasm_externkind_t kind = wasm_externtype_kind(type);
	return kind < sizeof(words) / sizeof(words[0]) ? words[kind] : "item";
}

/* "function (i32, i32) -> i32" or "memory". */
static void type_text(const wasm_externtype_t *type, char *text, size_t size) {
	const wasm_functype_t *function = wasm_externtype_as_functype_const(type);
	if (function == NULL) {
		(void)snprintf(text, size, "%s", extern_word(type));
		return;
	}
	struct value_types params = value_types_of(wasm_functype_params(function));
	struct value_types results = value_types_of(wasm_functype_results(function));
	char takes[64], returns[64];
	value_types_text(&params, takes, sizeof(takes));
	value_types_text(&results, returns, sizeof(returns));
	(void)snprintf(text, size, "function of %s giving %s", takes, returns);
	free(params.kinds);
	free(results.kinds);
}

static bool offered(const wasm_importtype_t *import) {
	const wasm_name_t *module = wasm_importtype_module(import);
	const wasm_name_t *name = wasm_importtype_name(import);
	const char wasi[] = "wasi_snapshot_preview1";
	return module->size == strlen(wasi) && memcmp(module->data, wasi, module->size) == 0 &&
	       wasi_has(name->data, name->size);
}

static void append_import(struct buf *text, const wasm_importtype_t *import) {
	char type[160], line[320];
	const wasm_name_t *module = wasm_importtype_module(import);
	const wasm_name_t *name = wasm_importtype_name(import);
	type_text(wasm_importtype_type(import), type, sizeof(type));
	int size = snprintf(line, sizeof(line), "%s%.*s.%.*s (%s)", text->size == 0 ? "" : ", ",
			(int)(module->size < 64 ? module->size : 64), module->data,
			(int)(name->size < 64 ? name->size : 64), name->data, type);
	(void)buf_append_some(text, line, (size_t)size);
}

char *imports_tell(const struct wasm_module *module, wasmtime_error_t *error) {
	enum { SHOWN_BYTES = 640 };
	CLEANUP(mem_freep) char *chain = error_text(error);
	CLEANUP(buf_finish) struct buf text = BUF_INIT(SHOWN_BYTES);
	wasm_importtype_vec_t imports;
	wasmtime_module_imports(module->code, &imports);
	size_t unknown = 0, shown = 0;
	for (size_t i = 0; i < imports.size; i++) {
		if (!offered(imports.data[i])) {
			unknown++;
			if (text.size + 160 < SHOWN_BYTES) {
				append_import(&text, imports.data[i]);
				shown++;
			}
		}
	}
	wasm_importtype_vec_delete(&imports);
	if (unknown == 0) {
		char reason[400];
		last_reason(chain, reason, sizeof(reason));
		return str_format("an import has the wrong type: %s", reason);
	}
	char more[48] = "";
	if (shown < unknown) {
		(void)snprintf(more, sizeof(more), " and %zu more", unknown - shown);
	}
	return str_format("nobody offers what the module imports: %s%s; guests get "
			  "wasi_snapshot_preview1 only",
			buf_text(&text), more);
}
