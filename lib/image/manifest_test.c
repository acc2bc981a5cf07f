/* SPDX-License-Identifier: Apache-2.0 */
#include "image/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd"
#define D(n) "\"digest\":\"sha256:" HEX n "\",\"size\":1" n
#define LAYER(type, n) "{\"mediaType\":\"" type "\"," D(n) "}"
#define NAMED(type, n, title)                                                                      \
	"{\"mediaType\":\"" type                                                                   \
	"\"," D(n) ",\"annotations\":{\"org.opencontainers.image.title\":\"" title "\"}}"
#define IMAGE(layers)                                                                              \
	"{\"schemaVersion\":2,\"config\":" LAYER(                                                  \
			"application/vnd.wasm.config.v0+json", "00") ",\"layers\":[" layers "]}"
#define ENTRY(n, platform) "{\"mediaType\":\"m\"," D(n) ",\"platform\":{" platform "}}"
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define WASM "application/wasm"
#define TAR "application/vnd.oci.image.layer.v1.tar+gzip"

static struct bytes text_bytes(const char *text) {
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static void every_type_of_layer(void **state) {
	(void)state;
	static const struct {
		const char *type;
		enum layer_kind kind;
	} rows[] = {
		{ "application/wasm", LAYER_WASM },
		{ "application/vnd.wasm.content.layer.v1+wasm", LAYER_WASM },
		{ "application/vnd.module.wasm.content.layer.v1+wasm", LAYER_WASM },
		{ "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", LAYER_WASM },
		{ "application/vnd.oci.image.layer.v1.tar", LAYER_TAR },
		{ "application/vnd.oci.image.layer.v1.tar+gzip", LAYER_TAR },
		{ "application/vnd.docker.image.rootfs.diff.tar.gzip", LAYER_TAR },
		{ "application/wasm; charset=binary", LAYER_WASM },
		{ "application/wasm+encrypted", LAYER_ENCRYPTED },
		{ "application/vnd.oci.image.layer.v1.tar+gzip+encrypted", LAYER_ENCRYPTED },
		{ "application/vnd.oci.image.layer.v1.tar+zstd", LAYER_TAR },
		{ "application/vnd.docker.image.rootfs.diff.tar.zstd", LAYER_TAR },
		{ "application/vnd.oci.image.layer.v1.tar+xz", LAYER_OTHER },
		{ "text/plain+encrypted", LAYER_OTHER },
		{ "+encrypted", LAYER_OTHER },
		{ "", LAYER_OTHER },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (manifest_layer_kind(rows[i].type) != rows[i].kind) {
			fail_msg("%s", rows[i].type);
		}
	}
}

static void manifests_that_are_none(void **state) {
	(void)state;
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "", "not a JSON object" },
		{ "[]", "not a JSON object" },
		{ "{\"schemaVersion\":2,\"schemaVersion\":2,\"layers\":[]}", "not a JSON object" },
		{ "{}", "schema 2" },
		{ "{\"schemaVersion\":1,\"fsLayers\":[]}", "schema 2" },
		{ "{\"schemaVersion\":2}", "neither" },
		{ "{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", "both" },
		{ IMAGE("1"), "not an object" },
		{ IMAGE("{}"), "lacks" },
		{ IMAGE("{\"mediaType\":\"a\",\"digest\":\"sha256:" HEX "00\",\"size\":-1}"),
				"lacks" },
		{ IMAGE("{\"mediaType\":\"a\",\"digest\":\"sha256:" HEX "00\",\"size\":1.5}"),
				"lacks" },
		{ IMAGE("{\"mediaType\":7,\"digest\":\"x\",\"size\":1}"), "\"mediaType\"" },
		{ IMAGE("{\"mediaType\":\"a\",\"digest\":\"md5:00\",\"size\":1}"), "not a digest" },
		{ IMAGE("{\"mediaType\":\"a\",\"digest\":\"../../etc/passwd\",\"size\":1}"),
				"not a digest" },
		{ "{\"schemaVersion\":2,\"config\":7,\"layers\":[]}", "\"config\"" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct manifest it;
		struct error err;
		if (manifest_parse(&it, text_bytes(rows[i].text), &err) ||
				strstr(err.message, rows[i].says) == NULL) {
			fail_msg("%s: %s", rows[i].text, err.message);
		}
	}
}

