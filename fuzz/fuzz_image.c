/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from registries and from the files of `docker login`: the first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "image/challenge.h"
#include "image/credentials.h"
#include "image/manifest.h"
#include "image/reference.h"
#include "image/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

static void references(struct bytes input) {
	struct error err;
	struct image_reference it, again;
	CLEANUP(mem_freep) char *text = mem_copy(input.data, input.size);
	if (!image_reference_parse(text, &it, &err)) {
		must(err.code == ERROR_INVALID && err.message[0] != 0);
		return;
	}
	/* Host and repository go into an address. */
	must(strpbrk(it.host, "/@?# ") == NULL && strpbrk(it.repository, "@:?#% ") == NULL);
	must((it.tag != NULL) != (it.digest != NULL));
	CLEANUP(mem_freep)
	char *full = str_format("%s/%s%s%s", it.host, it.repository, it.tag != NULL ? ":" : "@",
			it.tag != NULL ? it.tag : it.digest);
	must(image_reference_parse(full, &again, &err) && str_equal(again.host, it.host) &&
			str_equal(again.repository, it.repository));
	image_reference_finish(&again);
	image_reference_finish(&it);
}

static void manifests(struct bytes input) {
	struct error err;
	struct manifest it;
	const struct descriptor *layer;
	if (!manifest_parse(&it, input, &err)) {
		return;
	}
	if (it.index) {
		(void)manifest_platform(&it, &err);
	} else if (manifest_layer(&it, NULL, &layer, &err)) {
		must(layer == NULL || image_digest_valid(layer->digest));
	}
	(void)!manifest_layer(&it, "a.wasm", &layer, &err);
	manifest_finish(&it);
}

static void configs(struct bytes input) {
	CLEANUP(mem_freep) char *path = manifest_entrypoint(input);
	must(path == NULL || (path[0] != 0 && path[0] != '/' && !str_starts(path, "../") &&
					     strstr(path, "/../") == NULL));
}

static void logins(struct bytes input) {
	struct error err;
	struct credentials list = { 0 };
	(void)!credentials_parse(&list, input, &err);
	(void)credentials_for(&list, "registry.example", "team/a");
	credentials_finish(&list);
}

static void challenges(struct bytes input) {
	struct error err;
	struct challenge it;
	CLEANUP(mem_freep) char *text = mem_copy(input.data, input.size);
	(void)!challenge_parse(text, &it, &err);
	challenge_finish(&it);
}

static bool read_once(void *context, struct bytes *piece, struct error *err) {
	struct bytes *left = context;
	(void)err;
	*piece = *left;
	*left = (struct bytes){ 0 };
	return true;
}

static bool take_none(void *context, struct bytes piece, struct error *err) {
	(void)context;
	(void)err;
	must(piece.size != 0);
	return true;
}

static void layers(struct bytes input) {
	struct error err;
	struct unpack_result result;
	const struct unpack_source source = { read_once, &input };
	const struct unpack_options options = { .size_max = 1 << 20, .take = take_none };
	if (unpack_module(&source, &options, &result, &err)) {
		must(result.size <= options.size_max);
		unpack_finish(&result);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static void (*const kinds[])(struct bytes input) = { references, manifests, configs, logins,
		challenges, layers };
	if (size > 0) {
		kinds[data[0] % (sizeof(kinds) / sizeof(kinds[0]))](
				(struct bytes){ data + 1, size - 1 });
	}
	return 0;
}
