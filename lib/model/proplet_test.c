/* SPDX-License-Identifier: Apache-2.0 */
#include "model/proplet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define BOOT_1 "0b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"
#define BOOT_2 "1b0d9e2c-6d0f-4c9a-8d54-0f2f3f4d5e6f"

static bool hear(struct proplet *proplet, const char *text, uint64_t now_ms) {
	struct presence presence;
	struct error err;
	if (!presence_decode(&presence, (struct bytes){ (const uint8_t *)text, strlen(text) },
			    &err)) {
		fail_msg("%s", err.message);
	}
	bool changed = proplet_hear(proplet, &presence, now_ms, 1700000000000000000);
	presence_finish(&presence);
	return changed;
}

static void life_and_death(void **state) {
	(void)state;
	struct proplet *proplet = proplet_create("w");
	assert_false(proplet_alive(proplet, 0)); /* never heard */
	(void)hear(proplet, "{\"proplet_id\":\"w\",\"interval_ms\":1000}", 5000);
	assert_true(proplet_alive(proplet, 5000));
	assert_true(proplet_alive(proplet, 7999));
	assert_false(proplet_alive(proplet, 8000)); /* three intervals */
	(void)hear(proplet, "{\"proplet_id\":\"w\"}", 9000);
	assert_true(proplet_alive(proplet, 11999)); /* the interval is remembered */
	proplet_destroy(proplet);
	proplet = proplet_create("old");
	(void)hear(proplet, "{\"proplet_id\":\"old\"}", 1000);
	assert_true(proplet_alive(proplet, 30999)); /* 10 s where none is announced */
	assert_false(proplet_alive(proplet, 31000));
	proplet_destroy(proplet);
}

static void offline_is_said_once_and_for_its_boot(void **state) {
	(void)state;
	struct proplet *proplet = proplet_create("w");
	(void)hear(proplet,
			"{\"proplet_id\":\"w\",\"boot\":\"" BOOT_1
			"\",\"features\":[\"commands\"]}",
			1000);
	(void)hear(proplet, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_2 "\"}", 2000);
	(void)hear(proplet, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_1 "\",\"status\":\"offline\"}",
			2001);
	assert_true(proplet_alive(proplet, 2001)); /* the last will of the boot before */
	(void)hear(proplet, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_2 "\",\"status\":\"offline\"}",
			2002);
	assert_false(proplet_alive(proplet, 2002));
	(void)hear(proplet, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_2 "\"}", 2003);
	assert_true(proplet_alive(proplet, 2003));
	proplet_destroy(proplet);
}

/* They are sent nothing before they listen, or before it is known in which form. */
static void it_lives_once_it_can_be_spoken_to(void **state) {
	(void)state;
	struct proplet *proplet = proplet_create("w");
	struct presence create = { .announced = true };
	(void)proplet_hear(proplet, &create, 1000, 1);
	assert_false(proplet_alive(proplet, 1000)); /* an old worker: not subscribed yet */
	(void)hear(proplet, "{\"proplet_id\":\"w\"}", 1001);
	assert_true(proplet_alive(proplet, 1001));
	proplet_destroy(proplet);
	proplet = proplet_create("w");
	(void)hear(proplet, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_1 "\"}", 1000);
	assert_false(proplet_alive(proplet, 1000)); /* one of ours, whose abilities are unknown */
	(void)hear(proplet,
			"{\"proplet_id\":\"w\",\"boot\":\"" BOOT_1
			"\",\"features\":[\"commands\"]}",
			1001);
	assert_true(proplet_alive(proplet, 1001) && proplet->ours);
	(void)proplet_hear(proplet, &create, 1002, 1); /* a stray message */
	assert_true(proplet->ours);
	(void)proplet_hear(proplet, &create, 100000, 1); /* an old one has taken its place */
	assert_false(proplet->ours);
	proplet_destroy(proplet);
}

