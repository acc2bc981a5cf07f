/* SPDX-License-Identifier: Apache-2.0 */
/* WASI 0.2: which functions and resources there are, and the way into them. */
#include "engine/component_host.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/*
 * Parameters: p pollable, P list of them, i input-stream, o output-stream, D descriptor, L
 * directory-entry-stream, E error, n network, u u64, b u8, s string, r result, d list<u8>, F flags,
 * * anything that is not looked at, or by the function itself.
 */
struct host_entry {
	const char *interface, *name, *takes;
	bool gives;
	host_fn call;
};

enum { ARGS_MAX = 4 };

static const struct host_entry entries[] = {
	{ "cli/environment", "get-environment", "", true, host_environment },
	{ "cli/environment", "get-arguments", "", true, host_arguments },
	{ "cli/environment", "initial-cwd", "", true, host_nothing },
	{ "cli/exit", "exit", "r", false, host_exit },
	{ "cli/exit", "exit-with-code", "b", false, host_exit_with_code },
	{ "cli/stdin", "get-stdin", "", true, host_stdin },
	{ "cli/stdout", "get-stdout", "", true, host_stdout },
	{ "cli/stderr", "get-stderr", "", true, host_stderr },
	{ "cli/terminal-stdin", "get-terminal-stdin", "", true, host_nothing },
	{ "cli/terminal-stdout", "get-terminal-stdout", "", true, host_nothing },
	{ "cli/terminal-stderr", "get-terminal-stderr", "", true, host_nothing },
	{ "cli/terminal-input", NULL, NULL, false, NULL },
	{ "cli/terminal-output", NULL, NULL, false, NULL },
	{ "io/error", "[method]error.to-debug-string", "E", true, host_error_text },
	{ "io/poll", "[method]pollable.ready", "p", true, host_ready },
	{ "io/poll", "[method]pollable.block", "p", false, host_block },
	{ "io/poll", "poll", "P", true, host_poll },
	{ "io/streams", "[method]input-stream.read", "iu", true, host_read },
	{ "io/streams", "[method]input-stream.blocking-read", "iu", true, host_read },
	{ "io/streams", "[method]input-stream.skip", "iu", true, host_skip },
	{ "io/streams", "[method]input-stream.blocking-skip", "iu", true, host_skip },
	{ "io/streams", "[method]input-stream.subscribe", "i", true, host_subscribe },
	{ "io/streams", "[method]output-stream.check-write", "o", true, host_check_write },
	{ "io/streams", "[method]output-stream.write", "od", true, host_write },
	{ "io/streams", "[method]output-stream.blocking-write-and-flush", "od", true, host_write },
	{ "io/streams", "[method]output-stream.flush", "o", true, host_flush },
	{ "io/streams", "[method]output-stream.blocking-flush", "o", true, host_flush },
	{ "io/streams", "[method]output-stream.subscribe", "o", true, host_subscribe },
	{ "io/streams", "[method]output-stream.write-zeroes", "ou", true, host_write_zeroes },
	{ "io/streams", "[method]output-stream.blocking-write-zeroes-and-flush", "ou", true,
			host_write_zeroes },
	{ "io/streams", "[method]output-stream.splice", "oiu", true, host_splice },
	{ "io/streams", "[method]output-stream.blocking-splice", "oiu", true, host_splice },
	{ "clocks/monotonic-clock", "now", "", true, host_monotonic_now },
	{ "clocks/monotonic-clock", "resolution", "", true, host_monotonic_resolution },
	{ "clocks/monotonic-clock", "subscribe-instant", "u", true, host_subscribe_instant },
	{ "clocks/monotonic-clock", "subscribe-duration", "u", true, host_subscribe_duration },
	{ "clocks/wall-clock", "now", "", true, host_wall_now },
	{ "clocks/wall-clock", "resolution", "", true, host_wall_resolution },
	{ "random/random", "get-random-bytes", "u", true, host_random_bytes },
	{ "random/random", "get-random-u64", "", true, host_random_u64 },
	{ "random/insecure", "get-insecure-random-bytes", "u", true, host_random_bytes },
	{ "random/insecure", "get-insecure-random-u64", "", true, host_random_u64 },
	{ "random/insecure-seed", "insecure-seed", "", true, host_random_pair },
	{ "filesystem/preopens", "get-directories", "", true, host_directories },
	{ "filesystem/types", "filesystem-error-code", "E", true, host_error_code },
#define DESCRIPTOR "filesystem/types", "[method]descriptor."
	{ DESCRIPTOR "read-via-stream", "Du", true, host_file_read_stream },
	{ DESCRIPTOR "write-via-stream", "Du", true, host_file_write_stream },
	{ DESCRIPTOR "append-via-stream", "D", true, host_file_append_stream },
	{ DESCRIPTOR "advise", "Duu*", true, host_file_advise },
	{ DESCRIPTOR "sync", "D", true, host_file_sync },
	{ DESCRIPTOR "sync-data", "D", true, host_file_sync_data },
	{ DESCRIPTOR "get-flags", "D", true, host_file_flags },
	{ DESCRIPTOR "get-type", "D", true, host_file_type },
	{ DESCRIPTOR "set-size", "Du", true, host_file_set_size },
	{ DESCRIPTOR "set-times", "D**", true, host_file_set_times },
	{ DESCRIPTOR "read", "Duu", true, host_file_read },
	{ DESCRIPTOR "write", "Ddu", true, host_file_write },
	{ DESCRIPTOR "read-directory", "D", true, host_file_entries },
	{ DESCRIPTOR "stat", "D", true, host_file_stat },
	{ DESCRIPTOR "is-same-object", "DD", true, host_file_same },
	{ DESCRIPTOR "metadata-hash", "D", true, host_file_hash },
	{ DESCRIPTOR "create-directory-at", "Ds", true, host_path_create_directory },
	{ DESCRIPTOR "remove-directory-at", "Ds", true, host_path_remove_directory },
	{ DESCRIPTOR "unlink-file-at", "Ds", true, host_path_unlink },
	{ DESCRIPTOR "rename-at", "DsDs", true, host_path_rename },
	{ DESCRIPTOR "readlink-at", "Ds", true, host_path_readlink },
	{ DESCRIPTOR "link-at", "DFsDs", true, host_path_link },
	{ DESCRIPTOR "symlink-at", "Dss", true, host_path_link },
	{ DESCRIPTOR "stat-at", "DFs", true, host_path_stat },
	{ DESCRIPTOR "set-times-at", "DFs**", true, host_path_set_times },
	{ DESCRIPTOR "open-at", "DFsFF", true, host_path_open },
	{ DESCRIPTOR "metadata-hash-at", "DFs", true, host_path_hash },
	{ "filesystem/types", "[method]directory-entry-stream.read-directory-entry", "L", true,
			host_file_next_entry },
	{ "sockets/network", "network-error-code", "*", true, host_nothing },
	{ "sockets/instance-network", "instance-network", "", true, host_network },
	{ "sockets/ip-name-lookup", "resolve-addresses", "n*", true, host_access_denied },
	{ "sockets/tcp", NULL, NULL, false, NULL },
	{ "sockets/udp", NULL, NULL, false, NULL },
	{ "sockets/tcp-create-socket", "create-tcp-socket", "*", true, host_access_denied },
	{ "sockets/udp-create-socket", "create-udp-socket", "*", true, host_access_denied },
};

