/* SPDX-License-Identifier: Apache-2.0 */
#include "image/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/mem.h"
#include "image/blob.h"
#include "image/session.h"
#include "image/unpack.h"
#include "image/wire.h"

enum { MANIFEST_MAX = 4 * 1024 * 1024, CONFIG_MAX = 1024 * 1024, INDEXES_MAX = 3, MAGIC = 4 };

struct image_puller {
	struct wire *wire;
	struct session *session;
	const struct image_reference *reference;
	uint64_t size_max;
	struct manifest manifest; /* once it is resolved */
};

struct image_puller *image_puller_create(const struct image_options *options, struct error *err) {
	const struct wire_options wiring = {
		.ca = options->ca, .quiet_ms = options->quiet_ms, .timeout_ms = options->timeout_ms
	};
	const struct session_options asking = { .reference = options->reference,
		.credentials = options->credentials,
		.plain = options->plain };
	struct wire *wire = wire_create(&wiring, err);
	if (wire == NULL) {
		return NULL;
	}
	struct image_puller *puller = MEM_NEW(struct image_puller);
	bool bounded = options->size_max != 0 && options->size_max < IMAGE_SIZE_MAX;
	puller->wire = wire;
	puller->session = session_create(wire, &asking);
	puller->reference = options->reference;
	puller->size_max = bounded ? options->size_max : IMAGE_SIZE_MAX;
	return puller;
}

void image_puller_destroy(struct image_puller *puller) {
	if (puller != NULL) {
		session_destroy(puller->session);
		wire_destroy(puller->wire);
		manifest_finish(&puller->manifest);
		free(puller);
	}
}

void image_cancel(struct image_puller *puller) {
	wire_cancel(puller->wire);
}

/* --- which image -------------------------------------------------------------------------------
 */

static bool check_manifest(
		const char *wanted, const char *said, const char *digest, struct error *err) {
	if (wanted != NULL && !str_equal(wanted, digest)) {
		return error_set(err, ERROR_INTEGRITY,
				"the registry sends something else for the manifest %s: its digest "
				"is %s",
				wanted, digest);
	}
	return !str_starts(said, "sha256:") || str_equal(said, digest) ||
	       error_set(err, ERROR_INTEGRITY,
			       "the registry announces the manifest %.80s and sends %s", said,
			       digest);
}

/* The manifest of that name, its digest checked. */
static bool get_manifest(struct image_puller *puller, const char *name, const char *wanted,
		struct image_found *found, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("/manifests/%s", name);
	struct buf text = BUF_INIT(MANIFEST_MAX);
	const struct wire_answer *answer =
			session_read(puller->session, path, manifest_accept, &text, err);
	bool ok = answer != NULL;
	if (ok) {
		char hex[DIGEST_HEX_SIZE];
		digest_hex(text.data, text.size, hex);
		(void)snprintf(found->digest, sizeof(found->digest), "sha256:%s", hex);
		ok = check_manifest(wanted, answer->digest, found->digest, err) &&
		     manifest_parse(&puller->manifest, (struct bytes){ text.data, text.size }, err);
	}
	buf_finish(&text);
	return ok;
}

static bool get_image(struct image_puller *puller, struct image_found *found, struct error *err) {
	const struct image_reference *reference = puller->reference;
	const char *name = reference->digest != NULL ? reference->digest : reference->tag;
	if (!get_manifest(puller, name, reference->digest, found, err)) {
		return false;
	}
	for (int i = 0; puller->manifest.index; i++) {
		char digest[IMAGE_DIGEST_SIZE];
		const struct descriptor *entry = manifest_platform(&puller->manifest, err);
		if (entry == NULL) {
			return false;
		}
		if (i == INDEXES_MAX) {
			return error_set(err, ERROR_INVALID, "it is an index of indexes");
		}
		memcpy(digest, entry->digest, sizeof(digest));
		manifest_finish(&puller->manifest);
		if (!get_manifest(puller, digest, digest, found, err)) {
			return false;
		}
	}
	return true;
}

