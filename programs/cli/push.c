/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/push.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/client.h"

enum { MODULE_MAX = 16 * 1024 * 1024, ANSWER_MAX = 64 * 1024 };

static const char manifest_type[] = "application/vnd.oci.image.manifest.v1+json";

/* Whether the answer has that status; then `location` is the path that it names. */
static bool call(struct http_client *client, const struct http_call *what, int status,
		char **location, struct error *err) {
	struct http_answer answer = { .body = BUF_INIT(ANSWER_MAX) };
	bool ok = http_client_send(client, what, &answer, err);
	if (ok && answer.status != status) {
		ok = error_set(err, ERROR_UNAVAILABLE, "the registry answers %s with %d: %.200s",
				what->path, answer.status, buf_text(&answer.body));
	}
	if (ok && location != NULL) {
		const char *host = strstr(answer.location, "://");
		const char *path = host != NULL ? strchr(host + 3, '/') : answer.location;
		*location = str_copy(path != NULL ? path : "/");
	}
	buf_finish(&answer.body);
	return ok;
}

/* What the manifest says about it, or NULL. */
static json_t *push_blob(struct http_client *client, const char *repository, const char *type,
		struct bytes blob, struct error *err) {
	char digest[DIGEST_HEX_SIZE];
	CLEANUP(mem_freep) char *begin = str_format("/v2/%s/blobs/uploads/", repository);
	CLEANUP(mem_freep) char *place = NULL;
	const struct http_call ask = { .method = "POST", .path = begin };
	if (!call(client, &ask, 202, &place, err)) {
		return NULL;
	}
	digest_hex(blob.data, blob.size, digest);
	CLEANUP(mem_freep)
	char *path = str_format("%s%cdigest=sha256:%s", place,
			strchr(place, '?') != NULL ? '&' : '?', digest);
	const struct http_call put = {
		.method = "PUT", .path = path, .type = "application/octet-stream", .body = blob
	};
	if (!call(client, &put, 201, NULL, err)) {
		return NULL;
	}
	CLEANUP(mem_freep) char *name = str_format("sha256:%s", digest);
	return json_pack("{s:s,s:s,s:I}", "mediaType", type, "digest", name, "size",
			(json_int_t)blob.size);
}

static bool push_manifest(struct http_client *client, const char *repository, const char *tag,
		json_t *manifest, struct error *err) {
	CLEANUP(mem_freep) char *path = str_format("/v2/%s/manifests/%s", repository, tag);
	CLEANUP(mem_freep) char *text = json_dumps(manifest, JSON_COMPACT);
	const struct http_call put = { .method = "PUT",
		.path = path,
		.type = manifest_type,
		.body = { (const uint8_t *)text, strlen(text) } };
	return call(client, &put, 201, NULL, err);
}

static bool push(struct http_client *client, const char *repository, const char *tag,
		struct bytes module, struct error *err) {
	static const struct bytes empty = { (const uint8_t *)"{}", 2 };
	json_t *layer = push_blob(client, repository, "application/wasm", module, err);
	json_t *config = layer != NULL ? push_blob(client, repository,
							 "application/vnd.wasm.config.v0+json",
							 empty, err)
				       : NULL;
	bool ok = config != NULL;
	if (ok) {
		json_t *manifest = json_pack("{s:i,s:s,s:O,s:[O]}", "schemaVersion", 2, "mediaType",
				manifest_type, "config", config, "layers", layer);
		ok = push_manifest(client, repository, tag, manifest, err);
		json_decref(manifest);
	}
	json_decref(config);
	json_decref(layer);
	return ok;
}

bool push_module(const char *address, const char *repository, const char *tag, const char *file,
		struct error *err) {
	const struct http_client_options options = { .base_url = address };
	struct buf module = BUF_INIT(MODULE_MAX);
	struct http_client *client = http_client_create(&options, err);
	bool ok = client != NULL && file_read(file, &module, err) &&
		  push(client, repository, tag, (struct bytes){ module.data, module.size }, err);
	http_client_destroy(client);
	buf_finish(&module);
	return ok;
}