static const struct host_resource {
	const char *name;
	enum host_type type;
	void (*drop)(struct guest *guest, uint32_t number);
} resources[] = {
	{ "pollable", HOST_POLLABLE, host_drop_pollable },
	{ "input-stream", HOST_INPUT, host_drop_stream },
	{ "output-stream", HOST_OUTPUT, host_drop_stream },
	{ "directory-entry-stream", HOST_ENTRIES, host_drop_stream },
	{ "descriptor", HOST_DESCRIPTOR, host_drop_descriptor },
	{ "error", HOST_ERROR, NULL },
	{ "network", HOST_NETWORK, NULL },
	{ "terminal-input", HOST_NO_TYPE, NULL },
	{ "terminal-output", HOST_NO_TYPE, NULL },
	{ "tcp-socket", HOST_NO_TYPE, NULL },
	{ "udp-socket", HOST_NO_TYPE, NULL },
	{ "incoming-datagram-stream", HOST_NO_TYPE, NULL },
	{ "outgoing-datagram-stream", HOST_NO_TYPE, NULL },
	{ "resolve-address-stream", HOST_NO_TYPE, NULL },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is(const char *known, const char *name, size_t size) {
	return strlen(known) == size && memcmp(known, name, size) == 0;
}

/* "cli/exit" of "wasi:cli/exit@0.2.3"; false for other packages and versions. */
static bool interface_of(const char *name, size_t size, const char **plain, size_t *length) {
	static const char package[] = "wasi:", version[] = "@0.2.";
	const size_t front = sizeof(package) - 1, back = sizeof(version) - 1;
	const char *at = memchr(name, '@', size);
	if (size < front || memcmp(name, package, front) != 0 || at == NULL) {
		return false;
	}
	size_t left = size - (size_t)(at - name);
	*plain = name + front;
	*length = (size_t)(at - *plain);
	if (left <= back || memcmp(at, version, back) != 0) {
		return false;
	}
	for (size_t i = back; i < left; i++) {
		if (at[i] < '0' || at[i] > '9') {
			return false;
		}
	}
	return true;
}

bool host_offers(const char *interface, size_t size) {
	const char *plain;
	size_t length;
	if (!interface_of(interface, size, &plain, &length)) {
		return false;
	}
	for (size_t i = 0; i < COUNT(entries); i++) {
		if (is(entries[i].interface, plain, length)) {
			return true;
		}
	}
	return false;
}

/* --- arguments ---------------------------------------------------------------------------------
 */

/* A resource becomes its number. Each must be taken, or the guest cannot go on. */
static bool take_resource(struct host_call *call, host_val_t *value, enum host_type type) {
	wasmtime_component_resource_host_t *resource;
	if (value->kind != WASMTIME_COMPONENT_RESOURCE) {
		return false;
	}
	wasmtime_error_t *error = wasmtime_component_resource_any_to_host(
			call->context, value->of.resource, &resource);
	if (error != NULL) {
		wasmtime_error_delete(error);
		return false;
	}
	bool right = wasmtime_component_resource_host_type(resource) == (uint32_t)type;
	uint32_t number = wasmtime_component_resource_host_rep(resource);
	wasmtime_component_resource_host_delete(resource);
	wasmtime_component_val_delete(value);
	*value = (host_val_t){ .kind = WASMTIME_COMPONENT_U32, .of.u32 = number };
	return right;
}

static bool take_pollables(struct host_call *call, host_val_t *value) {
	if (value->kind != WASMTIME_COMPONENT_LIST) {
		return false;
	}
	for (size_t i = 0; i < value->of.list.size; i++) {
		if (!take_resource(call, &value->of.list.data[i], HOST_POLLABLE)) {
			return false;
		}
	}
	return true;
}

static bool is_bytes(const host_val_t *value) {
	if (value->kind != WASMTIME_COMPONENT_LIST) {
		return false;
	}
	/* All items of a list are of one type. */
	return value->of.list.size == 0 || value->of.list.data[0].kind == WASMTIME_COMPONENT_U8;
}

/* What nobody looks at; a resource has to be taken all the same. */
static bool take_any(struct host_call *call, host_val_t *value) {
	if (value->kind == WASMTIME_COMPONENT_RESOURCE) {
		(void)take_resource(call, value, HOST_NO_TYPE);
	}
	return true;
}

static const struct {
	char letter;
	enum host_type type;
} resource_letters[] = { { 'p', HOST_POLLABLE }, { 'i', HOST_INPUT }, { 'o', HOST_OUTPUT },
	{ 'D', HOST_DESCRIPTOR }, { 'L', HOST_ENTRIES }, { 'E', HOST_ERROR },
	{ 'n', HOST_NETWORK } };

static const struct {
	char letter;
	wasmtime_component_valkind_t kind;
} kind_letters[] = { { 'u', WASMTIME_COMPONENT_U64 }, { 'b', WASMTIME_COMPONENT_U8 },
	{ 's', WASMTIME_COMPONENT_STRING }, { 'r', WASMTIME_COMPONENT_RESULT },
	{ 'F', WASMTIME_COMPONENT_FLAGS } };

static bool take_arg(struct host_call *call, host_val_t *value, char letter) {
	for (size_t i = 0; i < COUNT(resource_letters); i++) {
		if (resource_letters[i].letter == letter) {
			return take_resource(call, value, resource_letters[i].type);
		}
	}
	for (size_t i = 0; i < COUNT(kind_letters); i++) {
		if (kind_letters[i].letter == letter) {
			return value->kind == kind_letters[i].kind;
		}
	}
	switch (letter) {
	case 'P': return take_pollables(call, value);
	case 'd': return is_bytes(value);
	default: return take_any(call, value);
	}
}

static bool take_args(struct host_call *call, const char *takes, size_t count) {
	if (strlen(takes) != count) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		if (!take_arg(call, &call->args[i], takes[i])) {
			return false;
		}
	}
	return true;
}

