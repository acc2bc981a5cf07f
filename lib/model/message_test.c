/* SPDX-License-Identifier: Apache-2.0 */
#include "model/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define TASK_ID "01234567-89ab-4cde-8f01-23456789abcd"
#define BOOT "76543210-89ab-4cde-8f01-23456789abcd"

static struct bytes text(const char *json) {
	return (struct bytes){ (const uint8_t *)json, strlen(json) };
}

static void a_presence_comes_back(void **state) {
	(void)state;
	struct attempt_ref running = { .task_id = TASK_ID, .attempt = 3 };
	struct presence out = { .proplet_id = (char[]){ "p1" },
		.space = (char[]){ "default" },
		.boot = BOOT,
		.slots = 7,
		.interval_ms = 500,
		.command = 12,
		.running = { &running, 1 } },
			in;
	struct error err;
	strings_add(&out.features, "commands");
	strings_add(&out.engines, "interp");
	CLEANUP(mem_freep) char *json = presence_encode(&out, true);
	assert_true(presence_decode(&in, text(json), &err));
	assert_string_equal(in.proplet_id, "p1");
	assert_true(in.ours && !in.offline);
	assert_int_equal(in.slots, 7);
	assert_int_equal(in.interval_ms, 500);
	assert_int_equal(in.command, 12);
	assert_int_equal(in.running.count, 1);
	assert_string_equal(in.running.items[0].task_id, TASK_ID);
	assert_int_equal(in.running.items[0].attempt, 3);
	assert_true(strings_has(&in.engines, "interp"));
	presence_finish(&in);
	strings_finish(&out.features);
	strings_finish(&out.engines);
}

static void old_workers_and_last_wills(void **state) {
	(void)state;
	struct presence in;
	struct error err;
	assert_true(presence_decode(&in,
			text("{\"proplet_id\":\"x\",\"namespace\":null,\"status\":\"alive\"}"),
			&err));
	assert_false(in.ours || in.offline);
	presence_finish(&in);
	assert_true(presence_decode(&in,
			text("{\"status\":\"offline\",\"proplet_id\":\"x\",\"more\":[1]}"), &err));
	assert_true(in.offline);
	presence_finish(&in);
}

