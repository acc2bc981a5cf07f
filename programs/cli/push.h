/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A module as an image in a registry (OCI distribution 1.0): for the sample of `up`. */
#include <stdbool.h>

#include "base/attr.h"
#include "base/error.h"

/*
 * Pushes the module of a file to a registry that wants no password and speaks plain HTTP, as
 * REPOSITORY:TAG: one layer `application/wasm` beside an empty configuration, then their manifest.
 * `address` is "http://host:port". At most 16 MiB.
 */
bool push_module(const char *address, const char *repository, const char *tag, const char *file,
		struct error *err) MUST_CHECK;
