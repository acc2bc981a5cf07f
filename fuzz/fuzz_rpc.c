/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of HTTP/2 from anybody, behind a preface that is right (an odd first byte: without). */
#include "fuzz/rpc_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct rpc_server *server;
	static uint8_t bytes[RPC_FUZZ_MAX];
	size_t used = 0;
	if (server == NULL) {
		server = rpc_fuzz_server((struct bytes){ 0 });
	}
	if (size == 0 || size > sizeof(bytes) - sizeof(rpc_fuzz_preface)) {
		return 0;
	}
	if (data[0] % 2 == 0) {
		used = sizeof(rpc_fuzz_preface) - 1;
		memcpy(bytes, rpc_fuzz_preface, used);
	}
	memcpy(bytes + used, data + 1, size - 1);
	rpc_fuzz_feed(server, (struct bytes){ bytes, used + size - 1 });
	return 0;
}
