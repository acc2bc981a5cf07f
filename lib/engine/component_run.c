/* SPDX-License-Identifier: Apache-2.0 */
/* One call of a component's function: text in, text out. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "engine/component_host.h"
#include "engine/wasi_files.h"
#include "engine/wave.h"

/* A result's text, beside which the task's other output has its own limits. */
enum { RESULT_TEXT_MAX = 1 << 20, PARAMS_MAX = 64 };

typedef wasmtime_component_val_t val_t;

struct component_call {
	const struct component_function *entry;
	val_t params[PARAMS_MAX], result;
	size_t param_count, result_count;
};

/* "ns:pkg/iface@1.0.0", "ns:pkg/iface" and "iface" all mean that interface. */
static bool interface_is(const char *interface, const char *asked, size_t size) {
	const char *at = strchr(interface, '@'), *slash = strrchr(interface, '/');
	size_t whole = strlen(interface), plain = at != NULL ? (size_t)(at - interface) : whole;
	if ((size == whole || size == plain) && memcmp(interface, asked, size) == 0) {
		return true;
	}
	size_t skip = slash != NULL ? (size_t)(slash + 1 - interface) : 0;
	return (size == whole - skip || (plain > skip && size == plain - skip)) &&
	       memcmp(interface + skip, asked, size) == 0;
}

/* Where the function's name begins: behind the # or the last dot. */
static const char *split(const char *asked) {
	const char *hash = strrchr(asked, '#');
	return hash != NULL ? hash : strrchr(asked, '.');
}

static bool function_is(const struct component_function *function, const char *asked) {
	const char *mark = split(asked);
	if (mark == NULL) {
		return strcmp(function->name, asked) == 0;
	}
	return function->interface != NULL && strcmp(function->name, mark + 1) == 0 &&
	       interface_is(function->interface, asked, (size_t)(mark - asked));
}

/* One that is exported by itself comes before those in interfaces. */
static const struct component_function *find(
		const struct component *component, const char *asked, size_t *matches) {
	const struct component_function *found = NULL;
	*matches = 0;
	for (size_t i = 0; asked != NULL && i < component->function_count; i++) {
		const struct component_function *function = &component->functions[i];
		if (!function_is(function, asked)) {
			continue;
		}
		if (function->interface == NULL) {
			*matches = 1;
			return function;
		}
		found = function;
		++*matches;
	}
	return found;
}

static void tell_functions(const struct component *component, char *text, size_t size) {
	size_t used = 0, i = 0;
	for (; i < component->function_count && used + 160 < size; i++) {
		const struct component_function *function = &component->functions[i];
		used += (size_t)snprintf(text + used, size - used, "%s%.80s%s%.48s",
				i == 0 ? "" : ", ",
				function->interface != NULL ? function->interface : "",
				function->interface != NULL ? "#" : "", function->name);
	}
	if (i < component->function_count) {
		(void)snprintf(text + used, size - used, " and %zu more",
				component->function_count - i);
	}
}

const struct component_function *component_entry(const struct component *component,
		const struct run_request *request, struct error *err) {
	const char *const names[] = { request->name, "wasi:cli/run#run", "main", "run" };
	const struct component_function *found = NULL;
	size_t matches = 0;
	if (request->invoke != NULL) {
		found = find(component, request->invoke, &matches);
	}
	for (size_t i = 0; request->invoke == NULL && matches == 0 && i < 4; i++) {
		found = find(component, names[i], &matches);
	}
	if (matches == 1) {
		return found;
	}
	char list[700] = "none";
	tell_functions(component, list, sizeof(list));
	error_set(err, ERROR_INVALID, "%s \"%.96s\"; the functions that the component exports: %s",
			matches > 1 ? "more than one exported function is called"
			: request->invoke != NULL
					? "there is no exported function"
					: "nothing to call: no wasi:cli/run, main, run or",
			request->invoke != NULL ? request->invoke
			: request->name != NULL ? request->name
						: "",
			list);
	return NULL;
}

