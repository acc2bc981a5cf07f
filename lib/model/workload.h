/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is to be run: the part of a task that a worker needs, without where and when.
 *
 * A workload owns everything it points to. Its JSON form is the same in the REST API, in the store
 * and in a start command (spec/topics.md). Pure: no I/O, no clock.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/str.h"
#include "model/mounts.h"
#include "model/profile.h"

enum {
	WORKLOAD_NAME_MAX = 255,
	WORKLOAD_LIST_MAX = 1024, /* items in cli_args, inputs, env */
	WORKLOAD_WALL_DEFAULT_MS = 3600 * 1000,
	WORKLOAD_OUTPUT_DEFAULT = 1024 * 1024,
	WORKLOAD_OUTPUT_MAX = 16 * 1024 * 1024,
	WORKLOAD_STDIN_MAX = 512 * 1024,
	WORKLOAD_IMAGE_MAX = 4096,
};
#define WORKLOAD_MEMORY_DEFAULT ((uint64_t)256 * 1024 * 1024)
#define WORKLOAD_MEMORY_MAX ((uint64_t)16 * 1024 * 1024 * 1024)

struct workload_limits {
	uint64_t memory_bytes;
	uint64_t wall_ms; /* from the guest's first instruction; 0: none (daemons) */
	uint64_t fuel;    /* 0: none */
	uint64_t output_bytes;
	uint64_t gas; /* 0: none; spec/gas.md */
};

struct workload {
	char *name;
	char *invoke;    /* NULL: see engine.h */
	char *image_url; /* where a worker gets the module itself, or NULL */
	char *engine;    /* a name of spec/engines.def; NULL: the worker's default */
	struct strings cli_args, inputs;
	struct strings env;     /* "NAME=value" */
	struct mounts dirs;     /* directories of the worker */
	char *input;            /* stdin, NULL: empty */
	bool has_cli_args;      /* Propeller shows null when they were never given */
	bool daemon;            /* runs until stopped: no wall limit unless one is given */
	struct profile profile; /* how closely it is watched */
	struct workload_limits limits;
	bool default_limits;          /* none was given: `limits` is shown all the same */
	char digest[DIGEST_HEX_SIZE]; /* of the module; "" while there is none or, with image_url,
					 while it is not given */
	uint64_t module_size;
};

/* Defaults everywhere. */
void workload_init(struct workload *work);
void workload_finish(struct workload *work);
void workload_copy(struct workload *to, const struct workload *from); /* `to` uninitialised */

/*
 * Reads what a JSON object says about the workload; absent and null leave what is there. Numbers
 * in `inputs` become strings. ERROR_INVALID names the field and says its place.
 */
bool workload_read(struct workload *work, const json_t *object, struct error *err) MUST_CHECK;
/* Puts the fields into an object; the default limits of a daemon have no wall_seconds. */
void workload_write(const struct workload *work, json_t *object);
