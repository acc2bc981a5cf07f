/* SPDX-License-Identifier: Apache-2.0 */
#include "image/manifest.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "image/reference.h"

#define OCI "application/vnd.oci.image."
#define DOCKER "application/vnd.docker."

const char manifest_accept[] =
		OCI "manifest.v1+json, " OCI "index.v1+json, " DOCKER
		    "distribution.manifest.v2+json, " DOCKER "distribution.manifest.list.v2+json";

static const struct {
	const char *media_type;
	enum layer_kind kind;
} kinds[] = {
	{ "application/wasm", LAYER_WASM },
	{ "application/vnd.wasm.content.layer.v1+wasm", LAYER_WASM },
	{ "application/vnd.module.wasm.content.layer.v1+wasm", LAYER_WASM },
	{ "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm", LAYER_WASM },
	{ OCI "layer.v1.tar", LAYER_TAR },
	{ OCI "layer.v1.tar+gzip", LAYER_TAR },
	{ OCI "layer.v1.tar+zstd", LAYER_TAR },
	{ OCI "layer.nondistributable.v1.tar", LAYER_TAR },
	{ OCI "layer.nondistributable.v1.tar+gzip", LAYER_TAR },
	{ OCI "layer.nondistributable.v1.tar+zstd", LAYER_TAR },
	{ DOCKER "image.rootfs.diff.tar", LAYER_TAR },
	{ DOCKER "image.rootfs.diff.tar.gzip", LAYER_TAR },
	{ DOCKER "image.rootfs.diff.tar.zstd", LAYER_TAR },
};

enum layer_kind manifest_layer_kind(const char *media_type) {
	CLEANUP(mem_freep) char *plain = str_copy(media_type);
	char *parameters = strchr(plain, ';');
	if (parameters != NULL) {
		*parameters = 0;
	}
	bool encrypted = str_ends(plain, "+encrypted");
	if (encrypted) {
		plain[strlen(plain) - strlen("+encrypted")] = 0;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (str_equal(plain, kinds[i].media_type)) {
			return encrypted ? LAYER_ENCRYPTED : kinds[i].kind;
		}
	}
	return LAYER_OTHER;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool read_text(const json_t *object, const char *name, char **value, struct error *err) {
	const json_t *member = json_object_get(object, name);
	if (member == NULL || json_is_null(member)) {
		return true;
	}
	size_t length = json_string_length(member);
	if (!json_is_string(member) || length > MANIFEST_TEXT_MAX ||
			strlen(json_string_value(member)) != length) {
		return error_set(err, ERROR_INVALID,
				"its \"%s\" is not a text of at most %d characters", name,
				MANIFEST_TEXT_MAX);
	}
	*value = str_copy(json_string_value(member));
	return true;
}

static bool read_required(const json_t *object, struct descriptor *to, struct error *err) {
	const char *digest = json_string_value(json_object_get(object, "digest"));
	const json_t *size = json_object_get(object, "size");
	if (to->media_type == NULL || digest == NULL || !json_is_integer(size) ||
			json_integer_value(size) < 0) {
		return error_set(err, ERROR_INVALID,
				"a part of it lacks \"mediaType\", \"digest\" or \"size\"");
	}
	if (!image_digest_valid(digest)) {
		return error_set(err, ERROR_INVALID,
				"\"%.100s\" is not a digest that is known here (sha256: and 64 hex "
				"digits)",
				digest);
	}
	memcpy(to->digest, digest, strlen(digest) + 1);
	to->size = (uint64_t)json_integer_value(size);
	return true;
}

static bool read_descriptor(const json_t *object, struct descriptor *to, struct error *err) {
	const json_t *notes = json_object_get(object, "annotations");
	const json_t *platform = json_object_get(object, "platform");
	char *about = NULL;
	*to = (struct descriptor){ 0 };
	if (!json_is_object(object)) {
		return error_set(err, ERROR_INVALID, "a part of it is not an object");
	}
	bool ok = read_text(object, "mediaType", &to->media_type, err) &&
		  read_text(notes, "org.opencontainers.image.title", &to->title, err) &&
		  read_text(notes, "vnd.docker.reference.type", &about, err) &&
		  read_text(platform, "architecture", &to->architecture, err) &&
		  read_text(platform, "os", &to->system, err) && read_required(object, to, err);
	to->attestation = about != NULL;
	free(about);
	if (ok) {
		to->kind = manifest_layer_kind(to->media_type);
		/* oras calls every file "tar" unless it is told what it is */
		if (to->kind == LAYER_TAR && to->title != NULL && str_ends(to->title, ".wasm")) {
			to->kind = LAYER_WASM;
		}
	}
	return ok;
}

static bool read_items(const json_t *list, struct manifest *to, struct error *err) {
	size_t count = json_array_size(list);
	if (count > MANIFEST_ITEMS_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "it has %zu parts, over %d", count,
				MANIFEST_ITEMS_MAX);
	}
	to->items = mem_zero(count + 1, sizeof(*to->items));
	for (size_t i = 0; i < count; i++) {
		to->count = i + 1;
		if (!read_descriptor(json_array_get(list, i), &to->items[i], err)) {
			return false;
		}
	}
	return true;
}

