/* SPDX-License-Identifier: Apache-2.0 */
#include "model/proplet.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/member.h"

/* Names for people: two words out of the id, so that the same worker always has the same name. */
static const char *const first_words[] = { "amber", "brave", "calm", "clever", "copper", "eager",
	"early", "gentle", "golden", "happy", "keen", "lively", "mellow", "nimble", "quiet",
	"swift" };
static const char *const last_words[] = { "badger", "crane", "falcon", "finch", "fox", "heron",
	"ibis", "lark", "lynx", "marten", "otter", "owl", "raven", "robin", "stoat", "wren" };

struct proplet *proplet_create(const char *id) {
	struct proplet *proplet = MEM_NEW(struct proplet);
	uint8_t digest[DIGEST_SIZE];
	digest_of(id, strlen(id), digest);
	proplet->id = str_copy(id);
	proplet->name = str_format(
			"%s-%s", first_words[digest[0] % 16], last_words[digest[1] % 16]);
	proplet->space = str_copy("default");
	proplet->next_command = 1;
	return proplet;
}

void proplet_destroy(struct proplet *proplet) {
	if (proplet == NULL) {
		return;
	}
	free(proplet->id);
	free(proplet->name);
	free(proplet->space);
	json_decref(proplet->metadata);
	strings_finish(&proplet->engines);
	free(proplet);
}

#define COMMAND_MAX (UINT64_C(1) << 62) /* a liar says more; the store has room for it */

static bool same_list(const struct strings *a, const struct strings *b) {
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		if (!str_equal(a->items[i], b->items[i])) {
			return false;
		}
	}
	return a->count == b->count;
}

static void beat(struct proplet *proplet, uint64_t now_ms, int64_t wall_ns) {
	proplet->beats[proplet->beat_count++ % PROPLET_BEATS] = wall_ns;
	proplet->heard = true;
	proplet->heard_ms = now_ms;
	proplet->offline = false;
}

static bool take_number(uint64_t *place, uint64_t value) {
	bool changed = value != 0 && *place != value;
	if (changed) {
		*place = value;
	}
	return changed;
}

/* A new boot begins to count its commands at 1. */
static bool take_boot(struct proplet *proplet, const struct presence *presence) {
	if (presence->boot[0] == 0 || strcmp(proplet->boot, presence->boot) == 0) {
		return false;
	}
	memcpy(proplet->boot, presence->boot, sizeof(proplet->boot));
	proplet->boot_number = presence->boot_number;
	proplet->next_command = 1;
	proplet->seen_command = 0;
	return true;
}

bool proplet_has_moved_on(const struct proplet *proplet, const struct presence *presence) {
	if (strcmp(proplet->boot, presence->boot) == 0) {
		return !presence->offline && presence->command < proplet->seen_command;
	}
	return proplet->boot[0] != 0 && presence->boot_number <= proplet->boot_number;
}

static bool take_texts(struct proplet *proplet, const struct presence *presence) {
	bool changed = false;
	if (presence->space != NULL && !str_equal(proplet->space, presence->space)) {
		str_set(&proplet->space, presence->space);
		changed = true;
	}
	if (presence->metadata != NULL && !json_equal(proplet->metadata, presence->metadata)) {
		json_decref(proplet->metadata);
		proplet->metadata = json_incref(presence->metadata);
		changed = true;
	}
	if (presence->engines.count != 0 && !same_list(&proplet->engines, &presence->engines)) {
		strings_copy(&proplet->engines, &presence->engines);
		changed = true;
	}
	return changed;
}

/* One that was deleted while it was alive comes again with the boot that it had, and does not take
 * numbers twice. */
static bool take_seen(struct proplet *proplet) {
	bool behind = proplet->next_command <= proplet->seen_command &&
		      proplet->seen_command < COMMAND_MAX;
	if (behind) {
		proplet->next_command = proplet->seen_command + 1;
	}
	return behind;
}

