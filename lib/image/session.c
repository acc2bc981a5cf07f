/* SPDX-License-Identifier: Apache-2.0 */
#include "image/session.h"

#include <ctype.h>
#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "image/challenge.h"
#include "image/credential_program.h"

enum {
	REDIRECTS_MAX = 5,
	TRIES_MAX = 5,
	FIRST_PAUSE_MS = 250,
	PAUSE_MAX_MS = 60000,
	TOKEN_ANSWER_MAX = 256 * 1024,
	TOKEN_MAX = 64 * 1024,
	PROBLEM_MAX = 4096,
};

struct session {
	struct wire *wire;
	struct session_options options;
	const struct credential *credential; /* ours at this registry, or NULL */
	struct credential asked;             /* what a helper program has said */
	char *base;                          /* "https://r.example:5000/v2/team/add" */
	char *authorization;                 /* what the registry has asked for, or NULL */
};

/* --- addresses ---------------------------------------------------------------------------------
 */

struct origin {
	char *scheme, *host, *port;
};

static void origin_finish(struct origin *origin) {
	curl_free(origin->scheme);
	curl_free(origin->host);
	curl_free(origin->port);
}

/* False for what is no http(s) address, or has a user's name in it. */
static bool origin_of(const char *url, struct origin *to) {
	char *user = NULL;
	*to = (struct origin){ 0 };
	CURLU *parsed = curl_url();
	bool ok = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
		  curl_url_get(parsed, CURLUPART_SCHEME, &to->scheme, 0) == CURLUE_OK &&
		  curl_url_get(parsed, CURLUPART_HOST, &to->host, 0) == CURLUE_OK &&
		  curl_url_get(parsed, CURLUPART_PORT, &to->port, CURLU_DEFAULT_PORT) ==
				  CURLUE_OK &&
		  curl_url_get(parsed, CURLUPART_USER, &user, 0) != CURLUE_OK &&
		  (str_equal(to->scheme, "https") || str_equal(to->scheme, "http"));
	curl_free(user);
	curl_url_cleanup(parsed);
	return ok;
}

static bool same_origin(const char *a, const char *b) {
	struct origin left, right;
	bool same = origin_of(a, &left);
	same = origin_of(b, &right) && same && str_equal(left.scheme, right.scheme) &&
	       strcasecmp(left.host, right.host) == 0 && str_equal(left.port, right.port);
	origin_finish(&left);
	origin_finish(&right);
	return same;
}

/* Where the port of HOST:PORT begins; NULL if there is none. */
static const char *port_of(const char *entry) {
	const char *colon = strrchr(entry, ':');
	return colon != NULL && strchr(colon, ']') == NULL ? colon + 1 : NULL;
}

static bool plain_has(const struct strings *plain, const char *host, const char *port) {
	for (size_t i = 0; plain != NULL && i < plain->count; i++) {
		const char *entry = plain->items[i], *own = port_of(entry);
		size_t size = own != NULL ? (size_t)(own - 1 - entry) : strlen(entry);
		if (strlen(host) == size && strncasecmp(host, entry, size) == 0 &&
				str_equal(own != NULL ? own : "80", port)) {
			return true;
		}
	}
	return false;
}

bool session_check_plain(const struct strings *plain, struct error *err) {
	for (size_t i = 0; i < plain->count; i++) {
		struct image_reference name;
		CLEANUP(mem_freep) char *text = str_format("%s/a", plain->items[i]);
		bool ok = strpbrk(plain->items[i], "/@#") == NULL &&
			  strpbrk(plain->items[i], ".:") != NULL;
		ok = ok || str_equal(plain->items[i], "localhost");
		if (!ok || !image_reference_parse(text, &name, err)) {
			return error_set(err, ERROR_INVALID,
					"\"%.200s\" is not a registry's HOST or HOST:PORT",
					plain->items[i]);
		}
		image_reference_finish(&name);
	}
	return true;
}

