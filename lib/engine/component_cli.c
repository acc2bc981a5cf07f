/* SPDX-License-Identifier: Apache-2.0 */
/* WASI 0.2 but for waiting and streams: what a program is told, random bytes, and no for an answer.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/random.h"
#include "engine/component_host.h"

typedef const char *(*text_fn)(const struct guest *guest, size_t index);

static size_t count(const struct guest *guest, text_fn text) {
	size_t number = 0;
	while (text(guest, number) != NULL) {
		number++;
	}
	return number;
}

wasmtime_error_t *host_arguments(struct host_call *call) {
	size_t number = count(call->guest, guest_argument);
	call->result->kind = WASMTIME_COMPONENT_LIST;
	wasmtime_component_vallist_new_uninit(&call->result->of.list, number);
	for (size_t i = 0; i < number; i++) {
		call->result->of.list.data[i] = host_string(guest_argument(call->guest, i));
	}
	return NULL;
}

/* ("NAME", "value") */
static host_val_t pair(const char *text) {
	size_t size = strcspn(text, "=");
	char *name = mem_copy(text, size);
	host_val_t value = { .kind = WASMTIME_COMPONENT_TUPLE };
	wasmtime_component_valtuple_new_uninit(&value.of.tuple, 2);
	value.of.tuple.data[0] = host_string(name);
	value.of.tuple.data[1] = host_string(text[size] == '=' ? text + size + 1 : "");
	free(name);
	return value;
}

wasmtime_error_t *host_environment(struct host_call *call) {
	size_t number = count(call->guest, guest_variable);
	call->result->kind = WASMTIME_COMPONENT_LIST;
	wasmtime_component_vallist_new_uninit(&call->result->of.list, number);
	for (size_t i = 0; i < number; i++) {
		call->result->of.list.data[i] = pair(guest_variable(call->guest, i));
	}
	return NULL;
}

wasmtime_error_t *host_nothing(struct host_call *call) {
	*call->result = (host_val_t){ .kind = WASMTIME_COMPONENT_OPTION };
	return NULL;
}

static wasmtime_error_t *leave(struct guest *guest, int code) {
	guest->end = GUEST_EXITED;
	guest->result->exit_code = code;
	return wasmtime_error_new("the guest has exited");
}

wasmtime_error_t *host_exit(struct host_call *call) {
	return leave(call->guest, call->args[0].of.result.is_ok ? 0 : 1);
}

wasmtime_error_t *host_exit_with_code(struct host_call *call) {
	return leave(call->guest, call->args[0].of.u8);
}

wasmtime_error_t *host_wall_now(struct host_call *call) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	*call->result = host_datetime((uint64_t)now.tv_sec, (uint32_t)now.tv_nsec);
	return NULL;
}

wasmtime_error_t *host_wall_resolution(struct host_call *call) {
	struct timespec step;
	clock_getres(CLOCK_REALTIME, &step);
	*call->result = host_datetime((uint64_t)step.tv_sec, (uint32_t)step.tv_nsec);
	return NULL;
}

/* All that was asked for must be given, and each byte is a value of its own on the way. */
wasmtime_error_t *host_random_bytes(struct host_call *call) {
	uint8_t bytes[HOST_PIECE];
	uint64_t size = call->args[0].of.u64;
	if (size > sizeof(bytes)) {
		char text[120];
		(void)snprintf(text, sizeof(text),
				"%llu random bytes were asked for at once; at most %zu are given",
				(unsigned long long)size, sizeof(bytes));
		return wasmtime_error_new(text);
	}
	random_bytes(bytes, (size_t)size);
	*call->result = host_bytes(bytes, (size_t)size);
	return NULL;
}

static host_val_t random_number(void) {
	uint64_t number;
	random_bytes(&number, sizeof(number));
	return host_u64(number);
}

wasmtime_error_t *host_random_u64(struct host_call *call) {
	*call->result = random_number();
	return NULL;
}

wasmtime_error_t *host_random_pair(struct host_call *call) {
	call->result->kind = WASMTIME_COMPONENT_TUPLE;
	wasmtime_component_valtuple_new_uninit(&call->result->of.tuple, 2);
	call->result->of.tuple.data[0] = random_number();
	call->result->of.tuple.data[1] = random_number();
	return NULL;
}

wasmtime_error_t *host_network(struct host_call *call) {
	return host_own(call, HOST_NETWORK, 0, call->result);
}

wasmtime_error_t *host_access_denied(struct host_call *call) {
	host_give_err_name(call, "access-denied");
	return NULL;
}
