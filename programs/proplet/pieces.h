/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The chunks of an image whose size nobody announces: in any order, some twice, never more than
 * the limit in all. Chunks that contradict each other are of two versions of the image, and end
 * it. Pure; not for use from two threads at once.
 */
#include "base/buf.h"
#include "model/message.h"

struct pieces {
	size_t limit, size; /* bytes of data: at most, and so far */
	uint32_t count;     /* 0 before the first chunk */
	uint32_t have;
	struct buf *items;
};

#define PIECES_INIT(max) ((struct pieces){ .limit = (max) })

/* Takes the data of a chunk that is new; *fresh says whether it was. ERROR_INTEGRITY if the count
 * or a chunk changed midway, ERROR_TOO_LARGE, ERROR_NO_MEMORY. */
bool pieces_add(struct pieces *pieces, struct image_chunk *chunk, bool *fresh,
		struct error *err) MUST_CHECK;
bool pieces_complete(const struct pieces *pieces);
/* Moves the whole image to the end of `out`; only when complete. */
bool pieces_join(struct pieces *pieces, struct buf *out, struct error *err) MUST_CHECK;
void pieces_finish(struct pieces *pieces);
