/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/upload.h"

#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/manager.h"
#include "manager/media.h"
#include "manager/multipart.h"
#include "manager/splitter.h"

enum { JSON_MAX = 4 * 1024 * 1024, DECODED_MAX = 16 * 1024 };

struct upload {
	struct manager *m;
	struct module_upload *module; /* begun with the first byte of a module */
	struct buf json;
	struct splitter splitter;
	struct multipart multipart;
	struct base64_stream base64;
	bool (*take)(struct upload *upload, struct bytes piece, struct error *err);
	bool failed; /* the rest of the body is dropped, and the handler says why */
	struct error failure;
};

static void begin_module(struct upload *upload) {
	if (upload->module == NULL) {
		upload->module = modules_begin(upload->m->modules, upload->m->settings->module_max);
	}
}

static bool add(void *context, struct bytes piece, struct error *err) {
	struct upload *upload = context;
	begin_module(upload);
	return module_upload_add(upload->module, piece, err);
}

static bool add_base64(void *context, struct bytes text, struct error *err) {
	struct upload *upload = context;
	uint8_t decoded[DECODED_MAX];
	size_t step = sizeof(decoded) / 3 * 4 - 8;
	if (text.size != 0) {
		begin_module(upload); /* also by text that is too short for one byte */
	}
	for (size_t at = 0; at < text.size; at += step) {
		size_t size = text.size - at < step ? text.size - at : step, written;
		if (!base64_stream_feed(&upload->base64, (const char *)text.data + at, size,
				    decoded, &written, err)) {
			return error_wrap(err, "field \"file\"");
		}
		if (written != 0 && !add(upload, (struct bytes){ decoded, written }, err)) {
			return false;
		}
	}
	return true;
}

static bool take_json(struct upload *upload, struct bytes piece, struct error *err) {
	return splitter_feed(&upload->splitter, piece, err);
}

static bool take_parts(struct upload *upload, struct bytes piece, struct error *err) {
	return multipart_feed(&upload->multipart, piece, err);
}

static bool take_raw(struct upload *upload, struct bytes piece, struct error *err) {
	return add(upload, piece, err);
}

static bool is_upload_route(struct http_request *request) {
	const char *path = http_path(request);
	size_t size = strlen(path);
	return str_ends(path, "/upload") || (size > 1 && str_ends(path, "/upload/"));
}

/* Which form the body has, by its content type. For JSON Propeller only looks whether it is
 * mentioned. */
static bool choose(struct upload *upload, struct http_request *request, struct error *err) {
	const char *type = http_header(request, "Content-Type");
	bool uploads = is_upload_route(request);
	if (type != NULL && strcasestr(type, "application/json") != NULL) {
		upload->take = take_json;
		return true;
	}
	if (uploads && type != NULL && media_is(type, "multipart/form-data")) {
		upload->take = take_parts;
		return multipart_init(&upload->multipart, type, err);
	}
	if (uploads && (type == NULL || media_is(type, "application/wasm") ||
				       media_is(type, "application/octet-stream"))) {
		upload->take = take_raw;
		return true;
	}
	return error_set(err, uploads ? ERROR_MEDIA_TYPE : ERROR_INVALID,
			       uploads ? "unsupported content type: send application/wasm, "
					 "multipart/form-data with a part "
					 "\"file\", or application/json with a base64 \"file\""
				       : "unsupported content type: send application/json") ||
	       error_of(err, ERROR_IN_HEADER, "Content-Type");
}

static void finish(void *context) {
	struct upload *upload = context;
	module_upload_destroy(upload->module);
	multipart_finish(&upload->multipart);
	buf_finish(&upload->json);
	free(upload);
}

static void *begin(void *context, struct http_request *request, struct error *err) {
	struct upload *upload = MEM_NEW(struct upload);
	upload->m = context;
	upload->json = BUF_INIT(JSON_MAX);
	upload->splitter = (struct splitter){
		.rest = &upload->json, .file = add_base64, .context = upload
	};
	upload->multipart.file = add;
	upload->multipart.context = upload;
	if (!choose(upload, request, err)) {
		finish(upload);
		return NULL;
	}
	return upload;
}

static bool data(void *context, struct bytes piece, struct error *err) {
	struct upload *upload = context;
	(void)err;
	if (!upload->failed && !upload->take(upload, piece, &upload->failure)) {
		upload->failed = true;
		module_upload_destroy(upload->module); /* who is refused finds the room */
		upload->module = NULL;
	}
	return true;
}

const struct http_sink upload_sink = { .begin = begin, .data = data, .end = finish };

struct bytes upload_json(const struct upload *upload) {
	return (struct bytes){ upload->json.data, upload->json.size };
}

/* In JSON it is a member. */
static bool blame(const struct upload *upload, struct error *err) {
	return upload->take == take_json ? error_in(err, "file")
					 : error_of(err, ERROR_IN_PART, "file");
}

bool upload_failed(const struct upload *upload, struct error *err) {
	bool failed = upload->failed;
	if (failed) {
		*err = upload->failure;
	} else if (upload->take == take_parts && upload->multipart.seen_file) {
		failed = !multipart_is_whole(&upload->multipart, err);
	}
	if (failed) {
		(void)blame(upload, err);
	}
	return failed;
}

bool upload_has_module(const struct upload *upload) {
	return upload->module != NULL;
}

bool upload_finish(struct upload *upload, struct module_info *info, struct error *err) {
	if (!base64_stream_end(&upload->base64, err)) {
		return error_wrap(err, "field \"file\"") || blame(upload, err);
	}
	return module_upload_finish(upload->module, info, err) || blame(upload, err);
}
