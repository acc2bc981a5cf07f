/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "manager/deed.h"
#include "manager/keys.h"
#include "manager/workers.h"

void inbox_subscribe(struct manager *m) {
	bus_subscribe(m->bus, m->topics.create);
	bus_subscribe(m->bus, m->topics.alive);
	bus_subscribe(m->bus, m->topics.results);
	bus_subscribe(m->bus, m->topics.state);
	bus_subscribe(m->bus, m->topics.metrics);
	bus_subscribe(m->bus, m->topics.task_metrics);
}

char *inbox_online(const struct manager *m) {
	return str_format("{\"manager\":\"%s\"}", m->boot);
}

static void apply_online(struct manager *m, struct deed *deed) {
	(void)deed;
	manager_post(m, str_copy(m->topics.online), inbox_online(m));
}

/* The first time it may be called before bus_create() has returned to who asks for the bus. */
void inbox_connected(void *context) {
	struct manager *m = context;
	log_info("connected to the broker address=%s", m->settings->mqtt_address);
	deed_note(m, apply_online, NULL, NULL);
}

void inbox_disconnected(void *context, const char *reason) {
	struct manager *m = context;
	log_warn("no connection to the broker address=%s reason=\"%s\"", m->settings->mqtt_address,
			reason);
}

static void apply_presence(struct manager *m, struct deed *deed) {
	workers_hear(m, deed->data);
}

static void finish_presence(struct deed *deed) {
	presence_finish(deed->data);
	free(deed->data);
}

static void apply_report(struct manager *m, struct deed *deed) {
	workers_report(m, deed->data);
}

static void finish_report(struct deed *deed) {
	report_finish(deed->data);
	free(deed->data);
}

static void apply_notice(struct manager *m, struct deed *deed) {
	workers_notice(m, deed->data);
}

static void finish_notice(struct deed *deed) {
	notice_finish(deed->data);
	free(deed->data);
}

static bool take(struct manager *m, struct bytes payload, bool announced, struct error *err) {
	struct presence presence;
	struct buf json = BUF_INIT(payload.size);
	bool verified;
	keys_open_signed(m, SEAL_ANNOUNCE, announced ? m->topics.create : m->topics.alive, &payload,
			&json, &verified);
	bool ok = presence_decode(&presence, payload, err);
	buf_finish(&json);
	if (!ok) {
		return false;
	}
	presence.verified = verified;
	if (!topics_id_valid(presence.proplet_id)) {
		presence_finish(&presence);
		return error_set(err, ERROR_INVALID,
				"field \"proplet_id\" cannot be part of a topic");
	}
	presence.announced = announced;
	deed_hear(m, apply_presence, finish_presence, mem_copy(&presence, sizeof(presence)));
	return true;
}

static bool take_announcement(struct manager *m, struct bytes payload, struct error *err) {
	return take(m, payload, true, err);
}

static bool take_presence(struct manager *m, struct bytes payload, struct error *err) {
	return take(m, payload, false, err);
}

static bool take_report(struct manager *m, struct bytes payload, struct error *err) {
	struct report report;
	struct buf json = BUF_INIT(payload.size);
	bool verified;
	bool ok = keys_open_report(m, &payload, &json, &verified, err) &&
		  report_decode(&report, payload, err);
	buf_finish(&json);
	if (!ok) {
		return false;
	}
	report.verified = verified;
	deed_hear(m, apply_report, finish_report, mem_copy(&report, sizeof(report)));
	return true;
}

static bool take_notice(struct manager *m, struct bytes payload, struct error *err) {
	struct notice notice;
	struct buf json = BUF_INIT(payload.size);
	bool verified;
	keys_open_signed(m, SEAL_NOTICE, m->topics.state, &payload, &json, &verified);
	bool ok = notice_decode(&notice, payload, err);
	buf_finish(&json);
	if (!ok) {
		return false;
	}
	notice.verified = verified;
	deed_hear(m, apply_notice, finish_notice, mem_copy(&notice, sizeof(notice)));
	return true;
}

static void apply_metrics(struct manager *m, struct deed *deed) {
	workers_measured(m, deed->data);
}

static void finish_metrics(struct deed *deed) {
	metrics_finish(deed->data);
	free(deed->data);
}

static bool take_measured(struct manager *m, enum metrics_kind kind, struct bytes payload,
		struct error *err) {
	struct metrics metrics;
	struct buf json = BUF_INIT(payload.size);
	bool verified;
	keys_open_signed(m, SEAL_NOTICE,
			kind == METRICS_PROPLET ? m->topics.metrics : m->topics.task_metrics,
			&payload, &json, &verified);
	bool ok = metrics_decode(&metrics, kind, payload, err);
	buf_finish(&json);
	if (!ok) {
		return false;
	}
	metrics.verified = verified;
	deed_hear(m, apply_metrics, finish_metrics, mem_copy(&metrics, sizeof(metrics)));
	return true;
}

static bool take_metrics(struct manager *m, struct bytes payload, struct error *err) {
	return take_measured(m, METRICS_PROPLET, payload, err);
}

static bool take_task_metrics(struct manager *m, struct bytes payload, struct error *err) {
	return take_measured(m, METRICS_TASK, payload, err);
}

void inbox_message(void *context, const char *topic, struct bytes payload) {
	struct manager *m = context;
	struct error err;
	const struct {
		const char *topic;
		bool (*take)(struct manager *m, struct bytes payload, struct error *err);
	} takers[] = {
		{ m->topics.create, take_announcement },
		{ m->topics.alive, take_presence },
		{ m->topics.results, take_report },
		{ m->topics.state, take_notice },
		{ m->topics.metrics, take_metrics },
		{ m->topics.task_metrics, take_task_metrics },
	};
	for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++) {
		if (str_equal(topic, takers[i].topic) && !takers[i].take(m, payload, &err)) {
			log_warn("a message that says nothing, dropped topic=%s bytes=%zu "
				 "error=\"%s\"",
					topic, payload.size, err.message);
		}
	}
}
