/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * libcurl takes a proxy from http_proxy, https_proxy and all_proxy, and reads no_proxy only where
 * CURLOPT_NOPROXY is not set. This machine is never asked through a proxy, whatever they say.
 */
#include <curl/curl.h>

/* Hosts that are asked directly: this one, and those of no_proxy (else NO_PROXY). */
void direct_hosts(CURL *curl);
