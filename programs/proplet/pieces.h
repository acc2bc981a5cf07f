/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The chunks of an image whose size nobody announces: in any order, some twice, never more than
 * the limit in all. Chunks that contradict each other are of two versions of the image, and end
 * it. As soon as all before it are there, a chunk is stored: hashed, and put behind them into a
 * memory file; so little is left to be done when the last one comes.
 *
 * Calls are made one after the other (under a lock), but pieces_store(), which takes its time: it
 * may run beside pieces_add().
 */
#include "base/buf.h"
#include "base/digest.h"
#include "base/memory_file.h"
#include "model/message.h"

struct piece {
	struct buf data; /* until it is stored */
	size_t at, size; /* in the file; size 0: it did not come yet */
};

struct pieces {
	size_t limit, size; /* bytes of data: at most, and so far */
	uint32_t count;     /* 0 before the first chunk */
	uint32_t have;
	uint32_t stored;
	bool wipes; /* what is in the file is secret */
	struct piece *items;
	struct memory_file file;
	struct digest *sum;
};

#define PIECES_INIT(max) ((struct pieces){ .limit = (max) })

/* Takes the data of a chunk that is new; *fresh says whether it was. ERROR_INTEGRITY if the count
 * or a chunk changed midway, ERROR_TOO_LARGE, ERROR_NO_MEMORY. */
bool pieces_add(struct pieces *pieces, struct image_chunk *chunk, bool *fresh,
		struct error *err) MUST_CHECK;
/* The next one can be stored, which goes like this: begin, store, and, if both were true, end. */
bool pieces_ready(const struct pieces *pieces);
bool pieces_begin(struct pieces *pieces, struct error *err) MUST_CHECK;
bool pieces_store(struct pieces *pieces, struct error *err) MUST_CHECK;
struct buf pieces_end(struct pieces *pieces); /* the chunk's memory, to be used again, or freed */
bool pieces_complete(const struct pieces *pieces); /* all are stored */
/* Only when complete: the whole image, sealed, which is the caller's then, and its SHA-256. */
bool pieces_take(struct pieces *pieces, struct memory_file *file, char digest[DIGEST_HEX_SIZE],
		struct error *err) MUST_CHECK;
void pieces_finish(struct pieces *pieces);
