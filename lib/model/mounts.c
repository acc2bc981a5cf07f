/* SPDX-License-Identifier: Apache-2.0 */
#include "model/mounts.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/member.h"

static bool has_parent_step(const char *path) {
	CLEANUP(strings_finish) struct strings steps = { 0 };
	strings_split(&steps, path, '/');
	return strings_has(&steps, "..");
}

static bool read_one(struct mount *mount, const json_t *object, struct error *err) {
	if (!json_is_object(object)) {
		return error_set(err, ERROR_INVALID,
				"field \"dirs\": expected objects {\"host\", \"guest\", "
				"\"write\"}");
	}
	if (!member_text(object, "host", MOUNT_PATH_MAX, &mount->host, err) ||
			!member_text(object, "guest", MOUNT_PATH_MAX, &mount->guest, err) ||
			!member_bool(object, "write", &mount->write, err)) {
		return error_wrap(err, "field \"dirs\"");
	}
	if (mount->host == NULL || mount->host[0] != '/' || has_parent_step(mount->host)) {
		return error_set(err, ERROR_INVALID,
				       "field \"dirs\": \"host\" must be an absolute path "
				       "without \"..\"") ||
		       error_in(err, "host");
	}
	if (mount->guest == NULL || mount->guest[0] == 0) {
		str_set(&mount->guest, mount->host);
	}
	return true;
}

static bool is_known(const struct mounts *mounts, const char *guest) {
	for (size_t i = 0; i < mounts->count; i++) {
		if (str_equal(mounts->items[i].guest, guest)) {
			return true;
		}
	}
	return false;
}

static bool add(struct mounts *mounts, const json_t *object, struct error *err) {
	struct mount mount = { 0 };
	bool ok = read_one(&mount, object, err);
	if (ok && is_known(mounts, mount.guest)) {
		ok = error_set(err, ERROR_CLASH, "field \"dirs\": two are \"%.200s\"",
				     mount.guest) ||
		     error_in(err, "guest");
	}
	if (!ok) {
		free(mount.host);
		free(mount.guest);
		return false;
	}
	mounts->items = mem_resize(mounts->items, mounts->count + 1, sizeof(mount));
	mounts->items[mounts->count++] = mount;
	return true;
}

bool mounts_read(struct mounts *mounts, const json_t *object, struct error *err) {
	const json_t *list = json_object_get(object, "dirs");
	struct mounts read = { 0 };
	if (list == NULL || json_is_null(list)) {
		return true;
	}
	if (!json_is_array(list) || json_array_size(list) > MOUNTS_MAX) {
		return member_refuse(
				err, "dirs", "expected a list of at most %d objects", MOUNTS_MAX);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!add(&read, json_array_get(list, i), err)) {
			mounts_finish(&read);
			return error_in_item(err, i) || error_in(err, "dirs");
		}
	}
	mounts_finish(mounts);
	*mounts = read;
	return true;
}

json_t *mounts_list(const struct mounts *mounts) {
	json_t *list = json_array();
	for (size_t i = 0; i < mounts->count; i++) {
		json_t *object = json_object();
		member_put_text(object, "host", mounts->items[i].host);
		member_put_text(object, "guest", mounts->items[i].guest);
		json_object_set_new(object, "write", json_boolean(mounts->items[i].write));
		json_array_append_new(list, object);
	}
	return list;
}

void mounts_copy(struct mounts *to, const struct mounts *from) {
	*to = (struct mounts){ .count = from->count };
	to->items = from->count != 0 ? mem_zero(from->count, sizeof(struct mount)) : NULL;
	for (size_t i = 0; i < from->count; i++) {
		to->items[i] = (struct mount){ .host = str_copy(from->items[i].host),
			.guest = str_copy(from->items[i].guest),
			.write = from->items[i].write };
	}
}

void mounts_finish(struct mounts *mounts) {
	for (size_t i = 0; i < mounts->count; i++) {
		free(mounts->items[i].host);
		free(mounts->items[i].guest);
	}
	free(mounts->items);
	*mounts = (struct mounts){ 0 };
}
