/* SPDX-License-Identifier: Apache-2.0 */
#include "http/download.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/direct.h"

enum { TIMEOUT_MS = 300000, CONNECT_MS = 10000, QUIET_SECONDS = 30, SKIP_MAX = 256 * 1024 };

struct download {
	CURL *curl;
	CURLM *multi;
	struct strings hosts;
	char *url, *ca, *place; /* place: host and path of the URL, to be shown */
	uint64_t timeout_ms, until_ms;
	atomic_bool cancelled;
	struct buf *out;
	bool too_large;
	size_t skipped;    /* of bodies that are not the file */
	struct error *err; /* of the run */
	char said[CURL_ERROR_SIZE];
};

bool download_is_url(const char *text) {
	return strncasecmp(text, "http://", 7) == 0 || strncasecmp(text, "https://", 8) == 0;
}

/* --- addresses ---------------------------------------------------------------------------------
 */

struct address {
	char *scheme, *host, *port, *path;
};

static void address_finish(struct address *address) {
	curl_free(address->scheme);
	curl_free(address->host);
	curl_free(address->port);
	curl_free(address->path);
}

static bool address_parts(CURLU *parsed, struct address *to, struct error *err) {
	char *user = NULL;
	if (curl_url_get(parsed, CURLUPART_USER, &user, 0) == CURLUE_OK) {
		curl_free(user);
		return error_set(err, ERROR_INVALID, "an address must not hold a user's name");
	}
	return (curl_url_get(parsed, CURLUPART_SCHEME, &to->scheme, 0) == CURLUE_OK &&
			       curl_url_get(parsed, CURLUPART_HOST, &to->host, 0) == CURLUE_OK &&
			       curl_url_get(parsed, CURLUPART_PORT, &to->port,
					       CURLU_DEFAULT_PORT) == CURLUE_OK &&
			       curl_url_get(parsed, CURLUPART_PATH, &to->path, 0) == CURLUE_OK) ||
	       error_set(err, ERROR_INVALID, "this is not an address");
}

static bool address_parse(const char *url, struct address *to, struct error *err) {
	*to = (struct address){ 0 };
	CURLU *parsed = curl_url();
	CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, 0);
	bool ok = (code == CURLUE_OK && download_is_url(url)) ||
		  error_set(err, ERROR_INVALID, "this is not an http:// or https:// address%s%s",
				  code != CURLUE_OK ? ": " : "",
				  code != CURLUE_OK ? curl_url_strerror(code) : "");
	ok = ok && address_parts(parsed, to, err);
	curl_url_cleanup(parsed);
	if (!ok) {
		address_finish(to);
		*to = (struct address){ 0 };
	}
	return ok;
}

/* Where the port of an entry begins: behind the last colon that is not inside brackets. */
static const char *entry_port(const char *entry) {
	const char *colon = strrchr(entry, ':');
	return colon != NULL && strchr(colon, ']') == NULL ? colon + 1 : NULL;
}

static bool host_fits(const char *entry, size_t size, const char *host) {
	size_t length = strlen(host);
	if (size > 2 && entry[0] == '*' && entry[1] == '.') {
		return length >= size &&
		       strncasecmp(host + length - (size - 1), entry + 1, size - 1) == 0;
	}
	return length == size && strncasecmp(host, entry, size) == 0;
}

static bool entry_allows(const char *entry, const struct address *address) {
	const char *port = entry_port(entry);
	size_t size = port != NULL ? (size_t)(port - 1 - entry) : strlen(entry);
	const char *own = strcasecmp(address->scheme, "https") == 0 ? "443" : "80";
	if (port == NULL) {
		port = own;
	}
	return host_fits(entry, size, address->host) &&
	       (str_equal(port, "*") || str_equal(port, address->port));
}

static bool is_allowed(
		const struct strings *hosts, const struct address *address, struct error *err) {
	for (size_t i = 0; i < hosts->count; i++) {
		if (entry_allows(hosts->items[i], address)) {
			return true;
		}
	}
	return error_set(err, ERROR_DENIED, "nothing may be fetched from %.200s:%s", address->host,
			address->port);
}

bool download_check_hosts(const struct strings *hosts, struct error *err) {
	for (size_t i = 0; i < hosts->count; i++) {
		const char *entry = hosts->items[i], *port = entry_port(entry);
		uint64_t number = 1;
		bool ok = entry[0] != 0 && strpbrk(entry, "/@? ") == NULL &&
			  (port == NULL || str_equal(port, "*") ||
					  (str_to_u64(port, &number, err) && number != 0 &&
							  number <= UINT16_MAX));
		const char *star = strchr(entry, '*');
		ok = ok && (star == NULL || star == port || (star == entry && entry[1] == '.'));
		if (!ok) {
			return error_set(err, ERROR_INVALID,
					"\"%.200s\" is not HOST, HOST:PORT, HOST:* or *.DOMAIN",
					entry);
		}
	}
	return true;
}

/* --- one transfer ------------------------------------------------------------------------------
 */

/* Of an answer that is not the file only the status counts; but not for ever. */
static size_t skip(struct download *it, size_t size) {
	it->skipped += size;
	return it->skipped <= SKIP_MAX ? size : 0;
}