static bool name_it(const struct image_puller *puller, struct error *err) {
	const struct image_reference *it = puller->reference;
	return error_wrap(err, "image %s/%s%s%s", it->host, it->repository,
			it->digest != NULL ? "@" : ":", it->digest != NULL ? it->digest : it->tag);
}

bool image_resolve(struct image_puller *puller, struct image_found *found, struct error *err) {
	const struct descriptor *layer;
	manifest_finish(&puller->manifest);
	*found = (struct image_found){ 0 };
	if (!get_image(puller, found, err) ||
			!manifest_layer(&puller->manifest, puller->reference->member, &layer,
					err)) {
		return name_it(puller, err);
	}
	if (layer != NULL) {
		found->size = layer->size;
		memcpy(found->module, layer->digest + strlen("sha256:"), DIGEST_HEX_SIZE);
	}
	return true;
}

/* --- its module --------------------------------------------------------------------------------
 */

struct taking {
	bool (*take)(void *context, struct bytes piece, struct error *err);
	void *context;
	struct digest *digest; /* NULL: who reads the layer takes it, since it is the module's */
	uint64_t size;
	uint8_t magic[MAGIC];
};

static bool check_magic(const struct taking *it, struct error *err) {
	return (it->size >= MAGIC && memcmp(it->magic, "\0asm", MAGIC) == 0) ||
	       error_set(err, ERROR_MODULE, "what it has as a WebAssembly module is none");
}

static bool take_piece(void *context, struct bytes piece, struct error *err) {
	struct taking *it = context;
	for (size_t i = 0; i < piece.size && it->size + i < MAGIC; i++) {
		it->magic[it->size + i] = piece.data[i];
	}
	it->size += piece.size;
	if (it->size >= MAGIC && !check_magic(it, err)) {
		return false;
	}
	if (it->digest != NULL) {
		digest_update(it->digest, piece.data, piece.size);
	}
	return it->take(it->context, piece, err);
}

static bool read_blob(void *context, struct bytes *piece, struct error *err) {
	return blob_read(context, piece, err);
}

static bool read_layer(struct image_puller *puller, const struct descriptor *layer,
		struct taking *to, struct error *err) {
	struct bytes piece;
	bool ok = layer->size <= puller->size_max ||
		  error_set(err, ERROR_TOO_LARGE, "its module has %llu bytes, over %llu",
				  (unsigned long long)layer->size,
				  (unsigned long long)puller->size_max);
	struct blob *blob = blob_open(puller->session, puller->wire, layer->digest, layer->size);
	do {
		ok = ok && blob_read(blob, &piece, err) &&
		     (piece.size == 0 || take_piece(to, piece, err));
	} while (ok && piece.size != 0);
	blob_close(blob);
	return ok;
}

/* The path of the program that the image's config names; NULL: none. */
static bool get_entrypoint(struct image_puller *puller, char **path, struct error *err) {
	const struct descriptor *config = &puller->manifest.config;
	struct buf text = BUF_INIT(CONFIG_MAX);
	struct bytes piece;
	if (config->media_type == NULL || config->size > CONFIG_MAX) {
		return true;
	}
	struct blob *blob = blob_open(puller->session, puller->wire, config->digest, config->size);
	bool ok;
	do {
		ok = blob_read(blob, &piece, err) && buf_append(&text, piece.data, piece.size, err);
	} while (ok && piece.size != 0);
	blob_close(blob);
	if (ok) {
		*path = manifest_entrypoint((struct bytes){ text.data, text.size });
	}
	buf_finish(&text);
	return ok || error_wrap(err, "its config");
}

static bool check_tar_sizes(const struct image_puller *puller, struct error *err) {
	uint64_t left = puller->size_max;
	for (size_t i = 0; i < puller->manifest.count; i++) {
		const struct descriptor *layer = &puller->manifest.items[i];
		if (layer->kind != LAYER_TAR) {
			continue;
		}
		if (layer->size > left) {
			return error_set(err, ERROR_TOO_LARGE,
					"its layers have more than %llu bytes together",
					(unsigned long long)puller->size_max);
		}
		left -= layer->size;
	}
	return true;
}

