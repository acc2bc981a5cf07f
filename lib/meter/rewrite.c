/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/rewrite.h"

#include "meter/operator.h"

enum { EMPTY_BLOCK = 0x40, TYPE_I32 = 0x7f, TYPE_I64 = 0x7e };

/*
 * Calls and slots that are left stand in one number, calls in the upper half: taken away and given
 * back at once, and both have gone below 0 exactly if one of these bits is set.
 */
static const int64_t depth_exhausted = (int64_t)0x8000000080000000;
static const int64_t one_call = INT64_C(1) << 32;

static void op(struct writer *writer, enum operator_code code) {
	writer_byte(writer, code);
}

static void op_index(struct writer *writer, enum operator_code code, uint32_t index) {
	writer_byte(writer, code);
	writer_unsigned(writer, index);
}

static void op_i64(struct writer *writer, int64_t value) {
	writer_byte(writer, OP_I64_CONST);
	writer_signed(writer, value);
}

static void op_if(struct writer *writer) {
	op(writer, OP_IF);
	writer_byte(writer, EMPTY_BLOCK);
}

static void trap_if(struct writer *writer) {
	op_if(writer);
	op(writer, OP_UNREACHABLE);
	op(writer, OP_END);
}

/* Locals of ours, behind the function's own: an i32 for sizes, then an i64 for sizes and gas. */
static bool has_i64(const struct body *body) {
	return body->loops || body->bulk_wide;
}

static uint32_t local_i64(const struct body *body) {
	return body->locals + body->bulk;
}

/*
 * On the stack is what is left: keep it, and trap if it is less than nothing. In a function with
 * a loop a local has it meanwhile, which is a register in multipass (a tenth faster); elsewhere it
 * would only make singlepass's frames larger.
 */
static void keep_gas(struct writer *writer, const struct body *body, uint32_t gas) {
	if (body->loops) {
		op_index(writer, OP_LOCAL_TEE, local_i64(body));
		op_index(writer, OP_GLOBAL_SET, gas);
		op_index(writer, OP_LOCAL_GET, local_i64(body));
	} else {
		op_index(writer, OP_GLOBAL_SET, gas);
		op_index(writer, OP_GLOBAL_GET, gas);
	}
	op_i64(writer, 0);
	op(writer, OP_I64_LT_S);
	trap_if(writer);
}

static void charge(struct writer *writer, const struct body *body, uint32_t gas, uint32_t number) {
	op_index(writer, OP_GLOBAL_GET, gas);
	op_i64(writer, number);
	op(writer, OP_I64_SUB);
	keep_gas(writer, body, gas);
}

/* Of an operator that finds its size on top of the stack. */
static void charge_bulk(
		struct writer *writer, const struct body *body, uint32_t gas, uint32_t number) {
	bool wide = (number & BULK_WIDE) != 0;
	uint32_t size = wide ? local_i64(body) : body->locals;
	op_index(writer, OP_LOCAL_TEE, size);
	op_index(writer, OP_GLOBAL_GET, gas);
	op_index(writer, OP_LOCAL_GET, size);
	if (!wide) {
		op(writer, OP_I64_EXTEND_I32_U);
	}
	op_i64(writer, number & ~(uint32_t)BULK_WIDE);
	op(writer, OP_I64_SHR_U);
	op(writer, OP_I64_SUB);
	keep_gas(writer, body, gas);
	/* The operator's last operand is where it was: tee left it there. */
}

static int64_t call_cost(const struct body *body) {
	return one_call | body->slots;
}

/* A function that calls no other one only looks: nobody sees what it would take. */
static void take_depth(struct writer *writer, const struct body *body, uint32_t depth) {
	op_index(writer, OP_GLOBAL_GET, depth);
	op_i64(writer, call_cost(body));
	op(writer, OP_I64_SUB);
	if (body->calls) {
		op_index(writer, OP_GLOBAL_SET, depth);
		op_index(writer, OP_GLOBAL_GET, depth);
	}
	op_i64(writer, depth_exhausted);
	op(writer, OP_I64_AND);
	op_i64(writer, 0);
	op(writer, OP_I64_NE);
	op_if(writer);
	op_i64(writer, -1);
	op_index(writer, OP_GLOBAL_SET, depth);
	op(writer, OP_UNREACHABLE);
	op(writer, OP_END);
}