static size_t take(char *data, size_t size, size_t count, void *context) {
	struct download *it = context;
	struct error ignored;
	long status = 0;
	curl_off_t length = -1;
	(void)curl_easy_getinfo(it->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(it->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	if (status != 200) {
		return skip(it, size * count);
	}
	it->too_large = length > (curl_off_t)it->out->limit ||
			!buf_append(it->out, data, size * count, &ignored);
	return it->too_large ? 0 : size * count;
}

static void set_up(struct download *it) {
	CURL *curl = it->curl;
	curl_easy_reset(curl);
	it->said[0] = 0;
	(void)curl_easy_setopt(curl, CURLOPT_URL, it->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	direct_hosts(curl);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "airscrew/" AIRSCREW_VERSION);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)QUIET_SECONDS);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, it);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, it->said);
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (it->ca != NULL) {
		struct curl_blob blob = { it->ca, strlen(it->ca), CURL_BLOB_NOCOPY };
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* nor the system's */
	}
}

static bool failed(const struct download *it, CURLcode code) {
	struct error *err = it->err;
	switch (code) {
	case CURLE_OK: return true;
	case CURLE_WRITE_ERROR:
		return !it->too_large ||
		       error_set(err, ERROR_TOO_LARGE, "%s is larger than %zu bytes", it->place,
				       it->out->limit);
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(err, ERROR_TIMEOUT, "%s: nothing came for %d s", it->place,
				QUIET_SECONDS);
	default:
		return error_set(err, ERROR_UNAVAILABLE, "%s: %s", it->place,
				it->said[0] != 0 ? it->said : curl_easy_strerror(code));
	}
}

static bool result_of(struct download *it) {
	int left;
	const CURLMsg *message = curl_multi_info_read(it->multi, &left);
	if (message == NULL || message->msg != CURLMSG_DONE) {
		return error_set(it->err, ERROR_INTERNAL, "%s: the transfer has no end", it->place);
	}
	return failed(it, message->data.result);
}

static bool transfer(struct download *it) {
	for (int running = 1;;) {
		uint64_t now = clock_ms();
		(void)curl_multi_perform(it->multi, &running);
		if (running == 0) {
			return result_of(it);
		}
		if (atomic_load(&it->cancelled)) {
			return error_set(it->err, ERROR_INTERRUPTED, "stopped while %s was fetched",
					it->place);
		}
		if (now >= it->until_ms) {
			return error_set(it->err, ERROR_TIMEOUT, "%s did not come within %llu s",
					it->place, (unsigned long long)(it->timeout_ms / 1000));
		}
		uint64_t wait = it->until_ms - now;
		(void)curl_multi_poll(it->multi, NULL, 0, wait < 1000 ? (int)wait : 1000, NULL);
	}
}

/* What the server said, if it is not the file: a redirect changes the URL. */
static bool look_at_status(struct download *it, bool *again) {
	long status = 0;
	char *next = NULL;
	(void)curl_easy_getinfo(it->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(it->curl, CURLINFO_REDIRECT_URL, &next);
	if (status == 200) {
		return true;
	}
	if (status >= 300 && status < 400 && next != NULL) {
		if (strncasecmp(it->url, "https:", 6) == 0 && strncasecmp(next, "https:", 6) != 0) {
			return error_set(it->err, ERROR_DENIED,
					"%s leads from https to something else", it->place);
		}
		str_set(&it->url, next);
		*again = true;
		return true;
	}
	return error_set(it->err,
			status == 404 || status == 410 ? ERROR_NOT_FOUND : ERROR_UNAVAILABLE,
			"%s: the server answered %ld", it->place, status);
}

/* The place that is shown, once the address is known to be allowed. */
static bool check_address(struct download *it) {
	struct address address;
	if (!address_parse(it->url, &address, it->err)) {
		return false;
	}
	free(it->place);
	it->place = str_format("%.200s%.300s", address.host, address.path);
	bool ok = is_allowed(&it->hosts, &address, it->err);
	address_finish(&address);
	return ok;
}

static bool one_request(struct download *it, bool *again) {
	set_up(it);
	(void)curl_multi_add_handle(it->multi, it->curl);
	bool ok = transfer(it);
	(void)curl_multi_remove_handle(it->multi, it->curl);
	return ok && look_at_status(it, again);
}

bool download_run(struct download *download, struct buf *out, struct error *err) {
	download->out = out;
	download->err = err;
	download->until_ms = clock_ms() + download->timeout_ms;
	for (int i = 0; i <= DOWNLOAD_REDIRECTS; i++) {
		bool again = false;
		if (!check_address(download) || !one_request(download, &again)) {
			return i == 0 ? false : error_wrap(err, "behind a redirect");
		}
		if (!again) {
			return true;
		}
	}
	return error_set(err, ERROR_UNAVAILABLE, "%s: more than %d redirects", download->place,
			DOWNLOAD_REDIRECTS);
}

void download_cancel(struct download *download) {
	atomic_store(&download->cancelled, true);
	(void)curl_multi_wakeup(download->multi);
}

struct download *download_create(const struct download_options *options, struct error *err) {
	struct address address;
	if (!address_parse(options->url, &address, err)) {
		return NULL;
	}
	address_finish(&address);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		error_set(err, ERROR_INTERNAL, "the HTTP library does not start");
		return NULL;
	}
	struct download *it = MEM_NEW(struct download);
	it->curl = curl_easy_init();
	it->multi = curl_multi_init();
	it->url = str_copy(options->url);
	it->ca = str_copy(options->ca);
	it->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
	strings_copy(&it->hosts, options->hosts);
	return it;
}

void download_destroy(struct download *download) {
	if (download != NULL) {
		curl_easy_cleanup(download->curl);
		(void)curl_multi_cleanup(download->multi);
		strings_finish(&download->hosts);
		free(download->url);
		free(download->ca);
		free(download->place);
		free(download);
	}
}
