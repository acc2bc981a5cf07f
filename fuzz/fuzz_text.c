/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text from outside: numbers, durations, sizes, times, UTF-8, and flags. What is accepted must be
 * what writing the value again would say; what is refused must leave a clean message.
 *
 * clang -std=gnu17 -g -O1 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -I. -Ilib
 * fuzz/text_fuzz.c $(ls lib/base/[a-z]*.c | grep -v _test) -lcrypto
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

static void check_message(const struct error *err) {
	must(err->code == ERROR_INVALID && err->message[0] != '\0');
	must(str_is_utf8(err->message, strlen(err->message)));
}

/* Without the zeros in front, which are allowed and mean nothing. */
static const char *without_zeros(const char *digits) {
	while (digits[0] == '0' && digits[1] != '\0') {
		digits++;
	}
	return digits;
}

static void check_whole_numbers(const char *text) {
	struct error err;
	uint64_t number;
	int64_t integer;
	char again[32];
	if (str_to_u64(text, &number, &err)) {
		(void)snprintf(again, sizeof(again), "%" PRIu64, number);
		must(strcmp(again, without_zeros(text)) == 0);
	} else {
		check_message(&err);
	}
	if (str_to_i64(text, &integer, &err)) {
		bool negative = text[0] == '-';
		must(negative ? integer <= 0 : integer >= 0);
		(void)snprintf(again, sizeof(again), "%" PRId64, integer);
		must(strcmp(again + (again[0] == '-'), without_zeros(text + negative)) == 0);
	} else {
		check_message(&err);
	}
}

static void check_units(const char *text) {
	struct error err;
	uint64_t value, again;
	bool flag;
	if (str_to_bytes(text, &value, &err)) {
		CLEANUP(mem_freep) char *plain = str_format("%" PRIu64, value);
		must(str_to_bytes(plain, &again, &err) && again == value);
	} else {
		check_message(&err);
	}
	if (str_to_duration_ms(text, &value, &err)) {
		CLEANUP(mem_freep) char *plain = str_format("%" PRIu64 "ms", value);
		must(str_to_duration_ms(plain, &again, &err) && again == value);
	} else {
		check_message(&err);
	}
	if (!str_to_bool(text, &flag, &err)) {
		check_message(&err);
	}
}

static void check_time(const char *text) {
	int64_t ns, again;
	char formatted[CLOCK_TEXT_MAX];
	if (clock_parse(text, &ns)) {
		clock_format(ns, formatted);
		must(clock_parse(formatted, &again) && again == ns);
	}
}

static void check_utf8(const char *bytes, size_t size) {
	size_t copied;
	CLEANUP(mem_freep) char *text = str_utf8(bytes, size, &copied);
	must(str_is_utf8(text, copied) && text[copied] == '\0');
	if (str_is_utf8(bytes, size)) {
		must(copied == size && memcmp(text, bytes, size) == 0);
	} else {
		must(copied > size);
	}
}

struct options {
	char *name;
	uint64_t number, bytes, wait_ms;
	bool eager;
};

#define ROW(env_, flag_, kind_, field_)                                                            \
	.env = env_, .flag = flag_, .kind = SETTING_##kind_,                                       \
	.offset = offsetof(struct options, field_), .help = ""

static const struct setting rows[] = {
	{ ROW("FUZZ_NAME", "name", TEXT, name) },
	{ ROW("FUZZ_NUMBER", "number", NUMBER, number), .min = 1, .max = 65535, .fallback = "1" },
	{ ROW("FUZZ_BYTES", "bytes", BYTES, bytes), .max = 1 << 20 },
	{ ROW("FUZZ_WAIT", "wait", DURATION, wait_ms), .min = 10 },
	{ ROW("FUZZ_EAGER", "eager", BOOL, eager) },
};
static const struct settings table = { "fuzz", "", "", rows, sizeof(rows) / sizeof(rows[0]) };

/* The lines of the text are the arguments of a program. --help and --version only print. */
static void check_flags(const char *text) {
	enum { ARGUMENTS_MAX = 6 };
	struct strings lines = { 0 };
	char *argv[ARGUMENTS_MAX + 2] = { NULL };
	int argc = 1;
	strings_split(&lines, text, '\n');
	for (size_t i = 0; i < lines.count && i < ARGUMENTS_MAX; i++) {
		bool prints = str_equal(lines.items[i], "--help") ||
			      str_equal(lines.items[i], "-h") ||
			      str_equal(lines.items[i], "--version");
		if (!prints) {
			argv[argc++] = lines.items[i];
		}
	}
	struct error err;
	struct options options = { 0 };
	if (settings_load(&table, &options, argc, argv, &err) == SETTINGS_RUN) {
		must(options.number >= 1 && options.number <= 65535 && options.bytes <= 1 << 20);
	} else {
		check_message(&err);
		must(options.name == NULL);
	}
	settings_finish(&table, &options);
	strings_finish(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(mem_freep) char *text = mem_copy(data, size);
	check_whole_numbers(text);
	check_units(text);
	check_time(text);
	check_utf8(text, size);
	check_flags(text);
	return 0;
}