static void give_depth_back(struct writer *writer, const struct body *body, uint32_t depth) {
	op_index(writer, OP_GLOBAL_GET, depth);
	op_i64(writer, call_cost(body));
	op(writer, OP_I64_ADD);
	op_index(writer, OP_GLOBAL_SET, depth);
}

/* The body becomes a block, which every way out of it leads to the end of. */
static bool is_wrapped(const struct body *body) {
	return body->calls && body->leaves;
}

static void open_wrap(struct writer *writer, const struct function_type *type) {
	op(writer, OP_BLOCK);
	if (type->results.size == 0) {
		writer_byte(writer, EMPTY_BLOCK);
	} else if (type->results.size == 1) {
		writer_byte(writer, type->results.data[0]);
	} else {
		writer_signed(writer, type->block);
	}
}

static void write_locals(struct writer *writer, const struct body *body) {
	writer_unsigned(writer, body->group_count + body_added_locals(body));
	writer_bytes(writer, body->local_groups);
	if (body->bulk) {
		writer_byte(writer, 1);
		writer_byte(writer, TYPE_I32);
	}
	if (has_i64(body)) {
		writer_byte(writer, 1);
		writer_byte(writer, TYPE_I64);
	}
}

/* The code with its edits; `size` bytes of it. */
static void write_code(struct writer *writer, const struct body *body, uint32_t gas) {
	size_t done = 0;
	for (size_t i = 0; i < body->edit_count; i++) {
		const struct edit *edit = &body->edits[i];
		writer_bytes(writer, (struct bytes){ body->code.data + done, edit->at - done });
		done = edit->at;
		switch ((enum edit_kind)edit->kind) {
		case EDIT_CHARGE: charge(writer, body, gas, edit->number); break;
		case EDIT_BULK: charge_bulk(writer, body, gas, edit->number); break;
		case EDIT_RETURN:
			if (is_wrapped(body)) {
				op_index(writer, OP_BR, edit->number);
				done++;
			}
			break;
		}
	}
	writer_bytes(writer, (struct bytes){ body->code.data + done, body->code.size - done });
}

void rewrite_body(struct writer *writer, const struct body *body, const struct counters *counters) {
	size_t begun = writer_begin(writer);
	write_locals(writer, body);
	take_depth(writer, body, counters->depth);
	if (is_wrapped(body)) {
		open_wrap(writer, body->type);
	}
	write_code(writer, body, counters->gas); /* closes the wrap, or the function */
	if (body->calls) {
		if (!is_wrapped(body) && !writer->failed) {
			writer->out->size--; /* the end comes later */
		}
		give_depth_back(writer, body, counters->depth);
		op(writer, OP_END);
	}
	writer_done(writer, begun);
}

void rewrite_gas_function(struct writer *writer, const struct counters *counters) {
	size_t begun = writer_begin(writer);
	writer_unsigned(writer, 0); /* locals */
	op_index(writer, OP_GLOBAL_GET, counters->gas);
	op_index(writer, OP_LOCAL_GET, 0);
	op(writer, OP_I64_LT_U);
	op_if(writer);
	op_i64(writer, -1);
	op_index(writer, OP_GLOBAL_SET, counters->gas);
	op(writer, OP_UNREACHABLE);
	op(writer, OP_END);
	op_index(writer, OP_GLOBAL_GET, counters->gas);
	op_index(writer, OP_LOCAL_GET, 0);
	op(writer, OP_I64_SUB);
	op_index(writer, OP_GLOBAL_SET, counters->gas);
	op(writer, OP_END);
	writer_done(writer, begun);
}