/* Whether anybody may be asked there: https, or http where the operator has said so. */
static bool may_ask(const struct session *session, const char *url, struct error *err) {
	struct origin origin;
	bool sound = origin_of(url, &origin);
	bool ok = sound &&
		  (str_equal(origin.scheme, "https") ||
				  plain_has(session->options.plain, origin.host, origin.port));
	if (!sound) {
		error_set(err, ERROR_INVALID, "the registry names an address that is none");
	} else if (!ok) {
		error_set(err, ERROR_DENIED,
				"the registry leads to http://%.200s:%s, and plain HTTP is spoken "
				"only to those that are named for it",
				origin.host, origin.port);
	}
	origin_finish(&origin);
	return ok;
}

static bool is_https(const char *url) {
	return strncasecmp(url, "https:", 6) == 0;
}

/* An address relative to another; freed by the caller, NULL if it is none. */
static char *resolve(const char *base, const char *location) {
	char *text = NULL;
	CURLU *parsed = curl_url();
	bool ok = curl_url_set(parsed, CURLUPART_URL, base, 0) == CURLUE_OK &&
		  curl_url_set(parsed, CURLUPART_URL, location, 0) == CURLUE_OK &&
		  curl_url_get(parsed, CURLUPART_URL, &text, 0) == CURLUE_OK;
	char *copy = ok ? str_copy(text) : NULL;
	curl_free(text);
	curl_url_cleanup(parsed);
	return copy;
}

/* --- what is said about a failure --------------------------------------------------------------
 */

static const char *host_of(const struct session *session) {
	return session->options.reference->host;
}

/* The registry's own word for it ("MANIFEST_UNKNOWN"), or "". Its messages are not repeated: they
 * may hold anything. */
static void problem_code(struct wire *wire, char code[48]) {
	struct buf body = BUF_INIT(PROBLEM_MAX);
	json_error_t where;
	wire_rest(wire, &body);
	json_t *root = body.size != 0 ? json_loadb((const char *)body.data, body.size, 0, &where)
				      : NULL;
	const json_t *first = json_array_get(json_object_get(root, "errors"), 0);
	const char *text = json_string_value(json_object_get(first, "code"));
	size_t length = text != NULL ? strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") : 0;
	code[0] = 0;
	if (length != 0 && length < 40 && text[length] == 0) {
		(void)snprintf(code, 48, " %s", text);
	}
	json_decref(root);
	buf_finish(&body);
}

static bool refused(
		const struct session *session, int status, const char *code, struct error *err) {
	const char *host = host_of(session);
	if (session->credential == NULL) {
		return error_set(err, ERROR_DENIED,
				"%s answered %d%s, and no user name and password are set for it",
				host, status, code);
	}
	return error_set(err, ERROR_DENIED, "%s answered %d%s to the credential that is set for it",
			host, status, code);
}

static bool bad_status(const struct session *session, int status, struct error *err) {
	char code[48];
	problem_code(session->wire, code);
	switch (status) {
	case 401:
	case 403: return refused(session, status, code, err);
	case 404:
		return error_set(err, ERROR_NOT_FOUND, "%s has no such image (%d%s)",
				host_of(session), status, code);
	case 429:
		return error_set(err, ERROR_BUSY, "%s answered %d%s: too many requests",
				host_of(session), status, code);
	default:
		return error_set(err, ERROR_UNAVAILABLE, "%s answered %d%s", host_of(session),
				status, code);
	}
}

/* --- credentials -------------------------------------------------------------------------------
 */

static void set_authorization(struct session *session, char *value) {
	secret_wipe(&session->authorization);
	session->authorization = value;
}

/* A token goes into a header: nothing but what may stand there. */
static char *bearer(const char *token) {
	size_t length = token != NULL ? strlen(token) : 0;
	for (size_t i = 0; i < length; i++) {
		if (!isgraph((unsigned char)token[i])) {
			return NULL;
		}
	}
	return length != 0 && length <= TOKEN_MAX ? str_format("Bearer %s", token) : NULL;
}

