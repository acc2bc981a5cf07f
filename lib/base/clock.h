/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Time. Durations and deadlines use the monotonic clock in milliseconds (it does not jump); what
 * people read uses the wall clock in nanoseconds since 1970 (UTC). The zero time is written as
 * Propeller writes it: "0001-01-01T00:00:00Z".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/attr.h"

enum { CLOCK_TEXT_MAX = 36 };

uint64_t clock_ms(void); /* monotonic */
uint64_t clock_us(void); /* monotonic */
int64_t clock_wall_ns(void);
/* RFC 3339 with as many digits of a second as are needed; 0 is the zero time. */
void clock_format(int64_t wall_ns, char text[CLOCK_TEXT_MAX]);
/* RFC 3339 with any offset, 0 to 9 digits of a second; the zero time gives 0. */
bool clock_parse(const char *text, int64_t *wall_ns) MUST_CHECK;
/* An absolute CLOCK_MONOTONIC time for pthread_cond_timedwait and friends. */
struct timespec clock_timespec(uint64_t monotonic_ms);