/* Who has a boot has not said yet what it can do; others announce themselves before they listen. */
static bool may_work(const struct proplet *proplet, const struct presence *presence) {
	bool known = proplet->ours || presence->boot[0] == 0;
	return presence->ours || (!presence->announced && known);
}

bool proplet_hear(struct proplet *proplet, const struct presence *presence, uint64_t now_ms,
		int64_t wall_ns) {
	if (presence->offline) {
		/* A last will of an earlier boot says nothing about this one. */
		bool other = presence->boot[0] != 0 && strcmp(proplet->boot, presence->boot) != 0;
		proplet->offline = proplet->offline || !other;
		return false;
	}
	if (may_work(proplet, presence)) {
		beat(proplet, now_ms, wall_ns);
	}
	bool changed = take_boot(proplet, presence) || proplet->verified != presence->verified;
	proplet->verified = presence->verified;
	changed |= take_texts(proplet, presence);
	if (presence->announced && proplet->counts_gas != presence->counts_gas) {
		proplet->counts_gas = presence->counts_gas;
		changed = true;
	}
	bool replaced = presence->announced && !proplet_alive(proplet, now_ms);
	if ((replaced || presence->features.count != 0) && proplet->ours != presence->ours) {
		proplet->ours = presence->ours;
		changed = true;
	}
	changed |= take_number(&proplet->slots, presence->slots);
	changed |= take_number(&proplet->interval_ms, presence->interval_ms);
	changed |= take_number(&proplet->cpus, presence->cpus);
	changed |= take_number(&proplet->memory_bytes, presence->memory_bytes);
	(void)take_number(&proplet->memory_free_bytes, presence->memory_free_bytes);
	if (presence->command > proplet->seen_command) {
		proplet->seen_command = presence->command;
	}
	return take_seen(proplet) || changed;
}

uint64_t proplet_deadline(const struct proplet *proplet) {
	uint64_t interval = proplet->interval_ms != 0 ? proplet->interval_ms
						      : PROPLET_INTERVAL_DEFAULT_MS;
	return proplet->heard_ms + PROPLET_MISSED_MAX * interval;
}

bool proplet_alive(const struct proplet *proplet, uint64_t now_ms) {
	return proplet->heard && !proplet->offline && now_ms < proplet_deadline(proplet);
}

bool proplet_has_engine(const struct proplet *proplet, const char *engine) {
	if (engine == NULL) {
		return true;
	}
	return proplet->engines.count != 0 ? strings_has(&proplet->engines, engine)
					   : str_equal(engine, "multipass");
}

static bool says(const struct proplet *proplet, const char *name, const char *word) {
	const char *text = json_string_value(json_object_get(proplet->metadata, name));
	return text != NULL && strcasecmp(text, word) == 0;
}

/* Its announcement may have been missed, and it makes only one: then its namespace, which is always
 * the same, is all that is known. */
bool proplet_is_chip(const struct proplet *proplet) {
	if (proplet->ours || proplet->metadata == NULL) {
		return !proplet->ours && str_equal(proplet->space, "embedded");
	}
	return says(proplet, "os", "zephyr") || says(proplet, "wasm_runtime", "wamr");
}

static int64_t last_beat(const struct proplet *proplet) {
	return proplet->beat_count == 0 ? 0
					: proplet->beats[(proplet->beat_count - 1) % PROPLET_BEATS];
}

json_t *proplet_view(const struct proplet *proplet, uint64_t now_ms) {
	json_t *object = json_object();
	member_put_text(object, "id", proplet->id);
	member_put_text(object, "name", proplet->name);
	member_put_u64(object, "task_count", proplet->running);
	json_object_set_new(object, "alive", json_boolean(proplet_alive(proplet, now_ms)));
	if (last_beat(proplet) != 0) {
		member_put_time(object, "last_alive_at", last_beat(proplet));
	}
	json_object_set_new(object, "metadata",
			proplet->metadata != NULL ? json_incref(proplet->metadata) : json_object());
	member_put_text(object, "namespace", proplet->space);
	if (proplet->boot[0] != 0) {
		member_put_text(object, "boot", proplet->boot);
	}
	if (proplet->engines.count != 0) {
		json_object_set_new(object, "engines", member_list(&proplet->engines));
	}
	if (proplet->slots != 0) {
		member_put_u64(object, "slots", proplet->slots);
	}
	return object;
}

