/* SPDX-License-Identifier: Apache-2.0 */
#include "executor/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <dtvm.pb-c.h>

#include "base/hex.h"

static const struct {
	const char *bytes, *words; /* NULL: they are a message */
} rows[] = {
	{ "", NULL },
	{ "0a00", NULL },
	{ "0a050a03312e30", NULL },
	{ "7a0161", NULL }, /* a field that is not ours */
	{ "0a050a03310030", "version has a zero byte" },
	{ "0a030a01ff", "version is not UTF-8" },
	{ "0a042a02c0af", "inputs is not UTF-8" },
	{ "0a", "no message" },
	{ "0a05", "no message" },
	{ "0a050a0331", "no message" },
	{ "0b", "no message" }, /* a group */
	{ "0affffffffffffffffff7f", "no message" },
	{ "ffffffffffffffffffffff", "no message" },
};

static void message_takes_only_messages(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[64];
		struct error err = { .message = "" };
		size_t size = strlen(rows[i].bytes) / 2;
		assert_true(hex_decode(rows[i].bytes, bytes, size));
		ProtobufCMessage *message = message_open(&dtvm__wasmvmexecution_request__descriptor,
				(struct bytes){ bytes, size }, "it", &err);
		if ((message == NULL) != (rows[i].words != NULL)) {
			fail_msg("row %zu: %s", i, err.message);
		}
		if (message == NULL) {
			assert_int_equal(err.code, ERROR_INVALID);
			assert_non_null(strstr(err.message, rows[i].words));
		} else {
			protobuf_c_message_free_unpacked(message, NULL);
		}
	}
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(message_takes_only_messages) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
