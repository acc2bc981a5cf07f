/* SPDX-License-Identifier: Apache-2.0 */
/* With a real web server; what comes over the bus (fetch.h, registry.h) the test brings itself. */
#include "proplet/source.h"

#include "base/base64.h"
#include "http/server.h"
#include "proplet/fixture.h"

#define MODULE "these bytes are no module, and nobody here minds"
enum { SIZE = sizeof(MODULE) - 1, MODULE_MAX = 1000 };

/* --- what the bus would bring ------------------------------------------------------------------
 */

struct image {
	unsigned users;
};

static struct {
	unsigned modules, images; /* fetched */
	uint64_t size;            /* that was asked for last */
	char name[64];
	struct run_stop *stop;
	struct image image;
	bool fails;
} bus;

bool fetch_module(struct fetcher *fetcher, const char *digest, uint64_t size, struct buf *wasm,
		struct error *err) {
	(void)fetcher, (void)digest;
	bus.modules++;
	bus.size = size;
	return buf_append(wasm, MODULE, SIZE, err);
}

struct image *fetch_image(struct fetcher *fetcher, const char *name, struct run_stop *stop,
		struct error *err) {
	(void)fetcher;
	bus.images++;
	bus.stop = stop;
	(void)snprintf(bus.name, sizeof(bus.name), "%s", name);
	if (bus.fails) {
		error_set(err, ERROR_UNAVAILABLE, "no proxy");
		return NULL;
	}
	bus.image.users++;
	return &bus.image;
}

struct bytes image_bytes(const struct image *image) {
	assert_true(image->users != 0);
	return (struct bytes){ (const uint8_t *)MODULE, SIZE };
}

int image_file(const struct image *image) {
	assert_true(image->users != 0);
	return 0;
}

const char *image_digest(const struct image *image) {
	static char digest[DIGEST_HEX_SIZE];
	assert_true(image->users != 0);
	digest_hex((const uint8_t *)MODULE, SIZE, digest);
	return digest;
}

void image_release(struct image *image) {
	if (image != NULL) {
		image->users--;
	}
}

/* --- a web server ------------------------------------------------------------------------------
 */

static void answer(struct http_request *request, const char *bytes, size_t size) {
	const struct http_response response = {
		.status = 200, .type = "application/wasm", .body = { (const uint8_t *)bytes, size }
	};
	http_reply(request, &response);
}

static void module(void *context, struct http_request *request) {
	++*(unsigned *)context;
	answer(request, MODULE, SIZE);
}

static void nothing(void *context, struct http_request *request) {
	(void)context;
	answer(request, "", 0);
}

struct desk {
	struct worker *worker;
	struct http_server *server;
	unsigned hits;
	char url[64], empty_url[64], digest[DIGEST_HEX_SIZE];
};

static int set_up(void **state) {
	static const struct http_route routes[] = {
		{ .method = "GET", .pattern = "/m.wasm", .handler = module },
		{ .method = "GET", .pattern = "/empty.wasm", .handler = nothing },
	};
	static char any_port[] = "127.0.0.1:*";
	struct desk *desk = MEM_NEW(struct desk);
	struct error err;
	void *worker;
	(void)worker_set_up(&worker);
	memset(&bus, 0, sizeof(bus));
	const struct http_server_options options = { .host = "127.0.0.1",
		.threads = 1,
		.routes = routes,
		.route_count = 2,
		.context = &desk->hits };
	desk->worker = worker;
	desk->server = http_server_create(&options, &err);
	assert_non_null(desk->server);
	unsigned port = http_server_port(desk->server);
	(void)snprintf(desk->url, sizeof(desk->url), "http://127.0.0.1:%u/m.wasm?key=secret", port);
	(void)snprintf(desk->empty_url, sizeof(desk->empty_url), "http://127.0.0.1:%u/empty.wasm",
			port);
	digest_hex((const uint8_t *)MODULE, SIZE, desk->digest);
	struct proplet_settings *settings =
			(struct proplet_settings *)(uintptr_t)desk->worker->settings;
	settings->module_max = MODULE_MAX;
	settings->fetch_ms = 20000;
	settings->fetch_hosts = any_port;
	*state = desk;
	return 0;
}

static int tear_down(void **state) {
	struct desk *desk = *state;
	void *worker = desk->worker;
	assert_int_equal(bus.image.users, 0); /* whatever became of it */
	http_server_destroy(desk->server);
	(void)worker_tear_down(&worker);
	free(desk);
	return 0;
}

