/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/fixture.h"

#include "base/clock.h"

/* Imports, a memory and short names for a body that is WASI calls. */
#define WASI(name, type)                                                                           \
	"(import \"wasi_snapshot_preview1\" \"" name "\" (func $" name " " type "))"
#define IIII "(param i32 i32 i32 i32) (result i32)"
#define II "(param i32 i32) (result i32)"
/* clang-format off */
#define BEGIN                                                                                      \
	"(module " WASI("fd_write", IIII) WASI("fd_read", IIII) WASI("poll_oneoff", IIII)          \
	WASI("args_get", II) WASI("args_sizes_get", II)                                            \
	WASI("environ_get", II) WASI("environ_sizes_get", II)                                      \
	WASI("clock_time_get", "(param i32 i64 i32) (result i32)") WASI("clock_res_get", II)       \
	WASI("fd_close", "(param i32) (result i32)") WASI("fd_fdstat_get", II)                     \
	WASI("fd_seek", "(param i32 i64 i32 i32) (result i32)") WASI("fd_prestat_get", II)         \
	WASI("path_open", "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)")              \
	WASI("sock_recv", "(param i32 i32 i32 i32 i32 i32) (result i32)")                          \
	WASI("random_get", II) WASI("proc_exit", "(param i32)")                                    \
	"(memory (export \"memory\") 2)"
/* clang-format on */

/* All that a test looks at, in each kind. */
static void expect(const char *text, const struct run_request *request, const char *values,
		const char *out) {
	for (int k = 0; k < KINDS; k++) {
		struct module *module = compile(kinds[k], text);
		struct trial trial = trial_new();
		const struct run_limits limits = trial.request.limits;
		if (request != NULL) {
			trial.request = *request;
			trial.request.limits = limits;
		}
		trial_run(&trial, module);
		if (!trial.ok) {
			fail_msg("%s", trial.err.message);
		}
		assert_string_equal(trial.result.values, values);
		assert_string_equal(buf_text(&trial.result.stdout_bytes), out);
		trial_finish(&trial);
		module_destroy(module);
	}
}

/* Writes what it reads, in pieces of 3 bytes, until there is nothing more. */
static const char cat[] = BEGIN
		"(data (i32.const 0) \"\\40\\00\\00\\00\\03\\00\\00\\00\") (func (export "
		"\"_start\")"
		" (loop $more (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) "
		"(i32.const 16)))"
		"  (i32.store (i32.const 8) (i32.const 64)) (i32.store (i32.const 12) (i32.load "
		"(i32.const 16)))"
		"  (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 20)))"
		"  (br_if $more (i32.load (i32.const 16))))))";

static void stdin_comes_out(void **state) {
	(void)state;
	const struct run_request request = { .input = { (const uint8_t *)"hello, world\n", 13 } };
	expect(cat, &request, "", "hello, world\n");
	expect(cat, NULL, "", "");
}

static void both_outputs_are_kept_apart(void **state) {
	(void)state;
	struct module *module = compile(ENGINE_INTERP, BEGIN
			"(data (i32.const 0) "
			"\"\\20\\00\\00\\00\\02\\00\\00\\00\\22\\00\\00\\00\\01\\00\\00\\00\")"
			"(data (i32.const 32) \"abc\") (func (export \"_start\")"
			" (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) "
			"(i32.const 16)))"
			" (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 2) "
			"(i32.const 16)))"
			" unreachable))");
	struct trial trial = trial_new();
	trial_run(&trial, module);
	assert_says(&trial.err, ERROR_FAILED, "unreachable");
	assert_string_equal(buf_text(&trial.result.stdout_bytes), "ab");
	assert_string_equal(buf_text(&trial.result.stderr_bytes), "abc");
	assert_false(trial.result.truncated);
	trial_finish(&trial);
	module_destroy(module);
}

/* 100 MB in pieces of 64 KiB: the guest sees success, the host keeps what the limit allows. */
static void a_flood_of_output_is_cut(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct module *module = compile(kinds[k], BEGIN
				"(data (i32.const 0) \"\\00\\00\\00\\00\\00\\00\\01\\00\") (global "
				"$left (mut i32)"
				" (i32.const 1600)) (func (export \"run\") (result i32) (local "
				"$sum i32)"
				" (loop $more (drop (call $fd_write (i32.const 1) (i32.const 0) "
				"(i32.const 1)"
				"   (i32.const 70000)))"
				"  (local.set $sum (i32.add (local.get $sum) (i32.load (i32.const "
				"70000))))"
				"  (global.set $left (i32.sub (global.get $left) (i32.const 1)))"
				"  (br_if $more (global.get $left))) (local.get $sum)))");
		struct trial trial = trial_new();
		trial_run(&trial, module);
		assert_true(trial.ok);
		assert_string_equal(trial.result.values, "104857600");
		assert_int_equal(trial.result.stdout_bytes.size, 4096);
		assert_true(trial.result.truncated);
		trial_finish(&trial);
		module_destroy(module);
	}
}

