/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Images through Propeller's proxy: asked for by name on registry/proplet, they come as JSON
 * chunks on registry/server, which goes to every worker of the channel. So the subscription lasts
 * only while something is on its way, and chunks that nobody here has asked for are dropped.
 *
 * However many tasks wait for a name, it is asked for once and kept once. Names wait for their
 * turn beyond `at_once`, so at most that many images are in memory half done. Safe from any
 * thread; who pulls waits in its own thread, on a condition that the last chunk signals.
 */
#include "base/bytes.h"
#include "base/digest.h"
#include "bus/bus.h"
#include "bus/topics.h"
#include "engine/engine.h"

/* One image in memory, shared by everybody who waited for it. */
struct image;
struct bytes image_bytes(const struct image *image);
const char *image_digest(const struct image *image); /* SHA-256 in hex */
void image_release(struct image *image);             /* accepts NULL */

struct registry_limits {
	size_t image_max;    /* bytes of one image */
	uint64_t at_once;    /* images on their way */
	uint64_t timeout_ms; /* without a new chunk, until it is given up */
};

struct registry;
/* `bus` and `topics` are borrowed. Never NULL. */
struct registry *registry_create(
		struct bus *bus, const struct topics *topics, const struct registry_limits *limits);
void registry_destroy(struct registry *registry); /* accepts NULL; nobody pulls any more */
/* Makes everybody who pulls give up with ERROR_INTERRUPTED. */
void registry_close(struct registry *registry);
/* For the handlers of the bus: it is connected (again); a message on registry/server. */
void registry_connected(struct registry *registry);
void registry_message(struct registry *registry, struct bytes payload);
/*
 * The image of that name; to be released. NULL with ERROR_UNAVAILABLE when it does not come (our
 * proxy says why, Propeller's says nothing), ERROR_INTEGRITY when it changes midway,
 * ERROR_TOO_LARGE, ERROR_INTERRUPTED when `stop` (may be NULL) is requested.
 */
struct image *registry_pull(struct registry *registry, const char *name, struct run_stop *stop,
		struct error *err) MUST_CHECK;
