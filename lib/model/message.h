/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The messages between manager and workers: decode, check, encode. spec/topics.md is the
 * contract; this is its only implementation, used by both sides and by the fuzzers.
 *
 * Decoding takes bytes from anyone: every field is checked, sizes are bounded, unknown members
 * are ignored, null counts as absent, and a failure is ERROR_INVALID with a message that names
 * the member. A decoded message owns its content until its _finish(). Encoders return text to be
 * freed by the caller, never NULL.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/random.h"
#include "base/str.h"
#include "model/outcome.h"
#include "model/workload.h"

enum {
	MESSAGE_ID_MAX = 128,
	MESSAGE_ATTEMPTS_MAX = 65536, /* attempts listed in one heartbeat */
	MESSAGE_DEPTH_MAX = 64,
};

/* An attempt of a task, as heartbeats list them. */
struct attempt_ref {
	char task_id[UUID_SIZE];
	uint64_t attempt;
};
struct attempt_refs {
	struct attempt_ref *items;
	size_t count;
};

/* control/proplet/create and control/proplet/alive, and the last will. */
struct presence {
	char *proplet_id;
	char *space;          /* `namespace` */
	bool offline;         /* status "offline": the last will, or a clean end */
	bool announced;       /* it is an announcement: set by who knows the topic */
	bool verified;        /* its signature fits: set by who has the key */
	char boot[UUID_SIZE]; /* "" from workers that are not ours */
	bool ours;            /* features has "commands": numbered commands on its own topic */
	bool signs;      /* features has "signed-requests": with a key it signs them, and metrics */
	bool counts_gas; /* features has "gas": it keeps to limits.gas */
	struct strings features, engines;
	uint64_t slots;       /* tasks at once; 0: not said */
	uint64_t interval_ms; /* between heartbeats; 0: not said */
	uint64_t cpus;
	uint64_t memory_bytes, memory_free_bytes; /* 0: not said */
	uint64_t boot_number;                     /* grows from boot to boot; 0: not said */
	uint64_t command;                  /* the highest command number it has seen in this boot */
	struct attempt_refs running, held; /* what it runs; whose results it still holds */
	json_t *metadata;                  /* an object or NULL (announcements only) */
};
bool presence_decode(struct presence *presence, struct bytes payload, struct error *err) MUST_CHECK;
char *presence_encode(const struct presence *presence, bool announcement) MUST_CHECK;
void presence_finish(struct presence *presence);

enum command_kind { COMMAND_START, COMMAND_STOP, COMMAND_ACK };

/* control/manager/command/<id>, and control/manager/start and stop of other managers. */
struct command {
	enum command_kind kind;
	char boot[UUID_SIZE];           /* the boot it is for; "" in the old form */
	uint64_t number;                /* start only; 0 in the old form */
	char *proplet_id;               /* the worker it is for; NULL: every one (old form) */
	char task_id[UUID_SIZE];        /* stop: one attempt; start: the task */
	uint64_t attempt;               /* 0 in the old form: the one that runs */
	struct workload work;           /* start */
	char *file;                     /* start, old form: the module in base64, or NULL */
	char checksum[DIGEST_HEX_SIZE]; /* of a file that is sealed in Propeller's form; else "" */
	bool encrypted;
	bool chip;                 /* to be encoded for a chip: see command_encode_old() */
	struct attempt_refs acked; /* ack: results that are committed */
};
/* For control/manager/command/<id>. */
bool command_decode(struct command *command, struct bytes payload, struct error *err) MUST_CHECK;
char *command_encode(const struct command *command) MUST_CHECK;
/* For control/manager/start (kind START) and control/manager/stop (kind STOP): the old form. The
 * task id is any text of 1 to 128 characters there; it must fit UUID_SIZE here, else INVALID. */
bool command_decode_old(struct command *command, enum command_kind kind, struct bytes payload,
		struct error *err) MUST_CHECK;
/* The old form, for workers that are not ours: every member that any generation needs. `state` is
 * the task's number before the dispatch. A start for a chip has numbers for inputs, and nothing
 * that chips do not read: their buffers are small. */
char *command_encode_old(const struct command *command, int state) MUST_CHECK;
/* ERROR_UNSUPPORTED if a chip could not take this start, with its module inline unless it has an
 * image_url: the inputs are up to 16 numbers, the message has up to CHIP_MESSAGE_MAX bytes. */
enum { CHIP_MESSAGE_MAX = 1023 };
bool command_check_chip(const struct command *command, struct error *err) MUST_CHECK;
void command_finish(struct command *command);

/* control/proplet/results. */
struct report {
	char task_id[UUID_SIZE];
	uint64_t attempt; /* 0: not said (old workers) */
	char *proplet_id; /* NULL: not said */
	char boot[UUID_SIZE];
	bool verified; /* it was sealed: set by who has the key */
	struct outcome outcome;
};
bool report_decode(struct report *report, struct bytes payload, struct error *err) MUST_CHECK;
char *report_encode(const struct report *report) MUST_CHECK;
void report_finish(struct report *report);