/* Writes what args_get or environ_get gives: the texts with their zero bytes. */
#define TELL(what)                                                                                 \
	BEGIN "(func (export \"_start\")"                                                          \
	      " (drop (call $" what "_sizes_get (i32.const 0) (i32.const 4)))"                     \
	      " (drop (call $" what "_get (i32.const 1024) (i32.const 2048)))"                     \
	      " (i32.store (i32.const 8) (i32.load (i32.const 1024)))"                             \
	      " (i32.store (i32.const 12) (i32.load (i32.const 4)))"                               \
	      " (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 20)))"  \
	      " (call $proc_exit (i32.load (i32.const 0)))))"

static void expect_texts(const char *text, const struct run_request *request, int count,
		const char *bytes, size_t size) {
	struct module *module = compile(ENGINE_MULTIPASS, text);
	struct trial trial = trial_new();
	const struct run_limits limits = trial.request.limits;
	trial.request = *request;
	trial.request.limits = limits;
	trial_run(&trial, module);
	assert_true(trial.ok && trial.result.exited);
	assert_int_equal(trial.result.exit_code, count);
	assert_int_equal(trial.result.stdout_bytes.size, size);
	assert_memory_equal(trial.result.stdout_bytes.data, bytes, size);
	trial_finish(&trial);
	module_destroy(module);
}

static void a_command_gets_name_args_and_inputs(void **state) {
	(void)state;
	const struct run_request request = { .name = "job",
		.args = TEXTS("-v", ""),
		.inputs = TEXTS("5abc"),
		.env = TEXTS("A=1", "EMPTY=", "B=x y") };
	expect_texts(TELL("args"), &request, 4, "job\0-v\0\0005abc", 13);
	expect_texts(TELL("environ"), &request, 3, "A=1\0EMPTY=\0B=x y", 17);
	const struct run_request none = { .name = "job" };
	expect_texts(TELL("environ"), &none, 0, "", 0);
}

static void every_exit_code_is_theirs(void **state) {
	(void)state;
	static const struct {
		const char *text;
		int code;
	} codes[] = { { "0", 0 }, { "1", 1 }, { "125", 125 }, { "126", 126 }, { "255", 255 },
		{ "-1", -1 } };
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct module *module = compile(ENGINE_SINGLEPASS,
				BEGIN "(func (export \"run\") (param i32) (result i32) (call "
				      "$proc_exit (local.get 0))"
				      " unreachable))");
		struct trial trial = trial_new();
		trial.request.inputs = TEXTS(codes[i].text);
		trial_run(&trial, module);
		assert_true(trial.ok && trial.result.exited && !trial.result.has_values);
		assert_string_equal(trial.result.values, "");
		assert_int_equal(trial.result.exit_code, codes[i].code);
		trial_finish(&trial);
		module_destroy(module);
	}
}

