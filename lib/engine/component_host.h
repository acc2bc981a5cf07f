/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The inside of our WASI 0.2 (component_host.c has the table and takes the arguments; the functions
 * are in component_cli.c, component_io.c and component_files.c).
 *
 * It is our own for the reasons that wasi.h gives: every wait ends with the run, every size is
 * bounded. A component has standard input, output and error, arguments, environment, clocks,
 * random bytes, and the directories of its run. There is a network that lets nothing through, and
 * nobody has a socket; the methods of sockets are there, because libraries import them, and cannot
 * be called.
 *
 * Functions get their arguments checked: a component says itself what the types of its imports
 * are, and may say anything.
 */
#include "engine/component.h"
#include "engine/wasi_files.h"

typedef wasmtime_component_val_t host_val_t;

/* Resources: the id of the type; what stands for one is a number of our own. */
enum host_type {
	HOST_NO_TYPE,    /* one that nobody has */
	HOST_POLLABLE,   /* a place among the pollables */
	HOST_INPUT,      /* 0, or HOST_FILE_STREAM and up */
	HOST_OUTPUT,     /* 1 or 2, or the like */
	HOST_ENTRIES,    /* of a directory: HOST_FILE_STREAM and up */
	HOST_DESCRIPTOR, /* a number among the run's files (wasi_files.h) */
	HOST_ERROR,      /* an enum wasi_errno */
	HOST_NETWORK,
};

/* What a function takes at once or gives at once: 64 KiB. */
enum { HOST_PIECE = 64 * 1024 };
enum { HOST_POLLABLES_MAX = 4096, HOST_STREAMS_MAX = 64, HOST_FILE_STREAM = 16 };

/* A stream of a file, or of a directory's entries; it has a descriptor of its own. */
struct host_stream {
	uint32_t file; /* 0: a free place */
	uint64_t at;   /* the offset, or a directory's cookie */
	bool append;
};

/*
 * What a run keeps. Files are preview 1's own functions, which take arguments and give results in
 * a guest's memory: `memory` is one for that, with these places in it.
 */
enum { HOST_OUT = 0, HOST_IOVEC = 512, HOST_PATH = 1024, HOST_PATH_2 = 8192, HOST_DATA = 16384 };
struct host_state {
	uint64_t at_ns[HOST_POLLABLES_MAX]; /* CLOCK_MONOTONIC; 0: always ready */
	bool used[HOST_POLLABLES_MAX];
	struct host_stream streams[HOST_STREAMS_MAX];
	uint8_t memory[HOST_DATA + HOST_PIECE];
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

static inline host_val_t host_u64(uint64_t number) {
	return (host_val_t){ .kind = WASMTIME_COMPONENT_U64, .of.u64 = number };
}
struct host_field {
	const char *name;
	host_val_t value;
};
host_val_t host_record(const struct host_field *fields, size_t count); /* takes the values */
host_val_t host_datetime(uint64_t seconds, uint32_t nanoseconds);
host_val_t host_name(wasmtime_component_valkind_t kind, const char *name); /* of an enum */
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
wasmtime_error_t *host_nothing(struct host_call *call); /* none */
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

/* component_files.c */
/* Moves bytes between a file's stream and memory[HOST_DATA]; a size of 0 is the end. */
enum wasi_errno host_stream_read(
		struct guest *guest, uint32_t number, size_t most, size_t *size) MUST_CHECK;
enum wasi_errno host_stream_write(struct guest *guest, uint32_t number, size_t size) MUST_CHECK;
void host_drop_stream(struct guest *guest, uint32_t number);
void host_drop_descriptor(struct guest *guest, uint32_t number);
wasmtime_error_t *host_directories(struct host_call *call);
wasmtime_error_t *host_error_code(struct host_call *call);
wasmtime_error_t *host_error_text(struct host_call *call);
wasmtime_error_t *host_file_read_stream(struct host_call *call);
wasmtime_error_t *host_file_write_stream(struct host_call *call);
wasmtime_error_t *host_file_append_stream(struct host_call *call);
wasmtime_error_t *host_file_advise(struct host_call *call);
wasmtime_error_t *host_file_sync(struct host_call *call);
wasmtime_error_t *host_file_sync_data(struct host_call *call);
wasmtime_error_t *host_file_flags(struct host_call *call);
wasmtime_error_t *host_file_type(struct host_call *call);
wasmtime_error_t *host_file_set_size(struct host_call *call);
wasmtime_error_t *host_file_set_times(struct host_call *call);
wasmtime_error_t *host_file_read(struct host_call *call);
wasmtime_error_t *host_file_write(struct host_call *call);
wasmtime_error_t *host_file_entries(struct host_call *call);
wasmtime_error_t *host_file_next_entry(struct host_call *call);
wasmtime_error_t *host_file_stat(struct host_call *call);
wasmtime_error_t *host_file_same(struct host_call *call);
wasmtime_error_t *host_file_hash(struct host_call *call);

/* component_paths.c */
wasmtime_error_t *host_path_create_directory(struct host_call *call);
wasmtime_error_t *host_path_remove_directory(struct host_call *call);
wasmtime_error_t *host_path_unlink(struct host_call *call);
wasmtime_error_t *host_path_rename(struct host_call *call);
wasmtime_error_t *host_path_readlink(struct host_call *call);
wasmtime_error_t *host_path_link(struct host_call *call); /* of both kinds */
wasmtime_error_t *host_path_stat(struct host_call *call);
wasmtime_error_t *host_path_set_times(struct host_call *call);
wasmtime_error_t *host_path_open(struct host_call *call);
wasmtime_error_t *host_path_hash(struct host_call *call);
