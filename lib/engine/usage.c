/* SPDX-License-Identifier: Apache-2.0 */
/* What processes use, as /proc tells it. What has gone meanwhile, or may not be seen, counts 0. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "engine/gauge.h"

enum { PROCESSES_MAX = 256, TEXT_MAX = 4096 };

/* A small file of a process; "" if it cannot be read. */
static void read_file(pid_t pid, const char *name, char text[TEXT_MAX]) {
	char path[64 + NAME_MAX];
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	CLEANUP(file_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, text, TEXT_MAX - 1) : 0;
	text[got > 0 ? got : 0] = 0;
}

struct process_times {
	unsigned long long own, children; /* ticks */
	unsigned long long threads, pages;
};

/* The name in parentheses may hold anything: what counts begins behind the last one. */
static void read_stat(pid_t pid, struct process_times *times) {
	char text[TEXT_MAX];
	unsigned long long user = 0, system = 0, child_user = 0, child_system = 0;
	*times = (struct process_times){ 0 };
	read_file(pid, "stat", text);
	const char *at = strrchr(text, ')');
	if (at != NULL && sscanf(at + 1,
					  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu "
					  "%llu %llu %*d %*d %llu %*d %*u %*u %llu",
					  &user, &system, &child_user, &child_system,
					  &times->threads, &times->pages) == 6) {
		times->own = user + system;
		times->children = child_user + child_system;
	}
}

static uint64_t count_files(pid_t pid) {
	char path[64];
	uint64_t count = 0;
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *folder = opendir(path);
	for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
		count += entry->d_name[0] != '.';
	}
	if (folder != NULL) {
		(void)closedir(folder);
	}
	return count;
}

static uint64_t number_behind(const char *text, const char *name) {
	const char *at = strstr(text, name);
	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void add_usage(pid_t pid, struct run_usage *usage) {
	struct process_times times;
	char text[TEXT_MAX];
	read_stat(pid, &times);
	usage->memory_bytes += times.pages * (uint64_t)sysconf(_SC_PAGESIZE);
	usage->threads += times.threads;
	usage->files += count_files(pid);
	read_file(pid, "io", text);
	usage->read_bytes += number_behind(text, "\nread_bytes: ");
	usage->written_bytes += number_behind(text, "\nwrite_bytes: ");
}

struct family {
	pid_t pids[PROCESSES_MAX];
	size_t count;
};

static void add_children(struct family *family, const char *text) {
	char *end;
	for (const char *at = text; family->count < PROCESSES_MAX; at = end) {
		long pid = strtol(at, &end, 10);
		if (end == at) {
			return;
		}
		family->pids[family->count++] = (pid_t)pid;
	}
}

/* The kernel lists the children of each thread. */
static void list_children(struct family *family, pid_t pid) {
	char path[64], name[16 + NAME_MAX], text[TEXT_MAX];
	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *threads = opendir(path);
	for (const struct dirent *entry; threads != NULL && (entry = readdir(threads)) != NULL;) {
		if (entry->d_name[0] != '.') {
			(void)snprintf(name, sizeof(name), "task/%s/children", entry->d_name);
			read_file(pid, name, text);
			add_children(family, text);
		}
	}
	if (threads != NULL) {
		(void)closedir(threads);
	}
}

/* CPU time is of all: also of those that have ended, which their parents have waited for. */
void usage_of_processes(pid_t pid, bool supervisor, struct run_usage *usage) {
	struct family family = { .pids = { pid }, .count = 1 };
	unsigned long long ticks = 0;
	*usage = (struct run_usage){ 0 };
	for (size_t i = 0; i < family.count; i++) {
		struct process_times times;
		read_stat(family.pids[i], &times);
		list_children(&family, family.pids[i]);
		ticks += times.children;
		if (i != 0 || !supervisor) {
			ticks += times.own;
			add_usage(family.pids[i], usage);
		}
	}
	usage->cpu_ns = ticks * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}
