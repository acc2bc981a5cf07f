/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/body.h"

#include <stdlib.h>

#include "meter/meter.h"
#include "meter/operator.h"

/* An open block. The first one is the function itself. */
struct frame {
	uint32_t base; /* the height below its parameters */
	uint16_t params, results;
	uint8_t opened_by;
	bool live; /* it was reachable when it was opened */
};

enum { NO_PIECE = -1 };

/* Where the reading of a body is. */
struct walk {
	struct body *body;
	const struct layout *layout;
	struct reader *reader;
	uint32_t height, height_max;
	bool live;     /* in the sense of the validation algorithm */
	int64_t piece; /* the edit that charges for the piece, or NO_PIECE */
};

static bool out_of_memory(struct reader *reader) {
	reader->failed = true;
	return error_set(reader->err, ERROR_NO_MEMORY, "no memory for metering a module");
}

/* One more item in an array that doubles; false if there is no memory. */
static bool grow(void **items, size_t count, size_t *capacity, size_t item_size) {
	if (count < *capacity) {
		return true;
	}
	size_t wanted = *capacity == 0 ? 64 : *capacity * 2;
	void *grown = realloc(*items, wanted * item_size);
	if (grown == NULL) {
		return false;
	}
	*items = grown;
	*capacity = wanted;
	return true;
}

static void add_edit(struct walk *walk, const uint8_t *at, enum edit_kind kind, uint32_t number) {
	struct body *body = walk->body;
	void *edits = body->edits;
	if (!grow(&edits, body->edit_count, &body->edit_capacity, sizeof(struct edit))) {
		(void)out_of_memory(walk->reader);
		return;
	}
	body->edits = edits;
	body->edits[body->edit_count++] =
			(struct edit){ (uint32_t)(at - body->code.data), kind, number };
}

/* A piece begins at the operator that is read next, if that can be reached. */
static void begin_piece(struct walk *walk) {
	struct body *body = walk->body;
	if (walk->piece != NO_PIECE && body->edits[walk->piece].number == 0) {
		body->edit_count--; /* the one before is empty, so it is the last edit */
	}
	walk->piece = NO_PIECE;
	if (walk->live && walk->layout->gas_function == LAYOUT_NONE) {
		walk->piece = (int64_t)body->edit_count;
		add_edit(walk, walk->reader->at, EDIT_CHARGE, 0);
	}
}

static void take(struct walk *walk, uint32_t count) {
	if (!walk->live || count == 0) {
		return;
	}
	uint32_t base = walk->body->frames[walk->body->frame_count - 1].base;
	if (walk->height - base < count) {
		(void)reader_fail(walk->reader, "an operator has no operands");
		return;
	}
	walk->height -= count;
}

static void leave(struct walk *walk, size_t count) {
	enum { HEIGHT_MAX = 1 << 30 };
	if (!walk->live) {
		return;
	}
	walk->height += (uint32_t)count;
	if (walk->height > HEIGHT_MAX) {
		(void)reader_fail(walk->reader, "an operand stack is too high");
	}
	if (walk->height > walk->height_max) {
		walk->height_max = walk->height;
	}
}

/* What follows is not reached until a block ends. */
static void stop_here(struct walk *walk) {
	walk->live = false;
	begin_piece(walk);
}

static void block_type(struct walk *walk, const struct operator* op, struct frame *frame) {
	enum { EMPTY = -0x40 };
	if (op->block < 0) {
		frame->results = op->block != EMPTY;
	} else if (op->block >= walk->layout->type_count) {
		(void)reader_fail(walk->reader, "there is no such type");
	} else {
		const struct function_type *type = &walk->layout->types[op->block];
		frame->params = (uint16_t)type->params.size;
		frame->results = (uint16_t)type->results.size;
	}
}

static void open_frame(struct walk *walk, struct frame frame) {
	struct body *body = walk->body;
	take(walk, frame.params);
	frame.base = walk->height;
	frame.live = walk->live;
	void *frames = body->frames;
	size_t capacity = body->frame_capacity;
	if (!grow(&frames, body->frame_count, &capacity, sizeof(frame))) {
		(void)out_of_memory(walk->reader);
		return;
	}
	body->frames = frames;
	body->frame_capacity = (uint32_t)capacity;
	body->frames[body->frame_count++] = frame;
	leave(walk, frame.params);
}

