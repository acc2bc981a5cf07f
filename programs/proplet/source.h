/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where the module of a start comes from: inside the message (the old form), from the manager in
 * chunks (fetch.h), from a web server that the operator allows (PROPLET_FETCH_HOSTS), or from a
 * registry by way of Propeller's proxy (registry.h).
 */
#include "proplet/worker.h"

/*
 * Says what the module's digest is and how its bytes can be had. What has no digest yet is brought
 * at once, which a stop of the attempt ends; the rest only if the cache does not hold it. In the
 * attempt's thread. On success module_cache_acquire() takes *from over.
 */
bool source_open(struct attempt *attempt, char digest[DIGEST_HEX_SIZE], struct module_source *from,
		struct error *err) MUST_CHECK;