enum notice_kind {
	NOTICE_RUNNING, /* the guest runs, since `at` */
	NOTICE_GONE,    /* "I saw this command, and neither run it nor hold its result" */
	NOTICE_REFUSED, /* the command cannot be taken; `reason` says why; it never ran */
};
/* control/proplet/state. */
struct notice {
	enum notice_kind kind;
	char task_id[UUID_SIZE];
	uint64_t attempt;
	char *proplet_id;
	char boot[UUID_SIZE];
	int64_t at; /* wall ns by the worker's clock */
	char *reason;
	bool verified; /* its signature fits: set by who has the key */
};
bool notice_decode(struct notice *notice, struct bytes payload, struct error *err) MUST_CHECK;
char *notice_encode(const struct notice *notice) MUST_CHECK;
void notice_finish(struct notice *notice);

/* registry/manager: "send me these chunks of that module". */
struct chunk_request {
	char *proplet_id;
	char boot[UUID_SIZE];
	char digest[DIGEST_HEX_SIZE];
	uint32_t first, count; /* of chunks of CHUNK_BYTES */
	uint64_t number;       /* grows from each request of a worker to the next; 0: not said */
};
bool chunk_request_decode(
		struct chunk_request *request, struct bytes payload, struct error *err) MUST_CHECK;
char *chunk_request_encode(const struct chunk_request *request) MUST_CHECK;
void chunk_request_finish(struct chunk_request *request);

/* registry/chunk/<id>: a binary header (spec/topics.md) and the bytes behind it. */
/* Sealed bytes have an envelope's overhead more (spec/seal.md). */
enum { CHUNK_BYTES = 256 * 1024, CHUNK_HEADER_BYTES = 60, CHUNK_SEALED_MORE = 49 };
struct chunk {
	char digest[DIGEST_HEX_SIZE];
	uint64_t module_size; /* 0 with count 0: the manager has no such module */
	uint32_t index, count;
	struct bytes data; /* borrowed from the payload */
	bool sealed;       /* by its size: `data` is an envelope */
};
bool chunk_decode(struct chunk *chunk, struct bytes payload, struct error *err) MUST_CHECK;
/* Writes the header; the data follows it in the payload. */
void chunk_header_encode(const struct chunk *chunk, uint8_t header[CHUNK_HEADER_BYTES]);
/* How many chunks a module of that size has (1 for an empty one never happens: sizes are > 0). */
uint32_t chunk_count(uint64_t module_size);

/* registry/proplet: asks Propeller's proxy for an image, by the name that the task has for it. */
char *image_request_encode(const char *name) MUST_CHECK;
/* The name, freed by the caller; NULL if there is none in it. */
char *image_request_decode(struct bytes payload, struct error *err) MUST_CHECK;
/* registry/server: what the proxy answers, to everybody. */
enum { IMAGE_CHUNKS_MAX = 65536 };
struct image_chunk {
	char *name;            /* `app_name`: of the image, as it was asked for */
	char *error;           /* why it cannot come; then there is nothing else. NULL: a chunk */
	uint32_t index, count; /* count from 1, index below it */
	struct buf data;       /* not empty */
};
/* `data_max`: how many bytes of data are taken at most; ERROR_TOO_LARGE if there are more. */
bool image_chunk_decode(struct image_chunk *chunk, struct bytes payload, size_t data_max,
		struct error *err) MUST_CHECK;
/* The same; the data goes into `room`, whose limit is that, and which is the chunk's then. */
bool image_chunk_decode_into(struct image_chunk *chunk, struct bytes payload, struct buf *room,
		struct error *err) MUST_CHECK;
void image_chunk_finish(struct image_chunk *chunk);
/* One chunk of an image, in place of what is in `out`, which keeps its memory for the next. The
 * data may stand at the very end of that memory, if it was reserved for all of the message. */
bool image_chunk_encode(struct buf *out, const char *name, uint32_t index, uint32_t count,
		struct bytes data, struct error *err) MUST_CHECK;
char *image_failure_encode(const char *name, const char *error) MUST_CHECK;

/*
 * The same with a workload key (spec/topics.md, "Images"), which opens and seals elsewhere: a
 * worker's request for an image whose name is in the envelope,
 */
struct image_order {
	char *proplet_id;
	char boot[UUID_SIZE];
	uint64_t number; /* which request of this boot, from 1 */
	char *sealed;    /* the envelope, in base64 */
};
bool image_order_decode(
		struct image_order *order, struct bytes payload, struct error *err) MUST_CHECK;
char *image_order_encode(const struct image_order *order) MUST_CHECK;
void image_order_finish(struct image_order *order);
/*
 * and registry/image/<id>: a binary header, and an envelope behind it: of the whole image's digest
 * and a chunk; or, without a count, of why it does not come; or nothing, when the request could
 * not be opened.
 */
enum { IMAGE_PART_HEADER_BYTES = 20, IMAGE_PART_SEALED_MORE = 49 };
struct image_part {
	uint64_t number;       /* of the request */
	uint32_t index, count; /* count 0: it does not come */
	struct bytes data;     /* borrowed from the payload */
};
bool image_part_decode(struct image_part *part, struct bytes payload, struct error *err) MUST_CHECK;
/* Writes the header; the data follows it in the payload. */
void image_part_header(const struct image_part *part, uint8_t header[IMAGE_PART_HEADER_BYTES]);