static bool take_token(struct session *session, struct bytes answer, struct error *err) {
	json_error_t where;
	json_t *root = answer.size != 0 ? json_loadb((const char *)answer.data, answer.size, 0,
							  &where)
					: NULL;
	json_t *token = json_object_get(root, "token");
	token = json_is_string(token) ? token : json_object_get(root, "access_token");
	char *value = bearer(json_string_value(token));
	if (json_is_string(token)) {
		explicit_bzero((char *)(uintptr_t)json_string_value(token),
				json_string_length(token));
	}
	json_decref(root);
	if (value == NULL) {
		return error_set(err, ERROR_UNAVAILABLE,
				"the token service of %s gave no token that can be used",
				host_of(session));
	}
	set_authorization(session, value);
	return true;
}

/* Only what we came for is asked for, unless the registry names it in its own way. */
static char *scope_for(const struct session *session, const struct challenge *challenge) {
	const char *scope = challenge->scope;
	if (scope != NULL && str_starts(scope, "repository:") && str_ends(scope, ":pull") &&
			strchr(scope, ' ') == NULL) {
		return str_copy(scope);
	}
	return str_format("repository:%s:pull", session->options.reference->repository);
}

static char *token_url(const struct session *session, const struct challenge *challenge) {
	CLEANUP(mem_freep) char *scope = scope_for(session, challenge);
	CLEANUP(mem_freep) char *scope_part = str_format("scope=%s", scope);
	CLEANUP(mem_freep)
	char *service = challenge->service != NULL ? str_format("service=%s", challenge->service)
						   : NULL;
	char *text = NULL;
	const unsigned add = CURLU_APPENDQUERY | CURLU_URLENCODE;
	CURLU *url = curl_url();
	bool ok = curl_url_set(url, CURLUPART_URL, challenge->realm, 0) == CURLUE_OK &&
		  (service == NULL ||
				  curl_url_set(url, CURLUPART_QUERY, service, add) == CURLUE_OK) &&
		  curl_url_set(url, CURLUPART_QUERY, scope_part, add) == CURLUE_OK &&
		  curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK;
	char *copy = ok ? str_copy(text) : NULL;
	curl_free(text);
	curl_url_cleanup(url);
	return copy;
}

static bool read_body(struct wire *wire, struct buf *out, struct error *err) {
	struct bytes piece;
	do {
		if (!wire_read(wire, &piece, err) ||
				!buf_append(out, piece.data, piece.size, err)) {
			return false;
		}
	} while (piece.size != 0);
	return true;
}

static bool ask_token(struct session *session, const char *url, struct error *err) {
	char *basic = session->credential != NULL && session->credential->password != NULL
				      ? credential_basic(session->credential)
				      : NULL;
	const struct wire_request request = { .url = url, .authorization = basic };
	const struct wire_answer *answer = wire_get(session->wire, &request, err);
	secret_wipe(&basic);
	if (answer == NULL) {
		return false;
	}
	if (answer->status != 200) {
		return bad_status(session, answer->status, err);
	}
	struct buf body = BUF_INIT(TOKEN_ANSWER_MAX);
	bool ok = read_body(session->wire, &body, err) &&
		  take_token(session, (struct bytes){ body.data, body.size }, err);
	if (body.data != NULL) {
		explicit_bzero(body.data, body.size);
	}
	buf_finish(&body);
	return ok;
}

static bool get_token(
		struct session *session, const struct challenge *challenge, struct error *err) {
	const struct credential *own = session->credential;
	if (own != NULL && own->token != NULL) {
		char *value = bearer(own->token);
		set_authorization(session, value);
		return value != NULL || error_set(err, ERROR_INVALID,
							"the token that is set for %s has spaces "
							"or other characters that a token cannot "
							"have",
							host_of(session));
	}
	CLEANUP(mem_freep) char *url = token_url(session, challenge);
	if (url == NULL) {
		return error_set(err, ERROR_UNAVAILABLE,
				"%s names a token service that is no address", host_of(session));
	}
	if (!may_ask(session, url, err)) {
		return false;
	}
	if (is_https(session->base) && !is_https(url)) {
		return error_set(err, ERROR_DENIED, "%s names a token service without https",
				host_of(session));
	}
	return ask_token(session, url, err) || error_wrap(err, "asking for a token");
}