static bool read_manifest(const json_t *root, struct manifest *to, struct error *err) {
	const json_t *manifests = json_object_get(root, "manifests");
	const json_t *layers = json_object_get(root, "layers");
	const json_t *config = json_object_get(root, "config");
	if (json_integer_value(json_object_get(root, "schemaVersion")) != 2) {
		return error_set(err, ERROR_UNSUPPORTED,
				"it is not of schema 2 (an image of a very old docker, or no "
				"image): push it again with a newer tool");
	}
	/* Both at once is how one document means two things to two readers. */
	if (json_is_array(manifests) == json_is_array(layers)) {
		return error_set(err, ERROR_INVALID,
				"it has neither \"layers\" nor \"manifests\", or both");
	}
	to->index = json_is_array(manifests);
	if (!to->index && config != NULL && !read_descriptor(config, &to->config, err)) {
		return error_wrap(err, "\"config\"");
	}
	return read_items(to->index ? manifests : layers, to, err);
}

bool manifest_parse(struct manifest *manifest, struct bytes text, struct error *err) {
	json_error_t where;
	*manifest = (struct manifest){ 0 };
	json_t *root = text.size != 0 ? json_loadb((const char *)text.data, text.size,
							JSON_REJECT_DUPLICATES, &where)
				      : NULL;
	bool ok = json_is_object(root) || error_set(err, ERROR_INVALID, "it is not a JSON object");
	ok = ok && read_manifest(root, manifest, err);
	json_decref(root);
	if (!ok) {
		manifest_finish(manifest);
		return error_wrap(err, "the manifest");
	}
	return true;
}

static void descriptor_finish(struct descriptor *it) {
	free(it->media_type);
	free(it->title);
	free(it->architecture);
	free(it->system);
}

void manifest_finish(struct manifest *manifest) {
	descriptor_finish(&manifest->config);
	for (size_t i = 0; i < manifest->count; i++) {
		descriptor_finish(&manifest->items[i]);
	}
	free(manifest->items);
	*manifest = (struct manifest){ 0 };
}

/* --- choosing ----------------------------------------------------------------------------------
 */

/* "a, b, c" of what there is, as far as a message has room. */
static char *list_items(const struct manifest *it, char *(*describe)(const struct descriptor *item),
		bool (*counts)(const struct descriptor *)) {
	struct error ignored;
	struct buf text = BUF_INIT(600);
	for (size_t i = 0; i < it->count; i++) {
		if (counts != NULL && !counts(&it->items[i])) {
			continue;
		}
		CLEANUP(mem_freep) char *one = describe(&it->items[i]);
		if (!buf_printf(&text, &ignored, "%s%s", text.size != 0 ? ", " : "", one)) {
			(void)buf_append_some(&text, ", ...", 5);
			break;
		}
	}
	char *list = str_copy(text.size != 0 ? buf_text(&text) : "nothing");
	buf_finish(&text);
	return list;
}

static char *describe_platform(const struct descriptor *item) {
	return str_format("%.40s/%.40s", item->architecture != NULL ? item->architecture : "?",
			item->system != NULL ? item->system : "?");
}

static int platform_rank(const struct descriptor *item) {
	if (item->attestation) {
		return -1;
	}
	if (item->architecture == NULL || !str_starts(item->architecture, "wasm")) {
		return 0;
	}
	return str_equal(item->system, "wasip1") ? 3 : str_equal(item->system, "wasi") ? 2 : 1;
}

const struct descriptor *manifest_platform(const struct manifest *index, struct error *err) {
	const struct descriptor *best = NULL;
	size_t candidates = 0;
	for (size_t i = 0; i < index->count; i++) {
		const struct descriptor *item = &index->items[i];
		candidates += platform_rank(item) >= 0;
		if (platform_rank(item) >= 0 &&
				(best == NULL || platform_rank(item) > platform_rank(best))) {
			best = item;
		}
	}
	if (best != NULL && (platform_rank(best) > 0 || candidates == 1)) {
		return best;
	}
	CLEANUP(mem_freep) char *list = list_items(index, describe_platform, NULL);
	error_set(err, ERROR_NOT_FOUND, "it has no image for wasm, only for %s", list);
	return NULL;
}

