/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Modules from the manager, in chunks over a connection of their own, which images take as well
 * (registry.h). Safe from any thread; who fetches waits in its own thread, on a condition that the
 * arrival of chunks signals.
 */
#include "base/buf.h"
#include "bus/bus.h"
#include "bus/topics.h"
#include "seal/seal.h"
#include "proplet/registry.h"

struct fetcher;
struct fetcher_self {
	const char *proplet_id, *boot;
	uint64_t boot_number;   /* later boots have larger ones */
	struct seal_ring *ring; /* NULL: nothing is sealed, nor signed */
};
struct fetcher *fetcher_create(const struct bus_options *options, const struct topics *topics,
		const struct fetcher_self *self, const struct registry_limits *images,
		struct error *err) MUST_CHECK;
void fetcher_destroy(struct fetcher *fetcher); /* accepts NULL; nobody fetches any more */
/* Makes everybody who fetches give up with ERROR_INTERRUPTED. */
void fetcher_close(struct fetcher *fetcher);
/*
 * Appends the verified module to `wasm`. ERROR_NOT_FOUND (the manager has none), ERROR_INTEGRITY,
 * ERROR_UNAVAILABLE when nothing came for a minute. Several threads may fetch one digest.
 */
bool fetch_module(struct fetcher *fetcher, const char *digest, uint64_t size, struct buf *wasm,
		struct error *err) MUST_CHECK;
/* An image by its name in a registry, through Propeller's proxy: registry_pull(). */
struct image *fetch_image(struct fetcher *fetcher, const char *name, struct run_stop *stop,
		struct error *err) MUST_CHECK;