static wasmtime_error_t *enter(void *data, wasmtime_context_t *context,
		const wasmtime_component_func_type_t *type, host_val_t *args, size_t count,
		host_val_t *results, size_t result_count) {
	(void)type;
	const struct host_entry *entry = data;
	struct host_call call = {
		.guest = wasmtime_context_get_data(context),
		.context = context,
		.args = args,
		.result = result_count != 0 ? results : NULL,
	};
	if (result_count != entry->gives || !take_args(&call, entry->takes, count)) {
		char text[200];
		(void)snprintf(text, sizeof(text),
				"the component imports wasi:%s#%s with other types than it has",
				entry->interface, entry->name);
		return wasmtime_error_new(text);
	}
	return entry->call(&call);
}

/* Methods of resources that no guest can have. */
static wasmtime_error_t *enter_nothing(void *data, wasmtime_context_t *context,
		const wasmtime_component_func_type_t *type, host_val_t *args, size_t count,
		host_val_t *results, size_t result_count) {
	(void)data;
	(void)context;
	(void)type;
	(void)args;
	(void)count;
	(void)results;
	(void)result_count;
	return wasmtime_error_new("there are no sockets");
}

/* --- linking ------------------------------------------------------------------------------------
 */

static bool linked(wasmtime_error_t *error) {
	if (error != NULL) {
		wasmtime_error_delete(error);
	}
	return error == NULL;
}

