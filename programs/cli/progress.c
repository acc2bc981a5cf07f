/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "cli/text.h"

enum { SMALL = 4 * 1024 * 1024, STEP_MS = 100, SETTLED_MS = 200, NAME_WIDTH = 30 };

void progress_line(char line[PROGRESS_LINE_MAX], const char *name, uint64_t sent, uint64_t total,
		uint64_t ms) {
	const double mib = 1024.0 * 1024.0;
	CLEANUP(mem_freep) char *safe = printable(name, NAME_WIDTH);
	double rate = ms != 0 ? (double)sent * 1000.0 / (double)ms : 0;
	unsigned percent = total != 0 ? (unsigned)((double)sent * 100.0 / (double)total) : 100;
	int used = snprintf(line, PROGRESS_LINE_MAX, "%s  %u %%  %.1f MiB of %.1f MiB", safe,
			percent, (double)sent / mib, (double)total / mib);
	/* What the first moments give is the size of buffers and no rate. */
	if (ms >= SETTLED_MS && rate > 0 && used > 0 && used < PROGRESS_LINE_MAX && sent <= total) {
		unsigned long long left =
				(unsigned long long)((double)(total - sent) / rate + 0.999);
		(void)snprintf(line + used, (size_t)(PROGRESS_LINE_MAX - used),
				left < 120 ? "  %.1f MiB/s  %llu s left"
					   : "  %.1f MiB/s  %llu min left",
				rate / mib, left < 120 ? left : left / 60);
	}
}

void progress_show(void *context, uint64_t sent, uint64_t total) {
	struct progress *progress = context;
	char line[PROGRESS_LINE_MAX];
	uint64_t now = clock_ms();
	if (progress->began_ms == 0) {
		progress->began_ms = now;
	}
	if (total < SMALL || now < progress->shown_ms + STEP_MS || !isatty(progress->fd)) {
		return;
	}
	progress_line(line, progress->name, sent, total, now - progress->began_ms);
	text_cut(line, terminal_width(progress->fd) - 1);
	(void)dprintf(progress->fd, "\r%s\033[K", line);
	progress->shown_ms = now;
}

void progress_end(struct progress *progress) {
	if (progress->shown_ms != 0) {
		(void)dprintf(progress->fd, "\r\033[K");
	}
}
