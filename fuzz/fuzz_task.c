/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may say about a task: read, shown, saved and loaded again. */
#include <stdlib.h>

#include "manager/widen.h"
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

/* What is JSON stays JSON, and then every number fits. */
static void widen(const uint8_t *data, size_t size) {
	struct error err;
	struct buf wide = BUF_INIT(size + size / 8 + 2);
	json_t *lost = json_loadb((const char *)data, size, JSON_DECODE_INT_AS_REAL, NULL);
	if (!widen_numbers((struct bytes){ data, size }, &wide, &err)) {
		abort();
	}
	json_t *exact = json_loadb(buf_text(&wide), wide.size, 0, NULL);
	if ((lost == NULL) != (exact == NULL)) {
		abort();
	}
	json_decref(lost);
	json_decref(exact);
	buf_finish(&wide);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct error err;
	widen(data, size);
	json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	if (object == NULL) {
		return 0;
	}
	for (int update = 0; update < 2; update++) {
		struct task *task = task_create();
		if (task_read(task, object, update, &err)) {
			round_trip(task);
		}
		task_destroy(task);
	}
	json_decref(object);
	return 0;
}
