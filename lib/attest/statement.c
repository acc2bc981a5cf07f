/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/statement.h"

#include <stdlib.h>
#include <string.h>

#include "attest/reader.h"
#include "base/mem.h"
#include "base/str.h"

#define DOMAIN "airscrew-statement-v2"

enum { RETURNED = 0, TRAPPED = 1 };

static const char *const modes[] = { "interp", "singlepass", "multipass" };
static const char *const types[] = { [STATEMENT_I32] = "i32",
	[STATEMENT_I64] = "i64",
	[STATEMENT_F32] = "f32",
	[STATEMENT_F64] = "f64" };

const char *statement_mode_name(enum statement_mode mode) {
	return modes[mode];
}

const char *statement_type_name(enum statement_type type) {
	return types[type];
}

static bool type_valid(uint64_t type) {
	return type >= STATEMENT_I32 && type <= STATEMENT_F64;
}

static size_t type_size(enum statement_type type) {
	return type == STATEMENT_I32 || type == STATEMENT_F32 ? 4 : 8;
}

static bool text_valid(const char *bytes, size_t size) {
	return str_is_utf8(bytes, size) && (size == 0 || memchr(bytes, 0, size) == NULL);
}

/* --- encoding ----------------------------------------------------------------------------------
 */

static bool write_text(struct buf *out, const char *text, size_t most, struct error *err) {
	size_t size = strlen(text);
	if (size > most || !str_is_utf8(text, size)) {
		return error_set(err, ERROR_INVALID,
				"a receipt cannot say \"%.40s\": texts in it are UTF-8 of at most "
				"%zu bytes",
				text, most);
	}
	return write_bytes(out, (struct bytes){ (const uint8_t *)text, size }, err);
}

static bool write_value(struct buf *out, const struct statement_value *value, struct error *err) {
	if (!type_valid(value->type) || (type_size(value->type) == 4 && value->bits > UINT32_MAX)) {
		return error_set(err, ERROR_INVALID, "a value of type %d is not for a receipt",
				(int)value->type);
	}
	return write_number(out, value->type, 1, err) &&
	       write_number(out, value->bits, type_size(value->type), err);
}

static bool write_values(
		struct buf *out, const struct statement_values *values, struct error *err) {
	if (values->count > STATEMENT_VALUES_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "%zu values are too many for a receipt (%d)",
				values->count, STATEMENT_VALUES_MAX);
	}
	bool done = write_number(out, values->count, 4, err);
	for (size_t i = 0; done && i < values->count; i++) {
		done = write_value(out, &values->items[i], err);
	}
	return done;
}

static bool write_outcome(struct buf *out, const struct statement *statement, struct error *err) {
	if (statement->trap == NULL) {
		return write_number(out, RETURNED, 1, err) &&
		       write_values(out, &statement->outputs, err);
	}
	return write_number(out, TRAPPED, 1, err) &&
	       write_text(out, statement->trap, STATEMENT_TEXT_MAX, err);
}

static bool check(const struct statement *statement, struct error *err) {
	if (statement->nonce.size > STATEMENT_NONCE_MAX) {
		return error_set(err, ERROR_INVALID,
				"a nonce of %zu bytes is too long (%d at most)",
				statement->nonce.size, STATEMENT_NONCE_MAX);
	}
	if (statement->trap != NULL && (statement->outputs.count != 0 || statement->trap[0] == 0)) {
		return error_set(err, ERROR_INVALID, "a trap has a name and no outputs");
	}
	return (statement->mode < STATEMENT_MODES &&
			       (statement->gas_limited || statement->gas_limit == 0)) ||
	       error_set(err, ERROR_INVALID, "no such mode or limit in a receipt");
}

bool statement_encode(const struct statement *statement, struct buf *out, struct error *err) {
	return check(statement, err) && buf_append(out, DOMAIN, sizeof(DOMAIN), err) &&
	       write_bytes(out, statement->nonce, err) &&
	       buf_append(out, statement->wasm, DIGEST_SIZE, err) &&
	       write_text(out, statement->function, STATEMENT_FUNCTION_MAX, err) &&
	       write_values(out, &statement->inputs, err) && write_outcome(out, statement, err) &&
	       write_number(out, statement->mode, 1, err) &&
	       write_number(out, statement->gas_limited, 1, err) &&
	       write_number(out, statement->gas_limit, 8, err) &&
	       write_number(out, statement->gas_used, 8, err) &&
	       write_text(out, statement->engine, STATEMENT_TEXT_MAX, err) &&
	       write_text(out, statement->program, STATEMENT_TEXT_MAX, err);
}