static void on_block(struct walk *walk, const struct operator* op) {
	struct frame frame = { .opened_by = (uint8_t)op->code };
	block_type(walk, op, &frame);
	if (!reader_ok(walk->reader)) {
		return;
	}
	open_frame(walk, frame);
	walk->body->loops |= op->code == OP_LOOP;
	if (op->code != OP_BLOCK) {
		begin_piece(walk);
	}
}

static void on_else(struct walk *walk) {
	struct frame *frame = &walk->body->frames[walk->body->frame_count - 1];
	if (frame->opened_by != OP_IF) {
		(void)reader_fail(walk->reader, "an else has no if");
		return;
	}
	frame->opened_by = OP_ELSE;
	walk->live = frame->live;
	walk->height = frame->base;
	leave(walk, frame->params);
	begin_piece(walk);
}

static void on_end(struct walk *walk) {
	struct frame frame = walk->body->frames[--walk->body->frame_count];
	walk->live = frame.live;
	walk->height = frame.base;
	leave(walk, frame.results);
	if (walk->body->frame_count == 0) {
		walk->live = false;
		begin_piece(walk);
	} else if (frame.opened_by != OP_LOOP) {
		begin_piece(walk);
	} /* else the piece goes on; if there is none, nothing comes out of the loop */
}

/* Does this label mean the function? */
static void on_label(struct walk *walk, uint32_t label) {
	if (label >= walk->body->frame_count) {
		(void)reader_fail(walk->reader, "there is no such label");
	} else if (label == walk->body->frame_count - 1 && walk->live) {
		walk->body->leaves = true;
	}
}

static void on_return(struct walk *walk, const struct operator* op) {
	if (walk->live) {
		walk->body->leaves = true;
		add_edit(walk, op->at, EDIT_RETURN, walk->body->frame_count - 1);
	}
}

static void on_call(struct walk *walk, const struct operator* op) {
	const struct layout *layout = walk->layout;
	const struct function_type *type = NULL;
	if (op->code == OP_CALL) {
		type = layout_function(layout, op->index[0]);
	} else if (op->index[0] < layout->type_count) {
		type = &layout->types[op->index[0]];
	}
	if (type == NULL) {
		(void)reader_fail(walk->reader, "there is no such function or type");
		return;
	}
	take(walk, (uint32_t)type->params.size);
	leave(walk, type->results.size);
	walk->body->calls = true;
}

static bool is_wide(const struct indices *list, uint32_t index) {
	return index < list->count && list->items[index] != 0;
}

/* Of a copy the size is an i64 only if both sides are 64 bits wide. */
static void on_bulk(struct walk *walk, const struct operator* op) {
	const struct layout *layout = walk->layout;
	uint32_t number = BULK_ENTRIES;
	bool wide = false;
	switch (op->code) {
	case OP_MEMORY_FILL: wide = is_wide(&layout->memories, op->index[0]); break;
	case OP_MEMORY_COPY:
		wide = is_wide(&layout->memories, op->index[0]) &&
		       is_wide(&layout->memories, op->index[1]);
		break;
	case OP_TABLE_FILL:
	case OP_TABLE_GROW: wide = is_wide(&layout->tables, op->index[0]); break;
	case OP_TABLE_COPY:
		wide = is_wide(&layout->tables, op->index[0]) &&
		       is_wide(&layout->tables, op->index[1]);
		break;
	default: break; /* of an init it is always an i32 */
	}
	if (op->code <= OP_MEMORY_FILL) {
		number = BULK_BYTES;
	}
	if (walk->piece != NO_PIECE) {
		add_edit(walk, op->at, EDIT_BULK, number | (wide ? BULK_WIDE : 0));
		walk->body->bulk |= !wide;
		walk->body->bulk_wide |= wide;
	}
}

