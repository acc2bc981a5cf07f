/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of our WASI 0.2 (component_host.c has the table and takes the arguments,
 * component_cli.c and component_io.c are the functions).
 *
 * It is our own for the reasons that wasi.h gives: every wait ends with the run, every size is
 * bounded. A component has standard input, output and error, arguments, environment, clocks and
 * random bytes; there is no directory and no socket. So the only resources that a guest can have
 * are the streams, what it waits for, and a network that lets nothing through; the methods of all
 * others are there, because libraries import them, and cannot be called.
 *
 * Functions get their arguments checked: a component says itself what the types of its imports
 * are, and may say anything.
 */
#include "engine/component.h"

typedef wasmtime_component_val_t host_val_t;

/* Resources: the id of the type; what stands for one is a number of our own. */
enum host_type {
	HOST_NO_TYPE, /* one that nobody has */
	HOST_POLLABLE,
	HOST_INPUT,
	HOST_OUTPUT, /* 1 or 2 */
	HOST_NETWORK,
};

/* One call. A resource among the arguments is its number now, as a u32. */
struct host_call {
	struct guest *guest;
	wasmtime_context_t *context;
	host_val_t *args;
	host_val_t *result; /* NULL if it gives nothing */
};

/* NULL, or why the guest ends here. */
typedef wasmtime_error_t *(*host_fn)(struct host_call *call);

/* What a function takes at once or gives at once: 64 KiB. */
enum { HOST_PIECE = 64 * 1024 };

static inline host_val_t host_u64(uint64_t number) {
	return (host_val_t){ .kind = WASMTIME_COMPONENT_U64, .of.u64 = number };
}
host_val_t host_string(const char *text); /* any bytes; made valid */
host_val_t host_bytes(const uint8_t *bytes, size_t size);
/* A resource that the guest will own. */
wasmtime_error_t *host_own(struct host_call *call, enum host_type type, uint32_t number,
		host_val_t *value) MUST_CHECK;
/* The result: ok with a value (or without: NULL), err with a value, which are taken over. */
void host_give_ok(struct host_call *call, host_val_t *value);
void host_give_err(struct host_call *call, host_val_t *value);
void host_give_err_name(struct host_call *call, const char *name); /* of an enum */

/* component_cli.c */
wasmtime_error_t *host_environment(struct host_call *call);
wasmtime_error_t *host_arguments(struct host_call *call);
wasmtime_error_t *host_nothing(struct host_call *call);  /* none */
wasmtime_error_t *host_no_items(struct host_call *call); /* [] */
wasmtime_error_t *host_exit(struct host_call *call);
wasmtime_error_t *host_exit_with_code(struct host_call *call);
wasmtime_error_t *host_wall_now(struct host_call *call);
wasmtime_error_t *host_wall_resolution(struct host_call *call);
wasmtime_error_t *host_random_bytes(struct host_call *call);
wasmtime_error_t *host_random_u64(struct host_call *call);
wasmtime_error_t *host_random_pair(struct host_call *call);
wasmtime_error_t *host_network(struct host_call *call);
wasmtime_error_t *host_access_denied(struct host_call *call);

/* component_io.c */
wasmtime_error_t *host_stdin(struct host_call *call);
wasmtime_error_t *host_stdout(struct host_call *call);
wasmtime_error_t *host_stderr(struct host_call *call);
wasmtime_error_t *host_read(struct host_call *call);
wasmtime_error_t *host_skip(struct host_call *call);
wasmtime_error_t *host_check_write(struct host_call *call);
wasmtime_error_t *host_write(struct host_call *call);
wasmtime_error_t *host_write_zeroes(struct host_call *call);
wasmtime_error_t *host_flush(struct host_call *call);
wasmtime_error_t *host_splice(struct host_call *call);
wasmtime_error_t *host_subscribe(struct host_call *call); /* to a stream */
wasmtime_error_t *host_monotonic_now(struct host_call *call);
wasmtime_error_t *host_monotonic_resolution(struct host_call *call);
wasmtime_error_t *host_subscribe_instant(struct host_call *call);
wasmtime_error_t *host_subscribe_duration(struct host_call *call);
wasmtime_error_t *host_ready(struct host_call *call);
wasmtime_error_t *host_block(struct host_call *call);
wasmtime_error_t *host_poll(struct host_call *call);
void host_drop_pollable(struct guest *guest, uint32_t number);
