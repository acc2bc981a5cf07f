/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "seal/memory.h"

void seal_wipe_environment(const char *prefix) {
	static const char *const names[] = { "WORKLOAD_KEY", "WORKLOAD_KEYS" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CLEANUP(mem_freep) char *name = str_format("%s_%s", prefix, names[i]);
		char *value = getenv(name);
		if (value != NULL) {
			explicit_bzero(value, strlen(value));
		}
	}
}

bool seal_protect_process(const char *prefix, bool allow_swap, struct error *err) {
	if (!seal_forbid_dumps(err)) {
		return false;
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) {
		return true;
	}
	int number = errno;
	if (seal_swap_active() && !allow_swap) {
		return error_errno(err, number,
				"setting %s_WORKLOAD_KEY: memory cannot be locked, and swap is in "
				"use: allow it (LimitMEMLOCK, ulimit -l), switch swap off, or set "
				"%s_ALLOW_SWAP=true",
				prefix, prefix);
	}
	log_warn("memory cannot be locked, keys alone are error=\"%s\" swap=%s", strerror(number),
			seal_swap_active() ? "in use, which is allowed" : "none");
	return true;
}
