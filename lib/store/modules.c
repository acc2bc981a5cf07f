/* SPDX-License-Identifier: Apache-2.0 */
#include "store/modules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "store/sections.h"

static const char part_suffix[] = ".part";
enum { HELD_MAX = 64 * 1024, HELD_SEALED_MAX = SEAL_HEADER_BYTES + BLOCK_BYTES };

struct modules {
	char *folder;
	struct seal_ring *ring;         /* NULL: files are plain */
	uint8_t key[SEAL_KEY_ID_BYTES]; /* of new files */
	pthread_mutex_t lock;
	struct map *pins;      /* digest -> size_t */
	struct map *unsettled; /* digest -> size_t: in its place, but its name is not durable yet */
	char *held;            /* where removed files go while a backup runs; NULL: none does */
};

struct module_upload {
	struct modules *modules;
	/* A small module: many are here already, and then need no file. With a key: one block,
	 * behind the room for the head of its envelope, so that it is sealed where it is. */
	struct buf held;
	struct blocks blocks;
	uint64_t sealed; /* so many blocks are in the file */
	char *path;      /* of the file, once there is one */
	int fd;
	uint64_t size, max;
	struct digest *digest;
	struct sections sections;
	uint8_t head[16], tail[16]; /* for the redacted text */
};

static char *path_of(const struct modules *modules, const char *digest) {
	return str_format("%s/%s", modules->folder, digest);
}

static void remove_parts(const char *folder) {
	DIR *dir = opendir(folder);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		if (str_ends(entry->d_name, part_suffix)) {
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
		}
	}
	if (dir != NULL) {
		(void)closedir(dir);
	}
}

struct modules *modules_open(const char *folder, struct seal_ring *ring, struct error *err) {
	uint8_t key[SEAL_KEY_ID_BYTES] = { 0 };
	if (!file_make_folder(folder, err) || (ring != NULL && !blocks_key(ring, key, err))) {
		return NULL;
	}
	struct modules *modules = MEM_NEW(struct modules);
	modules->ring = ring;
	memcpy(modules->key, key, sizeof(key));
	modules->folder = str_copy(folder);
	modules->pins = map_create();
	modules->unsettled = map_create();
	(void)pthread_mutex_init(&modules->lock, NULL);
	remove_parts(folder);
	if (!file_sync_folder(folder, err)) { /* a crash came between a file and its name */
		modules_close(modules);
		return NULL;
	}
	return modules;
}

static void free_counts(struct map *counts) {
	const char *key;
	void *value;
	for (size_t at = 0; map_next(counts, &at, &key, &value);) {
		free(value);
	}
	map_destroy(counts);
}

void modules_close(struct modules *modules) {
	if (modules == NULL) {
		return;
	}
	free_counts(modules->pins);
	free_counts(modules->unsettled);
	(void)pthread_mutex_destroy(&modules->lock);
	free(modules->folder);
	free(modules->held);
	free(modules);
}

/* --- pins -------------------------------------------------------------------------------- */

static void count_up(struct modules *modules, struct map *counts, const char *digest) {
	(void)pthread_mutex_lock(&modules->lock);
	size_t *count = map_get(counts, digest);
	if (count == NULL) {
		count = MEM_NEW(size_t);
		(void)map_put(counts, digest, count);
	}
	++*count;
	(void)pthread_mutex_unlock(&modules->lock);
}

static void count_down(struct modules *modules, struct map *counts, const char *digest) {
	(void)pthread_mutex_lock(&modules->lock);
	size_t *count = map_get(counts, digest);
	if (count != NULL && --*count == 0) {
		free(map_remove(counts, digest));
	}
	(void)pthread_mutex_unlock(&modules->lock);
}

void modules_unpin(struct modules *modules, const char *digest) {
	count_down(modules, modules->pins, digest);
}

/* A backup that runs may still want it. If it cannot be moved that is noticed, and the backup
 * fails; whoever deletes a task never does. */
static void take_away(const struct modules *modules, const char *path, const char *digest) {
	if (modules->held != NULL) {
		CLEANUP(mem_freep) char *aside = str_format("%s/%s", modules->held, digest);
		(void)rename(path, aside);
	}
	(void)unlink(path);
}

void modules_remove(struct modules *modules, const char *digest) {
	CLEANUP(mem_freep) char *path = path_of(modules, digest);
	(void)pthread_mutex_lock(&modules->lock);
	if (digest_text_valid(digest) && map_get(modules->pins, digest) == NULL) {
		take_away(modules, path, digest);
	}
	(void)pthread_mutex_unlock(&modules->lock);
}

/* --- while a backup runs ------------------------------------------------------------------- */

