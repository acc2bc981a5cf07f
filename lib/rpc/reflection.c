/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.reflection.v1 and v1alpha
 * (https://github.com/grpc/grpc/blob/master/doc/server-reflection.md): the same messages under two
 * names.
 */
#include <string.h>

#include "base/mem.h"
#include "base/proto.h"
#include "base/str.h"
#include "rpc/builtin.h"
#include "rpc/descriptors.h"

enum {
	ASK_FILE = 3,
	ASK_SYMBOL = 4,
	ASK_EXTENSION = 5,
	ASK_NUMBERS = 6,
	ASK_SERVICES = 7,
	EXTENSION_TYPE = 1,
	EXTENSION_NUMBER = 2,

	SAY_HOST = 1,
	SAY_REQUEST = 2,
	SAY_FILES = 4,
	SAY_NUMBERS = 5,
	SAY_SERVICES = 6,
	SAY_ERROR = 7,

	ANSWER_MAX = 16 * 1024 * 1024,
	QUESTION_MAX = 4096
};

/* One answer in the making. */
struct talk {
	const struct rpc_server *server;
	struct buf out; /* of the member that answers */
	struct error err;
};

static bool put_files(struct talk *talk, const struct descriptor_file *file) {
	if (file == NULL) {
		return error_set(&talk->err, ERROR_NOT_FOUND, "no file of this server has it");
	}
	return descriptors_put_files(talk->server->descriptors, file, &talk->out, &talk->err);
}

static bool answer_file(struct talk *talk, struct bytes asked, const char *text) {
	(void)asked;
	return put_files(talk, descriptors_file(talk->server->descriptors, text));
}

static bool answer_symbol(struct talk *talk, struct bytes asked, const char *text) {
	(void)asked;
	return put_files(talk, descriptors_symbol(talk->server->descriptors, text));
}

static bool answer_extension(struct talk *talk, struct bytes asked, const char *text) {
	struct bytes type = proto_find(asked, EXTENSION_TYPE);
	CLEANUP(mem_freep)
	char *name = mem_copy(type.size != 0 ? (const void *)type.data : "", type.size);
	(void)text;
	return put_files(talk, descriptors_extension(talk->server->descriptors, name,
					       proto_find_number(asked, EXTENSION_NUMBER)));
}

static bool answer_numbers(struct talk *talk, struct bytes asked, const char *text) {
	const struct descriptors *descriptors = talk->server->descriptors;
	if (descriptors_symbol(descriptors, text) == NULL) {
		return error_set(&talk->err, ERROR_NOT_FOUND, "there is no type of that name");
	}
	return proto_put_bytes(&talk->out, 1, asked, &talk->err) &&
	       descriptors_put_numbers(descriptors, text, 2, &talk->out, &talk->err);
}

/* "/package.Service/Method" is of "package.Service". */
static struct bytes service_of(const char *path) {
	return (struct bytes){ (const uint8_t *)path + 1, strcspn(path + 1, "/") };
}

static bool put_service(struct talk *talk, struct bytes name) {
	struct buf one = BUF_INIT(QUESTION_MAX);
	bool ok = proto_put_bytes(&one, 1, name, &talk->err) &&
		  proto_put_bytes(&talk->out, 1, (struct bytes){ one.data, one.size }, &talk->err);
	buf_finish(&one);
	return ok;
}

static bool answer_services(struct talk *talk, struct bytes asked, const char *text) {
	struct map *said = map_create();
	size_t at = 0;
	const char *path;
	void *route;
	bool ok = true;
	(void)asked, (void)text;
	while (ok && map_next(talk->server->routes, &at, &path, &route)) {
		struct bytes name = service_of(path);
		CLEANUP(mem_freep) char *key = mem_copy(name.data, name.size);
		ok = map_put(said, key, talk) != NULL || put_service(talk, name);
	}
	map_destroy(said);
	return ok;
}

static const struct question {
	uint32_t number, answer;
	bool (*put)(struct talk *talk, struct bytes asked, const char *text);
} questions[] = {
	{ ASK_FILE, SAY_FILES, answer_file },
	{ ASK_SYMBOL, SAY_FILES, answer_symbol },
	{ ASK_EXTENSION, SAY_FILES, answer_extension },
	{ ASK_NUMBERS, SAY_NUMBERS, answer_numbers },
	{ ASK_SERVICES, SAY_SERVICES, answer_services },
};

/* The member of the request that asks; the last of several, as for any "oneof". NULL: malformed or
 * none that is known. */
static const struct question *question_of(struct bytes message, struct bytes *asked) {
	struct proto_reader reader = { .left = message };
	struct proto_field field;
	const struct question *found = NULL;
	while (proto_next(&reader, &field)) {
		for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
			if (questions[i].number == field.number && field.bytes.data != NULL) {
				found = &questions[i];
				*asked = field.bytes;
			}
		}
	}
	return reader.malformed ? NULL : found;
}

static bool put_error(struct talk *talk, struct buf *out) {
	struct error ignored;
	struct buf one = BUF_INIT(QUESTION_MAX);
	bool ok = proto_put_number(
				  &one, 1, (uint64_t)error_grpc_status(talk->err.code), &ignored) &&
		  proto_put_bytes(&one, 2,
				  (struct bytes){ (const uint8_t *)talk->err.message,
						  strlen(talk->err.message) },
				  &ignored) &&
		  proto_put_bytes(out, SAY_ERROR, (struct bytes){ one.data, one.size }, &ignored);
	buf_finish(&one);
	return ok;
}

static bool put_answer(struct talk *talk, struct bytes message, struct buf *out) {
	struct bytes asked = { 0 }, host = proto_find(message, SAY_HOST);
	const struct question *question = question_of(message, &asked);
	CLEANUP(mem_freep)
	char *text = mem_copy(asked.size != 0 ? (const void *)asked.data : "", asked.size);
	if ((host.size != 0 && !proto_put_bytes(out, SAY_HOST, host, &talk->err)) ||
			!proto_put_bytes(out, SAY_REQUEST, message, &talk->err)) {
		return false;
	}
	bool known = question != NULL ||
		     error_set(&talk->err, ERROR_INVALID, "the request asks for nothing known");
	if (!known || !question->put(talk, asked, text)) {
		return put_error(talk, out);
	}
	return proto_put_bytes(out, question->answer,
			(struct bytes){ talk->out.data, talk->out.size }, &talk->err);
}

static void answer(struct rpc_call *call, struct bytes message) {
	struct talk talk = { .server = call->server, .out = BUF_INIT(ANSWER_MAX) };
	struct buf out = BUF_INIT(2 * ANSWER_MAX);
	if (message.size > QUESTION_MAX) {
		rpc_answer_failure(call, RPC_RESOURCE_EXHAUSTED,
				"a request of reflection has at most %d bytes", QUESTION_MAX);
	} else if (put_answer(&talk, message, &out)) {
		rpc_answer_message(call, (struct bytes){ out.data, out.size });
	} else {
		rpc_answer_finish(call, RPC_RESOURCE_EXHAUSTED, talk.err.message);
	}
	buf_finish(&talk.out);
	buf_finish(&out);
}

const struct rpc_builtin rpc_reflection_methods[] = {
	{ "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
			{ .message = answer, .many = true } },
	{ "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
			{ .message = answer, .many = true } },
	{ NULL, { 0 } },
};
