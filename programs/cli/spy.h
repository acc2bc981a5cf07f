/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What whoever owns the broker sees: a client that hears everything in a channel, and looks for a
 * text in it. One thread uses a spy; it has one of its own.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

/* One message, as it is shown. */
struct heard {
	char path[128];  /* of its topic, behind that of the channel */
	char begins[40]; /* its first characters; of what is sealed the first bytes, in hexadecimal
			  */
	size_t size;
	bool sealed; /* it says so */
	bool marked; /* the text is in it, as it is or in base64 */
};
/* Fills in all but the path. */
void heard_read(struct heard *heard, struct bytes payload, const char *mark);

struct spy;
/* Hears "m/<domain>/c/<channel>/#" as soon as it returns; ERROR_TIMEOUT: the broker is silent. */
struct spy *spy_create(const char *address, const char *domain, const char *channel,
		const char *mark, struct error *err) MUST_CHECK;
void spy_destroy(struct spy *spy);
/* Forgets what it has heard. */
void spy_begin(struct spy *spy);
/* Waits until a message of that path was heard; false after `ms`. */
bool spy_wait(struct spy *spy, const char *path, unsigned ms);
/* Every message so far, oldest first. */
typedef void (*spy_visitor)(void *context, const struct heard *heard);
void spy_each(struct spy *spy, spy_visitor visit, void *context);
