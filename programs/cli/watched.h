/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The samples that `up --samples` runs while it listens at the broker: what a task printed stands
 * beside what travelled for it. hello-world's module and its result both say "Hello, world!", so
 * whether the broker could read either is easily told.
 */
#include <stdint.h>

#include "cli/cli.h"

struct watched {
	struct manager *manager;
	const char *examples, *channel;
	uint16_t mqtt_port;
	bool encrypted;       /* the stack has a workload key */
	const char *registry; /* "host:port" of one that takes whatever comes; NULL: none */
};
/*
 * Runs hello-world, of a file and then, where there is a registry, of an image there. False if a
 * result is not what it must be, or the broker saw what it must not see (with a key), or did not
 * see what must be seen (without one: then the listening itself is wrong).
 */
bool watched_run(const struct watched *watched);