/* --- decoding ----------------------------------------------------------------------------------
 */

/* A decoded statement and what it points to, in one piece of memory. */
struct decoded {
	struct statement statement; /* the first, so that free() of it frees all */
	struct statement_value values[2 * STATEMENT_VALUES_MAX];
	uint8_t nonce[STATEMENT_NONCE_MAX];
	char function[STATEMENT_FUNCTION_MAX + 1];
	char trap[STATEMENT_TEXT_MAX + 1];
	char engine[STATEMENT_TEXT_MAX + 1];
	char program[STATEMENT_TEXT_MAX + 1];
};

static const char *read_text(struct reader *reader, char *out, size_t most) {
	struct bytes text = reader_bytes(reader, most);
	if (!text_valid((const char *)text.data, text.size)) {
		reader->bad = true;
	} else if (text.size != 0) {
		memcpy(out, text.data, text.size);
	}
	return out;
}

static struct statement_values read_values(struct reader *reader, struct statement_value *out) {
	uint64_t count = reader_number(reader, 4);
	if (count > STATEMENT_VALUES_MAX) {
		reader->bad = true;
	}
	for (size_t i = 0; !reader->bad && i < count; i++) {
		uint64_t type = reader_number(reader, 1);
		if (!type_valid(type)) {
			reader->bad = true;
			break;
		}
		out[i] = (struct statement_value){ .type = (enum statement_type)type,
			.bits = reader_number(reader, type_size((enum statement_type)type)) };
	}
	return (struct statement_values){ out, reader->bad ? 0 : count };
}

static void read_outcome(struct reader *reader, struct decoded *decoded) {
	uint64_t outcome = reader_number(reader, 1);
	if (outcome == RETURNED) {
		decoded->statement.outputs =
				read_values(reader, decoded->values + STATEMENT_VALUES_MAX);
	} else {
		decoded->statement.trap = read_text(reader, decoded->trap, STATEMENT_TEXT_MAX);
		reader->bad = reader->bad || outcome != TRAPPED || decoded->trap[0] == 0;
	}
}

static void read_nonce(struct reader *reader, struct decoded *decoded) {
	struct bytes nonce = reader_bytes(reader, STATEMENT_NONCE_MAX);
	if (nonce.size != 0) {
		memcpy(decoded->nonce, nonce.data, nonce.size);
	}
	decoded->statement.nonce = (struct bytes){ decoded->nonce, nonce.size };
}

static void read_domain(struct reader *reader) {
	struct bytes domain = reader_take(reader, sizeof(DOMAIN));
	reader->bad = reader->bad || memcmp(domain.data, DOMAIN, sizeof(DOMAIN)) != 0;
}

static void read_run(struct reader *reader, struct statement *statement) {
	uint64_t mode = reader_number(reader, 1), limited = reader_number(reader, 1);
	statement->mode = mode < STATEMENT_MODES ? (enum statement_mode)mode : STATEMENT_INTERP;
	statement->gas_limited = limited == 1;
	statement->gas_limit = reader_number(reader, 8);
	statement->gas_used = reader_number(reader, 8);
	reader->bad = reader->bad || mode >= STATEMENT_MODES || limited > 1 ||
		      (limited == 0 && statement->gas_limit != 0);
}

struct statement *statement_decode(struct bytes encoded, struct error *err) {
	struct decoded *decoded = MEM_NEW(struct decoded);
	struct statement *statement = &decoded->statement;
	struct reader reader = { .left = encoded };
	read_domain(&reader);
	read_nonce(&reader, decoded);
	reader_copy(&reader, statement->wasm, DIGEST_SIZE);
	statement->function = read_text(&reader, decoded->function, STATEMENT_FUNCTION_MAX);
	statement->inputs = read_values(&reader, decoded->values);
	read_outcome(&reader, decoded);
	read_run(&reader, statement);
	statement->engine = read_text(&reader, decoded->engine, STATEMENT_TEXT_MAX);
	statement->program = read_text(&reader, decoded->program, STATEMENT_TEXT_MAX);
	if (reader.bad || reader.left.size != 0) {
		free(decoded);
		error_set(err, ERROR_INTEGRITY,
				"the receipt's statement is cut, changed, or of another version");
		return NULL;
	}
	return statement;
}