static bool is_command(const struct component_function *entry) {
	return entry->interface != NULL && strcmp(entry->name, "run") == 0 &&
	       interface_is(entry->interface, "wasi:cli/run", strlen("wasi:cli/run"));
}

/* A string need not have quotes; it is what stands there then. */
static bool read_text(const char *text, const wasmtime_component_valtype_t *type, val_t *value,
		struct error *err) {
	if (type->kind != WASMTIME_COMPONENT_VALTYPE_STRING || text[0] == '"') {
		return wave_parse(text, type, value, err);
	}
	if (!str_is_utf8(text, strlen(text))) {
		return error_set(err, ERROR_INVALID, "the text is not UTF-8");
	}
	value->kind = WASMTIME_COMPONENT_STRING;
	wasm_byte_vec_new(&value->of.string, strlen(text), text);
	return true;
}

/* Reads argument `index`, and says which one it was if it does not fit. */
static bool read_param(const struct guest *guest, struct component_call *call, size_t index,
		struct error *err) {
	const char *name;
	size_t size;
	wasmtime_component_valtype_t type;
	if (!wasmtime_component_func_type_param_nth(
			    call->entry->type, index, &name, &size, &type)) {
		return error_set(err, ERROR_INTERNAL, "parameter %zu has gone", index + 1);
	}
	char text[240];
	wave_type_text(&type, text, sizeof(text));
	bool ok = wave_type_plain(&type) ? read_text(guest->request->inputs->items[index], &type,
							   &call->params[index], err)
					 : error_set(err, ERROR_INVALID,
							   "values of this type have no text");
	wasmtime_component_valtype_delete(&type);
	if (!ok) {
		return error_wrap(err, "argument %zu (`%.*s: %s`)", index + 1,
				size > 64 ? 64 : (int)size, name, text);
	}
	call->param_count = index + 1;
	return true;
}

/* "a: u32, b: string" or "nothing", cut to fit. */
static void tell_params(const struct component_function *function, char *text, size_t size) {
	wasmtime_component_valtype_t type;
	const char *name;
	size_t length, used = 0;
	(void)snprintf(text, size, "nothing");
	for (size_t i = 0;
			used + 40 < size && wasmtime_component_func_type_param_nth(function->type,
							    i, &name, &length, &type);
			i++) {
		char one[120];
		wave_type_text(&type, one, sizeof(one));
		wasmtime_component_valtype_delete(&type);
		int more = snprintf(text + used, size - used, "%s%.*s: %s", i == 0 ? "" : ", ",
				length > 40 ? 40 : (int)length, name, one);
		used += more > 0 ? (size_t)more : 0;
	}
}

/* Options at the end may be left out: they are none. */
static bool leave_out(struct component_call *call, size_t given, size_t count) {
	for (size_t i = given; i < count; i++) {
		const char *name;
		size_t size;
		wasmtime_component_valtype_t type;
		if (!wasmtime_component_func_type_param_nth(
				    call->entry->type, i, &name, &size, &type)) {
			return false;
		}
		bool option = type.kind == WASMTIME_COMPONENT_VALTYPE_OPTION;
		wasmtime_component_valtype_delete(&type);
		if (!option) {
			return false;
		}
		call->params[i] = (val_t){ .kind = WASMTIME_COMPONENT_OPTION };
	}
	return given <= count;
}

static bool read_params(struct guest *guest, struct component_call *call, struct error *err) {
	const struct strings *inputs = guest->request->inputs;
	size_t given = guest->command || inputs == NULL ? 0 : inputs->count;
	size_t count = wasmtime_component_func_type_param_count(call->entry->type);
	if (count > PARAMS_MAX) {
		return error_set(err, ERROR_INVALID,
				"\"%.96s\" takes %zu inputs, at most %d can be "
				"given",
				call->entry->name, count, PARAMS_MAX);
	}
	if (!leave_out(call, given, count)) {
		char params[400];
		tell_params(call->entry, params, sizeof(params));
		return error_set(err, ERROR_INVALID,
				"\"%.96s\" takes %zu inputs (%s), %zu were given",
				call->entry->name, count, params, given);
	}
	for (size_t i = 0; i < given; i++) {
		if (!read_param(guest, call, i, err)) {
			return false;
		}
	}
	call->param_count = count;
	return true;
}

