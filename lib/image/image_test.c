/* SPDX-License-Identifier: Apache-2.0 */
/* Pulling from registries that do right and from those that do not. */
#include "image/fixture.h"
#include "image/image.h"

#include "base/clock.h"

#define MODULE "\0asm\1\0\0\0the rest of a module"
enum { MODULE_SIZE = sizeof(MODULE) - 1, TEXT_MAX = 2048 };

#define WASM_TYPE "application/wasm"
#define OK "200 OK\r\nContent-Length: "

struct fake {
	struct registry_peer peer;
	char manifest[TEXT_MAX], manifest_head[64], module_head[64], ask_module[128];
	char layer_digest[DIGEST_HEX_SIZE], manifest_digest[DIGEST_HEX_SIZE];
	size_t count; /* of answers */
};

static void add(struct fake *fake, struct canned answer) {
	assert_true(fake->count < ANSWERS - 1);
	fake->peer.answers[fake->count++] = answer;
}

/* A manifest with the module as its only layer, as large as `size` says. */
static void write_manifest(struct fake *fake, size_t size) {
	digest_hex(MODULE, MODULE_SIZE, fake->layer_digest);
	(void)snprintf(fake->manifest, TEXT_MAX,
			"{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"" WASM_TYPE
			"\",\"digest\":\"sha256:%s\",\"size\":%zu}]}",
			fake->layer_digest, size);
	digest_hex(fake->manifest, strlen(fake->manifest), fake->manifest_digest);
	(void)snprintf(fake->manifest_head, sizeof(fake->manifest_head), OK "%zu",
			strlen(fake->manifest));
	(void)snprintf(fake->module_head, sizeof(fake->module_head), OK "%d", (int)MODULE_SIZE);
	(void)snprintf(fake->ask_module, sizeof(fake->ask_module), "/v2/a/blobs/sha256:%s ",
			fake->layer_digest);
}

static struct fake *fake_create(size_t size) {
	struct fake *fake = MEM_NEW(struct fake);
	peer_begin(&fake->peer);
	write_manifest(fake, size);
	return fake;
}

static void add_manifest(struct fake *fake) {
	add(fake, (struct canned){ .ask = "/v2/a/manifests/latest ",
				  .head = fake->manifest_head,
				  .body = fake->manifest,
				  .stays = true });
}

static void add_module(struct fake *fake) {
	add(fake, (struct canned){ .ask = fake->ask_module,
				  .head = fake->module_head,
				  .body = MODULE,
				  .size = MODULE_SIZE,
				  .stays = true });
}

static void fake_end(struct fake *fake) {
	peer_end(&fake->peer);
	buf_finish(&fake->peer.asked);
	free(fake);
}

struct try {
	const char *reference, *plain; /* %u: the port; NULL: the usual */
	const struct credentials *credentials;
	unsigned quiet_ms;
	uint64_t timeout_ms, size_max;
	bool ok;
	struct error err;
	struct image_found found;
	struct image_module module;
	struct buf out;
	struct image_puller **puller; /* where it is while it runs; or NULL */
};

static bool keep(void *context, struct bytes piece, struct error *err) {
	return buf_append(context, piece.data, piece.size, err);
}

static void run(struct try *it, const struct image_options *options) {
	struct image_puller *puller = image_puller_create(options, &it->err);
	assert_non_null(puller);
	if (it->puller != NULL) {
		*it->puller = puller;
	}
	it->ok = image_resolve(puller, &it->found, &it->err) &&
		 image_read(puller, keep, &it->out, &it->module, &it->err);
	image_puller_destroy(puller);
}

static void try_it(struct try *it, const struct fake *fake) {
	struct image_reference reference;
	struct strings plain = { 0 };
	char name[256], hosts[256];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(name, sizeof(name), it->reference != NULL ? it->reference : "127.0.0.1:%u/a",
			fake->peer.port);
	(void)snprintf(hosts, sizeof(hosts), it->plain != NULL ? it->plain : "127.0.0.1:%u",
			fake->peer.port);
#pragma GCC diagnostic pop
	strings_split(&plain, hosts, ',');
	if (!image_reference_parse(name, &reference, &it->err)) {
		fail_msg("%s", it->err.message);
	}
	it->out = BUF_INIT(1 << 20);
	const struct image_options options = { .reference = &reference,
		.plain = &plain,
		.credentials = it->credentials,
		.quiet_ms = it->quiet_ms,
		.timeout_ms = it->timeout_ms,
		.size_max = it->size_max };
	run(it, &options);
	image_reference_finish(&reference);
	strings_finish(&plain);
}

