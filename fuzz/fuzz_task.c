/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may say about a task: read, shown, saved and loaded again. */
#include <stdlib.h>

#include "model/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct task *task) {
	struct error err;
	json_t *saved = task_save(task);
	struct task *again = task_create();
	if (!task_load(again, saved, &err)) {
		abort();
	}
	task_destroy(again);
	json_decref(saved);
	json_decref(task_view(task, NULL, 0));
	json_decref(task_view_short(task));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct error err;
	const char *field;
	json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (object == NULL) {
		return 0;
	}
	for (int update = 0; update < 2; update++) {
		struct task *task = task_create();
		if (task_read(task, object, update, &field, &err)) {
			round_trip(task);
		}
		task_destroy(task);
	}
	json_decref(object);
	return 0;
}
