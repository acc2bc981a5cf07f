/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Images through Propeller's proxy: asked for by name on registry/proplet, they come as JSON
 * chunks on registry/server, which goes to every worker of the channel. So the subscription lasts
 * only while something is on its way, and chunks that nobody here has asked for are dropped.
 *
 * With a workload key the name goes in an envelope, with a number of this boot, and sealed chunks
 * come on a topic of the worker (spec/topics.md); each has the digest of the whole, which is
 * checked. Then nothing else is taken: what cannot be opened is dropped, and asked for again.
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
#include "seal/seal.h"

/* One image in memory, shared by everybody who waited for it. */
struct image;
struct bytes image_bytes(const struct image *image);
int image_file(const struct image *image);           /* a memory file with them, sealed */
const char *image_digest(const struct image *image); /* SHA-256 in hex */
void image_release(struct image *image);             /* accepts NULL */

struct registry_limits {
	size_t image_max;    /* bytes of one image */
	uint64_t at_once;    /* images on their way */
	uint64_t timeout_ms; /* without a new chunk, until it is given up */
};

/* Who asks. */
struct registry_self {
	const char *proplet_id, *boot;
	struct seal_ring *ring; /* NULL: in the open */
};

struct registry;
/* All of it is borrowed but the limits. Never NULL. */
struct registry *registry_create(struct bus *bus, const struct topics *topics,
		const struct registry_self *self, const struct registry_limits *limits);
void registry_destroy(struct registry *registry); /* accepts NULL; nobody pulls any more */
/* Makes everybody who pulls give up with ERROR_INTERRUPTED. */
void registry_close(struct registry *registry);
/* For the handlers of the bus: it is connected (again); a message, and whether it was one of these
 * (registry/server, or registry/image/<id>). */
void registry_connected(struct registry *registry);
bool registry_message(struct registry *registry, const char *topic, struct bytes payload);
/*
 * The image of that name; to be released. NULL with ERROR_UNAVAILABLE when it does not come (our
 * proxy says why, Propeller's says nothing), ERROR_INTEGRITY when it changes midway,
 * ERROR_TOO_LARGE, ERROR_KEY_MISMATCH when the proxy has another workload key or none,
 * ERROR_INTERRUPTED when `stop` (may be NULL) is requested.
 */
struct image *registry_pull(struct registry *registry, const char *name, struct run_stop *stop,
		struct error *err) MUST_CHECK;
