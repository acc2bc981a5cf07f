/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Writing the binary format of WebAssembly. As with a reader, the first failure sticks. */
#include "base/buf.h"
#include "base/bytes.h"

struct writer {
	struct buf *out;
	size_t end; /* the size that *out may reach */
	struct error *err;
	bool failed;
};

void writer_bytes(struct writer *writer, struct bytes bytes);
void writer_byte(struct writer *writer, unsigned byte);
void writer_unsigned(struct writer *writer, uint64_t value);
void writer_signed(struct writer *writer, int64_t value);

/* A size that is known only when what it counts is there: five bytes, whatever the value. */
size_t writer_begin(struct writer *writer);
void writer_done(struct writer *writer, size_t begun);
