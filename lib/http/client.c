/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "http/direct.h"

enum { TIMEOUT_MS = 60000, CONNECT_MS = 5000 };

struct http_client {
	CURL *curl;
	char *base_url, *token;
	char *shown_url; /* the same without a name and a password, for messages */
	unsigned connect_ms;
	const struct tls_parts *tls;
	char words[CURL_ERROR_SIZE]; /* what libcurl says about the last failure, or "" */
};

static char *without_user(const char *url) {
	size_t scheme = strcspn(url, "/") + 2, size = strcspn(url + scheme, "/?#");
	const char *at = memrchr(url + scheme, '@', size);
	return at == NULL ? str_copy(url) : str_format("%.*s%s", (int)scheme, url, at + 1);
}

/* "http://$HOST" of a script in which HOST is empty is another host: the path's first word. */
static bool has_host(const char *url) {
	const char *host = strstr(url, "://");
	return host != NULL && strchr("/?#:", host[3]) == NULL;
}

/* The end of a line in it would be the beginning of another header. */
static bool is_line(const char *text) {
	for (size_t i = 0; text != NULL && text[i] != 0; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			return false;
		}
	}
	return true;
}

struct http_client *http_client_create(
		const struct http_client_options *options, struct error *err) {
	bool tls = str_starts(options->base_url, "https://");
	if (!tls && !str_starts(options->base_url, "http://")) {
		error_set(err, ERROR_INVALID, "\"%.200s\" is not an http:// or https:// address",
				options->base_url);
		return NULL;
	}
	if (!has_host(options->base_url)) {
		error_set(err, ERROR_INVALID, "\"%.200s\" is not an address", options->base_url);
		return NULL;
	}
	if (!is_line(options->token)) {
		error_set(err, ERROR_INVALID, "the token has a control character in it");
		return NULL;
	}
	/* Setting TLS up costs milliseconds that plain HTTP need not pay. */
	if (curl_global_init(tls ? CURL_GLOBAL_DEFAULT : CURL_GLOBAL_NOTHING) != CURLE_OK) {
		error_set(err, ERROR_INTERNAL, "the HTTP library does not start");
		return NULL;
	}
	struct http_client *client = MEM_NEW(struct http_client);
	client->curl = curl_easy_init();
	client->base_url = str_copy(options->base_url);
	while (str_ends(client->base_url, "/")) {
		client->base_url[strlen(client->base_url) - 1] = 0;
	}
	client->shown_url = without_user(client->base_url);
	client->token = str_copy(options->token);
	client->tls = options->tls;
	client->connect_ms = options->connect_ms != 0 ? options->connect_ms : CONNECT_MS;
	return client;
}

void http_client_destroy(struct http_client *client) {
	if (client != NULL) {
		curl_easy_cleanup(client->curl);
		free(client->base_url);
		free(client->shown_url);
		if (client->token != NULL) {
			explicit_bzero(client->token, strlen(client->token));
		}
		free(client->token);
		free(client);
	}
}

struct transfer {
	const struct http_call *call;
	struct http_answer *answer;
	struct error *err;
	CURL *curl;
	bool too_large, ended; /* ended: by our own will */
	uint64_t sent;
};

