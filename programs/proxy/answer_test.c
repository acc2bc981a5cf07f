/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves for all, and what only one worker can open. */
#include "proxy/fixture.h"

#include "base/hex.h"
#include "seal/seal.h"

#define DIGEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define WORKER "proplet-1"

enum { LIMIT = 4096 };

static const uint8_t data[] = { 1, 2, 3, 4, 5, 6, 7 };
static const struct piece piece = { 2, 5, { data, sizeof(data) }, DIGEST };

static int set_up_sealed(void **state) {
	return set_up_with(state, true);
}

static void give_up(struct desk *desk, struct job *job) {
	(void)map_remove(desk->proxy.jobs, job->key);
	free(job->key);
	free(job->name);
	free(job->worker);
	free(job);
}

/* As the worker opens it; `number` is that of the request it has sent. */
static bool open_part(struct desk *desk, struct bytes message, uint64_t number,
		struct image_part *part, struct buf *plain) {
	struct error err;
	assert_true(image_part_decode(part, message, &err));
	const struct seal_context context = { .direction = SEAL_IMAGE,
		.worker = WORKER,
		.boot = BOOT,
		.number = number,
		.subject = "r/app",
		.index = part->index,
		.count = part->count };
	return seal_open_buf(desk->proxy.ring, &context, part->data, plain, &err);
}

static void expect_topic(struct desk *desk, const struct job *job, const char *wanted) {
	CLEANUP(mem_freep) char *topic = answer_topic(&desk->proxy, job);
	assert_string_equal(topic, wanted);
}

static void in_the_open(void **state) {
	struct desk *desk = *state;
	struct job *job = make_job(desk, "r/app", NULL, 0);
	struct buf out = BUF_INIT(LIMIT);
	struct image_chunk chunk;
	struct error err;
	expect_topic(desk, job, SERVER);
	assert_true(answer_encode(&desk->proxy, job, &piece, &out, &err));
	assert_true(image_chunk_decode(&chunk, (struct bytes){ out.data, out.size }, CHUNK, &err));
	assert_string_equal(chunk.name, "r/app");
	assert_int_equal(chunk.index, 2);
	assert_int_equal(chunk.count, 5);
	assert_int_equal(chunk.data.size, sizeof(data));
	assert_memory_equal(chunk.data.data, data, sizeof(data));
	image_chunk_finish(&chunk);
	buf_finish(&out);
	give_up(desk, job);
}

/* The data may stand in its place already, and that memory is used again for the next. */
static void sealed_for_one(void **state) {
	struct desk *desk = *state;
	struct job *job = make_job(desk, "r/app", WORKER, 7);
	struct buf out = BUF_INIT(LIMIT);
	uint8_t digest[DIGEST_SIZE];
	assert_true(hex_decode(DIGEST, digest, sizeof(digest)));
	expect_topic(desk, job, "m/d/c/c/registry/image/" WORKER);
	for (int in_place = 0; in_place < 2; in_place++) {
		struct piece sent = piece;
		struct buf plain = BUF_INIT(LIMIT);
		struct image_part part;
		struct error err;
		uint8_t *room = answer_room(job, &out, sizeof(data), &err);
		assert_non_null(room);
		if (in_place == 1) {
			memcpy(room, data, sizeof(data));
			sent.data.data = room;
		}
		assert_true(answer_encode(&desk->proxy, job, &sent, &out, &err));
		const struct bytes message = { out.data, out.size };
		assert_null(memmem(out.data, out.size, data, sizeof(data)));
		assert_false(open_part(desk, message, 8, &part, &plain)); /* of another request */
		assert_true(open_part(desk, message, 7, &part, &plain));
		assert_int_equal(part.number, 7);
		assert_int_equal(part.index, 2);
		assert_int_equal(part.count, 5);
		assert_int_equal(plain.size, DIGEST_SIZE + sizeof(data));
		assert_memory_equal(plain.data, digest, DIGEST_SIZE);
		assert_memory_equal(plain.data + DIGEST_SIZE, data, sizeof(data));
		buf_finish(&plain);
	}
	buf_finish(&out);
	give_up(desk, job);
}

static void nothing_leaves_without_a_digest_or_room(void **state) {
	struct desk *desk = *state;
	struct job *job = make_job(desk, "r/app", WORKER, 7);
	struct buf out = BUF_INIT(LIMIT), small = BUF_INIT(IMAGE_PART_HEADER_BYTES + 60);
	struct piece sent = piece;
	struct error err;
	sent.digest = "";
	assert_false(answer_encode(&desk->proxy, job, &sent, &out, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_false(answer_encode(&desk->proxy, job, &piece, &small, &err));
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	assert_int_equal(out.size + small.size, 0);
	buf_finish(&out);
	buf_finish(&small);
	give_up(desk, job);
}

static void why_it_does_not_come(void **state) {
	struct desk *desk = *state;
	struct job *open = make_job(desk, "r/app", NULL, 0);
	struct job *sealed = make_job(desk, "r/app", WORKER, 3);
	struct buf plain = BUF_INIT(LIMIT);
	struct image_part part;
	struct error why;
	(void)error_set(&why, ERROR_NOT_FOUND, "there is no image r/app");
	answer_refuse(&desk->proxy, open, &why);
	answer_refuse(&desk->proxy, sealed, &why);
	assert_int_equal(bus_count(desk->proxy.bus), 2);
	struct said said = bus_said(desk->proxy.bus, 0);
	assert_string_equal(said.topic, SERVER);
	assert_non_null(strstr((const char *)said.payload.data, why.message));
	said = bus_said(desk->proxy.bus, 1);
	assert_string_equal(said.topic, "m/d/c/c/registry/image/" WORKER);
	assert_null(memmem(said.payload.data, said.payload.size, "image", 5));
	assert_true(open_part(desk, said.payload, 3, &part, &plain));
	assert_int_equal(part.count, 0);
	assert_string_equal(buf_text(&plain), why.message);
	buf_finish(&plain);
	give_up(desk, open);
	give_up(desk, sealed);
}

/* No key, no envelope: only the number says which request it is about. */
static void a_request_that_cannot_be_opened(void **state) {
	struct desk *desk = *state;
	char worker[] = WORKER;
	const struct image_order order = { .proplet_id = worker, .number = 9 };
	struct image_part part;
	struct error err;
	answer_unopened(&desk->proxy, &order);
	struct said said = bus_said(desk->proxy.bus, 0);
	assert_string_equal(said.topic, "m/d/c/c/registry/image/" WORKER);
	assert_int_equal(said.payload.size, IMAGE_PART_HEADER_BYTES);
	assert_true(image_part_decode(&part, said.payload, &err));
	assert_int_equal(part.number, 9);
	assert_int_equal(part.count, 0);
	assert_int_equal(part.data.size, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_the_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sealed_for_one, set_up_sealed, tear_down),
		cmocka_unit_test_setup_teardown(
				nothing_leaves_without_a_digest_or_room, set_up_sealed, tear_down),
		cmocka_unit_test_setup_teardown(why_it_does_not_come, set_up_sealed, tear_down),
		cmocka_unit_test_setup_teardown(
				a_request_that_cannot_be_opened, set_up_sealed, tear_down),
	};
	return cmocka_run_group_tests_name("proxy/answer", tests, NULL, NULL);
}