static void after(struct walk *walk, const struct operator* op) {
	switch (op->code) {
	case OP_BLOCK:
	case OP_LOOP:
	case OP_IF: on_block(walk, op); break;
	case OP_ELSE: on_else(walk); break;
	case OP_END: on_end(walk); break;
	case OP_BR:
		on_label(walk, op->index[0]);
		stop_here(walk);
		break;
	case OP_BR_IF:
		on_label(walk, op->index[0]);
		begin_piece(walk);
		break;
	case OP_BR_TABLE:
		on_label(walk, op->label_max);
		stop_here(walk);
		break;
	case OP_RETURN:
		on_return(walk, op);
		stop_here(walk);
		break;
	case OP_UNREACHABLE: stop_here(walk); break;
	case OP_CALL:
	case OP_CALL_INDIRECT: on_call(walk, op); break;
	default: break;
	}
}

static bool counts(unsigned code) {
	return code != OP_NOP && code != OP_BLOCK && code != OP_LOOP && code != OP_ELSE &&
	       code != OP_END;
}

static bool is_bulk(unsigned code) {
	return code == OP_MEMORY_INIT || code == OP_MEMORY_COPY || code == OP_MEMORY_FILL ||
	       code == OP_TABLE_INIT || code == OP_TABLE_COPY || code == OP_TABLE_GROW ||
	       code == OP_TABLE_FILL;
}

static void step(struct walk *walk, const struct operator* op) {
	if (walk->piece != NO_PIECE && counts(op->code)) {
		walk->body->edits[walk->piece].number++;
	}
	if (is_bulk(op->code)) {
		on_bulk(walk, op);
	}
	take(walk, op->takes);
	leave(walk, op->leaves);
	if (reader_ok(walk->reader)) {
		after(walk, op);
	}
}

static void read_locals(struct body *body, struct reader *reader) {
	uint64_t locals = body->type->params.size;
	body->group_count = reader_count(reader, LAYOUT_LOCALS);
	const uint8_t *groups = reader->at;
	for (uint32_t i = 0; i < body->group_count && reader_ok(reader); i++) {
		locals += reader_u32(reader);
		(void)reader_type(reader);
	}
	if (locals > LAYOUT_LOCALS) {
		(void)reader_fail(reader, "a function has too many locals");
	}
	body->local_groups = (struct bytes){ groups, (size_t)(reader->at - groups) };
	body->locals = (uint32_t)locals;
}

unsigned body_added_locals(const struct body *body) {
	return (body->bulk ? 1U : 0U) + (body->loops || body->bulk_wide ? 1U : 0U);
}

bool body_read(struct body *body, const struct layout *layout, uint32_t function,
		struct reader *reader) {
	*body = (struct body){ .type = layout_function(layout, function),
		.edits = body->edits,
		.edit_capacity = body->edit_capacity,
		.frames = body->frames,
		.frame_capacity = body->frame_capacity };
	if (body->type == NULL) {
		return reader_fail(reader, "there are more bodies than functions");
	}
	if (reader->end - reader->at > LAYOUT_BODY_BYTES) {
		return reader_fail(reader, "a function is too large");
	}
	read_locals(body, reader);
	body->code = (struct bytes){ reader->at, (size_t)(reader->end - reader->at) };
	struct walk walk = {
		.body = body, .layout = layout, .reader = reader, .live = true, .piece = NO_PIECE
	};
	open_frame(&walk, (struct frame){ .results = (uint16_t)body->type->results.size });
	begin_piece(&walk);
	struct operator op;
	while (body->frame_count > 0 && reader_ok(reader) && operator_read(reader, &op)) {
		step(&walk, &op);
	}
	if (reader_more(reader)) {
		(void)reader_fail(reader, "a function goes on behind its end");
	}
	body->slots = body->locals + walk.height_max;
	if (body->locals + body_added_locals(body) > LAYOUT_LOCALS) {
		(void)reader_fail(reader, "a function has too many locals for metering");
	}
	return reader_ok(reader);
}

void body_finish(struct body *body) {
	free(body->edits);
	free(body->frames);
}
