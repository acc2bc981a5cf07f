/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bodies that may carry a module, taken while they arrive in bounded memory: JSON with a base64
 * `file`, multipart/form-data with a part `file`, or the raw bytes of a module. What is left of
 * JSON without the file is small and kept as text; the module goes to a file.
 */
#include "base/buf.h"
#include "http/server.h"
#include "store/modules.h"

extern const struct http_sink upload_sink;

/* The context of a request on a route with upload_sink. */
struct upload;
/* JSON without the content of `file`; empty for other bodies. */
struct bytes upload_json(const struct upload *upload);
/* True if the body could not be taken: err says why. */
bool upload_failed(const struct upload *upload, struct error *err);
bool upload_has_module(const struct upload *upload);
/* Finishes the module: durable and pinned. The pin is the caller's (modules_unpin()). */
bool upload_finish(struct upload *upload, struct module_info *info, struct error *err) MUST_CHECK;
