/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the command line reads: manifests of tasks, and named managers. The first byte
 * chooses. Named managers that were read are written, and come back the same.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/context.h"
#include "cli/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* main.c is not here. */
int version(const struct arguments *arguments, struct error *err) {
	(void)arguments;
	(void)err;
	return 0;
}

static char folder[64], contexts[128];

static void must(bool holds) {
	if (!holds) {
		abort();
	}
}

static void remove_all(void) {
	(void)unlink(contexts);
	*strrchr(contexts, '/') = 0;
	(void)rmdir(contexts);
	(void)rmdir(folder);
}

/* In memory if there is such a folder: each input is a file. */
static void begin(void) {
	struct error err;
	(void)snprintf(folder, sizeof(folder), "%s/fuzz_cli.%d",
			access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
	(void)snprintf(contexts, sizeof(contexts), "%s/propeller", folder);
	must(file_make_folder(contexts, &err) && setenv("XDG_CONFIG_HOME", folder, 1) == 0);
	(void)snprintf(contexts, sizeof(contexts), "%s/propeller/contexts.toml", folder);
	(void)atexit(remove_all);
}

static void check_contexts(const uint8_t *data, size_t size) {
	struct error err;
	must(file_write(contexts, data, size, 0600, &err));
	json_t *all = contexts_load(&err);
	if (all == NULL) {
		return;
	}
	must(json_is_object(json_object_get(all, "contexts")));
	if (contexts_save(all, &err)) {
		json_t *again = contexts_load(&err);
		must(again != NULL && json_equal(all, again));
		json_decref(again);
	}
	json_decref(all);
}

static void check_manifest(const uint8_t *data, size_t size) {
	struct error err;
	char path[64];
	size_t i;
	json_t *task;
	int file = memfd_create("manifest", MFD_CLOEXEC);
	must(file >= 0 && write(file, data, size) == (ssize_t)size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	json_t *list = manifest_read(path, &err);
	must(list == NULL || (json_array_size(list) != 0 &&
					     json_array_size(list) <= MANIFEST_TASKS_MAX));
	json_array_foreach(list, i, task) {
		must(json_is_string(json_object_get(task, "name")));
		free(manifest_take_module(task, "some/where.json"));
		must(json_object_get(task, "module") == NULL);
	}
	json_decref(list);
	(void)close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	if (folder[0] == 0) {
		begin();
	}
	if (size != 0) {
		(data[0] % 2 == 0 ? check_contexts : check_manifest)(data + 1, size - 1);
	}
	return 0;
}
