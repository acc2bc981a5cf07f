/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts as JSON, for people's files and REST. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "attest/receipt.h"
#include "attest/receipt_parts.h"
#include "attest/statement.h"
#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/str.h"

enum { VERSION = 2, HASH_TEXT_SIZE = 2 * MERKLE_BYTES + 1 };

/* --- writing -----------------------------------------------------------------------------------
 */

static bool put_base64(struct buf *out, const char *before, struct bytes bytes, struct error *err) {
	CLEANUP(mem_freep) char *text = base64_encode(bytes.data, bytes.size);
	return buf_printf(out, err, "%s\"%s\"", before, text);
}

static bool put_hash(struct buf *out, const char *before, const uint8_t *hash, struct error *err) {
	char text[HASH_TEXT_SIZE];
	hex_encode(hash, MERKLE_BYTES, text);
	return buf_printf(out, err, "%s\"%s\"", before, text);
}

static bool put_path(struct buf *out, const struct receipt *receipt, struct error *err) {
	const struct merkle_path *path = &receipt->path;
	uint8_t leaf[MERKLE_BYTES];
	merkle_leaf(receipt->statement, leaf);
	bool done = put_hash(out, ",\"leaf\":", leaf, err) &&
		    buf_printf(out, err, ",\"index\":%u,\"size\":%u,\"path\":[", path->index,
				    path->size);
	for (uint32_t i = 0; done && i < path->count; i++) {
		done = put_hash(out, i == 0 ? "" : ",", path->hashes[i], err);
	}
	return done && put_hash(out, "],\"root\":", receipt->root, err);
}

static bool put_certificates(
		struct buf *out, const struct certificates *certificates, struct error *err) {
	bool done = true, any = false;
	for (enum certificate i = 0; done && i < CERTIFICATES; i++) {
		struct bytes bytes = certificates_get(certificates, i);
		if (bytes.size != 0) {
			done = buf_printf(out, err, "%s\"%s\":", any ? "," : ",\"certificates\":{",
					       certificate_name(i)) &&
			       put_base64(out, "", bytes, err);
			any = true;
		}
	}
	return done && (!any || buf_append(out, "}", 1, err));
}

bool receipt_format(const struct receipt *receipt, struct buf *out, struct error *err) {
	const struct evidence *evidence = receipt->evidence;
	bool sample = evidence->tee == EVIDENCE_SAMPLE;
	return buf_printf(out, err, "{\"version\":%d", VERSION) &&
	       put_base64(out, ",\"statement\":", receipt->statement, err) &&
	       put_path(out, receipt, err) &&
	       buf_printf(out, err, ",\"tee\":\"%s\"%s", evidence_tee_name(evidence->tee),
			       sample ? ",\"sample\":true" : "") &&
	       put_base64(out, ",\"report\":", evidence_report(evidence), err) &&
	       put_certificates(out, &evidence->certificates, err) && buf_append(out, "}", 1, err);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool spoilt(const char *name, struct error *err) {
	return error_set(err, ERROR_INTEGRITY,
			"the receipt's member \"%s\" is missing or not what it should be", name);
}

static bool get_base64(const json_t *object, const char *name, struct buf *out, struct error *err) {
	const json_t *value = json_object_get(object, name);
	struct error inner;
	return (json_is_string(value) && base64_decode(json_string_value(value),
							 json_string_length(value), out, &inner)) ||
	       spoilt(name, err);
}

static bool get_hash(const json_t *value, uint8_t *out) {
	return json_is_string(value) && json_string_length(value) == 2 * MERKLE_BYTES &&
	       hex_decode(json_string_value(value), out, MERKLE_BYTES);
}

static bool get_number(const json_t *object, const char *name, uint32_t *out, struct error *err) {
	const json_t *value = json_object_get(object, name);
	json_int_t number = json_integer_value(value);
	if (!json_is_integer(value) || number < 0 || number > UINT32_MAX) {
		return spoilt(name, err);
	}
	*out = (uint32_t)number;
	return true;
}

static bool get_path(const json_t *object, struct merkle_path *path, struct error *err) {
	const json_t *list = json_object_get(object, "path");
	size_t count = json_array_size(list);
	if (!json_is_array(list) || count > MERKLE_PATH_MAX) {
		return spoilt("path", err);
	}
	path->count = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		if (!get_hash(json_array_get(list, i), path->hashes[i])) {
			return spoilt("path", err);
		}
	}
	return get_number(object, "index", &path->index, err) &&
	       get_number(object, "size", &path->size, err);
}