static size_t take_body(char *data, size_t size, size_t count, void *context) {
	struct transfer *transfer = context;
	long status = 0;
	(void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
	if (transfer->call->take != NULL && status < 400) {
		transfer->ended =
				!transfer->call->take(transfer->call->context, data, size * count);
		return transfer->ended ? 0 : size * count;
	}
	if (!buf_append(&transfer->answer->body, data, size * count, transfer->err)) {
		transfer->too_large = true;
		return 0;
	}
	return size * count;
}

static bool header_value(
		const char *line, size_t size, const char *name, char *value, size_t room) {
	size_t length = strlen(name);
	if (size <= length + 1 || strncasecmp(line, name, length) != 0 || line[length] != ':') {
		return false;
	}
	line += length + 1;
	size -= length + 1;
	while (size != 0 && *line == ' ') {
		line++;
		size--;
	}
	while (size != 0 && (line[size - 1] == '\r' || line[size - 1] == '\n')) {
		size--;
	}
	size = size < room - 1 ? size : room - 1;
	memcpy(value, line, size);
	value[size] = 0;
	return true;
}

static size_t take_header(char *line, size_t size, size_t count, void *context) {
	struct transfer *transfer = context;
	struct http_answer *answer = transfer->answer;
	char number[24];
	struct error ignored;
	uint64_t seconds;
	(void)header_value(
			line, size * count, "Location", answer->location, sizeof(answer->location));
	if (header_value(line, size * count, "Retry-After", number, sizeof(number)) &&
			str_to_u64(number, &seconds, &ignored)) {
		answer->retry_after_seconds = (unsigned)(seconds < 3600 ? seconds : 3600);
	}
	return size * count;
}

static size_t give_file(char *data, size_t size, size_t count, void *context) {
	struct transfer *transfer = context;
	ssize_t got = pread(transfer->call->file, data, size * count, (off_t)transfer->sent);
	if (got < 0) {
		return CURL_READFUNC_ABORT;
	}
	transfer->sent += (uint64_t)got;
	if (transfer->call->progress != NULL) {
		transfer->call->progress(
				transfer->call->context, transfer->sent, transfer->call->file_size);
	}
	return (size_t)got;
}

static int tick(void *context, curl_off_t all, curl_off_t now, curl_off_t up, curl_off_t sent) {
	struct transfer *transfer = context;
	(void)all, (void)now, (void)up, (void)sent;
	transfer->ended = transfer->ended || !transfer->call->tick(transfer->call->context);
	return transfer->ended ? 1 : 0;
}

static void set_ticks(CURL *curl, struct transfer *transfer) {
	const struct http_call *call = transfer->call;
	if (call->tick != NULL) {
		(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
		(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, tick);
		(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
	}
	if (call->silence_seconds != 0) {
		(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
		(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)call->silence_seconds);
	}
}

static int rewind_file(void *context, curl_off_t offset, int origin) {
	struct transfer *transfer = context;
	if (origin != SEEK_SET) {
		return CURL_SEEKFUNC_CANTSEEK;
	}
	transfer->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static struct curl_slist *headers_for(
		const struct http_client *client, const struct http_call *call) {
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	if (call->type != NULL) {
		CLEANUP(mem_freep) char *line = str_format("Content-Type: %s", call->type);
		list = curl_slist_append(list, line);
	}
	if (client->token != NULL) {
		char *line = str_format("Authorization: Bearer %s", client->token);
		list = curl_slist_append(list, line);
		explicit_bzero(line, strlen(line));
		free(line);
	}
	return list;
}

static void set_body(CURL *curl, struct transfer *transfer) {
	const struct http_call *call = transfer->call;
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
	if (call->file > 0) {
		(void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
		(void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_file);
		(void)curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
		(void)curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, rewind_file);
		(void)curl_easy_setopt(curl, CURLOPT_SEEKDATA, transfer);
		(void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->file_size);
	} else if (call->body.size != 0 || strcmp(call->method, "GET") != 0) {
		(void)curl_easy_setopt(
				curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.size);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
				call->body.size != 0 ? (const char *)call->body.data : "");
	}
}

static void set_blob(CURL *curl, CURLoption option, char *text) {
	struct curl_blob blob = { .data = text, .len = strlen(text), .flags = CURL_BLOB_NOCOPY };
	(void)curl_easy_setopt(curl, option, &blob);
}

/* Whom it trusts and who it is. The server's name is verified, always. */
static void set_tls(struct http_client *client) {
	CURL *curl = client->curl;
	const struct tls_parts *tls = client->tls;
	(void)curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (tls != NULL && tls->ca != NULL) {
		set_blob(curl, CURLOPT_CAINFO_BLOB, tls->ca);
		(void)curl_easy_setopt(curl, CURLOPT_CAPATH, NULL); /* these and no others */
	}
	if (tls != NULL && tls->cert != NULL) {
		set_blob(curl, CURLOPT_SSLCERT_BLOB, tls->cert);
		set_blob(curl, CURLOPT_SSLKEY_BLOB, tls->key);
	}
	client->words[0] = '\0';
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->words);
}

/* One of the two speaks TLS and the other one does not: it looks like anything but that. */
static const char *advice(const struct http_client *client, CURLcode code) {
	if (str_starts(client->base_url, "https://")) {
		return code == CURLE_SSL_CONNECT_ERROR ? "; if it does not speak TLS its address "
							 "begins with http://"
						       : "";
	}
	bool silent = code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR ||
		      code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_UNSUPPORTED_PROTOCOL;
	return silent ? "; if it speaks TLS its address begins with https://" : "";
}

static bool transfer_error(const struct http_client *client, const struct transfer *transfer,
		CURLcode code, struct error *err) {
	if (transfer->too_large) {
		return error_wrap(err, "the answer of %s", client->shown_url);
	}
	if (transfer->ended) {
		return error_set(err, ERROR_INTERRUPTED, "%s: ended here", client->shown_url);
	}
	switch (code) {
	case CURLE_URL_MALFORMAT:
		return error_set(err, ERROR_INVALID, "\"%.200s\" is not an address",
				client->shown_url);
	case CURLE_OPERATION_TIMEDOUT:
		return error_set(
				err, ERROR_TIMEOUT, "%s did not answer in time", client->shown_url);
	case CURLE_COULDNT_CONNECT:
		return error_set(err, ERROR_UNAVAILABLE, "%s: connection refused",
				client->shown_url);
	default:
		return error_set(err, ERROR_UNAVAILABLE, "%s: %.300s%s", client->shown_url,
				client->words[0] != '\0' ? client->words : curl_easy_strerror(code),
				advice(client, code));
	}
}

bool http_client_send(struct http_client *client, const struct http_call *call,
		struct http_answer *answer, struct error *err) {
	CURL *curl = client->curl;
	struct transfer transfer = { .call = call, .answer = answer, .err = err, .curl = curl };
	long status = 0;
	CLEANUP(mem_freep) char *url = str_format("%s%s", client->base_url, call->path);
	struct curl_slist *headers = headers_for(client, call);
	curl_easy_reset(curl);
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	direct_hosts(curl);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_ms);
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
			(long)(call->timeout_ms != 0 ? call->timeout_ms : (unsigned)TIMEOUT_MS));
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	(void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
	set_tls(client);
	set_body(curl, &transfer);
	set_ticks(curl, &transfer);
	buf_clear(&answer->body);
	answer->location[0] = 0;
	answer->retry_after_seconds = 0;
	CURLcode code = curl_easy_perform(curl);
	curl_slist_free_all(headers);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	answer->status = (int)status;
	/* A server that refuses an upload answers and closes: the answer is what counts. */
	if (code == CURLE_OK || (code == CURLE_SEND_ERROR && status >= 400)) {
		return true;
	}
	return transfer_error(client, &transfer, code, err);
}

/* For servers that name no type of problem. */
static enum error_code code_of_status(int status) {
	static const struct {
		int status;
		enum error_code code;
	} rows[] = { { 401, ERROR_DENIED }, { 403, ERROR_DENIED }, { 404, ERROR_NOT_FOUND },
		{ 405, ERROR_METHOD }, { 409, ERROR_CONFLICT }, { 413, ERROR_TOO_LARGE },
		{ 415, ERROR_MEDIA_TYPE }, { 422, ERROR_UNSUPPORTED }, { 429, ERROR_BUSY },
		{ 502, ERROR_UNAVAILABLE }, { 503, ERROR_UNAVAILABLE }, { 504, ERROR_TIMEOUT },
		{ 507, ERROR_NO_SPACE } };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].status == status) {
			return rows[i].code;
		}
	}
	return status < 500 ? ERROR_INVALID : ERROR_INTERNAL;
}

bool http_answer_error(const struct http_answer *answer, struct error *err) {
	json_t *problem = json_loadb(buf_text(&answer->body), answer->body.size, 0, NULL);
	const char *type = json_string_value(json_object_get(problem, "type"));
	const char *text = json_string_value(json_object_get(problem, "detail"));
	const char *slug = type != NULL ? strrchr(type, '/') : NULL;
	if (text == NULL) {
		text = json_string_value(json_object_get(problem, "error"));
	}
	error_set(err, slug != NULL ? error_from_slug(slug + 1) : code_of_status(answer->status),
			"%s", text != NULL ? text : "the server gave no reason");
	if (text == NULL || slug == NULL) {
		(void)error_wrap(err, "HTTP status %d", answer->status);
	}
	json_decref(problem);
	return false;
}

char *http_escape(const char *text) {
	char *escaped = curl_easy_escape(NULL, text, 0);
	char *copy = str_copy(escaped != NULL ? escaped : "");
	curl_free(escaped);
	return copy;
}