static bool unpack_layer(struct image_puller *puller, const struct descriptor *layer,
		const char *path, struct taking *to, struct unpack_result *result,
		struct error *err) {
	struct blob *blob = blob_open(puller->session, puller->wire, layer->digest, layer->size);
	const struct unpack_source source = { read_blob, blob };
	const struct unpack_options options = {
		.path = path, .size_max = puller->size_max, .take = take_piece, .context = to
	};
	bool ok = unpack_module(&source, &options, result, err);
	blob_close(blob);
	return ok;
}

static bool not_inside(const char *path, struct error *err) {
	return path != NULL ? error_set(err, ERROR_NOT_FOUND,
					      "there is no \"%.200s\" in its layers", path)
			    : error_set(err, ERROR_NOT_FOUND,
					      "it has no WebAssembly in it: none of the files in "
					      "its layers ends in .wasm");
}

/* The topmost layer that has it decides; one that removes it ends the search. */
static bool search_layers(struct image_puller *puller, const char *path, struct taking *to,
		char **found, struct error *err) {
	for (size_t i = puller->manifest.count; i-- > 0;) {
		const struct descriptor *layer = &puller->manifest.items[i];
		struct unpack_result result;
		if (layer->kind != LAYER_TAR) {
			continue;
		}
		if (!unpack_layer(puller, layer, path, to, &result, err)) {
			return false;
		}
		bool removed = result.removed;
		if (result.path != NULL) {
			*found = result.path[0] != 0 ? str_copy(result.path) : NULL;
			unpack_finish(&result);
			return true;
		}
		unpack_finish(&result);
		if (removed) {
			break;
		}
	}
	return not_inside(path, err);
}

static bool read_tars(
		struct image_puller *puller, struct taking *to, char **found, struct error *err) {
	const char *member = puller->reference->member;
	CLEANUP(mem_freep) char *path = member != NULL ? manifest_path(member) : NULL;
	if (member != NULL && path == NULL) {
		return error_set(err, ERROR_INVALID, "\"%.200s\" is no path in a layer", member);
	}
	return check_tar_sizes(puller, err) &&
	       (member != NULL || get_entrypoint(puller, &path, err)) &&
	       search_layers(puller, path, to, found, err);
}

/* A layer that is the module: its digest is checked there, once. */
static bool read_whole(struct image_puller *puller, const struct descriptor *layer,
		struct taking *to, struct image_module *module, struct error *err) {
	memcpy(module->digest, layer->digest + strlen("sha256:"), DIGEST_HEX_SIZE);
	return read_layer(puller, layer, to, err);
}

static bool read_inside(struct image_puller *puller, struct taking *to, struct image_module *module,
		struct error *err) {
	uint8_t bytes[DIGEST_SIZE];
	to->digest = digest_create();
	bool ok = read_tars(puller, to, &module->path, err);
	digest_finish(to->digest, bytes);
	hex_encode(bytes, sizeof(bytes), module->digest);
	digest_destroy(to->digest);
	return ok;
}

bool image_read(struct image_puller *puller,
		bool (*take)(void *context, struct bytes piece, struct error *err), void *context,
		struct image_module *module, struct error *err) {
	struct taking to = { .take = take, .context = context };
	const struct descriptor *layer;
	*module = (struct image_module){ 0 };
	bool ok = manifest_layer(&puller->manifest, puller->reference->member, &layer, err) &&
		  (layer != NULL ? read_whole(puller, layer, &to, module, err)
				 : read_inside(puller, &to, module, err)) &&
		  check_magic(&to, err);
	module->size = to.size;
	if (!ok) {
		str_set(&module->path, NULL);
	}
	return ok || name_it(puller, err);
}