void modules_hold(struct modules *modules, const char *folder) {
	(void)pthread_mutex_lock(&modules->lock);
	free(modules->held);
	modules->held = str_copy(folder);
	(void)pthread_mutex_unlock(&modules->lock);
}

void modules_let_go(struct modules *modules) {
	(void)pthread_mutex_lock(&modules->lock);
	free(modules->held);
	modules->held = NULL;
	(void)pthread_mutex_unlock(&modules->lock);
}

int modules_open_held(struct modules *modules, const char *digest, struct error *err) {
	CLEANUP(mem_freep) char *path = path_of(modules, digest);
	(void)pthread_mutex_lock(&modules->lock);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), why = errno;
	if (fd < 0 && why == ENOENT && modules->held != NULL) {
		CLEANUP(mem_freep) char *aside = str_format("%s/%s", modules->held, digest);
		fd = open(aside, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		why = errno;
	}
	(void)pthread_mutex_unlock(&modules->lock);
	if (fd < 0 && why == ENOENT) {
		(void)error_set(err, ERROR_NOT_FOUND, "there is no module %s", digest);
	} else if (fd < 0) {
		(void)error_errno(err, why, "opening the module file %s", path);
	}
	return fd;
}

/* --- uploads ----------------------------------------------------------------------------- */

struct module_upload *modules_begin(struct modules *modules, uint64_t max_bytes) {
	struct module_upload *upload = MEM_NEW(struct module_upload);
	upload->modules = modules;
	upload->max = max_bytes;
	upload->digest = digest_create();
	upload->held = BUF_INIT(modules->ring != NULL ? BLOCK_ROOM : HELD_MAX);
	blocks_begin(&upload->blocks, modules->ring);
	upload->fd = -1;
	return upload;
}

static bool write_at(int fd, struct bytes piece, uint64_t at, struct error *err) {
	while (piece.size != 0) {
		ssize_t put = pwrite(fd, piece.data, piece.size, (off_t)at);
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put < 0) {
			return error_errno(err, errno, "writing a module file");
		}
		piece.data += put;
		piece.size -= (size_t)put;
		at += (uint64_t)put;
	}
	return true;
}

