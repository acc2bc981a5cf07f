/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the system knows of this process, and how every /metrics says it: the process_* families of
 * Prometheus' client libraries. Any thread.
 */
#include <stdbool.h>

#include "base/buf.h"

struct vitals {
	double cpu_seconds; /* user and system */
	double resident_bytes, virtual_bytes;
	double open_fds, max_fds;
	double threads;
	double start_seconds; /* since 1970 */
};

/* What cannot be read is 0. */
void vitals_read(struct vitals *vitals);
/* Appends the families, in the form of OpenMetrics or the older one of Prometheus. What does not
 * fit into the buffer is left out. */
void vitals_write(struct buf *out, bool open_metrics);
