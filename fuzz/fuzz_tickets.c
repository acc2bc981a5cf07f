/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients bring back: a cursor, the id of an event, the key of a request; and a path that a
 * problem repeats. The first byte chooses. What is taken is what was meant: said anew, it is the
 * same.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/problem.h"
#include "manager/tickets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BOOT "0a1b2c3d"

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

static void check_number(const char *text, uint64_t number) {
	char again[32];
	(void)snprintf(again, sizeof(again), "%" PRIu64, number);
	must(strcmp(again, text + strspn(text, "0")) == 0 ||
			(number == 0 && strspn(text, "0") == strlen(text)));
}

static void check_cursor(const char *text) {
	struct error err;
	uint64_t cursor;
	if (ticket_cursor(text, &cursor, &err)) {
		check_number(text, cursor);
	} else {
		must(err.code == ERROR_INVALID);
	}
}

static void check_event(const char *text) {
	uint64_t number;
	if (ticket_event(text, BOOT, &number)) {
		must(strncmp(text, BOOT "-", sizeof(BOOT)) == 0);
		check_number(text + sizeof(BOOT), number);
	}
}

static void check_key(const char *text) {
	size_t size = strlen(text), printable = 0;
	while (printable < size && text[printable] >= 0x20 && text[printable] < 0x7f) {
		printable++;
	}
	must(ticket_key(text) == (printable == size && size >= 1 && size <= TICKET_KEY_MAX));
}

/* It stays a path of ours, and said again it is the same. */
static void check_instance(const char *path) {
	char instance[PROBLEM_INSTANCE_MAX], again[PROBLEM_INSTANCE_MAX];
	problem_instance(path, instance);
	must(strspn(instance, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			      "-._~!$&'()*+,;=@/%") == strlen(instance));
	must(strncmp(instance, "//", 2) != 0);
	problem_instance(instance, again);
	must(strcmp(instance, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static void (*const checks[])(const char *text) = { check_cursor, check_event, check_key,
		check_instance };
	if (size == 0) {
		return 0;
	}
	CLEANUP(mem_freep) char *text = mem_copy(data + 1, size - 1);
	checks[data[0] % 4](text);
	return 0;
}
