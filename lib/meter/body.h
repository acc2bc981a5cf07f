/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One function's body, read once: what a call of it costs, and where something is to be put into
 * it. Nothing in it is moved or renumbered, so the rewritten body is the old bytes with these
 * edits in between. A `struct body` is used for one body after another, and keeps its memory.
 */
#include "meter/layout.h"

enum edit_kind {
	EDIT_CHARGE, /* number: what a piece that begins here costs */
	EDIT_BULK,   /* the operator here has its size on the stack; number: enum bulk */
	EDIT_RETURN  /* the operator here returns; number: the label of the function, seen from here
		      */
};

enum bulk {
	BULK_BYTES = 6, /* the shift that makes units of the size */
	BULK_ENTRIES = 3,
	BULK_WIDE = 0x40 /* the size is an i64 */
};

struct edit {
	uint32_t at; /* offset in the code */
	uint32_t kind, number;
};

struct body {
	struct bytes code;         /* the operators, the last end included */
	struct bytes local_groups; /* as they stand in the binary, without their count */
	uint32_t group_count;
	uint32_t locals;      /* parameters included */
	uint32_t slots;       /* locals and greatest height */
	bool calls;           /* other functions */
	bool leaves;          /* it is left otherwise than through its end */
	bool loops;           /* it has a loop */
	bool bulk, bulk_wide; /* there are such edits */
	const struct function_type *type;

	struct edit *edits; /* in the order of their place */
	size_t edit_count, edit_capacity;
	struct frame *frames; /* the open blocks, while it is read */
	uint32_t frame_count, frame_capacity;
};

/* Locals that the rewritten body has in addition: an i32 for sizes, an i64 for sizes and gas. */
unsigned body_added_locals(const struct body *body);
/* Reads what stands between a body's size and its end. False: the reader has failed. */
bool body_read(struct body *body, const struct layout *layout, uint32_t function,
		struct reader *reader) MUST_CHECK;
void body_finish(struct body *body);
