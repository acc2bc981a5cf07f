/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/upload.h"

#include "manager/request_fixture.h"

#define UPLOAD "/tasks/" BOOT "/upload"
enum { MODULE_MAX = 100000 }; /* of request_set_up() */

/* A module of a size: its header and one custom section of zeros. Freed by the caller. */
static uint8_t *make_module(size_t size) {
	static const uint8_t begin[] = "\0asm\1\0\0\0\0";
	uint8_t *bytes = mem_zero(size, 1);
	memcpy(bytes, begin, 9);
	size_t content = size - 12; /* behind its size, which takes three bytes */
	for (size_t i = 0; i < 3; i++) {
		bytes[9 + i] = (uint8_t)((content >> (7 * i) & 0x7f) | (i < 2 ? 0x80u : 0));
	}
	return bytes;
}

#define AROUND "{\"name\":\"n\",\"file\":\"\",\"x\":1}"
enum form { FORM_RAW, FORM_PARTS, FORM_JSON, FORMS };

/* A body with a module in it; its bytes are freed by the caller. */
static struct http_request body_of(enum form form, const uint8_t *module, size_t size) {
	static const char *const types[] = { "application/wasm",
		"multipart/form-data; boundary=xyz", "application/json" };
	struct buf body = BUF_INIT(1 << 20);
	struct error err;
	if (form == FORM_JSON) {
		CLEANUP(mem_freep) char *text = base64_encode(module, size);
		assert_true(buf_printf(
				&body, &err, "{\"name\":\"n\",\"file\":\"%s\",\"x\":1}", text));
	} else if (form == FORM_PARTS) {
		assert_true(buf_printf(&body, &err,
				"--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
				"filename=\"m.wasm\"\r\n\r\n"));
		assert_true(buf_append(&body, module, size, &err));
		assert_true(buf_printf(&body, &err, "\r\n--xyz--\r\n"));
	} else {
		assert_true(buf_append(&body, module, size, &err));
	}
	struct http_request request = { .path = UPLOAD, .type = types[form] };
	request.body.data = buf_take(&body, &request.body.size);
	return request;
}

static void free_body(struct http_request *request) {
	free((void *)(uintptr_t)request->body.data);
}

/* All of it, in pieces; the upload, to be ended. */
static struct upload *take(struct manager *m, struct http_request *request) {
	struct error err;
	struct upload *upload = upload_sink.begin(m, request, &err);
	if (upload == NULL) {
		fail_msg("%s", err.message);
	}
	size_t size = request->body.size, step = request->piece != 0 ? request->piece : size;
	for (size_t at = 0; at < size; at += step) {
		const struct bytes piece = { request->body.data + at,
			size - at < step ? size - at : step };
		assert_true(upload_sink.data(upload, piece, &err)); /* whatever it is */
	}
	return upload;
}

static void three_forms_of_one_module(void **state) {
	static const size_t sizes[] = { 13, 9000 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		CLEANUP(mem_freep) uint8_t *module = make_module(sizes[i]);
		char digest[DIGEST_HEX_SIZE];
		digest_hex(module, sizes[i], digest);
		for (unsigned k = 0; k < FORMS * 9; k++) {
			struct http_request request =
					body_of((enum form)(k % FORMS), module, sizes[i]);
			struct module_info info;
			struct error err;
			request.piece = k / FORMS;
			struct upload *upload = take(*state, &request);
			assert_true(upload_has_module(upload));
			assert_true(upload_finish(upload, &info, &err));
			assert_string_equal(info.digest, digest);
			assert_int_equal(info.size, sizes[i]);
			const struct bytes json = upload_json(upload);
			assert_int_equal(json.size, k % FORMS == FORM_JSON ? strlen(AROUND) : 0);
			assert_memory_equal(json.size != 0 ? (const char *)json.data : "", AROUND,
					json.size);
			modules_unpin(((struct manager *)*state)->modules, info.digest);
			upload_sink.end(upload);
			free_body(&request);
		}
	}
	assert_int_equal(module_files(*state), 2);
}