static void too_many_parts(void **state) {
	(void)state;
	struct error err;
	struct manifest it;
	struct buf text = BUF_INIT(1 << 20);
	assert_true(buf_printf(&text, &err, "{\"schemaVersion\":2,\"layers\":[{}"));
	for (int i = 0; i < MANIFEST_ITEMS_MAX; i++) {
		assert_true(buf_printf(&text, &err, ",{}"));
	}
	assert_true(buf_printf(&text, &err, "]}"));
	assert_false(manifest_parse(&it, (struct bytes){ text.data, text.size }, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	buf_finish(&text);
}

static void which_layer_is_taken(void **state) {
	(void)state;
	static const struct {
		const char *text, *member;
		int size; /* of the layer; 0: look into tar layers; -1: an error */
		const char *says;
	} rows[] = {
		{ IMAGE(LAYER(WASM, "01")), NULL, 101, NULL },
		{ IMAGE(LAYER("text/plain", "01") "," LAYER(WASM, "02")), NULL, 102, NULL },
		{ IMAGE(LAYER(TAR, "01") "," LAYER(WASM, "02")), NULL, 102, NULL },
		{ IMAGE(NAMED(WASM, "01", "a.wasm") "," NAMED(WASM, "02", "b.wasm")), "b.wasm", 102,
				NULL },
		{ IMAGE(LAYER(WASM, "01") "," LAYER(WASM, "02")), "sha256:" HEX "01", 101, NULL },
		{ IMAGE(NAMED(WASM, "01", "a.wasm")), "a.wasm", 101, NULL },
		{ IMAGE(NAMED(TAR, "01", "a.wasm")), NULL, 101, NULL },
		{ IMAGE(NAMED(TAR, "01", "a.wasm") "," NAMED(TAR, "02", "b.wasm")), "b.wasm", 102,
				NULL },
		{ IMAGE(LAYER(TAR, "01")), NULL, 0, NULL },
		{ IMAGE(LAYER(TAR, "01")), "bin/app.wasm", 0, NULL },
		{ IMAGE(LAYER(TAR, "01") "," LAYER(WASM, "02")), "bin/app.wasm", 0, NULL },
		{ IMAGE(NAMED(WASM, "01", "a.wasm") "," LAYER(WASM, "02")), NULL, -1,
				"2 WebAssembly modules: say which one by \"#\" and its name behind "
				"the image's; it has: a.wasm, sha256:" HEX "02" },
		{ IMAGE(NAMED(WASM, "01", "a.wasm")), "c.wasm", -1,
				"no WebAssembly module \"c.wasm\"; it has: a.wasm" },
		{ IMAGE(LAYER("text/plain", "01") "," LAYER("a/b", "02")), NULL, -1,
				"its layers are: text/plain, a/b" },
		{ IMAGE(""), NULL, -1, "its layers are: nothing" },
		{ IMAGE(LAYER(WASM "+encrypted", "01")), NULL, -1, "encrypted" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct manifest it;
		struct error err = { 0 };
		const struct descriptor *layer;
		assert_true(manifest_parse(&it, text_bytes(rows[i].text), &err));
		bool ok = manifest_layer(&it, rows[i].member, &layer, &err);
		int size = !ok ? -1 : layer != NULL ? (int)layer->size : 0;
		if (size != rows[i].size || (!ok && strstr(err.message, rows[i].says) == NULL)) {
			fail_msg("%zu: %d %s", i, size, err.message);
		}
		manifest_finish(&it);
	}
}

static void which_platform_is_taken(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int size; /* -1: an error */
		const char *says;
	} rows[] = {
		{ INDEX(ENTRY("01", "\"architecture\":\"amd64\",\"os\":\"linux\"") "," ENTRY("02",
				  "\"architecture\":\"wasm\",\"os\":\"wasip2\"") "," ENTRY("03",
				  "\"architecture\":\"wasm\",\"os\":\"wasip1\"")),
				103, NULL },
		{ INDEX(ENTRY("01", "\"architecture\":\"wasm\",\"os\":\"wasip2\"") "," ENTRY(
				  "02", "\"architecture\":\"wasm\",\"os\":\"wasi\"")),
				102, NULL },
		{ INDEX(ENTRY("01", "\"architecture\":\"amd64\",\"os\":\"linux\"") "," ENTRY(
				  "02", "\"architecture\":\"wasm32\",\"os\":\"js\"")),
				102, NULL },
		{ INDEX(ENTRY("01", "\"architecture\":\"amd64\",\"os\":\"linux\"")), 101, NULL },
		{ INDEX(LAYER("m", "01") ",{\"mediaType\":\"m\"," D(
				  "02") ",\"platform\":{\"architecture\":\"unknown\",\"os\":"
					"\"unknown\"},"
					"\"annotations\":{\"vnd.docker.reference.type\":"
					"\"attestation-manifest\"}"
					"}"),
				101, NULL },
		{ INDEX(ENTRY("01", "\"architecture\":\"amd64\",\"os\":\"linux\"") "," ENTRY(
				  "02", "\"architecture\":\"arm64\",\"os\":\"linux\"")),
				-1, "only for amd64/linux, arm64/linux" },
		{ INDEX(""), -1, "only for nothing" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct manifest it;
		struct error err = { 0 };
		assert_true(manifest_parse(&it, text_bytes(rows[i].text), &err));
		assert_true(it.index);
		const struct descriptor *one = manifest_platform(&it, &err);
		int size = one != NULL ? (int)one->size : -1;
		if (size != rows[i].size ||
				(one == NULL && strstr(err.message, rows[i].says) == NULL)) {
			fail_msg("%zu: %d %s", i, size, err.message);
		}
		manifest_finish(&it);
	}
}

static void what_an_image_runs(void **state) {
	(void)state;
	static const struct {
		const char *text, *path;
	} rows[] = {
		{ "{\"config\":{\"Entrypoint\":[\"/app.wasm\"]}}", "app.wasm" },
		{ "{\"config\":{\"Entrypoint\":[\"./bin//app.wasm\",\"x\"]}}", "bin/app.wasm" },
		{ "{\"config\":{\"Entrypoint\":[\"/wasmtime\",\"a.wasm\"]}}", "a.wasm" },
		{ "{\"config\":{\"WorkingDir\":\"/srv\",\"Cmd\":[\"a.wasm\"]}}", "srv/a.wasm" },
		{ "{\"config\":{\"WorkingDir\":\"/srv\",\"Cmd\":[\"/a.wasm\"]}}", "a.wasm" },
		{ "{\"config\":{\"Entrypoint\":[\"../a.wasm\"]}}", NULL },
		{ "{\"config\":{\"Entrypoint\":[\"/bin/sh\"]}}", NULL },
		{ "{\"config\":{\"Entrypoint\":\"a.wasm\"}}", NULL },
		{ "{\"config\":null}", NULL },
		{ "[]", NULL },
		{ "", NULL },
		{ "x", NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(mem_freep) char *path = manifest_entrypoint(text_bytes(rows[i].text));
		if (!str_equal(path, rows[i].path)) {
			fail_msg("%s: %s", rows[i].text, path);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_of_layer),
		cmocka_unit_test(manifests_that_are_none),
		cmocka_unit_test(too_many_parts),
		cmocka_unit_test(which_layer_is_taken),
		cmocka_unit_test(which_platform_is_taken),
		cmocka_unit_test(what_an_image_runs),
	};
	return cmocka_run_group_tests_name("image/manifest", tests, NULL, NULL);
}
