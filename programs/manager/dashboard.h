/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The dashboard (dashboard/ at the top of the tree), as it is built in by tools/assets: GET
 * /dashboard/ and the files beside it. It holds no data, and so needs no token; what it shows it
 * asks from the REST API. Browsers ask each time whether what they hold is still right (ETag, 304),
 * so that a page is never put together from two versions.
 */
#include <stddef.h>

#include "http/server.h"

struct dashboard_form {
	const unsigned char *data;
	size_t size;
	const char *tag; /* strong, in its quotes; another one for each form (RFC 9110, 8.8.3.3) */
};

struct dashboard_file {
	const char *name, *type;
	struct dashboard_form plain, packed; /* packed: gzip */
};

extern const struct dashboard_file dashboard_files[];
extern const size_t dashboard_file_count;

/* The handlers of GET /dashboard/ and /dashboard/{file}, and of those who have to go there. */
void dashboard_page(void *context, struct http_request *request);
void dashboard_move(void *context, struct http_request *request);
