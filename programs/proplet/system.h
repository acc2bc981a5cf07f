/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the host is, for announcements. */
#include <jansson.h>
#include <stdint.h>

#include "proplet/settings.h"

uint64_t system_cpus(void);
uint64_t system_memory(void);      /* bytes; the cgroup's limit where that is lower */
uint64_t system_memory_free(void); /* bytes that programs can have without swapping */
/* Propeller's metadata object; the caller drops it. */
json_t *system_metadata(const struct proplet_settings *settings);
