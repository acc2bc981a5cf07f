/* SPDX-License-Identifier: Apache-2.0 */
/* What clients of the executor send: both layouts, JSON, and the texts of numbers. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "executor/json.h"
#include "executor/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 20 };

/* Each input as each type; and its evidence does not depend on when it is made. */
static void use(const struct asked *asked) {
	uint8_t one[REPORT_DATA_SIZE], two[REPORT_DATA_SIZE];
	struct error err;
	for (size_t i = 0; i < asked->input_count; i++) {
		for (int type = VALUE_I32; type <= VALUE_F64; type++) {
			struct value value;
			(void)!asked->layout->input(asked, i, (enum value_type)type, &value, &err);
		}
	}
	if (!layout_report_data(asked, NULL, 0, one, &err) ||
			!layout_report_data(asked, NULL, 0, two, &err) ||
			memcmp(one, two, sizeof(one)) != 0) {
		abort();
	}
}

static void try_layout(const struct layout *layout, struct bytes bytes) {
	struct asked asked;
	struct error err;
	struct buf out = BUF_INIT(OUT_MAX);
	void *request = layout->open(bytes, &asked, &err);
	if (request != NULL) {
		const struct answered answered = { .attestation = "a" };
		use(&asked);
		(void)!layout_pack_answer(&asked, &answered, &out, &err);
	}
	layout->close(request);
	buf_finish(&out);
}

static void try_json(struct bytes bytes) {
	struct asked asked;
	struct error err;
	struct buf out = BUF_INIT(OUT_MAX);
	struct json_request *request = json_request_read(bytes, &asked, &err);
	if (request != NULL) {
		const struct answered answered = { .attestation = "a" };
		use(&asked);
		if (json_answer_write(&asked, &answered, "", &out, &err)) {
			json_t *parsed = json_loadb(buf_text(&out), out.size, 0, NULL);
			if (parsed == NULL) {
				abort();
			}
			json_decref(parsed);
		}
	}
	json_request_destroy(request);
	buf_finish(&out);
}

/* What was read is written so that it reads back as the same bits. */
static void try_number(struct bytes bytes) {
	CLEANUP(mem_freep) char *text = mem_copy(bytes.data, bytes.size);
	for (int type = VALUE_I32; type <= VALUE_F64; type++) {
		char written[VALUE_TEXT_SIZE];
		struct value value = { .of = { .bits64 = 0 } }, again = value;
		struct error err;
		if (number_read(text, (enum value_type)type, 1, &value, &err)) {
			value_write(&value, written);
			if (!number_read(written, (enum value_type)type, 1, &again, &err) ||
					memcmp(&value, &again, sizeof(value)) != 0) {
				abort();
			}
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (size == 0) {
		return 0;
	}
	const struct bytes rest = { data + 1, size - 1 };
	switch (data[0] % 4) {
	case 0: try_layout(&layout_dtvm, rest); break;
	case 1: try_layout(&layout_wasm, rest); break;
	case 2: try_json(rest); break;
	default: try_number(rest);
	}
	return 0;
}
