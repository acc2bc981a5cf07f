/* SPDX-License-Identifier: Apache-2.0 */
/* get URL: the least that libcurl needs to print what is there. The reference of bench/cli.py. */
#include <curl/curl.h>
#include <stdio.h>

int main(int argc, char **argv) {
	CURL *curl = argc == 2 ? curl_easy_init() : NULL;
	if (curl == NULL) {
		(void)fprintf(stderr, "usage: get URL\n");
		return 2;
	}
	curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_cleanup(curl);
	return code != CURLE_OK || fflush(stdout) != 0;
}
