/* SPDX-License-Identifier: Apache-2.0 */
/* WASI 0.2: streams, and waiting, which ends with the run. */
#include <string.h>
#include <time.h>

#include "engine/component_host.h"

/* Nothing but the guest's own request is ever in the way of a stream. */

wasmtime_error_t *host_stdin(struct host_call *call) {
	return host_own(call, HOST_INPUT, 0, call->result);
}

wasmtime_error_t *host_stdout(struct host_call *call) {
	return host_own(call, HOST_OUTPUT, 1, call->result);
}

wasmtime_error_t *host_stderr(struct host_call *call) {
	return host_own(call, HOST_OUTPUT, 2, call->result);
}

static void give_closed(struct host_call *call) {
	host_val_t value = { .kind = WASMTIME_COMPONENT_VARIANT };
	wasm_byte_vec_new(&value.of.variant.discriminant, strlen("closed"), "closed");
	host_give_err(call, &value);
}

/* Takes up to `most` bytes of standard input; false if there was nothing and something asked. */
static bool take_input(struct guest *guest, uint64_t most, struct bytes *bytes) {
	const struct bytes *input = &guest->request->input;
	size_t left = input->size - guest->input_at;
	size_t size = most < HOST_PIECE ? (size_t)most : HOST_PIECE;
	size = size < left ? size : left;
	*bytes = (struct bytes){ left != 0 ? input->data + guest->input_at : NULL, size };
	guest->input_at += size;
	return left != 0 || most == 0;
}

wasmtime_error_t *host_read(struct host_call *call) {
	struct bytes bytes;
	if (!take_input(call->guest, call->args[1].of.u64, &bytes)) {
		give_closed(call);
		return NULL;
	}
	host_val_t value = host_bytes(bytes.data, bytes.size);
	host_give_ok(call, &value);
	return NULL;
}

wasmtime_error_t *host_skip(struct host_call *call) {
	struct bytes bytes;
	if (!take_input(call->guest, call->args[1].of.u64, &bytes)) {
		give_closed(call);
		return NULL;
	}
	host_val_t value = host_u64(bytes.size);
	host_give_ok(call, &value);
	return NULL;
}

static struct buf *output_of(const struct host_call *call) {
	struct run_result *result = call->guest->result;
	return call->args[0].of.u32 == 2 ? &result->stderr_bytes : &result->stdout_bytes;
}

wasmtime_error_t *host_check_write(struct host_call *call) {
	host_val_t value = host_u64(HOST_PIECE);
	host_give_ok(call, &value);
	return NULL;
}

wasmtime_error_t *host_write(struct host_call *call) {
	const wasmtime_component_vallist_t *list = &call->args[1].of.list;
	uint8_t bytes[4096];
	for (size_t done = 0; done < list->size;) {
		size_t size = 0;
		while (size < sizeof(bytes) && done < list->size) {
			bytes[size++] = list->data[done++].of.u8;
		}
		guest_output(call->guest, output_of(call), bytes, size);
	}
	host_give_ok(call, NULL);
	return NULL;
}

wasmtime_error_t *host_write_zeroes(struct host_call *call) {
	static const uint8_t zeroes[HOST_PIECE];
	uint64_t size = call->args[1].of.u64;
	if (size > sizeof(zeroes)) {
		return wasmtime_error_new("more zeroes were written than check-write() allows");
	}
	guest_output(call->guest, output_of(call), zeroes, (size_t)size);
	host_give_ok(call, NULL);
	return NULL;
}

wasmtime_error_t *host_flush(struct host_call *call) {
	host_give_ok(call, NULL);
	return NULL;
}

wasmtime_error_t *host_splice(struct host_call *call) {
	struct bytes bytes;
	if (!take_input(call->guest, call->args[2].of.u64, &bytes)) {
		give_closed(call);
		return NULL;
	}
	guest_output(call->guest, output_of(call), bytes.data, bytes.size);
	host_val_t value = host_u64(bytes.size);
	host_give_ok(call, &value);
	return NULL;
}