unsigned proplet_beats(const struct proplet *proplet, int64_t at[PROPLET_BEATS]) {
	unsigned count = proplet->beat_count < PROPLET_BEATS ? proplet->beat_count : PROPLET_BEATS;
	for (unsigned i = 0; i < count; i++) {
		at[i] = proplet->beats[(proplet->beat_count - count + i) % PROPLET_BEATS];
	}
	return count;
}

void proplet_remember(struct proplet *proplet, const int64_t *at, unsigned count) {
	for (unsigned i = 0; i < count; i++) {
		proplet->beats[proplet->beat_count++ % PROPLET_BEATS] = at[i];
	}
}

json_t *proplet_history(
		const struct proplet *proplet, uint64_t offset, uint64_t limit, size_t *total) {
	json_t *times = json_array();
	int64_t at[PROPLET_BEATS];
	*total = proplet_beats(proplet, at);
	for (size_t i = offset; i < *total && i - offset < limit; i++) {
		char text[CLOCK_TEXT_MAX];
		clock_format(at[i], text);
		json_array_append_new(times, json_string(text));
	}
	return times;
}

json_t *proplet_save(const struct proplet *proplet) {
	json_t *object = json_object();
	member_put_text(object, "name", proplet->name);
	member_put_text(object, "namespace", proplet->space);
	member_put_text(object, "boot", proplet->boot);
	json_object_set_new(object, "ours", json_boolean(proplet->ours));
	json_object_set_new(object, "verified", json_boolean(proplet->verified));
	json_object_set_new(object, "counts_gas", json_boolean(proplet->counts_gas));
	json_object_set_new(object, "engines", member_list(&proplet->engines));
	member_put_u64(object, "slots", proplet->slots);
	member_put_u64(object, "interval_ms", proplet->interval_ms);
	member_put_u64(object, "cpus", proplet->cpus);
	member_put_u64(object, "memory_bytes", proplet->memory_bytes);
	member_put_u64(object, "next_command", proplet->next_command);
	member_put_u64(object, "boot_number", proplet->boot_number);
	member_put_time(object, "created_at", proplet->created_at);
	if (proplet->metadata != NULL) {
		json_object_set(object, "metadata", proplet->metadata);
	}
	return object;
}

struct proplet *proplet_load(const char *id, const json_t *saved, struct error *err) {
	struct proplet *p = proplet_create(id);
	if (member_text(saved, "name", MESSAGE_ID_MAX, &p->name, err) &&
			member_text(saved, "namespace", MESSAGE_ID_MAX, &p->space, err) &&
			member_short(saved, "boot", p->boot, sizeof(p->boot), err) &&
			member_bool(saved, "ours", &p->ours, err) &&
			member_bool(saved, "verified", &p->verified, err) &&
			member_bool(saved, "counts_gas", &p->counts_gas, err) &&
			member_strings(saved, "engines", false, &p->engines, err) &&
			member_u64(saved, "slots", 0, UINT32_MAX, &p->slots, err) &&
			member_u64(saved, "interval_ms", 0, INT64_MAX, &p->interval_ms, err) &&
			member_u64(saved, "cpus", 0, UINT32_MAX, &p->cpus, err) &&
			member_u64(saved, "memory_bytes", 0, INT64_MAX, &p->memory_bytes, err) &&
			member_u64(saved, "next_command", 0, INT64_MAX, &p->next_command, err) &&
			member_u64(saved, "boot_number", 0, INT64_MAX, &p->boot_number, err) &&
			member_time(saved, "created_at", &p->created_at, err) &&
			member_object(saved, "metadata", &p->metadata, err)) {
		return p;
	}
	proplet_destroy(p);
	return NULL;
}