static bool is_wasm(const struct descriptor *item) {
	return item->kind == LAYER_WASM;
}

static char *describe_member(const struct descriptor *item) {
	return item->title != NULL ? str_format("%.100s", item->title) : str_copy(item->digest);
}

static char *describe_layer(const struct descriptor *item) {
	return str_format("%.100s", item->media_type);
}

static bool is_member(const struct descriptor *item, const char *member) {
	return str_equal(item->title, member) || str_equal(item->digest, member);
}

static size_t count_kind(const struct manifest *manifest, enum layer_kind kind) {
	size_t count = 0;
	for (size_t i = 0; i < manifest->count; i++) {
		count += manifest->items[i].kind == kind;
	}
	return count;
}

static bool no_layer(const struct manifest *manifest, const char *member, struct error *err) {
	size_t modules = count_kind(manifest, LAYER_WASM);
	CLEANUP(mem_freep)
	char *members = list_items(manifest, describe_member, is_wasm);
	CLEANUP(mem_freep) char *layers = list_items(manifest, describe_layer, NULL);
	if (modules != 0 && member != NULL) {
		return error_set(err, ERROR_NOT_FOUND,
				"it has no WebAssembly module \"%.100s\"; it has: %s", member,
				members);
	}
	if (modules > 1) {
		return error_set(err, ERROR_INVALID,
				"it has %zu WebAssembly modules: say which one by \"#\" and its "
				"name behind the image's; it has: %s",
				modules, members);
	}
	if (count_kind(manifest, LAYER_ENCRYPTED) != 0) {
		return error_set(err, ERROR_UNSUPPORTED,
				"its layers are encrypted, and nothing here can decrypt them: %s",
				layers);
	}
	return error_set(err, ERROR_NOT_FOUND, "it has no WebAssembly in it; its layers are: %s",
			layers);
}

/* Both members are NULL, or the module is the one that is named. */
static const struct descriptor *find_member(const struct manifest *manifest, const char *member) {
	for (size_t i = 0; i < manifest->count; i++) {
		const struct descriptor *item = &manifest->items[i];
		if (is_wasm(item) && (member == NULL || is_member(item, member))) {
			return item;
		}
	}
	return NULL;
}

bool manifest_layer(const struct manifest *manifest, const char *member,
		const struct descriptor **layer, struct error *err) {
	size_t modules = count_kind(manifest, LAYER_WASM);
	*layer = member != NULL || modules == 1 ? find_member(manifest, member) : NULL;
	if (*layer != NULL || (count_kind(manifest, LAYER_TAR) != 0 &&
					      (modules == 0 || member != NULL))) {
		return true;
	}
	return no_layer(manifest, member, err);
}

/* --- paths -------------------------------------------------------------------------------------
 */

char *manifest_path(const char *path) {
	CLEANUP(strings_finish) struct strings parts = { 0 };
	struct error ignored;
	struct buf text = BUF_INIT(4096);
	bool ok = true;
	strings_split(&parts, path, '/');
	for (size_t i = 0; ok && i < parts.count; i++) {
		ok = !str_equal(parts.items[i], "..") &&
		     (str_equal(parts.items[i], ".") ||
				     buf_printf(&text, &ignored, "%s%s", text.size != 0 ? "/" : "",
						     parts.items[i]));
	}
	char *clean = ok && text.size != 0 ? str_copy(buf_text(&text)) : NULL;
	buf_finish(&text);
	return clean;
}

static const char *program_of(const json_t *config) {
	static const char *const names[] = { "Entrypoint", "Cmd" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const json_t *words = json_object_get(config, names[i]);
		size_t at;
		json_t *word;
		json_array_foreach((json_t *)(uintptr_t)words, at, word) {
			const char *text = json_string_value(word);
			if (text != NULL && str_ends(text, ".wasm")) {
				return text;
			}
		}
	}
	return NULL;
}

char *manifest_entrypoint(struct bytes config) {
	json_error_t where;
	json_t *root = config.size != 0 ? json_loadb((const char *)config.data, config.size, 0,
							  &where)
					: NULL;
	const json_t *inner = json_object_get(root, "config");
	const char *program = program_of(inner);
	const char *folder = json_string_value(json_object_get(inner, "WorkingDir"));
	char *path = NULL;
	if (program != NULL) {
		CLEANUP(mem_freep)
		char *full = program[0] != '/' && folder != NULL
					     ? str_format("%s/%s", folder, program)
					     : str_copy(program);
		path = manifest_path(full);
	}
	json_decref(root);
	return path;
}
