/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's workload key: with it the memory of the whole process is locked as far as the limits
 * allow, and never dumped, for the key and every module go through it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/secret.h"
#include "proxy/proxy.h"

const char keys_refusal[] = "Failed to decrypt workload";

/* Pages are locked when they are first touched: what is only reserved costs nothing. */
static bool protect_memory(const struct proxy_settings *settings, struct error *err) {
	if (!seal_forbid_dumps(err)) {
		return false;
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) {
		return true;
	}
	int number = errno;
	if (seal_swap_active() && !settings->allow_swap) {
		return error_errno(err, number,
				"setting PROXY_WORKLOAD_KEY: memory cannot be locked, and swap is "
				"in use: allow it (LimitMEMLOCK, ulimit -l), switch swap off, or "
				"set PROXY_ALLOW_SWAP=true");
	}
	log_warn("memory cannot be locked, keys alone are error=\"%s\" swap=%s", strerror(number),
			seal_swap_active() ? "in use, which is allowed" : "none");
	return true;
}

/* The environment lies in our memory as well. */
static void wipe_environment(void) {
	static const char *const names[] = { "PROXY_WORKLOAD_KEY", "PROXY_WORKLOAD_KEYS" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *value = getenv(names[i]);
		if (value != NULL) {
			explicit_bzero(value, strlen(value));
		}
	}
}

bool keys_open(struct proxy *proxy, struct proxy_settings *settings, struct error *err) {
	if (settings->workload_key == NULL) {
		return true;
	}
	proxy->ring = seal_ring_create(NULL, err);
	bool ok = proxy->ring != NULL && seal_ring_read(proxy->ring, settings->workload_key, err);
	secret_wipe(&settings->workload_key);
	wipe_environment();
	if (!ok) {
		return error_wrap(err, "setting PROXY_WORKLOAD_KEY");
	}
	return protect_memory(settings, err);
}
