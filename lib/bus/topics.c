/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/topics.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"

enum { ID_MAX = 128 };

struct name {
	size_t offset;
	const char *path;
};

static const struct name names[] = {
	{ offsetof(struct topics, base), "" },
	{ offsetof(struct topics, create), "control/proplet/create" },
	{ offsetof(struct topics, alive), "control/proplet/alive" },
	{ offsetof(struct topics, results), "control/proplet/results" },
	{ offsetof(struct topics, state), "control/proplet/state" },
	{ offsetof(struct topics, metrics), "control/proplet/metrics" },
	{ offsetof(struct topics, task_metrics), "control/proplet/task_metrics" },
	{ offsetof(struct topics, start), "control/manager/start" },
	{ offsetof(struct topics, stop), "control/manager/stop" },
	{ offsetof(struct topics, online), "control/manager/online" },
	{ offsetof(struct topics, module_request), "registry/manager" },
	{ offsetof(struct topics, image_request), "registry/proplet" },
	{ offsetof(struct topics, image_chunk), "registry/server" },
};

enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

static char **place_of(struct topics *topics, const struct name *name) {
	return (char **)(void *)((char *)topics + name->offset);
}

/* MQTT forbids wildcards and U+0000 in a topic name and advises against other controls
 * (MQTT 3.1.1, 4.7); a slash would make another level. */
static bool part_valid(const char *part) {
	for (const char *c = part; *c != '\0'; c++) {
		unsigned char byte = (unsigned char)*c;
		if (byte < 0x20 || byte == 0x7f || *c == '/' || *c == '+' || *c == '#') {
			return false;
		}
	}
	return *part != '\0' && str_is_utf8(part, strlen(part));
}

static bool check_part(const char *what, const char *part, struct error *err) {
	if (part == NULL || !part_valid(part)) {
		return error_set(err, ERROR_INVALID,
				"the %s id is empty or has a character that MQTT topics cannot "
				"have "
				"('/', '+', '#', control)",
				what);
	}
	return true;
}

bool topics_init(
		struct topics *topics, const char *domain, const char *channel, struct error *err) {
	*topics = (struct topics){ 0 };
	if (!check_part("domain", domain, err) || !check_part("channel", channel, err)) {
		return false;
	}
	for (size_t i = 0; i < NAME_COUNT; i++) {
		*place_of(topics, &names[i]) =
				str_format("m/%s/c/%s/%s", domain, channel, names[i].path);
	}
	return true;
}

void topics_finish(struct topics *topics) {
	for (size_t i = 0; i < NAME_COUNT; i++) {
		free(*place_of(topics, &names[i]));
	}
	*topics = (struct topics){ 0 };
}

char *topics_command(const struct topics *topics, const char *proplet_id) {
	return str_format("%scontrol/manager/command/%s", topics->base, proplet_id);
}

char *topics_chunk(const struct topics *topics, const char *proplet_id) {
	return str_format("%sregistry/chunk/%s", topics->base, proplet_id);
}

char *topics_image(const struct topics *topics, const char *proplet_id) {
	return str_format("%sregistry/image/%s", topics->base, proplet_id);
}

bool topics_id_valid(const char *id) {
	return id != NULL && part_valid(id) && strchr(id, ' ') == NULL && strlen(id) <= ID_MAX;
}