static bool make_file(struct module_upload *upload, struct error *err) {
	char unique[UUID_SIZE];
	random_uuid(unique);
	upload->path = str_format("%s/%s%s", upload->modules->folder, unique, part_suffix);
	upload->fd = open(upload->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return upload->fd >= 0 ||
	       error_errno(err, errno, "making a module file in %s", upload->modules->folder);
}

/* What was held goes to a file of its own. */
static bool write_held(struct module_upload *upload, struct error *err) {
	struct bytes held = { upload->held.data, upload->held.size };
	bool ok = make_file(upload, err) && write_at(upload->fd, held, 0, err);
	buf_finish(&upload->held);
	return ok;
}

static bool keep_plain(struct module_upload *upload, struct bytes piece, struct error *err) {
	if (upload->fd < 0 && piece.size <= HELD_MAX - upload->held.size) {
		return buf_append(&upload->held, piece.data, piece.size, err);
	}
	return (upload->fd >= 0 || write_held(upload, err)) &&
	       write_at(upload->fd, piece, upload->size, err);
}

/* What is held becomes the next block. */
static bool seal_held(struct module_upload *upload, struct error *err) {
	struct buf *held = &upload->held;
	size_t size = held->size - SEAL_HEADER_BYTES;
	if (!buf_reserve(held, SEAL_OVERHEAD_BYTES - SEAL_HEADER_BYTES, err) ||
			!blocks_seal(&upload->blocks, upload->sealed, size, held->data, err) ||
			(upload->fd < 0 && !make_file(upload, err))) {
		return false;
	}
	struct bytes block = { held->data, SEAL_OVERHEAD_BYTES + size };
	bool ok = write_at(upload->fd, block, blocks_offset(upload->sealed), err);
	upload->sealed++;
	buf_clear(held);
	return ok;
}

static bool keep_sealed(struct module_upload *upload, struct bytes piece, struct error *err) {
	static const uint8_t room[SEAL_HEADER_BYTES];
	struct buf *held = &upload->held;
	while (piece.size != 0) {
		if ((held->size == HELD_SEALED_MAX && !seal_held(upload, err)) ||
				(held->size == 0 && !buf_append(held, room, sizeof(room), err))) {
			return false;
		}
		size_t left = HELD_SEALED_MAX - held->size;
		size_t step = piece.size < left ? piece.size : left;
		if (!buf_append(held, piece.data, step, err)) {
			return false;
		}
		piece.data += step;
		piece.size -= step;
	}
	return true;
}

static bool keep_bytes(struct module_upload *upload, struct bytes piece, struct error *err) {
	return upload->modules->ring != NULL ? keep_sealed(upload, piece, err)
					     : keep_plain(upload, piece, err);
}

/* The first bytes, and always the last ones. */
static void keep_ends(struct module_upload *upload, struct bytes piece) {
	for (size_t i = 0; i < piece.size && upload->size + i < sizeof(upload->head); i++) {
		upload->head[upload->size + i] = piece.data[i];
	}
	size_t keep = piece.size < sizeof(upload->tail) ? piece.size : sizeof(upload->tail);
	memmove(upload->tail, upload->tail + keep, sizeof(upload->tail) - keep);
	memcpy(upload->tail + sizeof(upload->tail) - keep, piece.data + piece.size - keep, keep);
}

/* Before anybody is answered, so that who was refused finds the room. */
static void drop_file(struct module_upload *upload) {
	if (upload->path != NULL) {
		(void)unlink(upload->path);
	}
	free(upload->path);
	upload->path = NULL;
	file_closep(&upload->fd);
}

static bool add(struct module_upload *upload, struct bytes piece, struct error *err) {
	if (piece.size > upload->max - upload->size) {
		return error_set(err, ERROR_TOO_LARGE, "the module is over the limit of %llu bytes",
				(unsigned long long)upload->max);
	}
	if (piece.size == 0) {
		return true;
	}
	if (!sections_feed(&upload->sections, piece, err) || !keep_bytes(upload, piece, err)) {
		return false;
	}
	keep_ends(upload, piece);
	digest_update(upload->digest, piece.data, piece.size);
	upload->size += piece.size;
	return true;
}

bool module_upload_add(struct module_upload *upload, struct bytes piece, struct error *err) {
	bool ok = add(upload, piece, err);
	if (!ok) {
		drop_file(upload);
	}
	return ok;
}

/* Base64 is in groups of three bytes: ten characters need the first eight bytes, or the last ten
 * with the group they begin in. */
static void redact(const struct module_upload *upload, char shown[32]) {
	size_t have = upload->size < sizeof(upload->head) ? (size_t)upload->size
							  : sizeof(upload->head);
	if ((upload->size + 2) / 3 * 4 <= 20) {
		CLEANUP(mem_freep) char *whole = base64_encode(upload->head, have);
		(void)snprintf(shown, 32, "%s", whole);
		return;
	}
	size_t rest = upload->size % 3 == 0 ? 9 : 9 + (size_t)(upload->size % 3);
	CLEANUP(mem_freep) char *first = base64_encode(upload->head, 9);
	CLEANUP(mem_freep)
	char *last = base64_encode(upload->tail + sizeof(upload->tail) - rest, rest);
	(void)snprintf(shown, 32, "%.10s<REDACTED>%.10s", first, last + strlen(last) - 10);
}

static bool has_size(const char *path, uint64_t size) {
	struct stat info;
	return stat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == size;
}

/* A plain file is not what is wanted when there is a key, nor one of another key: it is replaced,
 * and the same the other way round. */
static bool is_there(const struct module_upload *upload, const char *path, const char *digest) {
	const struct modules *modules = upload->modules;
	struct error err;
	if (modules->ring == NULL) {
		return has_size(path, upload->size);
	}
	CLEANUP(module_file_closep)
	struct module_file *file = module_file_open(path, modules->ring, digest, &err);
	return file != NULL && module_file_sealed_with(file, modules->key);
}

/* The last block, and the head. */
static bool end_sealed(struct module_upload *upload, const char *digest, struct error *err) {
	uint8_t head[BLOCKS_HEAD_BYTES];
	upload->blocks.size = upload->size;
	return seal_held(upload, err) && blocks_seal_head(&upload->blocks, digest, head, err) &&
	       write_at(upload->fd, (struct bytes){ head, sizeof(head) }, 0, err);
}

static bool end_file(struct module_upload *upload, const char *digest, struct error *err) {
	return upload->modules->ring != NULL ? end_sealed(upload, digest, err)
					     : upload->fd >= 0 || write_held(upload, err);
}

static bool rename_file(struct module_upload *upload, const char *path, const char *digest,
		struct error *err) {
	if (!end_file(upload, digest, err)) {
		return false;
	}
	if (fsync(upload->fd) != 0 || rename(upload->path, path) != 0) {
		return error_errno(err, errno, "keeping a module file");
	}
	free(upload->path);
	upload->path = NULL;
	return true;
}

static bool is_settled(struct modules *modules, const char *digest) {
	(void)pthread_mutex_lock(&modules->lock);
	bool settled = map_get(modules->unsettled, digest) == NULL;
	(void)pthread_mutex_unlock(&modules->lock);
	return settled;
}

/* Who put the same bytes there a moment ago may not have made their name durable yet. What could
 * not be made durable stays unsettled, so that the next one tries again. */
static bool put_in_place(struct module_upload *upload, const char *digest, struct error *err) {
	struct modules *modules = upload->modules;
	CLEANUP(mem_freep) char *path = path_of(modules, digest);
	if (is_there(upload, path, digest) && is_settled(modules, digest)) {
		return true;
	}
	count_up(modules, modules->unsettled, digest);
	if (!is_there(upload, path, digest) && !rename_file(upload, path, digest, err)) {
		count_down(modules, modules->unsettled, digest);
		return false;
	}
	if (!file_sync_folder(modules->folder, err)) {
		return false;
	}
	count_down(modules, modules->unsettled, digest);
	return true;
}

static bool finish(struct module_upload *upload, struct module_info *info, struct error *err) {
	uint8_t raw[DIGEST_SIZE];
	if (!sections_end(&upload->sections, err)) {
		return false;
	}
	digest_finish(upload->digest, raw);
	hex_encode(raw, sizeof(raw), info->digest);
	info->size = upload->size;
	redact(upload, info->shown);
	count_up(upload->modules, upload->modules->pins, info->digest);
	if (!put_in_place(upload, info->digest, err)) {
		modules_unpin(upload->modules, info->digest);
		return false;
	}
	return true;
}

bool module_upload_finish(
		struct module_upload *upload, struct module_info *info, struct error *err) {
	bool ok = finish(upload, info, err);
	drop_file(upload); /* if it is not in its place now, it was not needed there */
	return ok;
}

void module_upload_destroy(struct module_upload *upload) {
	if (upload == NULL) {
		return;
	}
	drop_file(upload);
	digest_destroy(upload->digest);
	buf_finish(&upload->held);
	free(upload);
}

/* --- reading ----------------------------------------------------------------------------- */

struct module_file *modules_open_file(
		struct modules *modules, const char *digest, struct error *err) {
	if (!digest_text_valid(digest)) {
		error_set(err, ERROR_NOT_FOUND, "there is no module \"%.64s\"", digest);
		return NULL;
	}
	CLEANUP(mem_freep) char *path = path_of(modules, digest);
	return module_file_open(path, modules->ring, digest, err);
}

/* --- keys that change ---------------------------------------------------------------------- */

/* Every block of a file; `add` is for the upload that it becomes, NULL to look only. */
static bool copy_blocks(struct module_file *file, struct module_upload *upload,
		struct digest *digest, struct error *err) {
	CLEANUP(mem_freep) uint8_t *room = mem_zero(BLOCK_ROOM, 1);
	uint64_t size = module_file_size(file);
	bool ok = true;
	for (uint64_t index = 0; ok && index * BLOCK_BYTES < size; index++) {
		struct bytes plain;
		ok = module_file_block(file, index, room, &plain, err) &&
		     (upload == NULL || module_upload_add(upload, plain, err));
		if (ok && digest != NULL) {
			digest_update(digest, plain.data, plain.size);
		}
	}
	explicit_bzero(room, BLOCK_ROOM);
	return ok;
}

/* A plain file is read once more, before anything takes its place. */
static bool is_that_module(struct module_file *file, const char *digest, struct error *err) {
	uint8_t raw[DIGEST_SIZE];
	char text[DIGEST_HEX_SIZE];
	struct digest *sum = digest_create();
	bool ok = copy_blocks(file, NULL, sum, err);
	digest_finish(sum, raw);
	digest_destroy(sum);
	hex_encode(raw, sizeof(raw), text);
	return ok && (strcmp(text, digest) == 0 ||
				     error_set(err, ERROR_INTEGRITY,
						     "the file of module %s has other bytes: %s",
						     digest, text));
}

bool modules_reseal(struct modules *modules, const char *digest, bool *written, struct error *err) {
	struct module_info info;
	CLEANUP(module_file_closep)
	struct module_file *file = modules_open_file(modules, digest, err);
	*written = false;
	if (file == NULL) {
		return false;
	}
	if (modules->ring == NULL || module_file_sealed_with(file, modules->key)) {
		return true;
	}
	struct module_upload *upload = modules_begin(modules, module_file_size(file));
	*written = is_that_module(file, digest, err) && copy_blocks(file, upload, NULL, err) &&
		   module_upload_finish(upload, &info, err);
	if (*written) {
		modules_unpin(modules, digest);
	}
	module_upload_destroy(upload);
	return *written;
}

bool modules_each(struct modules *modules, void (*visit)(void *context, const char *digest),
		void *context, struct error *err) {
	DIR *dir = opendir(modules->folder);
	if (dir == NULL) {
		return error_errno(err, errno, "reading the folder %s", modules->folder);
	}
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (digest_text_valid(entry->d_name)) {
			visit(context, entry->d_name);
		}
	}
	(void)closedir(dir);
	return true;
}