/* An attempt with this in its command. */
static struct attempt *attempt_with(
		struct desk *desk, const char *url, const char *digest, const char *file) {
	struct command command = { .kind = COMMAND_START, .task_id = TASK };
	workload_init(&command.work);
	command.work.image_url = str_copy(url);
	command.file = str_copy(file);
	if (digest != NULL) {
		memcpy(command.work.digest, digest, sizeof(command.work.digest));
	}
	return attempt_create(desk->worker, &command);
}

static void expect_no_source(struct desk *desk, struct attempt *attempt, enum error_code code,
		const char *says) {
	char digest[DIGEST_HEX_SIZE];
	struct module_source from;
	struct error err;
	assert_false(source_open(attempt, digest, &from, &err));
	if (err.code != code || strstr(err.message, says) == NULL) {
		fail_msg("%d %s", (int)err.code, err.message);
	}
	attempt_destroy(desk->worker, attempt);
}

static struct module_source open_source(struct desk *desk, struct attempt *attempt) {
	char digest[DIGEST_HEX_SIZE];
	struct module_source from;
	struct error err;
	if (!source_open(attempt, digest, &from, &err)) {
		fail_msg("%s", err.message);
	}
	assert_string_equal(digest, desk->digest);
	return from;
}

/* The cache asks for the bytes, when the attempt may be gone, and lets go. */
static void expect_module(struct desk *desk, struct attempt *attempt) {
	struct module_source from = open_source(desk, attempt);
	struct buf wasm = { 0 };
	struct error err;
	attempt_destroy(desk->worker, attempt);
	if (!from.fetch(from.context, desk->digest, &wasm, &err)) {
		fail_msg("%s", err.message);
	}
	assert_int_equal(wasm.limit, MODULE_MAX);
	struct module_text text =
			wasm.size != 0 ? (struct module_text){ { wasm.data, wasm.size }, 0 }
				       : from.lend(from.context);
	assert_int_equal(text.bytes.size, SIZE);
	assert_memory_equal(text.bytes.data, MODULE, SIZE);
	buf_finish(&wasm);
	from.release(from.context);
}

/* The cache does not get them. */
static void expect_no_module(struct desk *desk, struct attempt *attempt, const char *digest,
		enum error_code code, const char *says) {
	char is[DIGEST_HEX_SIZE];
	struct module_source from;
	struct buf wasm = { 0 };
	struct error err;
	assert_true(source_open(attempt, is, &from, &err));
	assert_string_equal(is, digest);
	attempt_destroy(desk->worker, attempt);
	assert_false(from.fetch(from.context, digest, &wasm, &err));
	if (err.code != code || strstr(err.message, says) == NULL) {
		fail_msg("%d %s", (int)err.code, err.message);
	}
	buf_finish(&wasm);
	from.release(from.context);
}

#define WRONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* --- the tests ---------------------------------------------------------------------------------
 */

static void inside_the_message(void **state) {
	struct desk *desk = *state;
	CLEANUP(mem_freep) char *file = base64_encode((const uint8_t *)MODULE, SIZE);
	expect_module(desk, attempt_with(desk, NULL, NULL, file));
	expect_module(desk, attempt_with(desk, NULL, desk->digest, file));
	expect_module(desk, attempt_with(desk, "r/app", NULL, file)); /* what is here is nearer */
	struct attempt *attempt = attempt_with(desk, NULL, NULL, file);
	struct module_source from = open_source(desk, attempt);
	assert_null(attempt->command.file); /* not twice in memory */
	from.release(from.context);
	attempt_destroy(desk->worker, attempt);
	assert_int_equal(bus.images + bus.modules + desk->hits, 0);
}

static void messages_without_a_module(void **state) {
	struct desk *desk = *state;
	uint8_t large[MODULE_MAX + 1] = { 0 };
	CLEANUP(mem_freep) char *file = base64_encode((const uint8_t *)MODULE, SIZE);
	CLEANUP(mem_freep) char *long_file = base64_encode(large, sizeof(large));
	expect_no_source(desk, attempt_with(desk, NULL, NULL, NULL), ERROR_UNSUPPORTED,
			"field \"file\" is missing");
	expect_no_source(desk, attempt_with(desk, NULL, NULL, ""), ERROR_MODULE, "\"file\"");
	expect_no_source(desk, attempt_with(desk, NULL, NULL, "?"), ERROR_INVALID, "\"file\"");
	expect_no_source(desk, attempt_with(desk, NULL, NULL, long_file), ERROR_TOO_LARGE,
			"\"file\"");
	expect_no_source(desk, attempt_with(desk, NULL, WRONG, file), ERROR_INTEGRITY, WRONG);
	struct attempt *attempt = attempt_with(desk, NULL, NULL, file);
	attempt->command.encrypted = true;
	expect_no_source(desk, attempt, ERROR_UNSUPPORTED, "field \"encrypted\"");
}

