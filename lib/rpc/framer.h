/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * gRPC's messages within a stream of bytes: a flag, four bytes of size (big endian), the message.
 * Takes pieces as they come; the caller decides at the size whether there is memory for it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"

enum { FRAMER_PREFIX = 5 };

struct framer {
	uint8_t prefix[FRAMER_PREFIX];
	size_t have;   /* of the prefix */
	uint8_t *data; /* of the message, a zero byte behind; NULL until framer_accept() */
	size_t size, filled;
};

enum framer_event {
	FRAMER_MORE,    /* the piece is used up */
	FRAMER_SIZE,    /* a prefix is complete: see size and framer_flag(), then framer_accept() */
	FRAMER_MESSAGE, /* data and size are a message: take it, then framer_next() */
};

/* Uses some of *piece and moves it on. */
enum framer_event framer_feed(struct framer *framer, struct bytes *piece) MUST_CHECK;
uint8_t framer_flag(const struct framer *framer);
/* Makes room for the message; false when there is no memory. */
bool framer_accept(struct framer *framer) MUST_CHECK;
bool framer_empty(const struct framer *framer); /* between two messages */
void framer_next(struct framer *framer);        /* frees the message */
void framer_write_prefix(uint8_t out[FRAMER_PREFIX], uint32_t size);