static void which_form_a_body_has(void **state) {
	static const struct {
		const char *path, *type;
		enum error_code code;
	} rows[] = {
		{ UPLOAD, "application/wasm", ERROR_NONE },
		{ UPLOAD "/", "Application/WASM; x=y", ERROR_NONE },
		{ UPLOAD, "application/octet-stream", ERROR_NONE },
		{ UPLOAD, NULL, ERROR_NONE },
		{ UPLOAD, "Multipart/Form-Data; boundary=\"a b\"", ERROR_NONE },
		{ UPLOAD, "multipart/form-data", ERROR_INVALID },
		{ UPLOAD, "text/plain", ERROR_MEDIA_TYPE },
		{ UPLOAD, "text/plain; a=application/wasm", ERROR_MEDIA_TYPE },
		{ UPLOAD, "application/wasm-x", ERROR_MEDIA_TYPE },
		{ "/tasks", "application/vnd.x+json, application/json", ERROR_NONE },
		{ UPLOAD, "", ERROR_MEDIA_TYPE },
		{ "/tasks", "APPLICATION/JSON", ERROR_NONE },
		{ "/tasks", "application/wasm", ERROR_INVALID },
		{ "/tasks", "multipart/form-data; boundary=x", ERROR_INVALID },
		{ "/tasks/upload/no", NULL, ERROR_INVALID },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = { 0 };
		struct http_request request = { .path = rows[i].path, .type = rows[i].type };
		void *upload = upload_sink.begin(*state, &request, &err);
		if ((upload != NULL) != (rows[i].code == ERROR_NONE) || err.code != rows[i].code) {
			fail_msg("%s: %d %s", rows[i].type, (int)err.code, err.message);
		}
		if (upload != NULL) {
			upload_sink.end(upload);
		}
	}
}

static int none_there(const char *path, const struct stat *info, int kind, struct FTW *where) {
	(void)info, (void)where;
	if (kind == FTW_F) {
		fail_msg("%s is left", path);
	}
	return 0;
}

static void no_file_is_left(void) {
	assert_int_equal(nftw(modules_folder(), none_there, 16, FTW_PHYS), 0);
}

/* Refused with this code, about `file`, and with nothing left behind. */
static void refused(struct manager *m, struct http_request *request, enum error_code code) {
	struct error err = { 0 };
	struct module_info info;
	struct upload *upload = take(m, request);
	bool early = upload_failed(upload, &err);
	if (early) {
		assert_false(upload_has_module(upload));
		no_file_is_left(); /* its room is free at once */
	} else {
		assert_true(upload_has_module(upload));
		assert_false(upload_finish(upload, &info, &err));
	}
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.place, "file"));
	upload_sink.end(upload);
	no_file_is_left();
}

static void no_module_is_over_its_limit(void **state) {
	struct manager *m = *state;
	CLEANUP(mem_freep) uint8_t *module = make_module(MODULE_MAX + 1);
	for (int form = 0; form < FORMS; form++) {
		struct http_request request = body_of((enum form)form, module, MODULE_MAX + 1);
		request.piece = 1000;
		refused(m, &request, ERROR_TOO_LARGE);
		free_body(&request);
	}
	CLEANUP(mem_freep) uint8_t *largest = make_module(MODULE_MAX);
	for (int form = 0; form < FORMS; form++) {
		struct http_request request = body_of((enum form)form, largest, MODULE_MAX);
		struct module_info info;
		struct error err;
		struct upload *upload = take(m, &request);
		assert_true(upload_finish(upload, &info, &err));
		modules_unpin(m->modules, info.digest);
		upload_sink.end(upload);
		free_body(&request);
	}
}