/* Of ours: by digest, and only when the cache asks. */
static void from_the_manager(void **state) {
	struct desk *desk = *state;
	struct attempt *attempt = attempt_with(desk, NULL, desk->digest, NULL);
	attempt->command.number = 1;
	attempt->command.work.module_size = SIZE;
	struct module_source from = open_source(desk, attempt);
	assert_int_equal(bus.modules, 0);
	from.release(from.context);
	expect_module(desk, attempt);
	assert_int_equal(bus.modules, 1);
	assert_int_equal(bus.size, SIZE);
	attempt = attempt_with(desk, NULL, desk->digest, NULL);
	attempt->command.number = 2;
	attempt->command.work.module_size = MODULE_MAX + 1;
	expect_no_module(desk, attempt, desk->digest, ERROR_TOO_LARGE, "1001 bytes");
	assert_int_equal(bus.modules, 1);
}

static void from_a_registry(void **state) {
	struct desk *desk = *state;
	struct attempt *attempt = attempt_with(desk, "r/app:1", NULL, NULL);
	struct run_stop *stop = attempt->stop;
	expect_module(desk, attempt); /* its digest is not known before */
	assert_int_equal(bus.images, 1);
	assert_string_equal(bus.name, "r/app:1");
	assert_ptr_equal(bus.stop, stop);
	attempt = attempt_with(desk, "r/app:1", desk->digest, NULL);
	struct module_source from = open_source(desk, attempt);
	from.release(from.context);
	assert_int_equal(bus.images, 1); /* the cache may hold it */
	expect_module(desk, attempt);
	assert_int_equal(bus.images, 2);
	assert_null(bus.stop); /* of the attempt, which may be gone */
	expect_no_module(desk, attempt_with(desk, "r/app:1", WRONG, NULL), WRONG, ERROR_INTEGRITY,
			"field \"image_url\"");
	bus.fails = true;
	expect_no_source(desk, attempt_with(desk, "r/app:1", NULL, NULL), ERROR_UNAVAILABLE,
			"field \"image_url\": no proxy");
	expect_no_module(desk, attempt_with(desk, "r/app:1", WRONG, NULL), WRONG, ERROR_UNAVAILABLE,
			"field \"image_url\": no proxy");
}

static void from_a_web_server(void **state) {
	struct desk *desk = *state;
	expect_module(desk, attempt_with(desk, desk->url, NULL, NULL));
	assert_int_equal(desk->hits, 1);
	struct attempt *attempt = attempt_with(desk, desk->url, desk->digest, NULL);
	struct module_source from = open_source(desk, attempt);
	from.release(from.context);
	assert_int_equal(desk->hits, 1);
	expect_module(desk, attempt);
	assert_int_equal(desk->hits, 2);
	expect_no_module(desk, attempt_with(desk, desk->url, WRONG, NULL), WRONG, ERROR_INTEGRITY,
			"field \"image_url\"");
	attempt = attempt_with(desk, desk->url, NULL, NULL);
	run_stop_request(attempt->stop);
	expect_no_source(desk, attempt, ERROR_INTERRUPTED, "stopped");
	assert_int_equal(desk->hits, 3);
}

static void an_empty_file_is_no_module(void **state) {
	struct desk *desk = *state;
	expect_no_source(desk, attempt_with(desk, desk->empty_url, NULL, NULL), ERROR_MODULE,
			"field \"image_url\"");
}

static void only_hosts_that_are_allowed(void **state) {
	struct desk *desk = *state;
	struct proplet_settings *settings =
			(struct proplet_settings *)(uintptr_t)desk->worker->settings;
	settings->fetch_hosts = (char[]){ "example.org,*.example.com" };
	expect_no_source(desk, attempt_with(desk, desk->url, NULL, NULL), ERROR_UNSUPPORTED,
			"PROPLET_FETCH_HOSTS");
	settings->fetch_hosts = NULL;
	expect_no_source(desk, attempt_with(desk, desk->url, NULL, NULL), ERROR_UNSUPPORTED,
			"PROPLET_FETCH_HOSTS");
	expect_no_module(desk, attempt_with(desk, desk->url, WRONG, NULL), WRONG, ERROR_UNSUPPORTED,
			"PROPLET_FETCH_HOSTS");
	assert_int_equal(desk->hits, 0);
}

#define WITH_DESK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_DESK(inside_the_message),
		WITH_DESK(messages_without_a_module),
		WITH_DESK(from_the_manager),
		WITH_DESK(from_a_registry),
		WITH_DESK(from_a_web_server),
		WITH_DESK(an_empty_file_is_no_module),
		WITH_DESK(only_hosts_that_are_allowed),
	};
	return cmocka_run_group_tests_name("proplet/source", tests, NULL, NULL);
}