/* --- waiting ------------------------------------------------------------------------------------
 */

static wasmtime_error_t *give_pollable(struct host_call *call, uint64_t at_ns) {
	struct pollables *all = call->guest->pollables;
	for (uint32_t i = 0; i < POLLABLES_MAX; i++) {
		if (!all->used[i]) {
			all->used[i] = true;
			all->at_ns[i] = at_ns;
			return host_own(call, HOST_POLLABLE, i, call->result);
		}
	}
	return wasmtime_error_new("too many pollables at once: 4096 is all that there are");
}

void host_drop_pollable(struct guest *guest, uint32_t number) {
	guest->pollables->used[number] = false;
}

static uint64_t due(const struct host_call *call, const host_val_t *pollable) {
	return call->guest->pollables->at_ns[pollable->of.u32];
}

wasmtime_error_t *host_subscribe(struct host_call *call) {
	return give_pollable(call, 0);
}

wasmtime_error_t *host_subscribe_instant(struct host_call *call) {
	return give_pollable(call, call->args[0].of.u64);
}

wasmtime_error_t *host_subscribe_duration(struct host_call *call) {
	uint64_t now = guest_now_ns(), delay = call->args[0].of.u64;
	return give_pollable(call, delay > UINT64_MAX - now ? UINT64_MAX : now + delay);
}

wasmtime_error_t *host_monotonic_now(struct host_call *call) {
	*call->result = host_u64(guest_now_ns());
	return NULL;
}

wasmtime_error_t *host_monotonic_resolution(struct host_call *call) {
	struct timespec step;
	clock_getres(CLOCK_MONOTONIC, &step);
	*call->result = host_u64((uint64_t)step.tv_sec * 1000000000 + (uint64_t)step.tv_nsec);
	return NULL;
}

wasmtime_error_t *host_ready(struct host_call *call) {
	*call->result = (host_val_t){ .kind = WASMTIME_COMPONENT_BOOL,
		.of.boolean = due(call, &call->args[0]) <= guest_now_ns() };
	return NULL;
}

static wasmtime_error_t *wait(struct guest *guest, uint64_t at_ns) {
	uint64_t until = at_ns < guest->wall_ns ? at_ns : guest->wall_ns;
	if (until > guest_now_ns()) {
		guest_tell(guest);
		(void)stop_wait(guest->stop, until);
	}
	return guest_over(guest) ? wasmtime_error_new("the run has to end") : NULL;
}

wasmtime_error_t *host_block(struct host_call *call) {
	return wait(call->guest, due(call, &call->args[0]));
}

static void give_ready(struct host_call *call, const wasmtime_component_vallist_t *asked) {
	uint64_t now = guest_now_ns();
	size_t ready = 0;
	for (size_t i = 0; i < asked->size; i++) {
		ready += due(call, &asked->data[i]) <= now;
	}
	call->result->kind = WASMTIME_COMPONENT_LIST;
	wasmtime_component_vallist_new_uninit(&call->result->of.list, ready);
	for (size_t i = 0, to = 0; i < asked->size; i++) {
		if (due(call, &asked->data[i]) <= now) {
			call->result->of.list.data[to++] =
					(host_val_t){ .kind = WASMTIME_COMPONENT_U32,
						.of.u32 = (uint32_t)i };
		}
	}
}

wasmtime_error_t *host_poll(struct host_call *call) {
	const wasmtime_component_vallist_t *asked = &call->args[0].of.list;
	uint64_t first = UINT64_MAX;
	if (asked->size == 0) {
		return wasmtime_error_new("poll() of nothing would wait for ever");
	}
	for (size_t i = 0; i < asked->size; i++) {
		uint64_t at_ns = due(call, &asked->data[i]);
		first = at_ns < first ? at_ns : first;
	}
	wasmtime_error_t *over = wait(call->guest, first);
	if (over == NULL) {
		give_ready(call, asked);
	}
	return over;
}