static void try_end(struct try *it) {
	free(it->module.path);
	buf_finish(&it->out);
}

static void expect_module(struct try it, struct fake *fake) {
	try_it(&it, fake);
	if (!it.ok) {
		fail_msg("%s", it.err.message);
	}
	assert_int_equal(it.out.size, MODULE_SIZE);
	assert_memory_equal(it.out.data, MODULE, MODULE_SIZE);
	assert_int_equal(it.module.size, MODULE_SIZE);
	assert_string_equal(it.module.digest, fake->layer_digest);
	try_end(&it);
}

static void expect_error(struct try it, struct fake *fake, enum error_code code, const char *says) {
	try_it(&it, fake);
	assert_false(it.ok);
	if (it.err.code != code || strstr(it.err.message, says) == NULL) {
		fail_msg("%d %s", it.err.code, it.err.message);
	}
	assert_null(strstr(it.err.message, "hunter2"));
	try_end(&it);
}

static void a_module_comes(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add_manifest(fake);
	add_module(fake);
	peer_run(&fake->peer);
	struct try it = { 0 };
	try_it(&it, fake);
	assert_true(it.ok);
	assert_string_equal(it.found.digest + strlen("sha256:"), fake->manifest_digest);
	assert_int_equal(it.found.size, MODULE_SIZE);
	assert_null(it.module.path);
	try_end(&it);
	expect_module((struct try){ .size_max = MODULE_SIZE }, fake);
	peer_end(&fake->peer);
	assert_non_null(strstr(
			buf_text(&fake->peer.asked), "application/vnd.oci.image.index.v1+json"));
	assert_null(strstr(buf_text(&fake->peer.asked), "Authorization"));
	buf_finish(&fake->peer.asked);
	free(fake);
}

