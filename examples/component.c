/* SPDX-License-Identifier: Apache-2.0 */
/* Text to binary for components, which wat2wasm does not know: component IN OUT. */
#include <stdio.h>
#include <string.h>

#include <wasmtime.h>

enum { TEXT_MAX = 1 << 20 };

static bool put(const wasm_byte_vec_t *wasm, const char *path) {
	FILE *file = fopen(path, "wb");
	if (file == NULL) {
		perror(path);
		return false;
	}
	bool ok = fwrite(wasm->data, 1, wasm->size, file) == wasm->size;
	return fclose(file) == 0 && ok;
}

int main(int argc, char **argv) {
	static char text[TEXT_MAX];
	FILE *in = argc == 3 ? fopen(argv[1], "rb") : NULL;
	if (in == NULL) {
		(void)fprintf(stderr, "component: IN and OUT, IN a file that can be read\n");
		return 2;
	}
	size_t size = fread(text, 1, sizeof(text), in);
	(void)fclose(in);
	wasm_byte_vec_t wasm, message;
	wasmtime_error_t *error = wasmtime_wat2wasm(text, size, &wasm);
	if (error != NULL) {
		wasmtime_error_message(error, &message);
		(void)fprintf(stderr, "%s: %.*s\n", argv[1], (int)message.size, message.data);
		return 1;
	}
	bool ok = put(&wasm, argv[2]);
	wasm_byte_vec_delete(&wasm);
	return ok ? 0 : 1;
}