static void base64_is_strict(void **state) {
	static const struct {
		const char *text;
		enum error_code code;
	} rows[] = {
		{ "AAA", ERROR_INVALID }, { "A", ERROR_INVALID }, /* not even one byte */
		{ "AGFzbQEAAA", ERROR_INVALID },                  /* unfinished */
		{ "AGFzbQEAAAA", ERROR_INVALID },                 /* its padding is missing */
		{ "AGFzbQEAAAA=AGFz", ERROR_INVALID },            /* goes on behind it */
		{ "AGFz bQEAAAA=", ERROR_INVALID }, { "AGFz-QEAAAA=", ERROR_INVALID },
		{ "AGFz\\u0051QEAAAA=", ERROR_INVALID }, { "=", ERROR_INVALID },
		{ "bm8gbW9kdWxl", ERROR_MODULE }, { "AGFzbQEA", ERROR_MODULE }, /* cut off */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t piece = 1; piece < 8; piece++) {
			CLEANUP(mem_freep)
			char *text = str_format("{\"file\":\"%s\"}", rows[i].text);
			struct http_request request = { .path = "/tasks",
				.type = "application/json",
				.body = { (const uint8_t *)text, strlen(text) },
				.piece = piece };
			refused(*state, &request, rows[i].code);
		}
	}
	CLEANUP(mem_freep) uint8_t *module = make_module(MODULE_MAX);
	struct http_request late = body_of(FORM_JSON, module, MODULE_MAX);
	((char *)(uintptr_t)late.body.data)[late.body.size - 20] = '*';
	refused(*state, &late, ERROR_INVALID);
	free_body(&late);
}

static void what_stands_around_is_bounded(void **state) {
	enum { SIZE = 4 * 1024 * 1024 + 1 };
	CLEANUP(mem_freep) char *text = mem_zero(SIZE, 1);
	memset(text, ' ', SIZE);
	struct http_request request = { .path = "/tasks",
		.type = "application/json",
		.body = { (const uint8_t *)text, SIZE } };
	refused(*state, &request, ERROR_TOO_LARGE);
	request.body.size--;
	struct upload *upload = take(*state, &request);
	assert_int_equal(upload_json(upload).size, SIZE - 1);
	upload_sink.end(upload);
}

static void no_module_is_no_error(void **state) {
	static const char *const bodies[][2] = {
		{ "application/json", "{\"name\":\"n\"}" },
		{ "application/json", "{\"name\":\"n\",\"file\":\"\"}" },
		{ "application/json", "{\"name\":\"n\",\"file\":null}" },
		{ "application/json", "" },
		{ "application/wasm", "" },
		{ "multipart/form-data; boundary=b", "--b--\r\n" },
	};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct error err;
		struct http_request request = { .path = UPLOAD,
			.type = bodies[i][0],
			.body = { (const uint8_t *)bodies[i][1], strlen(bodies[i][1]) },
			.piece = 2 };
		struct upload *upload = take(*state, &request);
		assert_false(upload_failed(upload, &err));
		assert_false(upload_has_module(upload));
		upload_sink.end(upload);
	}
}

/* A client that is gone before the end leaves no file, finished or not. */
static void who_goes_away_leaves_nothing(void **state) {
	CLEANUP(mem_freep) uint8_t *module = make_module(MODULE_MAX);
	for (int form = 0; form < FORMS; form++) {
		struct http_request request = body_of((enum form)form, module, MODULE_MAX);
		request.body.size -= 1000;
		upload_sink.end(take(*state, &request));
		free_body(&request);
	}
	no_file_is_left();
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_REQUESTS(three_forms_of_one_module),
		WITH_REQUESTS(which_form_a_body_has),
		WITH_REQUESTS(no_module_is_over_its_limit),
		WITH_REQUESTS(base64_is_strict),
		WITH_REQUESTS(what_stands_around_is_bounded),
		WITH_REQUESTS(no_module_is_no_error),
		WITH_REQUESTS(who_goes_away_leaves_nothing),
	};
	return cmocka_run_group_tests_name("manager/upload", tests, NULL, NULL);
}
