/* SPDX-License-Identifier: Apache-2.0 */
/* WASI 0.2: streams, and waiting, which ends with the run. */
#include <string.h>
#include <time.h>

#include "engine/component_host.h"

wasmtime_error_t *host_stdin(struct host_call *call) {
	return host_own(call, HOST_INPUT, 0, call->result);
}

wasmtime_error_t *host_stdout(struct host_call *call) {
	return host_own(call, HOST_OUTPUT, 1, call->result);
}

wasmtime_error_t *host_stderr(struct host_call *call) {
	return host_own(call, HOST_OUTPUT, 2, call->result);
}

static wasmtime_error_t *give_closed(struct host_call *call) {
	host_val_t value = { .kind = WASMTIME_COMPONENT_VARIANT };
	wasm_byte_vec_new(&value.of.variant.discriminant, strlen("closed"), "closed");
	host_give_err(call, &value);
	return NULL;
}

static wasmtime_error_t *give_failed(struct host_call *call, enum wasi_errno number) {
	static const char name[] = "last-operation-failed";
	host_val_t value = { .kind = WASMTIME_COMPONENT_VARIANT }, reason;
	wasmtime_error_t *error = host_own(call, HOST_ERROR, number, &reason);
	if (error == NULL) {
		wasm_byte_vec_new(&value.of.variant.discriminant, sizeof(name) - 1, name);
		value.of.variant.val = wasmtime_component_val_new(&reason);
		host_give_err(call, &value);
	}
	return error;
}

/* Takes up to `most` bytes of standard input. */
static struct bytes take_stdin(struct guest *guest, size_t most) {
	const struct bytes *input = &guest->request->input;
	size_t left = input->size - guest->input_at;
	size_t size = most < left ? most : left;
	const struct bytes bytes = { left != 0 ? input->data + guest->input_at : NULL, size };
	guest->input_at += size;
	return bytes;
}

/* What came of reading: bytes, which may be none, or an end that was given to the guest. */
struct taken {
	struct bytes bytes;
	bool ended;
	wasmtime_error_t *error;
};

static struct taken take_input(struct host_call *call, uint32_t stream, uint64_t asked) {
	struct taken taken = { 0 };
	size_t most = asked < HOST_PIECE ? (size_t)asked : HOST_PIECE;
	enum wasi_errno bad = WASI_SUCCESS;
	if (stream < HOST_FILE_STREAM) {
		taken.bytes = take_stdin(call->guest, most);
	} else {
		taken.bytes.data = call->guest->host->memory + HOST_DATA;
		bad = host_stream_read(call->guest, stream, most, &taken.bytes.size);
	}
	taken.ended = bad != WASI_SUCCESS || (taken.bytes.size == 0 && most != 0);
	if (taken.ended) {
		taken.error = bad != WASI_SUCCESS ? give_failed(call, bad) : give_closed(call);
	}
	return taken;
}

wasmtime_error_t *host_read(struct host_call *call) {
	struct taken taken = take_input(call, call->args[0].of.u32, call->args[1].of.u64);
	if (!taken.ended) {
		host_val_t value = host_bytes(taken.bytes.data, taken.bytes.size);
		host_give_ok(call, &value);
	}
	return taken.error;
}

wasmtime_error_t *host_skip(struct host_call *call) {
	struct taken taken = take_input(call, call->args[0].of.u32, call->args[1].of.u64);
	if (!taken.ended) {
		host_val_t value = host_u64(taken.bytes.size);
		host_give_ok(call, &value);
	}
	return taken.error;
}

wasmtime_error_t *host_check_write(struct host_call *call) {
	host_val_t value = host_u64(HOST_PIECE);
	host_give_ok(call, &value);
	return NULL;
}

/* Writes the first bytes of memory[HOST_DATA]. */
static enum wasi_errno put_output(struct guest *guest, uint32_t stream, size_t size) {
	struct run_result *result = guest->result;
	if (stream >= HOST_FILE_STREAM) {
		return host_stream_write(guest, stream, size);
	}
	guest_output(guest, stream == 2 ? &result->stderr_bytes : &result->stdout_bytes,
			guest->host->memory + HOST_DATA, size);
	return WASI_SUCCESS;
}

static wasmtime_error_t *give_written(struct host_call *call, enum wasi_errno bad) {
	if (bad != WASI_SUCCESS) {
		return give_failed(call, bad);
	}
	host_give_ok(call, NULL);
	return NULL;
}

wasmtime_error_t *host_write(struct host_call *call) {
	const wasmtime_component_vallist_t *list = &call->args[1].of.list;
	uint8_t *data = call->guest->host->memory + HOST_DATA;
	enum wasi_errno bad = WASI_SUCCESS;
	for (size_t done = 0; done < list->size && bad == WASI_SUCCESS;) {
		size_t size = 0;
		while (size < HOST_PIECE && done < list->size) {
			data[size++] = list->data[done++].of.u8;
		}
		bad = put_output(call->guest, call->args[0].of.u32, size);
	}
	return give_written(call, bad);
}

wasmtime_error_t *host_write_zeroes(struct host_call *call) {
	uint64_t size = call->args[1].of.u64;
	if (size > HOST_PIECE) {
		return wasmtime_error_new("more zeroes were written than check-write() allows");
	}
	memset(call->guest->host->memory + HOST_DATA, 0, (size_t)size);
	return give_written(call, put_output(call->guest, call->args[0].of.u32, (size_t)size));
}

wasmtime_error_t *host_flush(struct host_call *call) {
	host_give_ok(call, NULL);
	return NULL;
}

wasmtime_error_t *host_splice(struct host_call *call) {
	struct taken taken = take_input(call, call->args[1].of.u32, call->args[2].of.u64);
	if (taken.ended) {
		return taken.error;
	}
	if (taken.bytes.size != 0) {
		memmove(call->guest->host->memory + HOST_DATA, taken.bytes.data, taken.bytes.size);
	}
	enum wasi_errno bad = put_output(call->guest, call->args[0].of.u32, taken.bytes.size);
	if (bad != WASI_SUCCESS) {
		return give_failed(call, bad);
	}
	host_val_t value = host_u64(taken.bytes.size);
	host_give_ok(call, &value);
	return NULL;
}

/* --- waiting ------------------------------------------------------------------------------------
 */

static wasmtime_error_t *give_pollable(struct host_call *call, uint64_t at_ns) {
	struct host_state *all = call->guest->host;
	for (uint32_t i = 0; i < HOST_POLLABLES_MAX; i++) {
		if (!all->used[i]) {
			all->used[i] = true;
			all->at_ns[i] = at_ns;
			return host_own(call, HOST_POLLABLE, i, call->result);
		}
	}
	return wasmtime_error_new("too many pollables at once: 4096 is all that there are");
}

void host_drop_pollable(struct guest *guest, uint32_t number) {
	guest->host->used[number] = false;
}

static uint64_t due(const struct host_call *call, const host_val_t *pollable) {
	return call->guest->host->at_ns[pollable->of.u32];
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