/* Each pair is a call and the number that it answers. */
static void bad_calls_get_their_number(void **state) {
	(void)state;
	static const struct {
		const char *call, *number;
	} cases[] = {
		{ "$fd_write (i32.const 1) (i32.const 131070) (i32.const 1) (i32.const 16)", "21" },
		{ "$fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 16)", "21" },
		{ "$fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 131070)", "21" },
		{ "$fd_write (i32.const 1) (i32.const 0) (i32.const 100000) (i32.const 16)", "28" },
		{ "$fd_write (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 16)", "8" },
		{ "$fd_write (i32.const 3) (i32.const 0) (i32.const 1) (i32.const 16)", "8" },
		{ "$fd_write (i32.const -1) (i32.const 0) (i32.const 1) (i32.const 16)", "8" },
		{ "$fd_read (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)", "8" },
		{ "$fd_read (i32.const 0) (i32.const 131070) (i32.const 1) (i32.const 16)", "21" },
		{ "$args_get (i32.const 131070) (i32.const 0)", "21" },
		{ "$args_get (i32.const 0) (i32.const -1)", "21" },
		{ "$args_sizes_get (i32.const 131070) (i32.const 0)", "21" },
		{ "$environ_sizes_get (i32.const 0) (i32.const 131069)", "21" },
		{ "$random_get (i32.const 1) (i32.const -1)", "21" },
		{ "$random_get (i32.const 131072) (i32.const 0)", "0" },
		{ "$random_get (i32.const 131073) (i32.const 0)", "21" },
		{ "$clock_time_get (i32.const 9) (i64.const 0) (i32.const 0)", "28" },
		{ "$clock_time_get (i32.const 0) (i64.const 0) (i32.const 131065)", "21" },
		{ "$clock_res_get (i32.const 1) (i32.const 0)", "0" },
		{ "$fd_fdstat_get (i32.const 1) (i32.const 131060)", "21" },
		{ "$fd_fdstat_get (i32.const 5) (i32.const 0)", "8" },
		{ "$fd_seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 0)", "70" },
		{ "$fd_seek (i32.const 7) (i64.const 0) (i32.const 0) (i32.const 0)", "8" },
		{ "$fd_prestat_get (i32.const 3) (i32.const 0)", "8" },
		{ "$sock_recv (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const "
		  "0) (i32.const 0)",
				"57" },
		{ "$path_open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)"
		  " (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)",
				"8" },
		{ "$poll_oneoff (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)", "28" },
		{ "$poll_oneoff (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0)", "28" },
		{ "$poll_oneoff (i32.const 131070) (i32.const 0) (i32.const 1) (i32.const 0)",
				"21" },
		{ "$poll_oneoff (i32.const 0) (i32.const 131070) (i32.const 1) (i32.const 0)",
				"21" },
		{ "$poll_oneoff (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 131070)",
				"21" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[4096];
		(void)snprintf(text, sizeof(text),
				BEGIN "(func (export \"run\") (result i32) (call %s)))",
				cases[i].call);
		const struct run_request input = { .name = "run",
			.input = { (const uint8_t *)"abc", 3 } };
		expect(text, &input, cases[i].number, "");
	}
}

static void a_closed_stream_is_closed(void **state) {
	(void)state;
	expect(BEGIN "(func (export \"run\") (result i32 i32 i32 i32) (call $fd_close (i32.const "
		     "1))"
		     " (call $fd_close (i32.const 1)) (call $fd_fdstat_get (i32.const 1) "
		     "(i32.const 0))"
		     " (call $fd_close (i32.const 3))))",
			NULL, "0,8,8,8", "");
}

/* Pointers into a memory that is not exported are all bad, and nothing more happens. */
static void no_memory_means_bad_pointers(void **state) {
	(void)state;
	expect("(module " WASI("random_get",
			       II) "(memory 1) (func (export \"run\") (result i32)"
				   " (call $random_get (i32.const 0) (i32.const 8))))",
			NULL, "21", "");
	expect("(module " WASI("random_get", II) "(func (export \"memory\"))"
						 " (func (export \"run\") (result i32) (call "
						 "$random_get (i32.const 0) (i32.const 8))))",
			NULL, "21", "");
}

static void random_bytes_differ(void **state) {
	(void)state;
	expect(BEGIN "(func (export \"run\") (result i32 i32)"
		     " (call $random_get (i32.const 0) (i32.const 131072))"
		     " (i64.ne (i64.load (i32.const 131064)) (i64.load (i32.const 8)))))",
			NULL, "0,1", "");
}

static void clocks_tell_the_time(void **state) {
	(void)state;
	for (int k = 0; k < KINDS; k++) {
		struct module *module = compile(kinds[k],
				BEGIN "(func (export \"run\") (param i32) (result i64)"
				      " (drop (call $clock_time_get (local.get 0) (i64.const 0) "
				      "(i32.const 8)))"
				      " (i64.load (i32.const 8))))");
		for (int clock = 0; clock < 4; clock++) {
			char number[12];
			(void)snprintf(number, sizeof(number), "%d", clock);
			struct trial trial = trial_new();
			trial.request.inputs = TEXTS(number);
			int64_t before = clock == 0 ? clock_wall_ns() : 0;
			trial_run(&trial, module);
			assert_true(trial.ok);
			long long told = strtoll(trial.result.values, NULL, 10);
			assert_true(told > 0 && told >= before);
			assert_true(clock != 0 || told <= clock_wall_ns());
			trial_finish(&trial);
		}
		module_destroy(module);
	}
}

/*
 * One subscription at 0 (and a second at 48), events at 256, their number at 512. A clock:
 * userdata, tag 0, id, timeout, precision, flags.
 */
#define CLOCK(at, user, id, timeout, flags)                                                        \
	" (i64.store (i32.const " at ") (i64.const " user ")) (i32.store offset=16 (i32.const " at \
	") (i32.const " id ")) (i64.store offset=24 (i32.const " at ") " timeout ")"               \
	" (i32.store16 offset=40 (i32.const " at ") (i32.const " flags "))"
#define STREAM(at, user, tag, fd)                                                                  \
	" (i64.store (i32.const " at ") (i64.const " user ")) (i32.store8 offset=8 (i32.const " at \
	") (i32.const " tag ")) (i32.store offset=16 (i32.const " at ") (i32.const " fd "))"
#define POLL(count)                                                                                \
	" (call $poll_oneoff (i32.const 0) (i32.const 256) (i32.const " count ") (i32.const 512))"
/* errno, number of events; of the first event: userdata, error, tag, bytes, flags */
#define LOOK                                                                                       \
	" (i32.load (i32.const 512)) (i64.load (i32.const 256)) (i32.load16_u (i32.const 264))"    \
	" (i32.load8_u (i32.const 266)) (i64.load (i32.const 272)) (i32.load16_u (i32.const 280))"
#define RESULTS "(func (export \"run\") (result i32 i32 i64 i32 i32 i64 i32)"

static void a_poll_is_answered(void **state) {
	(void)state;
	const struct run_request input = { .input = { (const uint8_t *)"abc", 3 } };
	/* a relative clock of one millisecond */
	expect(BEGIN RESULTS CLOCK("0", "7", "1", "(i64.const 1000000)", "0") POLL("1") LOOK "))",
			NULL, "0,1,7,0,0,0,0", "");
	/* an absolute time long ago, of both clocks */
	expect(BEGIN RESULTS CLOCK("0", "8", "0", "(i64.const 1)", "1") CLOCK(
			       "48", "9", "1", "(i64.const 1)", "1") POLL("2") LOOK "))",
			NULL, "0,2,8,0,0,0,0", "");
	/* what is ready at once does not wait for a clock */
	expect(BEGIN RESULTS CLOCK("0", "1", "1", "(i64.const -1)", "0") STREAM("48", "5", "1", "0")
					POLL("2") LOOK "))",
			&input, "0,1,5,0,1,3,0", "");
	/* the end of the input hangs up */
	expect(BEGIN RESULTS STREAM("0", "6", "1", "0") POLL("1") LOOK "))", NULL, "0,1,6,0,1,0,1",
			"");
	expect(BEGIN RESULTS STREAM("0", "6", "2", "2") POLL("1") LOOK "))", NULL,
			"0,1,6,0,2,65535,0", "");
	/* errors are events */
	expect(BEGIN RESULTS STREAM("0", "3", "1", "9") POLL("1") LOOK "))", NULL, "0,1,3,8,1,0,0",
			"");
	expect(BEGIN RESULTS STREAM("0", "3", "1", "1") POLL("1") LOOK "))", NULL, "0,1,3,8,1,0,0",
			"");
	expect(BEGIN RESULTS STREAM("0", "3", "7", "1") POLL("1") LOOK "))", NULL, "0,1,3,28,7,0,0",
			"");
	expect(BEGIN RESULTS CLOCK("0", "4", "2", "(i64.const 1)", "0") POLL("1") LOOK "))", NULL,
			"0,1,4,58,0,0,0", "");
	expect(BEGIN RESULTS CLOCK("0", "4", "77", "(i64.const 1)", "0") POLL("1") LOOK "))", NULL,
			"0,1,4,28,0,0,0", "");
}

static void a_sleep_takes_its_time(void **state) {
	(void)state;
	const char text[] = BEGIN RESULTS CLOCK("0", "7", "1", "(i64.const 20000000)", "0")
			POLL("1") LOOK "))";
	for (int k = 0; k < KINDS; k++) {
		struct module *module = compile(kinds[k], text);
		struct trial trial = trial_new();
		uint64_t began = clock_us();
		trial_run(&trial, module);
		assert_true(trial.ok);
		assert_true(clock_us() - began >= 20000);
		trial_finish(&trial);
		module_destroy(module);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stdin_comes_out),
		cmocka_unit_test(both_outputs_are_kept_apart),
		cmocka_unit_test(a_flood_of_output_is_cut),
		cmocka_unit_test(a_command_gets_name_args_and_inputs),
		cmocka_unit_test(every_exit_code_is_theirs),
		cmocka_unit_test(bad_calls_get_their_number),
		cmocka_unit_test(a_closed_stream_is_closed),
		cmocka_unit_test(no_memory_means_bad_pointers),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(clocks_tell_the_time),
		cmocka_unit_test(a_poll_is_answered),
		cmocka_unit_test(a_sleep_takes_its_time),
	};
	return cmocka_run_group_tests(tests, engine_setup, engine_teardown);
}
