/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/system.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"

uint64_t system_cpus(void) {
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	return count > 0 ? (uint64_t)count : 1;
}

/* A line "Name:   123 kB" of /proc/meminfo, in bytes. */
static uint64_t meminfo(const char *name) {
	struct buf text = BUF_INIT(64 * 1024);
	struct error ignored;
	unsigned long long kilobytes = 0;
	if (file_read("/proc/meminfo", &text, &ignored)) {
		const char *at = strstr(buf_text(&text), name);
		if (at != NULL) {
			kilobytes = strtoull(at + strlen(name), NULL, 10);
		}
	}
	buf_finish(&text);
	return kilobytes * 1024;
}

static uint64_t cgroup_limit(void) {
	struct buf text = BUF_INIT(64);
	struct error ignored;
	uint64_t limit = UINT64_MAX;
	if (file_read("/sys/fs/cgroup/memory.max", &text, &ignored) && text.size > 1) {
		unsigned long long bytes = strtoull(buf_text(&text), NULL, 10); /* "max" gives 0 */
		limit = bytes != 0 ? bytes : UINT64_MAX;
	}
	buf_finish(&text);
	return limit;
}

uint64_t system_memory(void) {
	uint64_t total = meminfo("MemTotal:"), limit = cgroup_limit();
	return total < limit ? total : limit;
}

uint64_t system_memory_free(void) {
	return meminfo("MemAvailable:");
}

/* The address that packets to the outside would carry; no packet is sent. */
static void local_address(char *text, size_t size) {
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x08080808)
	};
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	text[0] = 0;
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
			getsockname(fd, (struct sockaddr *)&from, &length) == 0) {
		(void)inet_ntop(AF_INET, &from.sin_addr, text, (socklen_t)size);
	}
	file_closep(&fd);
}

static void add_host(json_t *metadata) {
	struct utsname host;
	char address[INET_ADDRSTRLEN];
	local_address(address, sizeof(address));
	if (uname(&host) == 0) {
		json_object_set_new(metadata, "hostname", json_string(host.nodename));
		json_object_set_new(metadata, "cpu_arch", json_string(host.machine));
	}
	json_object_set_new(metadata, "ip", json_string(address));
	json_object_set_new(metadata, "environment",
			json_string(access("/.dockerenv", F_OK) == 0 ? "docker" : "binary"));
	json_object_set_new(metadata, "os", json_string("linux"));
	json_object_set_new(
			metadata, "total_memory_bytes", json_integer((json_int_t)system_memory()));
}

static void add_text(json_t *metadata, const char *name, const char *text) {
	if (text != NULL && text[0] != 0) {
		json_object_set_new(metadata, name, json_string(text));
	}
}

static void add_tags(json_t *metadata, const char *text) {
	struct strings tags = { 0 };
	strings_split(&tags, text != NULL ? text : "", ',');
	if (tags.count != 0) {
		json_t *list = json_array();
		for (size_t i = 0; i < tags.count; i++) {
			json_array_append_new(list, json_string(tags.items[i]));
		}
		json_object_set_new(metadata, "tags", list);
	}
	strings_finish(&tags);
}

json_t *system_metadata(const struct proplet_settings *settings) {
	json_t *metadata = json_object();
	add_text(metadata, "description", settings->description);
	add_text(metadata, "location", settings->location);
	add_text(metadata, "instance_id", settings->instance_id);
	add_tags(metadata, settings->tags);
	if (settings->system_info) {
		add_host(metadata);
	}
	add_text(metadata, "proplet_version", AIRSCREW_VERSION);
	add_text(metadata, "wasm_runtime",
			settings->external != NULL ? settings->external : "wasmtime-internal");
	return metadata;
}