/* It only repeats what the statement says, for readers; one that says something else is a trick. */
static bool check_leaf(const json_t *object, struct bytes statement, struct error *err) {
	uint8_t said[MERKLE_BYTES], leaf[MERKLE_BYTES];
	merkle_leaf(statement, leaf);
	return (get_hash(json_object_get(object, "leaf"), said) &&
			       memcmp(said, leaf, MERKLE_BYTES) == 0) ||
	       spoilt("leaf", err);
}

static bool get_certificates(
		const json_t *object, struct certificates *certificates, struct error *err) {
	const json_t *map = json_object_get(object, "certificates");
	if (map == NULL) {
		return true;
	}
	for (enum certificate i = 0; i < CERTIFICATES; i++) {
		if (json_object_get(map, certificate_name(i)) != NULL &&
				!get_base64(map, certificate_name(i), &certificates->items[i],
						err)) {
			return false;
		}
	}
	return json_is_object(map) || spoilt("certificates", err);
}

static bool get_evidence(const json_t *object, struct evidence *evidence, struct error *err) {
	const char *tee = json_string_value(json_object_get(object, "tee"));
	if (tee == NULL || !evidence_tee_find(tee, &evidence->tee)) {
		return spoilt("tee", err);
	}
	if (json_is_true(json_object_get(object, "sample")) != (evidence->tee == EVIDENCE_SAMPLE)) {
		return spoilt("sample", err);
	}
	return get_base64(object, "report", &evidence->report, err) &&
	       get_certificates(object, &evidence->certificates, err);
}

static bool get_all(const json_t *object, struct receipt_held *held, struct error *err) {
	struct receipt *receipt = &held->receipt;
	if (json_integer_value(json_object_get(object, "version")) != VERSION) {
		return spoilt("version", err);
	}
	if (!get_base64(object, "statement", &held->statement, err)) {
		return false;
	}
	receipt->statement = (struct bytes){ held->statement.data, held->statement.size };
	return check_leaf(object, receipt->statement, err) &&
	       get_path(object, &receipt->path, err) &&
	       (get_hash(json_object_get(object, "root"), receipt->root) || spoilt("root", err)) &&
	       get_evidence(object, &held->evidence, err);
}

static struct receipt *parse_object(const json_t *object, struct error *err) {
	struct receipt_held *held = receipt_hold();
	if (!get_all(object, held, err)) {
		receipt_destroy(&held->receipt);
		return NULL;
	}
	return &held->receipt;
}

/* The binary form: so protobuf's JSON has field 100. */
static struct receipt *parse_text(const json_t *text, struct error *err) {
	CLEANUP(buf_finish) struct buf bytes = BUF_INIT(RECEIPT_BYTES_MAX);
	struct error inner;
	if (!base64_decode(json_string_value(text), json_string_length(text), &bytes, &inner)) {
		(void)spoilt("receipt", err);
		return NULL;
	}
	return receipt_decode((struct bytes){ bytes.data, bytes.size }, err);
}

struct receipt *receipt_parse(struct bytes json, struct error *err) {
	json_error_t where;
	if (json.size > RECEIPT_JSON_MAX) {
		error_set(err, ERROR_TOO_LARGE, "a receipt of %zu bytes is too large", json.size);
		return NULL;
	}
	if (json.size == 0) {
		error_set(err, ERROR_INTEGRITY, "the receipt is empty");
		return NULL;
	}
	json_t *root = json_loadb(
			(const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &where);
	if (root == NULL) {
		error_set(err, ERROR_INTEGRITY, "the receipt is not JSON: line %d: %s", where.line,
				where.text);
		return NULL;
	}
	/* The whole answer of an executor has it as a member. */
	const json_t *inner = json_object_get(root, "receipt");
	struct receipt *receipt = json_is_string(inner)
						  ? parse_text(inner, err)
						  : parse_object(inner != NULL ? inner : root, err);
	json_decref(root);
	return receipt;
}