static bool may_wait(void *context, struct error *err) {
	return wire_may_wait(context, err);
}

/* docker's own name for its registry, which helpers know it by. */
static const char *helper_name(const char *host) {
	return str_equal(host, "docker.io") ? "https://index.docker.io/v1/" : host;
}

/* The store is for all registries, and may have nothing to do with this one. */
static bool is_bearable(const struct credential *own, const struct error *err) {
	return own->registry == NULL && err->code != ERROR_INTERRUPTED;
}

/* What a helper program knows takes the place of its name; it is asked when the registry wants it,
 * and anew for each image, since what it says may not be valid for long. */
static bool ask_program(struct session *session, struct error *err) {
	const struct credential *own = session->credential;
	if (own == NULL || own->program == NULL) {
		return true;
	}
	const struct credential_question question = { .program = own->program,
		.server = helper_name(host_of(session)),
		.may_wait = may_wait,
		.context = session->wire };
	struct credential_answer answer;
	if (!credential_program_ask(&question, &answer, err)) {
		if (!is_bearable(own, err)) {
			return false;
		}
		log_warn("a registry is asked without a password registry=%s error=\"%s\"",
				host_of(session), err->message);
	}
	session->asked.username = answer.username;
	session->asked.password = answer.password;
	session->credential = answer.username != NULL ? &session->asked : NULL;
	return true;
}

static bool authorise(struct session *session, const char *text, struct error *err) {
	struct challenge challenge;
	if (!ask_program(session, err)) {
		return false;
	}
	const struct credential *own = session->credential;
	if (!challenge_parse(text, &challenge, err)) {
		return error_wrap(err, "%s", host_of(session));
	}
	bool ok = true;
	if (challenge.kind == CHALLENGE_BEARER || (own != NULL && own->token != NULL)) {
		ok = get_token(session, &challenge, err);
	} else if (own != NULL) {
		set_authorization(session, credential_basic(own));
	} else {
		ok = refused(session, 401, "", err);
	}
	challenge_finish(&challenge);
	return ok;
}

/* --- requests ----------------------------------------------------------------------------------
 */

struct asking {
	const char *path, *accept;
	uint64_t from;
	char *url;          /* after redirects */
	unsigned redirects; /* so far */
	unsigned tries;
	bool authorised; /* in this one */
};

enum verdict { VERDICT_DONE, VERDICT_AGAIN, VERDICT_FAILED };

static enum verdict redirect(struct session *session, struct asking *it, const char *location,
		struct error *err) {
	CLEANUP(mem_freep) char *next = resolve(it->url, location);
	bool ok = next != NULL ||
		  error_set(err, ERROR_UNAVAILABLE, "%s redirects to what is no address",
				  host_of(session));
	if (ok && ++it->redirects > REDIRECTS_MAX) {
		ok = error_set(err, ERROR_UNAVAILABLE, "%s: more than %d redirects",
				host_of(session), REDIRECTS_MAX);
	}
	if (ok && is_https(it->url) && !is_https(next)) {
		ok = error_set(err, ERROR_DENIED, "%s leads from https to something else",
				host_of(session));
	}
	if (!ok || !may_ask(session, next, err)) {
		return VERDICT_FAILED;
	}
	wire_rest(session->wire, NULL);
	str_set(&it->url, next);
	return VERDICT_AGAIN;
}

/* From the beginning: what a redirect leads to may be signed for a short time only. */
static enum verdict try_again(
		struct session *session, struct asking *it, uint64_t wanted_ms, struct error *err) {
	uint64_t pause = (uint64_t)FIRST_PAUSE_MS << it->tries;
	struct error late;
	if (++it->tries >= TRIES_MAX || wanted_ms > PAUSE_MAX_MS) {
		return VERDICT_FAILED;
	}
	log_debug("a registry is asked again registry=%s error=\"%s\"", host_of(session),
			err->message);
	if (!wire_pause(session->wire, wanted_ms > pause ? wanted_ms : pause, &late)) {
		if (late.code == ERROR_INTERRUPTED) {
			*err = late;
		}
		return VERDICT_FAILED;
	}
	str_set(&it->url, NULL);
	it->redirects = 0;
	return VERDICT_AGAIN;
}