static void a_new_boot_counts_from_one(void **state) {
	(void)state;
	struct proplet *proplet = proplet_create("w");
	assert_true(hear(proplet, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_1 "\"}", 1));
	proplet->next_command = 17;
	assert_false(hear(proplet, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_1 "\"}", 2));
	assert_int_equal(proplet->next_command, 17);
	assert_true(hear(proplet, "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_2 "\"}", 3));
	assert_int_equal(proplet->next_command, 1);
	proplet_destroy(proplet);
}

/* It was deleted here while it went on. */
static void a_boot_that_has_seen_commands_counts_on(void **state) {
	(void)state;
	struct proplet *proplet = proplet_create("w");
	struct presence presence = { .proplet_id = (char[]){ "w" }, .ours = true, .command = 7 };
	memcpy(presence.boot, BOOT_1, sizeof(presence.boot));
	assert_true(proplet_hear(proplet, &presence, 0, 0));
	assert_int_equal(proplet->next_command, 8);
	assert_false(proplet_hear(proplet, &presence, 0, 0));
	presence.command = INT64_MAX - 1; /* a liar */
	(void)proplet_hear(proplet, &presence, 0, 0);
	assert_int_equal(proplet->next_command, 8);
	proplet_destroy(proplet);
}

static void only_changes_are_stored(void **state) {
	(void)state;
	static const char text[] = "{\"proplet_id\":\"w\",\"boot\":\"" BOOT_1
				   "\",\"namespace\":\"edge\",\"features\":[\"commands\"],"
				   "\"engines\":[\"interp\"],\"slots\":3,\"memory_bytes\":5,"
				   "\"memory_free_bytes\":4,\"metadata\":{\"tags\":[\"a\"]}}";
	struct proplet *proplet = proplet_create("w"), *again;
	struct error err;
	assert_true(hear(proplet, text, 1));
	assert_false(hear(proplet, text, 2));
	assert_false(hear(
			proplet, "{\"proplet_id\":\"w\",\"memory_free_bytes\":3}", 3)); /* moves */
	assert_int_equal(proplet->memory_free_bytes, 3);
	json_t *saved = proplet_save(proplet);
	again = proplet_load("w", saved, &err);
	assert_non_null(again);
	assert_string_equal(again->space, "edge");
	assert_true(again->ours);
	assert_int_equal(again->slots, 3);
	assert_true(json_equal(again->metadata, proplet->metadata));
	assert_false(proplet_alive(again, 4)); /* what is stored was not heard */
	json_decref(saved);
	proplet_destroy(proplet);
	proplet_destroy(again);
}

/* Heartbeats name no abilities; what an announcement leaves out, another version cannot do. */
static void announcements_tell_who_counts_gas(void **state) {
	(void)state;
	struct proplet *proplet = proplet_create("w");
	struct presence presence = { .proplet_id = (char[]){ "w" }, .boot = BOOT_1 };
	struct error err;
	presence.announced = presence.ours = presence.counts_gas = true;
	assert_true(proplet_hear(proplet, &presence, 0, 0));
	presence.announced = presence.ours = presence.counts_gas = false;
	assert_false(proplet_hear(proplet, &presence, 0, 0));
	assert_true(proplet->counts_gas);
	json_t *saved = proplet_save(proplet);
	struct proplet *again = proplet_load("w", saved, &err);
	assert_true(again->counts_gas);
	presence.announced = presence.ours = true;
	assert_true(proplet_hear(proplet, &presence, 0, 0));
	assert_false(proplet->counts_gas);
	json_decref(saved);
	proplet_destroy(again);
	proplet_destroy(proplet);
}

static void engines(void **state) {
	(void)state;
	struct proplet *proplet = proplet_create("w");
	assert_true(proplet_has_engine(proplet, NULL));
	assert_true(proplet_has_engine(proplet, "multipass")); /* all that old workers have */
	assert_false(proplet_has_engine(proplet, "interp"));
	(void)hear(proplet, "{\"proplet_id\":\"w\",\"engines\":[\"interp\",\"external\"]}", 1);
	assert_true(proplet_has_engine(proplet, "interp"));
	assert_false(proplet_has_engine(proplet, "multipass"));
	proplet_destroy(proplet);
}

