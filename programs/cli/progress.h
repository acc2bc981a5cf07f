/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* How far an upload is, in one line that is written over itself; on a terminal only. */
#include <stdint.h>

struct progress {
	const char *name;            /* what goes up */
	uint64_t began_ms, shown_ms; /* set by the first call */
	int fd;                      /* where it is shown; nothing is if that is no terminal */
};

enum { PROGRESS_LINE_MAX = 160 };

/* "app.wasm  45 %  22.5 MiB of 50.0 MiB  9.0 MiB/s  3 s left" after `ms` of sending. */
void progress_line(char line[PROGRESS_LINE_MAX], const char *name, uint64_t sent, uint64_t total,
		uint64_t ms);
/* A callback of struct http_call. Small files are not worth a line. */
void progress_show(void *progress, uint64_t sent, uint64_t total);
/* Takes the line away again. */
void progress_end(struct progress *progress);
