/* SPDX-License-Identifier: Apache-2.0 */
#include "http/direct.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define OURS "localhost,127.0.0.1,::1"

void direct_hosts(CURL *curl) {
	const char *others = getenv("no_proxy");
	others = others != NULL ? others : getenv("NO_PROXY");
	if (others == NULL || others[0] == 0) {
		(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, OURS);
	} else if (strcmp(others, "*") == 0) { /* only alone it means all */
		(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, others);
	} else {
		CLEANUP(mem_freep) char *all = str_format(OURS ",%s", others);
		(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, all);
	}
}
