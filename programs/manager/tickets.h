/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a client brings back, so that we go on where he was: a cursor of a list, the id of an event,
 * the key of a request. Pure.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { TICKET_KEY_MAX = 255, TICKET_BOOT = 8 };

/* `cursor`: empty (0) for the first page, else a number; ERROR_INVALID. */
bool ticket_cursor(const char *text, uint64_t *cursor, struct error *err) MUST_CHECK;
/* Last-Event-ID: BOOT-NUMBER of this boot, of TICKET_BOOT characters. False for any other, and for
 * NULL. */
bool ticket_event(const char *text, const char *boot, uint64_t *number) MUST_CHECK;
/* Idempotency-Key: 1 to TICKET_KEY_MAX printable characters of ASCII. */
bool ticket_key(const char *text) MUST_CHECK;
