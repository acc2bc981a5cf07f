/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids and addresses on their way to the broker: an id that is accepted stays one level of a topic,
 * an address that is accepted has a host and a port, and a refusal says why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "bus/address.h"
#include "bus/topics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

static void check_refusal(const struct error *err) {
	must(err->code == ERROR_INVALID || err->code == ERROR_UNSUPPORTED);
	must(err->message[0] != '\0' && str_is_utf8(err->message, strlen(err->message)));
}

static void check_address(const char *text) {
	struct bus_address address;
	struct error err;
	if (bus_address_parse(text, &address, &err)) {
		must(address.host[0] != '\0' && address.port != 0);
	} else {
		check_refusal(&err);
	}
}

static void check_one_level(const char *topic, const char *before, const char *id) {
	size_t size = strlen(before);
	must(strncmp(topic, before, size) == 0 && strcmp(topic + size, id) == 0);
	must(strpbrk(id, "/+#") == NULL && str_is_utf8(id, strlen(id)));
}

static void check_topics(const char *id) {
	struct topics topics;
	struct error err;
	if (!topics_init(&topics, "domain", id, &err)) {
		check_refusal(&err);
		must(!topics_id_valid(id));
		return;
	}
	if (topics_id_valid(id)) {
		CLEANUP(mem_freep) char *before = topics_command(&topics, "");
		CLEANUP(mem_freep) char *command = topics_command(&topics, id);
		check_one_level(command, before, id);
	}
	topics_finish(&topics);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(mem_freep) char *text = mem_copy(data, size);
	check_address(text);
	check_topics(text);
	return 0;
}
