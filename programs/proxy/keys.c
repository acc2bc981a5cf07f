/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's workload key: with it the memory of the whole process is locked as far as the limits
 * allow, and never dumped, for the key and every module go through it. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "proxy/proxy.h"
#include "seal/process.h"

const char keys_refusal[] = "Failed to decrypt workload";

bool keys_open(struct proxy *proxy, struct proxy_settings *settings, struct error *err) {
	if (settings->workload_key == NULL) {
		return true;
	}
	proxy->ring = seal_ring_create(NULL, err);
	bool ok = proxy->ring != NULL && seal_ring_read(proxy->ring, settings->workload_key, err);
	secret_wipe(&settings->workload_key);
	seal_wipe_environment("PROXY");
	if (!ok) {
		return error_wrap(err, "setting PROXY_WORKLOAD_KEY");
	}
	return seal_protect_process("PROXY", settings->allow_swap, err);
}
