/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The names of all topics, as spec/topics.md has them: m/<domain>/c/<channel>/<path>.
 */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

struct topics {
	char *base;    /* "m/<domain>/c/<channel>/" */
	char *create;  /* control/proplet/create    worker -> manager  announcement */
	char *alive;   /* control/proplet/alive     worker -> manager  heartbeat, last will */
	char *results; /* control/proplet/results   worker -> manager  what came of an attempt */
	char *state;   /* control/proplet/state     worker -> manager  running, gone, refused */
	char *metrics; /* control/proplet/metrics   worker -> manager  what the worker uses */
	char *task_metrics; /* control/proplet/task_metrics  worker -> manager  what a task uses */
	char *start;        /* control/manager/start     manager -> all     old workers */
	char *stop;         /* control/manager/stop      manager -> all     old workers */
	char *online;       /* control/manager/online    manager -> all     "announce yourselves" */
	char *module_request; /* registry/manager          worker -> manager  wants chunks */
	char *image_request;  /* registry/proplet          worker -> proxy    wants an image */
	char *image_chunk;    /* registry/server           proxy -> all       a chunk of one */
};

/* ERROR_INVALID if a part is empty or has '/', '+', '#', or a control character in it. */
bool topics_init(struct topics *topics, const char *domain, const char *channel,
		struct error *err) MUST_CHECK;
void topics_finish(struct topics *topics);
/* control/manager/command/<proplet>: numbered commands to one worker. Freed by the caller. */
char *topics_command(const struct topics *topics, const char *proplet_id) MUST_CHECK;
/* registry/chunk/<proplet>: binary module chunks to one worker. Freed by the caller. */
char *topics_chunk(const struct topics *topics, const char *proplet_id) MUST_CHECK;
/* registry/image/<proplet>: binary, sealed chunks of images to one worker. Freed by the caller. */
char *topics_image(const struct topics *topics, const char *proplet_id) MUST_CHECK;
/* Ids go into topics: 1 to 128 characters, none of them '/', '+', '#', space or control. */
bool topics_id_valid(const char *id);