static const struct host_entry *entry_of(
		const char *interface, size_t interface_size, const char *name, size_t size) {
	for (size_t i = 0; i < COUNT(entries); i++) {
		const struct host_entry *entry = &entries[i];
		if (entry->name != NULL && is(entry->interface, interface, interface_size) &&
				is(entry->name, name, size)) {
			return entry;
		}
	}
	return NULL;
}

/* True for a method in an interface whose resources nobody has. */
static bool out_of_reach(
		const char *interface, size_t interface_size, const char *name, size_t size) {
	static const char *const interfaces[] = { "sockets/tcp", "sockets/udp",
		"sockets/ip-name-lookup" };
	static const char method[] = "[method]";
	for (size_t i = 0; i < COUNT(interfaces); i++) {
		if (is(interfaces[i], interface, interface_size)) {
			return size > sizeof(method) - 1 &&
			       memcmp(name, method, sizeof(method) - 1) == 0;
		}
	}
	return false;
}

bool host_function(wasmtime_component_linker_instance_t *to, const char *interface,
		size_t interface_size, const char *name, size_t size) {
	const char *plain;
	size_t length;
	if (!interface_of(interface, interface_size, &plain, &length)) {
		return false;
	}
	const struct host_entry *entry = entry_of(plain, length, name, size);
	if (entry != NULL && entry->call != NULL) {
		return linked(wasmtime_component_linker_instance_add_func(
				to, name, size, enter, (void *)(uintptr_t)entry, NULL));
	}
	return (entry != NULL || out_of_reach(plain, length, name, size)) &&
	       linked(wasmtime_component_linker_instance_add_func(
			       to, name, size, enter_nothing, NULL, NULL));
}