static bool check_result(struct component_call *call, struct error *err) {
	wasmtime_component_valtype_t type;
	if (!wasmtime_component_func_type_result(call->entry->type, &type)) {
		return true;
	}
	call->result_count = 1;
	char text[240];
	wave_type_text(&type, text, sizeof(text));
	bool plain = wave_type_plain(&type);
	wasmtime_component_valtype_delete(&type);
	return plain || error_set(err, ERROR_INVALID, "\"%.96s\" returns %s, which has no text",
					call->entry->name, text);
}

static bool check(struct guest *guest, struct component_call *call, struct error *err) {
	const struct component *component = (const struct component *)guest->module;
	if (component->imports_error != NULL) {
		return error_set(err, ERROR_MODULE, "%s", component->imports_error);
	}
	if (guest->request->limits.fuel != 0 && !guest->module->metered) {
		return error_set(err, ERROR_INVALID,
				"a fuel limit needs a module that was compiled with metering");
	}
	call->entry = component_entry(component, guest->request, err);
	if (call->entry == NULL) {
		return false;
	}
	guest->command = is_command(call->entry);
	return check_result(call, err) && read_params(guest, call, err);
}

static bool body(struct guest *guest, void *values, struct error *err) {
	struct component_call *call = values;
	const struct component *component = (const struct component *)guest->module;
	wasmtime_component_instance_t instance;
	wasmtime_component_func_t function;
	wasmtime_error_t *error = wasmtime_component_linker_instantiate(
			component->linker, guest->context, component->code, &instance);
	if (error != NULL) {
		return trap_set_error(guest, error, err);
	}
	guest_tell(guest);
	if (!wasmtime_component_instance_get_func(
			    &instance, guest->context, call->entry->index, &function)) {
		return error_set(err, ERROR_INTERNAL, "the export \"%.96s\" has gone",
				call->entry->name);
	}
	error = wasmtime_component_func_call(&function, guest->context, call->params,
			call->param_count, &call->result, call->result_count);
	return error == NULL || trap_set_error(guest, error, err);
}

/* A command's result is its exit code; any other's is text. */
static bool tell_result(struct guest *guest, struct component_call *call, struct error *err) {
	struct run_result *result = guest->result;
	struct buf text = BUF_INIT(RESULT_TEXT_MAX);
	size_t size;
	if (guest->command && guest->end == GUEST_RUNS) {
		bool failed = call->result.kind == WASMTIME_COMPONENT_RESULT &&
			      !call->result.of.result.is_ok;
		result->exit_code = failed ? 1 : 0;
	} else if (guest->end == GUEST_RUNS && call->result_count != 0) {
		if (!wave_format(&call->result, &text, err)) {
			buf_finish(&text);
			return error_wrap(err, "the result as text");
		}
		result->has_values = true;
	}
	result->values = (char *)buf_take(&text, &size);
	return true;
}

static void drop(struct component_call *call) {
	for (size_t i = 0; i < call->param_count; i++) {
		wasmtime_component_val_delete(&call->params[i]);
	}
	wasmtime_component_val_delete(&call->result);
}

bool component_run(struct module *module, const struct run_request *request, struct run_stop *stop,
		struct run_result *result, struct error *err) {
	struct guest guest = {
		.module = (struct wasm_module *)module,
		.request = request,
		.stop = stop,
		.result = result,
	};
	if (run_stop_requested(stop)) {
		return error_set(err, ERROR_INTERRUPTED, "the run was stopped before it began");
	}
	CLEANUP(mem_freep) struct component_call *call = MEM_NEW(struct component_call);
	CLEANUP(mem_freep) struct host_state *host = MEM_NEW(struct host_state);
	guest.host = host;
	bool ok = check(&guest, call, err) && wasi_files_open(&guest, err) &&
		  guest_run(&guest, body, call, err) && tell_result(&guest, call, err);
	wasi_files_close(&guest);
	drop(call);
	return ok;
}