static void what_registries_do_wrong(void **state) {
	(void)state;
	static const struct {
		const char *head, *body; /* of the answer for the module */
		enum error_code code;
		const char *says;
	} rows[] = {
		{ "404 Not Found\r\nContent-Length: 0", "", ERROR_NOT_FOUND, "no such image" },
		{ OK "5", "short", ERROR_INTEGRITY, "sends 5 bytes" },
		{ OK "999999999999", "long", ERROR_INTEGRITY, "sends 999999999999 bytes" },
		{ "200 OK\r\nTransfer-Encoding: chunked", "5\r\nshort\r\n0\r\n\r\n", ERROR_MODULE,
				"is none" },
		{ "200 OK\r\nTransfer-Encoding: chunked",
				"20\r\n01234567890123456789012345678901\r\n0\r\n\r\n",
				ERROR_INTEGRITY, "has 28" },
		{ OK "28", "0123456789012345678901234567", ERROR_MODULE, "is none" },
		{ "206 Part\r\nContent-Length: 28", "", ERROR_UNAVAILABLE, "206" },
		{ "302 Found\r\nContent-Length: 0", "", ERROR_UNAVAILABLE, "302" },
		{ "302 Found\r\nLocation: http://127.0.0.1:1/x?hunter2\r\nContent-Length: 0", "",
				ERROR_DENIED, "leads to http://127.0.0.1:1" },
		{ "302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0", "",
				ERROR_INVALID, "an address that is none" },
		{ "302 Found\r\nLocation: http://u:hunter2@127.0.0.1/\r\nContent-Length: 0", "",
				ERROR_INVALID, "an address that is none" },
		{ "401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Negotiate", "",
				ERROR_UNSUPPORTED, "neither Basic nor Bearer" },
		{ "403 No\r\nContent-Length: 31", "{\"errors\":[{\"code\":\"A_WORD\"}]}",
				ERROR_DENIED, "answered 403 A_WORD, and no user name" },
		{ "403 No\r\nContent-Length: 34", "{\"errors\":[{\"code\":\"no\\nhunter2\"}]}",
				ERROR_DENIED, "answered 403, and no user name" },
		{ "500 Broken\r\nRetry-After: 3600\r\nContent-Length: 0", "", ERROR_UNAVAILABLE,
				"500" },
		{ "501 Never\r\nContent-Length: 0", "", ERROR_UNAVAILABLE, "501" },
		{ "429 Slow\r\nRetry-After: 3600\r\nContent-Length: 0", "", ERROR_BUSY,
				"too many requests" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake *fake = fake_create(MODULE_SIZE);
		add_manifest(fake);
		add(fake, (struct canned){ .ask = fake->ask_module,
					  .head = rows[i].head,
					  .body = rows[i].body,
					  .stays = true });
		peer_run(&fake->peer);
		expect_error((struct try){ 0 }, fake, rows[i].code, rows[i].says);
		fake_end(fake);
	}
}

static void redirects_have_an_end(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add_manifest(fake);
	add(fake, (struct canned){ .ask = fake->ask_module,
				  .head = "302 Found\r\nLocation: /round\r\nContent-Length: 0" });
	add(fake, (struct canned){ .ask = "/round ",
				  .head = "302 Found\r\nLocation: /round\r\nContent-Length: 0",
				  .stays = true });
	peer_run(&fake->peer);
	expect_error((struct try){ 0 }, fake, ERROR_UNAVAILABLE, "redirects");
	fake_end(fake);
}

/* As long as the right one, and beginning like it. */
static void another_module(void **state) {
	(void)state;
	static const char *const others[] = { "\0asm\1\0\0\0the rest of a modulE",
		"\0asm\2\0\0\0the rest of a module" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct fake *fake = fake_create(MODULE_SIZE);
		add_manifest(fake);
		add(fake, (struct canned){ .ask = fake->ask_module,
					  .head = fake->module_head,
					  .body = others[i],
					  .size = MODULE_SIZE });
		peer_run(&fake->peer);
		expect_error((struct try){ 0 }, fake, ERROR_INTEGRITY, "sends something else");
		fake_end(fake);
	}
}

static void manifests_that_are_wrong(void **state) {
	(void)state;
	static const struct {
		const char *head, *body, *reference;
		enum error_code code;
		const char *says;
	} rows[] = {
		{ OK "2", "{}", NULL, ERROR_UNSUPPORTED, "schema 2" },
		{ OK "4", "<ht>", NULL, ERROR_INVALID, "not a JSON object" },
		{ OK "5000000", "", NULL, ERROR_UNAVAILABLE, "127.0.0.1" },
		{ OK "31\r\nDocker-Content-Digest: sha256:00",
				"{\"schemaVersion\":2,\"layers\":[]}", NULL, ERROR_INTEGRITY,
				"announces" },
		{ OK "31", "{\"schemaVersion\":2,\"layers\":[]}",
				"127.0.0.1:%u/a@sha256:00000000000000000000000000000000000000000000"
				"00000000000000000000",
				ERROR_INTEGRITY, "something else for the manifest" },
		{ OK "31", "{\"schemaVersion\":2,\"layers\":[]}", NULL, ERROR_NOT_FOUND,
				"no WebAssembly in it" },
		{ OK "34", "{\"schemaVersion\":2,\"manifests\":[]}", NULL, ERROR_NOT_FOUND,
				"no image for wasm" },
		{ "404 No\r\nContent-Length: 41", "{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\"}]}",
				"127.0.0.1:%u/a:v1", ERROR_NOT_FOUND, "404 MANIFEST_UNKNOWN" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake *fake = fake_create(MODULE_SIZE);
		add(fake, (struct canned){ .ask = "/v2/a/manifests/",
					  .head = rows[i].head,
					  .body = rows[i].body,
					  .stays = true });
		peer_run(&fake->peer);
		expect_error((struct try){ .reference = rows[i].reference, .timeout_ms = 60000 },
				fake, rows[i].code, rows[i].says);
		fake_end(fake);
	}
}

static void sizes_are_bounded(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add_manifest(fake);
	peer_run(&fake->peer);
	expect_error((struct try){ .size_max = MODULE_SIZE - 1 }, fake, ERROR_TOO_LARGE,
			"has 28 bytes, over 27");
	fake_end(fake);
	fake = fake_create((size_t)IMAGE_SIZE_MAX + 1);
	add_manifest(fake);
	peer_run(&fake->peer);
	expect_error((struct try){ .size_max = UINT64_MAX }, fake, ERROR_TOO_LARGE,
			"over 536870912");
	fake_end(fake);
}

static void a_broken_transfer_goes_on(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add_manifest(fake);
	add(fake, (struct canned){ .ask = fake->ask_module,
				  .head = fake->module_head,
				  .body = MODULE,
				  .size = 10 });
	add(fake, (struct canned){ .ask = "Range: bytes=10-",
				  .head = "206 Part\r\nContent-Range: bytes 10-27/28\r\n"
					  "Content-Length: 18",
				  .body = &MODULE[10],
				  .size = 5 });
	add_module(fake); /* this one knows nothing of ranges */
	peer_run(&fake->peer);
	expect_module((struct try){ 0 }, fake);
	peer_end(&fake->peer);
	assert_non_null(strstr(buf_text(&fake->peer.asked), "Range: bytes=15-"));
	buf_finish(&fake->peer.asked);
	free(fake);
}

static void but_not_for_ever(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add_manifest(fake);
	add(fake, (struct canned){ .ask = fake->ask_module,
				  .head = fake->module_head,
				  .body = MODULE,
				  .size = 10,
				  .stays = true });
	peer_run(&fake->peer);
	expect_error((struct try){ 0 }, fake, ERROR_UNAVAILABLE, "broken 6 times");
	fake_end(fake);
}

static void the_wrong_part(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add_manifest(fake);
	add(fake, (struct canned){ .ask = fake->ask_module,
				  .head = fake->module_head,
				  .body = MODULE,
				  .size = 10 });
	add(fake, (struct canned){ .ask = "Range: bytes=10-",
				  .head = "206 Part\r\nContent-Range: bytes 0-17/28\r\n"
					  "Content-Length: 18",
				  .body = MODULE,
				  .size = 18 });
	peer_run(&fake->peer);
	expect_error((struct try){ 0 }, fake, ERROR_INTEGRITY, "another part");
	fake_end(fake);
}

static void a_busy_registry_is_asked_again(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add(fake, (struct canned){ .ask = "/v2/a/manifests/latest ",
				  .head = "429 Slow\r\nRetry-After: 1\r\nContent-Length: 0" });
	add(fake, (struct canned){ .ask = "/v2/a/manifests/latest ",
				  .head = "503 Later\r\nContent-Length: 0" });
	add(fake, (struct canned){ .ask = "/v2/a/manifests/latest ",
				  .head = "500 Broken\r\nContent-Length: 0" });
	add_manifest(fake);
	add_module(fake);
	peer_run(&fake->peer);
	uint64_t begin = clock_ms();
	expect_module((struct try){ 0 }, fake);
	assert_true(clock_ms() - begin >= 1000);
	fake_end(fake);
}

static void silence_has_an_end(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add(fake, (struct canned){ .ask = "/v2/a/", .head = NULL, .stays = true });
	peer_run(&fake->peer);
	expect_error((struct try){ .quiet_ms = 100, .timeout_ms = 60000 }, fake, ERROR_TIMEOUT,
			"nothing came for");
	expect_error((struct try){ .timeout_ms = 300 }, fake, ERROR_TIMEOUT, "did not come within");
	fake_end(fake);
}

struct canceller {
	struct image_puller *puller;
	struct registry_peer *peer;
};

static void *cancel(void *context) {
	struct canceller *it = context;
	struct pollfd ready = { .fd = it->peer->listener, .events = POLLIN };
	(void)poll(&ready, 1, 60000); /* it has begun */
	image_cancel(it->puller);
	return NULL;
}

static void a_pull_is_cancelled(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	struct canceller canceller = { .peer = &fake->peer };
	struct image_reference reference;
	struct error err;
	struct image_found found;
	pthread_t thread;
	char name[64];
	CLEANUP(strings_finish) struct strings plain = { 0 };
	(void)snprintf(name, sizeof(name), "127.0.0.1:%u/a", fake->peer.port);
	assert_true(image_reference_parse(name, &reference, &err));
	strings_add(&plain, reference.host);
	const struct image_options options = { .reference = &reference, .plain = &plain };
	canceller.puller = image_puller_create(&options, &err);
	assert_int_equal(pthread_create(&thread, NULL, cancel, &canceller), 0);
	assert_false(image_resolve(canceller.puller, &found, &err)); /* nobody accepts */
	assert_int_equal(err.code, ERROR_INTERRUPTED);
	(void)pthread_join(thread, NULL);
	image_puller_destroy(canceller.puller);
	image_reference_finish(&reference);
	peer_run(&fake->peer);
	fake_end(fake);
}

/* --- credentials -------------------------------------------------------------------------------
 */

static struct credentials ours(const struct fake *fake) {
	struct credentials list = { 0 };
	CLEANUP(mem_freep) char *host = str_format("127.0.0.1:%u", fake->peer.port);
	credentials_add(&list, &(struct credential){ .registry = host,
					       .username = (char[]){ "ann" },
					       .password = (char[]){ "hunter2" } });
	return list;
}

#define BASIC "Authorization: Basic YW5uOmh1bnRlcjI="
#define ASKS_BASIC "401 Who\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 2"

static void basic_when_it_is_asked_for(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add(fake, (struct canned){ .ask = "/v2/a/manifests/latest ",
				  .head = ASKS_BASIC,
				  .body = "{}" });
	add_manifest(fake);
	add_module(fake);
	peer_run(&fake->peer);
	struct credentials list = ours(fake);
	expect_module((struct try){ .credentials = &list }, fake);
	credentials_finish(&list);
	peer_end(&fake->peer);
	const char *first = strstr(buf_text(&fake->peer.asked), BASIC);
	assert_non_null(first);
	assert_non_null(strstr(first + 1, BASIC)); /* for the blob at once */
	assert_true(first > strstr(buf_text(&fake->peer.asked), "\r\n\r\n")); /* not before */
	buf_finish(&fake->peer.asked);
	free(fake);
}

static void credentials_that_do_not_help(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	add(fake, (struct canned){ .ask = "/v2/a/",
				  .head = ASKS_BASIC,
				  .body = "{}",
				  .stays = true });
	peer_run(&fake->peer);
	struct credentials list = ours(fake);
	expect_error((struct try){ .credentials = &list }, fake, ERROR_DENIED,
			"to the credential that is set for it");
	expect_error((struct try){ 0 }, fake, ERROR_DENIED, "no user name and password are set");
	credentials_finish(&list);
	fake_end(fake);
}

/* What a token service gets and gives; the registry's scope counts only if it is to pull. */
static void a_token_is_fetched(void **state) {
	(void)state;
	static const struct {
		const char *scope, *asked;
		bool known; /* we have a password */
	} rows[] = {
		{ ",scope=\"repository:a:pull\"",
				"GET /token?service=the+one&scope=repository%3aa%3apull ", true },
		{ ",scope=\"repository:a:pull\"",
				"GET /token?service=the+one&scope=repository%3aa%3apull ", false },
		{ ",scope=\"registry:catalog:*\"",
				"GET /token?service=the+one&scope=repository%3aa%3apull ", true },
		{ "", "GET /token?service=the+one&scope=repository%3aa%3apull ", true },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake *fake = fake_create(MODULE_SIZE);
		CLEANUP(mem_freep)
		char *head = str_format("401 Who\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer "
					"realm=\"http://127.0.0.1:%u/token\",service=\"the one\"%s",
				fake->peer.port, rows[i].scope);
		add(fake, (struct canned){ .ask = "/v2/a/manifests/latest ", .head = head });
		add(fake, (struct canned){ .ask = "GET /token",
					  .head = OK "38",
					  .body = "{\"token\":\"abc.def\",\"expires_in\":3600} " });
		add_manifest(fake);
		add_module(fake);
		peer_run(&fake->peer);
		struct credentials list = { 0 };
		if (rows[i].known) {
			list = ours(fake);
		}
		expect_module((struct try){ .credentials = &list }, fake);
		credentials_finish(&list);
		peer_end(&fake->peer);
		const char *asked = buf_text(&fake->peer.asked);
		const char *token = strstr(asked, "GET /token");
		if (token == NULL || strstr(asked, "Authorization: Bearer abc.def") == NULL) {
			fail_msg("%s", asked);
		}
		if (strncasecmp(token, rows[i].asked, strlen(rows[i].asked)) != 0) {
			fail_msg("%s", token);
		}
		assert_int_equal(strstr(token, BASIC) != NULL, rows[i].known);
		buf_finish(&fake->peer.asked);
		free(fake);
	}
}

static void token_services_that_are_wrong(void **state) {
	(void)state;
	static const struct {
		const char *realm, *head, *body;
		enum error_code code;
		const char *says;
	} rows[] = {
		{ "http://127.0.0.1:1/token", "", "", ERROR_DENIED, "plain HTTP is spoken only" },
		{ "not an address", "", "", ERROR_UNAVAILABLE, "that is no address" },
		{ "/token", "", "", ERROR_UNAVAILABLE, "that is no address" },
		{ NULL, OK "2", "{}", ERROR_UNAVAILABLE, "no token that can be used" },
		{ NULL, OK "16", "{\"token\":\"a\\nb\"}", ERROR_UNAVAILABLE,
				"no token that can be used" },
		{ NULL, "401 No\r\nContent-Length: 0", "", ERROR_DENIED, "asking for a token" },
		{ NULL, "302 Found\r\nLocation: /x\r\nContent-Length: 0", "", ERROR_UNAVAILABLE,
				"302" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake *fake = fake_create(MODULE_SIZE);
		CLEANUP(mem_freep)
		char *own = str_format("http://127.0.0.1:%u/token", fake->peer.port);
		CLEANUP(mem_freep)
		char *head = str_format("401 Who\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer "
					"realm=\"%s\"",
				rows[i].realm != NULL ? rows[i].realm : own);
		add(fake, (struct canned){ .ask = "/v2/a/", .head = head, .stays = true });
		add(fake, (struct canned){ .ask = "/token",
					  .head = rows[i].head,
					  .body = rows[i].body });
		peer_run(&fake->peer);
		struct credentials list = ours(fake);
		expect_error((struct try){ .credentials = &list }, fake, rows[i].code,
				rows[i].says);
		credentials_finish(&list);
		fake_end(fake);
	}
}

/* Storage that a registry leads to gets the request and no credential. */
static void nothing_for_others(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE), *other = fake_create(MODULE_SIZE);
	CLEANUP(mem_freep)
	char *head = str_format("307 There\r\nLocation: http://127.0.0.1:%u/store?sign=hunter2\r\n"
				"Content-Length: 0",
			other->peer.port);
	CLEANUP(mem_freep)
	char *plain = str_format("127.0.0.1:%u,127.0.0.1:%u", fake->peer.port, other->peer.port);
	add(fake, (struct canned){ .ask = "/v2/a/manifests/latest ",
				  .head = ASKS_BASIC,
				  .body = "{}" });
	add_manifest(fake);
	add(fake, (struct canned){ .ask = fake->ask_module, .head = head, .stays = true });
	add(other, (struct canned){ .ask = "GET /store?sign=hunter2 ",
				   .head = other->module_head,
				   .body = MODULE,
				   .size = 12 });
	add(other, (struct canned){ .ask = "Range: bytes=12-",
				   .head = "206 Part\r\nContent-Range: bytes 12-27/28\r\n"
					   "Content-Length: 16",
				   .body = &MODULE[12],
				   .size = 16 });
	peer_run(&fake->peer);
	peer_run(&other->peer);
	struct credentials list = ours(fake);
	expect_module((struct try){ .credentials = &list, .plain = plain }, fake);
	peer_end(&other->peer);
	assert_null(strstr(buf_text(&other->peer.asked), "Authorization"));
	assert_non_null(strstr(buf_text(&other->peer.asked), "Range: bytes=12-"));
	buf_finish(&other->peer.asked);
	free(other);
	credentials_finish(&list);
	fake_end(fake);
}

static void http_only_where_it_is_named(void **state) {
	(void)state;
	struct fake *fake = fake_create(MODULE_SIZE);
	peer_run(&fake->peer);
	expect_error((struct try){ .plain = "127.0.0.1,127.0.0.1:1,localhost:%u" }, fake,
			ERROR_UNAVAILABLE, "127.0.0.1:");
	peer_end(&fake->peer);
	assert_true(fake->peer.asked.size != 0);
	assert_null(strstr(buf_text(&fake->peer.asked), "GET "));
	buf_finish(&fake->peer.asked);
	free(fake);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_comes),
		cmocka_unit_test(what_registries_do_wrong),
		cmocka_unit_test(redirects_have_an_end),
		cmocka_unit_test(another_module),
		cmocka_unit_test(manifests_that_are_wrong),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(a_broken_transfer_goes_on),
		cmocka_unit_test(but_not_for_ever),
		cmocka_unit_test(the_wrong_part),
		cmocka_unit_test(a_busy_registry_is_asked_again),
		cmocka_unit_test(silence_has_an_end),
		cmocka_unit_test(a_pull_is_cancelled),
		cmocka_unit_test(basic_when_it_is_asked_for),
		cmocka_unit_test(credentials_that_do_not_help),
		cmocka_unit_test(a_token_is_fetched),
		cmocka_unit_test(token_services_that_are_wrong),
		cmocka_unit_test(nothing_for_others),
		cmocka_unit_test(http_only_where_it_is_named),
	};
	return cmocka_run_group_tests_name("image/image", tests, NULL, NULL);
}