static enum verdict look_at(struct session *session, struct asking *it,
		const struct wire_answer *answer, bool own, struct error *err) {
	int status = answer->status;
	uint64_t wanted_ms = answer->retry_ms;
	if (status == 200 || (status == 206 && it->from != 0)) {
		return VERDICT_DONE;
	}
	if (status >= 300 && status < 400 && answer->location[0] != 0) {
		return redirect(session, it, answer->location, err);
	}
	if (status == 401 && own && !it->authorised) {
		CLEANUP(mem_freep) char *challenge = str_copy(answer->challenge);
		it->authorised = true;
		wire_rest(session->wire, NULL);
		return authorise(session, challenge, err) ? VERDICT_AGAIN : VERDICT_FAILED;
	}
	(void)bad_status(session, status, err);
	bool passing = status == 429 || status == 500 || (status >= 502 && status <= 504);
	return passing ? try_again(session, it, wanted_ms, err) : VERDICT_FAILED;
}

static enum verdict ask_once(struct session *session, struct asking *it,
		const struct wire_answer **answer, struct error *err) {
	if (it->url == NULL) {
		it->url = str_format("%s%s", session->base, it->path);
	}
	bool own = same_origin(it->url, session->base);
	const struct wire_request request = { .url = it->url,
		.accept = it->accept,
		.authorization = own ? session->authorization : NULL,
		.from = it->from };
	*answer = wire_get(session->wire, &request, err);
	if (*answer == NULL) {
		return wire_broken(session->wire) ? try_again(session, it, 0, err) : VERDICT_FAILED;
	}
	return look_at(session, it, *answer, own, err);
}

const struct wire_answer *session_get(struct session *session, const char *path, const char *accept,
		uint64_t from, struct error *err) {
	struct asking it = { .path = path, .accept = accept, .from = from };
	const struct wire_answer *answer = NULL;
	enum verdict verdict;
	do {
		verdict = ask_once(session, &it, &answer, err);
	} while (verdict == VERDICT_AGAIN);
	free(it.url);
	return verdict == VERDICT_DONE ? answer : NULL;
}

const struct wire_answer *session_read(struct session *session, const char *path,
		const char *accept, struct buf *out, struct error *err) {
	for (int tries = 0;; tries++) {
		const struct wire_answer *answer = session_get(session, path, accept, 0, err);
		if (answer == NULL || read_body(session->wire, out, err)) {
			return answer;
		}
		if (!wire_broken(session->wire) || tries == TRIES_MAX ||
				!wire_pause(session->wire, FIRST_PAUSE_MS, err)) {
			return NULL;
		}
		buf_clear(out);
	}
}

struct session *session_create(struct wire *wire, const struct session_options *options) {
	const struct image_reference *reference = options->reference;
	const char *server = image_reference_server(reference), *port = port_of(server);
	CLEANUP(mem_freep)
	char *name = port != NULL ? mem_copy(server, (size_t)(port - 1 - server))
				  : str_copy(server);
	struct session *session = MEM_NEW(struct session);
	bool plain = plain_has(options->plain, name, port != NULL ? port : "80");
	session->wire = wire;
	session->options = *options;
	session->base = str_format(
			"%s://%s/v2/%s", plain ? "http" : "https", server, reference->repository);
	if (options->credentials != NULL) {
		session->credential = credentials_for(
				options->credentials, reference->host, reference->repository);
	}
	return session;
}

void session_destroy(struct session *session) {
	if (session != NULL) {
		set_authorization(session, NULL);
		secret_wipe(&session->asked.username);
		secret_wipe(&session->asked.password);
		free(session->base);
		free(session);
	}
}