static wasmtime_error_t *drop(void *data, wasmtime_context_t *context, uint32_t number) {
	const struct host_resource *resource = data;
	if (resource->drop != NULL) {
		resource->drop(wasmtime_context_get_data(context), number);
	}
	return NULL;
}

bool host_resource(wasmtime_component_linker_instance_t *to, const char *name, size_t size) {
	for (size_t i = 0; i < COUNT(resources); i++) {
		if (!is(resources[i].name, name, size)) {
			continue;
		}
		/* Those that nobody has are all of one type: nobody can tell. */
		wasmtime_component_resource_type_t *type =
				wasmtime_component_resource_type_new_host(resources[i].type);
		bool ok = linked(wasmtime_component_linker_instance_add_resource(to, name, size,
				type, drop, (void *)(uintptr_t)&resources[i], NULL));
		wasmtime_component_resource_type_delete(type);
		return ok;
	}
	return false;
}

/* --- values -------------------------------------------------------------------------------------
 */

host_val_t host_string(const char *text) {
	host_val_t value = { .kind = WASMTIME_COMPONENT_STRING };
	size_t size;
	CLEANUP(mem_freep) char *valid = str_utf8(text, strlen(text), &size);
	wasm_byte_vec_new(&value.of.string, size, valid);
	return value;
}

host_val_t host_bytes(const uint8_t *bytes, size_t size) {
	host_val_t value = { .kind = WASMTIME_COMPONENT_LIST };
	wasmtime_component_vallist_new_uninit(&value.of.list, size);
	for (size_t i = 0; i < size; i++) {
		value.of.list.data[i] =
				(host_val_t){ .kind = WASMTIME_COMPONENT_U8, .of.u8 = bytes[i] };
	}
	return value;
}

wasmtime_error_t *host_own(
		struct host_call *call, enum host_type type, uint32_t number, host_val_t *value) {
	wasmtime_component_resource_any_t *any;
	wasmtime_component_resource_host_t *resource =
			wasmtime_component_resource_host_new(true, number, type);
	wasmtime_error_t *error =
			wasmtime_component_resource_host_to_any(call->context, resource, &any);
	wasmtime_component_resource_host_delete(resource);
	if (error == NULL) {
		*value = (host_val_t){ .kind = WASMTIME_COMPONENT_RESOURCE, .of.resource = any };
	}
	return error;
}

static void give(struct host_call *call, bool ok, host_val_t *value) {
	*call->result = (host_val_t){ .kind = WASMTIME_COMPONENT_RESULT,
		.of.result = { ok, value != NULL ? wasmtime_component_val_new(value) : NULL } };
}

void host_give_ok(struct host_call *call, host_val_t *value) {
	give(call, true, value);
}

void host_give_err(struct host_call *call, host_val_t *value) {
	give(call, false, value);
}

host_val_t host_name(wasmtime_component_valkind_t kind, const char *name) {
	host_val_t value = { .kind = kind };
	wasm_byte_vec_new(&value.of.enumeration, strlen(name), name);
	return value;
}

host_val_t host_record(const struct host_field *fields, size_t count) {
	host_val_t value = { .kind = WASMTIME_COMPONENT_RECORD };
	wasmtime_component_valrecord_new_uninit(&value.of.record, count);
	for (size_t i = 0; i < count; i++) {
		wasm_byte_vec_new(&value.of.record.data[i].name, strlen(fields[i].name),
				fields[i].name);
		value.of.record.data[i].val = fields[i].value;
	}
	return value;
}

host_val_t host_datetime(uint64_t seconds, uint32_t nanoseconds) {
	const struct host_field fields[] = {
		{ "seconds", host_u64(seconds) },
		{ "nanoseconds", { .kind = WASMTIME_COMPONENT_U32, .of.u32 = nanoseconds } },
	};
	return host_record(fields, 2);
}

void host_give_err_name(struct host_call *call, const char *name) {
	host_val_t value = host_name(WASMTIME_COMPONENT_ENUM, name);
	host_give_err(call, &value);
}
