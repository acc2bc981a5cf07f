/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/fixture.h"

/* A presence that was published as message `index`. */
static struct presence heard(struct worker *worker, size_t index, const char *topic) {
	struct presence presence;
	struct error err;
	const struct said said = bus_said(worker->bus, index);
	assert_string_equal(said.topic, topic);
	if (!presence_decode(&presence, said.payload, &err)) {
		fail_msg("%s", err.message);
	}
	assert_string_equal(presence.proplet_id, "w");
	assert_string_equal(presence.boot, BOOT);
	return presence;
}

static void expect_ref(const struct attempt_refs *refs, const char *task, uint64_t attempt) {
	assert_int_equal(refs->count, 1);
	assert_string_equal(refs->items[0].task_id, task);
	assert_int_equal(refs->items[0].attempt, attempt);
}

/* One attempt runs, the result of another is held; what was said is forgotten. */
static struct attempt *one_and_one(struct worker *worker) {
	(void)start(worker, 4, TASK, 7);
	struct attempt *held = start(worker, 9, OTHER_TASK, 2);
	ends(worker, held, "42");
	bus_forget(worker->bus);
	return held;
}

static void an_announcement_says_it_all(void **state) {
	struct worker *worker = *state;
	(void)one_and_one(worker);
	worker->metadata = json_pack("{s:s}", "location", "here");
	uint64_t before = clock_ms();
	announce_all(worker);
	struct presence presence = heard(worker, 0, worker->topics.create);
	assert_true(presence.ours && !presence.offline);
	assert_int_equal(presence.slots, 2);
	assert_int_equal(presence.interval_ms, 1000);
	assert_true(strings_has(&presence.engines, "multipass"));
	assert_int_equal(presence.engines.count, 1); /* only what is offered */
	assert_true(presence.cpus != 0 && presence.memory_bytes >= presence.memory_free_bytes);
	assert_int_equal(presence.command, 9);
	expect_ref(&presence.running, TASK, 7);
	expect_ref(&presence.held, OTHER_TASK, 2);
	assert_string_equal(
			json_string_value(json_object_get(presence.metadata, "location")), "here");
	presence_finish(&presence);
	const struct said result = bus_said(worker->bus, 1); /* at once: it may never have come */
	assert_string_equal(result.topic, worker->topics.results);
	assert_int_equal(bus_count(worker->bus), 2);
	assert_in_range(worker->next_beat_ms, before + 1000, clock_ms() + 1000);
}

static void a_heartbeat_says_what_changes(void **state) {
	struct worker *worker = *state;
	struct attempt *held = one_and_one(worker);
	announce_beat(worker);
	struct presence presence = heard(worker, 0, worker->topics.alive);
	assert_false(presence.offline);
	assert_int_equal(presence.command, 9);
	assert_int_equal(presence.interval_ms, 1000);
	expect_ref(&presence.running, TASK, 7);
	expect_ref(&presence.held, OTHER_TASK, 2);
	assert_null(presence.metadata);
	presence_finish(&presence);
	assert_int_equal(bus_count(worker->bus), 1); /* its result is on its way */
	bus_forget(worker->bus);
	held->published_ms -= 1000;
	announce_beat(worker);
	assert_int_equal(bus_count(worker->bus), 2);
	assert_string_equal(bus_said(worker->bus, 1).topic, worker->topics.results);
}

static void a_last_will_is_short(void **state) {
	struct worker *worker = *state;
	struct presence presence;
	struct error err;
	(void)one_and_one(worker);
	CLEANUP(mem_freep) char *text = announce_will(worker);
	assert_true(presence_decode(
			&presence, (struct bytes){ (const uint8_t *)text, strlen(text) }, &err));
	assert_true(presence.offline);
	assert_string_equal(presence.proplet_id, "w");
	assert_string_equal(presence.boot, BOOT);
	assert_int_equal(presence.running.count + presence.held.count, 0);
	presence_finish(&presence);
	nothing_said(worker); /* the broker says it */
}

static struct notice noticed_as(struct worker *worker) {
	struct notice notice;
	struct error err;
	assert_int_equal(bus_count(worker->bus), 1);
	const struct said said = bus_said(worker->bus, 0);
	assert_string_equal(said.topic, worker->topics.state);
	assert_true(notice_decode(&notice, said.payload, &err));
	assert_string_equal(notice.task_id, TASK);
	assert_int_equal(notice.attempt, 7);
	assert_string_equal(notice.proplet_id, "w");
	assert_string_equal(notice.boot, BOOT);
	return notice;
}

static void notices(void **state) {
	struct worker *worker = *state;
	struct attempt *attempt = start(worker, 1, TASK, 7);
	atomic_store(&attempt->started_at, INT64_C(1700000000123456789));
	announce_running(worker, attempt);
	struct notice notice = noticed_as(worker);
	assert_int_equal(notice.kind, NOTICE_RUNNING);
	assert_true(notice.at ==
			INT64_C(1700000000123456789)); /* when it was, not when it is said */
	notice_finish(&notice);
	bus_forget(worker->bus);
	announce_refused(worker, &attempt->command, NOTICE_REFUSED, "busy");
	notice = noticed_as(worker);
	assert_int_equal(notice.kind, NOTICE_REFUSED);
	assert_string_equal(notice.reason, "busy");
	notice_finish(&notice);
	bus_forget(worker->bus);
	announce_refused(worker, &attempt->command, NOTICE_GONE, NULL);
	notice = noticed_as(worker);
	assert_int_equal(notice.kind, NOTICE_GONE);
	assert_null(notice.reason);
	notice_finish(&notice);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		WITH_WORKER(an_announcement_says_it_all),
		WITH_WORKER(a_heartbeat_says_what_changes),
		WITH_WORKER(a_last_will_is_short),
		WITH_WORKER(notices),
	};
	return cmocka_run_group_tests_name("proplet/announce", tests, NULL, NULL);
}