static void bad_messages_name_the_member(void **state) {
	(void)state;
	static const struct {
		const char *json, *says;
	} rows[] = {
		{ "", "JSON" },
		{ "[]", "object" },
		{ "{}", "proplet_id" },
		{ "{\"proplet_id\":7}", "proplet_id" },
		{ "{\"proplet_id\":\"\"}", "proplet_id" },
		{ "{\"proplet_id\":\"a\\u0000b\"}", "proplet_id" },
		{ "{\"proplet_id\":\"p\",\"slots\":-1}", "slots" },
		{ "{\"proplet_id\":\"p\",\"running\":[[1,2]]}", "running" },
		{ "{\"proplet_id\":\"p\",\"held\":{}}", "held" },
		{ "{\"proplet_id\":\"p\",\"boot\":\"0123456789012345678901234567890123456789\"}",
				"boot" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct presence in;
		struct error err;
		assert_false(presence_decode(&in, text(rows[i].json), &err));
		assert_int_equal(err.code, ERROR_INVALID);
		assert_non_null(strstr(err.message, rows[i].says));
	}
}

static void deep_json_is_refused(void **state) {
	(void)state;
	char deep[20001];
	struct presence in;
	struct error err;
	memset(deep, '[', 20000);
	deep[20000] = 0;
	assert_false(presence_decode(&in, text(deep), &err));
}

static void a_start_comes_back(void **state) {
	(void)state;
	struct command out = { .kind = COMMAND_START,
		.boot = BOOT,
		.number = 9,
		.task_id = TASK_ID,
		.attempt = 2 },
		       in;
	struct error err;
	workload_init(&out.work);
	out.work.name = str_copy("add");
	out.work.limits.fuel = 5;
	out.work.limits.gas = 6;
	strings_add(&out.work.inputs, "1");
	memset(out.work.digest, 'a', DIGEST_HEX_SIZE - 1);
	out.work.module_size = 41;
	CLEANUP(mem_freep) char *json = command_encode(&out);
	assert_true(command_decode(&in, text(json), &err));
	assert_int_equal(in.kind, COMMAND_START);
	assert_int_equal(in.number, 9);
	assert_int_equal(in.attempt, 2);
	assert_int_equal(in.work.limits.fuel, 5);
	assert_int_equal(in.work.limits.gas, 6);
	assert_int_equal(in.work.limits.wall_ms, WORKLOAD_WALL_DEFAULT_MS);
	assert_string_equal(in.work.inputs.items[0], "1");
	assert_int_equal(in.work.module_size, 41);
	command_finish(&in);
	command_finish(&out);
}

static void commands_need_their_members(void **state) {
	(void)state;
	static const char *const rows[] = {
		"{\"type\":\"dance\",\"boot\":\"" BOOT "\"}",
		"{\"type\":\"stop\",\"task_id\":\"x\",\"attempt\":1}",
		"{\"type\":\"stop\",\"boot\":\"b\",\"attempt\":1}",
		"{\"type\":\"stop\",\"boot\":\"b\",\"task_id\":\"x\"}",
		"{\"type\":\"start\",\"boot\":\"b\",\"task_id\":\"x\",\"attempt\":1,\"name\":"
		"\"n\"}",
		"{\"type\":\"start\",\"boot\":\"b\",\"task_id\":\"x\",\"attempt\":1,\"number\":1,"
		"\"name\":\"n\"}",
		"{\"type\":\"ack\",\"boot\":\"b\",\"attempts\":[[\"x\"]]}",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct command in;
		struct error err;
		assert_false(command_decode(&in, text(rows[i]), &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static void the_old_form_has_what_every_generation_needs(void **state) {
	(void)state;
	struct command out = { .kind = COMMAND_START,
		.task_id = TASK_ID,
		.file = str_copy("AAAA"),
		.proplet_id = str_copy("p") },
		       in;
	struct error err;
	workload_init(&out.work);
	out.work.name = str_copy("add");
	CLEANUP(mem_freep) char *json = command_encode_old(&out, 0);
	static const char *const needs[] = { "\"daemon\":false", "\"encrypted\":false",
		"\"latent\":false", "\"broadcast\":false", "\"state\":0", "\"inputs\":[]",
		"\"cli_args\":[]", "\"file\":\"AAAA\"", "\"interval\":10,",
		"\"history_size\":100" };
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		assert_non_null(strstr(json, needs[i]));
	}
	assert_true(command_decode_old(&in, COMMAND_START, text(json), &err));
	assert_string_equal(in.file, "AAAA");
	assert_int_equal(in.attempt, 0);
	command_finish(&in);
	command_finish(&out);
}

/* A start for a chip: numbers, and little else. */
static void chips_get_numbers(void **state) {
	(void)state;
	struct command out = { .kind = COMMAND_START, .task_id = TASK_ID, .chip = true };
	struct error err;
	workload_init(&out.work);
	out.work.name = str_copy("add");
	out.proplet_id = str_copy("chip-1");
	out.file = str_copy("AAAA");
	static const char *const inputs[] = { "1", "-2", "2.5", "1e3", "4294967295" };
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		strings_add(&out.work.inputs, inputs[i]);
	}
	assert_true(command_check_chip(&out, &err));
	CLEANUP(mem_freep) char *json = command_encode_old(&out, 0);
	assert_string_equal(json, "{\"id\":\"" TASK_ID "\",\"name\":\"add\",\"proplet_id\":"
				  "\"chip-1\",\"inputs\":[1,-2,2.5,1000.0,4294967295],\"file\":"
				  "\"AAAA\"}");
	command_finish(&out);
}

static void what_chips_cannot_take(void **state) {
	(void)state;
	static const struct {
		const char *input, *says;
		uint64_t size;
		size_t count;
	} rows[] = {
		{ "7", NULL, 100, 16 },
		{ "7", "up to 16", 100, 17 },
		{ "x", "\"x\"", 100, 1 },
		{ "", "\"\"", 100, 1 },
		{ "[1]", "[1]", 100, 1 },
		{ "0x10", "0x10", 100, 1 },
		{ "7", NULL, 690, 1 },
		{ "7", "up to 1023 bytes", 760, 1 },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct command out = { .kind = COMMAND_START, .task_id = TASK_ID };
		struct error err;
		workload_init(&out.work);
		out.work.name = str_copy("add");
		out.work.module_size = rows[i].size;
		for (size_t k = 0; k < rows[i].count; k++) {
			strings_add(&out.work.inputs, rows[i].input);
		}
		bool ok = command_check_chip(&out, &err);
		assert_true(ok == (rows[i].says == NULL));
		if (!ok) {
			assert_int_equal(err.code, ERROR_UNSUPPORTED);
			assert_non_null(strstr(err.message, rows[i].says));
		}
		str_set(&out.work.image_url, "registry/x"); /* it gets the module itself */
		ok = command_check_chip(&out, &err);
		assert_true(ok == (rows[i].says == NULL || rows[i].size > 600));
		command_finish(&out);
	}
}

/* The message is exactly as large as was computed. */
static void the_largest_module_for_a_chip(void **state) {
	(void)state;
	struct command out = { .kind = COMMAND_START, .task_id = TASK_ID, .chip = true };
	struct error err;
	workload_init(&out.work);
	out.work.name = str_copy("add");
	while (command_check_chip(&out, &err)) {
		out.work.module_size++;
	}
	size_t size = (out.work.module_size + 2) / 3 * 4;
	char *file = mem_zero(size + 1, 1);
	memset(file, 'A', size);
	out.file = file;
	CLEANUP(mem_freep) char *json = command_encode_old(&out, 0);
	assert_true(strlen(json) > CHIP_MESSAGE_MAX && strlen(json) <= CHIP_MESSAGE_MAX + 4);
	command_finish(&out);
}

static void a_stop_has_a_name_and_a_state(void **state) {
	(void)state;
	struct command out = { .kind = COMMAND_STOP, .task_id = TASK_ID };
	workload_init(&out.work);
	out.work.name = str_copy("add");
	out.proplet_id = str_copy("p");
	for (int chip = 0; chip < 2; chip++) {
		out.chip = chip;
		CLEANUP(mem_freep) char *json = command_encode_old(&out, 2);
		assert_string_equal(json, "{\"id\":\"" TASK_ID "\",\"name\":\"add\","
					  "\"proplet_id\":\"p\",\"broadcast\":false,"
					  "\"state\":\"stopped\"}");
	}
	command_finish(&out);
}

static void results_of_every_worker(void **state) {
	(void)state;
	struct report in;
	struct error err;
	assert_true(report_decode(
			&in, text("{\"task_id\":\"t\",\"results\":\"3\",\"error\":\"\"}"), &err));
	assert_null(in.outcome.error);
	assert_null(in.proplet_id);
	assert_string_equal(json_string_value(in.outcome.results), "3");
	report_finish(&in);
	assert_true(report_decode(&in,
			text("{\"task_id\":\"t\",\"results\":{\"round_id\":\"r\"},\"error\":null,"
			     "\"started_at\":{\"secs_since_epoch\":5,\"nanos_since_epoch\":6}}"),
			&err));
	assert_true(json_is_object(in.outcome.results));
	assert_null(in.proplet_id);
	assert_int_equal(in.outcome.started_at, 5000000006);
	report_finish(&in);
}

/* Federated learning: what a worker learnt names it, the message does not. */
static void a_name_inside_the_result(void **state) {
	(void)state;
	static const struct {
		const char *json, *name;
	} rows[] = {
		{ "{\"task_id\":\"t\",\"results\":{\"proplet_id\":\"p\"}}", "p" },
		{ "{\"task_id\":\"t\",\"proplet_id\":\"q\",\"results\":{\"proplet_id\":\"p\"}}",
				"q" },
		{ "{\"task_id\":\"t\",\"results\":{\"proplet_id\":null}}", NULL },
		{ "{\"task_id\":\"t\",\"results\":\"{}\"}", NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report in;
		struct error err;
		assert_true(report_decode(&in, text(rows[i].json), &err));
		assert_true(str_equal(in.proplet_id, rows[i].name));
		report_finish(&in);
	}
}

static void output_that_is_no_text_comes_whole(void **state) {
	(void)state;
	struct report out = { .task_id = TASK_ID, .attempt = 1, .boot = BOOT }, in;
	struct error err;
	out.outcome.out.bytes = mem_copy("a\0\xff!", 4);
	out.outcome.out.size = 4;
	CLEANUP(mem_freep) char *json = report_encode(&out);
	assert_true(report_decode(&in, text(json), &err));
	assert_int_equal(in.outcome.out.size, 4);
	assert_memory_equal(in.outcome.out.bytes, "a\0\xff!", 4);
	report_finish(&in);
	report_finish(&out);
}

static void chunks(void **state) {
	(void)state;
	uint8_t payload[CHUNK_HEADER_BYTES + 4] = { 0 };
	struct chunk out = { .module_size = CHUNK_BYTES + 4, .index = 1, .count = 2 }, in;
	struct error err;
	memset(out.digest, 'b', DIGEST_HEX_SIZE - 1);
	chunk_header_encode(&out, payload);
	assert_true(chunk_decode(&in, (struct bytes){ payload, sizeof(payload) }, &err));
	assert_int_equal(in.index, 1);
	assert_int_equal(in.module_size, CHUNK_BYTES + 4);
	assert_string_equal(in.digest, out.digest);
	assert_false(chunk_decode(
			&in, (struct bytes){ payload, sizeof(payload) - 1 }, &err)); /* too short */
	assert_false(chunk_decode(&in, (struct bytes){ payload, 10 }, &err));
	payload[19] = 3; /* another count than the size needs */
	assert_false(chunk_decode(&in, (struct bytes){ payload, sizeof(payload) }, &err));
	payload[0] = 'X';
	assert_false(chunk_decode(&in, (struct bytes){ payload, sizeof(payload) }, &err));
}

/* As Propeller's proxy writes them. */
static void image_chunks(void **state) {
	(void)state;
	struct image_chunk chunk;
	struct error err;
	const char *good = "{\"app_name\":\"registry.example/x:1\",\"chunk_idx\":2,"
			   "\"total_chunks\":3,\"data\":\"AGFzbQ==\",\"more\":null}";
	assert_true(image_chunk_decode(&chunk, text(good), 4, &err));
	assert_string_equal(chunk.name, "registry.example/x:1");
	assert_int_equal(chunk.index, 2);
	assert_int_equal(chunk.count, 3);
	assert_int_equal(chunk.data.size, 4);
	assert_memory_equal(chunk.data.data, "\0asm", 4);
	image_chunk_finish(&chunk);
	assert_false(image_chunk_decode(&chunk, text(good), 3, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	/* The data is found without a parser, but what counts is the JSON. */
	static const struct {
		const char *text, *data; /* NULL: refused */
	} rows[] = {
		{ "{\"data\":\"YWJj\",\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1}",
				"abc" },
		{ "{\"app_name\":\"x\\\"data\\\":\\\"eHh4\",\"chunk_idx\":0,\"total_chunks\":1,"
		  "\"data\":\"YWJj\"}",
				"abc" },
		{ "{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"more\":{\"data\":"
		  "\"eHh4\"},\"data\":\"YWJj\"}",
				"abc" },
		{ "{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"data\" : \"YWJj\"}",
				"abc" },
		{ "{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"Pz8\\/\"}",
				"???" },
		{ "{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"YWJj\"",
				NULL },
		{ "{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"YWJj", NULL },
		{ "{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"YW Jj\"}",
				NULL },
		{ "{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"more\":{\"data\":"
		  "\"eHh4\"}}",
				NULL },
		{ "\"data\":\"YWJj\"", NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool ok = image_chunk_decode(&chunk, text(rows[i].text), 100, &err);
		assert_true(ok == (rows[i].data != NULL));
		if (ok) {
			assert_int_equal(chunk.data.size, 3);
			assert_memory_equal(chunk.data.data, rows[i].data, 3);
			image_chunk_finish(&chunk);
		}
	}
	CLEANUP(mem_freep) char *request = image_request_encode("registry.example/x:1");
	assert_string_equal(request, "{\"app_name\":\"registry.example/x:1\"}");
	CLEANUP(mem_freep) char *name = image_request_decode(text(request), &err);
	assert_string_equal(name, "registry.example/x:1");
}

static void image_chunks_come_back(void **state) {
	(void)state;
	static const char *const names[] = { "registry.example/x:1", "a\"b\\c", "\xc3\xa4#x" };
	struct buf out = BUF_INIT(1000);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct image_chunk chunk;
		struct error err;
		assert_true(image_chunk_encode(&out, names[i], 1, 7,
				(struct bytes){ (const uint8_t *)"\0asm", 4 }, &err));
		assert_true(image_chunk_decode(
				&chunk, (struct bytes){ out.data, out.size }, 4, &err));
		assert_string_equal(chunk.name, names[i]);
		assert_int_equal(chunk.index, 1);
		assert_int_equal(chunk.count, 7);
		assert_null(chunk.error);
		assert_memory_equal(chunk.data.data, "\0asm", 4);
		image_chunk_finish(&chunk);
	}
	buf_finish(&out);
}

/* Whatever their size: it is encoded in steps. */
static void large_image_chunks_come_back(void **state) {
	(void)state;
	static const size_t sizes[] = { 1, 2, 3, 12287, 12288, 12289, 24577, 50000 };
	struct buf out = BUF_INIT(1 << 20);
	CLEANUP(mem_freep) uint8_t *noise = mem_zero(1, 50000);
	random_bytes(noise, 50000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct image_chunk chunk;
		struct error err;
		assert_true(image_chunk_encode(
				&out, "x", 0, 1, (struct bytes){ noise, sizes[i] }, &err));
		assert_true(image_chunk_decode(
				&chunk, (struct bytes){ out.data, out.size }, sizes[i], &err));
		assert_int_equal(chunk.data.size, sizes[i]);
		assert_memory_equal(chunk.data.data, noise, sizes[i]);
		image_chunk_finish(&chunk);
	}
	buf_finish(&out);
}

static void an_image_that_cannot_come(void **state) {
	(void)state;
	struct image_chunk chunk;
	struct error err;
	CLEANUP(mem_freep) char *failure = image_failure_encode("r/x", "no \"such\"\nimage");
	assert_true(image_chunk_decode(&chunk, text(failure), 100, &err));
	assert_string_equal(chunk.name, "r/x");
	assert_string_equal(chunk.error, "no \"such\"\nimage");
	assert_int_equal(chunk.count, 0);
	image_chunk_finish(&chunk);
	static const char *const bad[] = { "{\"error\":\"x\"}",
		"{\"app_name\":\"x\",\"error\":\"\"}", "{\"app_name\":\"x\",\"error\":7}",
		"{\"app_name\":\"x\",\"error\":null}" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(image_chunk_decode(&chunk, text(bad[i]), 100, &err));
	}
	static const char *const requests[] = { "{}", "[]", "{\"app_name\":\"\"}",
		"{\"app_name\":7}", "{\"app_name\":\"a\\u0001\"}" };
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		assert_null(image_request_decode(text(requests[i]), &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static void bad_image_chunks(void **state) {
	(void)state;
	static const char *const bad[] = {
		"{}",
		"{\"app_name\":\"\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"AA==\"}",
		"{\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"AA==\"}",
		"{\"app_name\":\"x\",\"total_chunks\":1,\"data\":\"AA==\"}",
		"{\"app_name\":\"x\",\"chunk_idx\":0,\"data\":\"AA==\"}",
		"{\"app_name\":\"x\",\"chunk_idx\":1,\"total_chunks\":1,\"data\":\"AA==\"}",
		"{\"app_name\":\"x\",\"chunk_idx\":-1,\"total_chunks\":1,\"data\":\"AA==\"}",
		"{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":0,\"data\":\"AA==\"}",
		"{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":65537,\"data\":\"AA==\"}",
		"{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"\"}",
		"{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1,\"data\":\"A\"}",
		"{\"app_name\":\"x\",\"chunk_idx\":0,\"total_chunks\":1}",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct image_chunk chunk;
		struct error err;
		assert_false(image_chunk_decode(&chunk, text(bad[i]), 100, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_presence_comes_back),
		cmocka_unit_test(old_workers_and_last_wills),
		cmocka_unit_test(bad_messages_name_the_member),
		cmocka_unit_test(deep_json_is_refused),
		cmocka_unit_test(a_start_comes_back),
		cmocka_unit_test(commands_need_their_members),
		cmocka_unit_test(the_old_form_has_what_every_generation_needs),
		cmocka_unit_test(chips_get_numbers),
		cmocka_unit_test(what_chips_cannot_take),
		cmocka_unit_test(the_largest_module_for_a_chip),
		cmocka_unit_test(a_stop_has_a_name_and_a_state),
		cmocka_unit_test(results_of_every_worker),
		cmocka_unit_test(a_name_inside_the_result),
		cmocka_unit_test(output_that_is_no_text_comes_whole),
		cmocka_unit_test(chunks),
		cmocka_unit_test(image_chunks),
		cmocka_unit_test(image_chunks_come_back),
		cmocka_unit_test(large_image_chunks_come_back),
		cmocka_unit_test(an_image_that_cannot_come),
		cmocka_unit_test(bad_image_chunks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
