/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to reflection (an even first byte: one after the other, each behind a byte with its
 * size), or a set of descriptors (odd), then questions about it.
 */
#include "fuzz/rpc_session.h"
#include "rpc/builtin.h"
#include "rpc/descriptors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t put_frame(uint8_t *out, uint8_t kind, uint8_t flags, const void *bytes, size_t size) {
	const uint8_t frame[] = { (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size, kind,
		flags, 0, 0, 0, 1 };
	memcpy(out, frame, sizeof(frame));
	memcpy(out + sizeof(frame), bytes, size);
	return sizeof(frame) + size;
}

static size_t put_header(uint8_t *out, const char *name, const char *value) {
	size_t name_size = strlen(name), value_size = strlen(value);
	out[0] = 0;
	out[1] = (uint8_t)name_size;
	memcpy(out + 2, name, name_size);
	out[2 + name_size] = (uint8_t)value_size;
	memcpy(out + 3 + name_size, value, value_size);
	return 3 + name_size + value_size;
}

/* To ServerReflectionInfo, headers without compression. */
static size_t put_request(uint8_t *out) {
	static const char *const headers[][2] = { { ":method", "POST" }, { ":scheme", "http" },
		{ ":path", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" },
		{ ":authority", "a" }, { "content-type", "application/grpc" },
		{ "te", "trailers" } };
	uint8_t block[512];
	size_t used = 0;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		used += put_header(block + used, headers[i][0], headers[i][1]);
	}
	return put_frame(out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, block, used);
}

static void ask(const uint8_t *data, size_t size) {
	static struct rpc_server *server;
	static uint8_t bytes[RPC_FUZZ_MAX];
	if (server == NULL) {
		server = rpc_fuzz_server((struct bytes){ rpc_builtin_set, rpc_builtin_set_size });
	}
	size_t used = sizeof(rpc_fuzz_preface) - 1;
	memcpy(bytes, rpc_fuzz_preface, used);
	used += put_request(bytes + used);
	while (size != 0 && used < sizeof(bytes) - 512) {
		uint8_t message[FRAMER_PREFIX + 255];
		size_t length = data[0] < size - 1 ? data[0] : size - 1;
		framer_write_prefix(message, (uint32_t)length);
		memcpy(message + FRAMER_PREFIX, data + 1, length);
		used += put_frame(bytes + used, NGHTTP2_DATA, 0, message, FRAMER_PREFIX + length);
		data += length + 1;
		size -= length + 1;
	}
	rpc_fuzz_feed(server, (struct bytes){ bytes, used });
}

static void describe(struct bytes set) {
	struct descriptors *descriptors = descriptors_create();
	struct buf out = BUF_INIT(RPC_FUZZ_MAX);
	struct error err;
	if (descriptors_add(descriptors, set, &err)) {
		const struct descriptor_file *file = descriptors_symbol(descriptors, "a.B");
		(void)descriptors_extension(descriptors, "a.B", 1);
		(void)!descriptors_put_numbers(descriptors, "a.B", 1, &out, &err);
		(void)(file != NULL && descriptors_put_files(descriptors, file, &out, &err));
	}
	buf_finish(&out);
	descriptors_destroy(descriptors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0 || size > RPC_FUZZ_MAX / 2) {
		return 0;
	}
	if (data[0] % 2 == 0) {
		ask(data + 1, size - 1);
	} else {
		describe((struct bytes){ data + 1, size - 1 });
	}
	return 0;
}
