/* SPDX-License-Identifier: Apache-2.0 */
#include "meter/writer.h"

enum { LEB_32_MOST = 5, LEB_64_MOST = 10 };

void writer_bytes(struct writer *writer, struct bytes bytes) {
	if (writer->failed) {
		return;
	}
	if (bytes.size > writer->end - writer->out->size) {
		writer->failed = true;
		error_set(writer->err, ERROR_TOO_LARGE,
				"the module grows beyond %zu bytes when it is made to count gas",
				writer->end);
		return;
	}
	writer->failed = !buf_append(writer->out, bytes.data, bytes.size, writer->err);
}

void writer_byte(struct writer *writer, unsigned byte) {
	uint8_t one = (uint8_t)byte;
	writer_bytes(writer, (struct bytes){ &one, 1 });
}

void writer_unsigned(struct writer *writer, uint64_t value) {
	uint8_t leb[LEB_64_MOST];
	size_t size = 0;
	do {
		leb[size++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value != 0);
	writer_bytes(writer, (struct bytes){ leb, size });
}

void writer_signed(struct writer *writer, int64_t value) {
	uint8_t leb[LEB_64_MOST];
	size_t size = 0;
	bool last;
	do {
		uint8_t low = value & 0x7f;
		value >>= 7;
		last = value == ((low & 0x40) != 0 ? -1 : 0);
		leb[size++] = last ? low : low | 0x80;
	} while (!last);
	writer_bytes(writer, (struct bytes){ leb, size });
}

size_t writer_begin(struct writer *writer) {
	static const uint8_t room[LEB_32_MOST];
	size_t begun = writer->out->size;
	writer_bytes(writer, (struct bytes){ room, sizeof(room) });
	return begun;
}

void writer_done(struct writer *writer, size_t begun) {
	if (writer->failed) {
		return;
	}
	size_t size = writer->out->size - begun - LEB_32_MOST;
	for (int i = 0; i < LEB_32_MOST; i++) {
		bool last = i == LEB_32_MOST - 1;
		writer->out->data[begun + (size_t)i] = (uint8_t)((size & 0x7f) | (last ? 0 : 0x80));
		size >>= 7;
	}
}
