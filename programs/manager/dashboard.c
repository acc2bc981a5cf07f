/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/dashboard.h"

#include <string.h>

#include "http/encoding.h"
#include "manager/etag.h"

/* Nothing but what this server sends, nobody around it; texts of tasks are only ever texts, and
 * this is what stands behind that. */
#define POLICY                                                                                     \
	"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "        \
	"object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

static const struct dashboard_file *find(const char *name) {
	for (size_t i = 0; i < dashboard_file_count; i++) {
		if (strcmp(dashboard_files[i].name, name) == 0) {
			return &dashboard_files[i];
		}
	}
	return NULL;
}

static void reply(struct http_request *request, const struct dashboard_file *file, bool packed) {
	const struct dashboard_form *form = packed ? &file->packed : &file->plain;
	const char *known = http_header(request, "If-None-Match");
	struct http_response response = { .status = 200,
		.type = file->type,
		.body = { form->data, form->size },
		.headers = { { "ETag", form->tag }, { "Cache-Control", "no-cache" },
				{ "Vary", "Accept-Encoding" },
				{ "Content-Security-Policy", POLICY },
				{ "X-Content-Type-Options", "nosniff" },
				{ "Referrer-Policy", "no-referrer" },
				{ "Cross-Origin-Resource-Policy", "same-origin" } } };
	if (known != NULL && etag_listed(known, form->tag, true)) {
		response.status = 304;
		response.type = NULL;
		response.body = (struct bytes){ NULL, 0 };
	} else if (packed) {
		response.headers[7].name = "Content-Encoding";
		response.headers[7].value = "gzip";
	}
	http_reply(request, &response);
}

void dashboard_page(void *context, struct http_request *request) {
	const char *name = http_param(request, "file");
	const struct dashboard_file *file = find(name != NULL ? name : "index.html");
	struct error err;
	(void)context;
	if (file == NULL) {
		error_set(&err, ERROR_NOT_FOUND, "the dashboard has no file %.200s", name);
		http_reply_error(request, &err);
		return;
	}
	reply(request, file, encoding_takes_gzip(http_header(request, "Accept-Encoding")));
}

/* Relative, so that it is right behind a proxy that puts the manager below a path of its own. */
void dashboard_move(void *context, struct http_request *request) {
	const struct http_response response = { .status = 302,
		.headers = { { "Location", "dashboard/" }, { "Cache-Control", "no-cache" } } };
	(void)context;
	http_reply(request, &response);
}