static void damaged_records_are_refused(void **state) {
	(void)state;
	static const char *const rows[] = { "{\"slots\":-1}", "{\"boot\":1}", "{\"engines\":{}}",
		"{\"created_at\":\"x\"}" };
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err;
		json_t *saved = json_loads(rows[i], 0, NULL);
		assert_null(proplet_load("w", saved, &err));
		json_decref(saved);
	}
}

static void history_keeps_the_last_ten(void **state) {
	(void)state;
	struct proplet *proplet = proplet_create("w");
	const struct presence presence = { .proplet_id = proplet->id };
	size_t total;
	json_t *none = proplet_history(proplet, 0, 100, &total);
	assert_int_equal(total + json_array_size(none), 0);
	json_decref(none);
	for (int64_t second = 1; second <= 12; second++) {
		(void)proplet_hear(proplet, &presence, 1, second * 1000000000);
	}
	json_t *last = proplet_history(proplet, 8, 100, &total);
	assert_int_equal(total, 10);
	assert_int_equal(json_array_size(last), 2);
	assert_string_equal(json_string_value(json_array_get(last, 0)), "1970-01-01T00:00:11Z");
	assert_string_equal(json_string_value(json_array_get(last, 1)), "1970-01-01T00:00:12Z");
	json_decref(last);
	json_t *first = proplet_history(proplet, 0, 1, &total);
	assert_int_equal(json_array_size(first), 1);
	assert_string_equal(json_string_value(json_array_get(first, 0)), "1970-01-01T00:00:03Z");
	json_decref(first);
	json_t *beyond = proplet_history(proplet, UINT64_MAX, UINT64_MAX, &total);
	assert_int_equal(json_array_size(beyond), 0);
	json_decref(beyond);
	proplet_destroy(proplet);
}

static void chips_are_known_by_their_metadata(void **state) {
	(void)state;
	static const struct {
		const char *json;
		bool chip;
	} rows[] = {
		{ "\"metadata\":{\"os\":\"zephyr\"}", true },
		{ "\"metadata\":{\"os\":\"Zephyr\",\"wasm_runtime\":\"x\"}", true },
		{ "\"metadata\":{\"wasm_runtime\":\"WAMR\"}", true },
		{ "\"metadata\":{\"os\":\"linux\",\"wasm_runtime\":\"wasmtime-internal\"}", false },
		{ "\"metadata\":{\"os\":7,\"tags\":[\"zephyr\"]}", false },
		{ "\"metadata\":null", false }, { "\"status\":\"alive\"", false },
		{ "\"status\":\"alive\",\"namespace\":\"embedded\"", true },
		{ "\"namespace\":\"embedded\",\"metadata\":{\"os\":\"linux\"}", false },
		{ "\"metadata\":{\"os\":\"zephyr\"},\"boot\":\"" BOOT_1
		  "\",\"features\":[\"commands\"]",
				false }, /* ours, wherever it runs */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct proplet *proplet = proplet_create("c");
		CLEANUP(mem_freep)
		char *text = str_format("{\"proplet_id\":\"c\",%s}", rows[i].json);
		(void)hear(proplet, text, 1000);
		assert_true(proplet_is_chip(proplet) == rows[i].chip);
		proplet_destroy(proplet);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(life_and_death),
		cmocka_unit_test(offline_is_said_once_and_for_its_boot),
		cmocka_unit_test(it_lives_once_it_can_be_spoken_to),
		cmocka_unit_test(a_new_boot_counts_from_one),
		cmocka_unit_test(a_boot_that_has_seen_commands_counts_on),
		cmocka_unit_test(only_changes_are_stored),
		cmocka_unit_test(history_keeps_the_last_ten),
		cmocka_unit_test(announcements_tell_who_counts_gas),
		cmocka_unit_test(engines),
		cmocka_unit_test(damaged_records_are_refused),
		cmocka_unit_test(chips_are_known_by_their_metadata),
	};
	return cmocka_run_group_tests_name("model/proplet", tests, NULL, NULL);
}
