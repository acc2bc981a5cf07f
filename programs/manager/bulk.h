/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Modules for workers, over a connection of their own: a worker asks for chunks, its answer is
 * read from the module's file, sealed for it if there is a workload key, and published; then the
 * request has to be signed, and newer than the last one. Nothing here touches the loop.
 *
 * Workers of versions that did not sign requests yet are served all the same, once the loop has
 * read in a signed announcement that they are such (bulk_expect): so nobody else is.
 */
#include "bus/bus.h"
#include "bus/topics.h"
#include "seal/seal.h"
#include "store/modules.h"

struct bulk;
struct bulk *bulk_create(const struct bus_options *options, const struct topics *topics,
		struct modules *modules, struct seal_ring *ring, struct error *err) MUST_CHECK;
void bulk_destroy(struct bulk *bulk); /* accepts NULL */

/* Whether this worker's requests are signed; until told otherwise they have to be. Any thread; a
 * signed request says the same. */
void bulk_expect(struct bulk *bulk, const char *worker, bool is_signed);
