/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* A file's name: the key, a dot, the module's digest, and if it is sealed something more. */
#define SEALED ".sealed"
enum {
	PLAIN_NAME_SIZE = 2 * DIGEST_HEX_SIZE,
	NAME_SIZE = PLAIN_NAME_SIZE + sizeof(SEALED) - 1,
	READ_SIZE = BLOCK_BYTES,
};

struct entry {
	char name[NAME_SIZE];
	uint64_t size;
	int64_t used; /* larger is later */
};

struct cache {
	char *folder;
	uint64_t bytes_max, bytes;
	struct seal_ring *ring; /* NULL: nothing is sealed */
	int64_t clock;
	int lock_file;
	pthread_mutex_t lock;
	struct entry *entries;
	size_t count;
};

struct spool {
	struct cache *cache;
	char *path;
	int fd;
	struct content_writer writer;
};

static char *path_of(const struct cache *cache, const char *name) {
	return str_format("%s/%s", cache->folder, name);
}

/* --- entries, under the lock -------------------------------------------------------------------
 */

static void add_entry(struct cache *cache, const char *name, uint64_t size, int64_t used) {
	cache->entries = mem_resize(cache->entries, cache->count + 1, sizeof(*cache->entries));
	struct entry *entry = &cache->entries[cache->count++];
	*entry = (struct entry){ .size = size, .used = used };
	memcpy(entry->name, name, strlen(name) + 1);
	cache->bytes += size;
}

static void remove_entry(struct cache *cache, struct entry *entry) {
	CLEANUP(mem_freep) char *path = path_of(cache, entry->name);
	(void)unlink(path);
	cache->bytes -= entry->size;
	*entry = cache->entries[--cache->count];
}

static struct entry *find_key(struct cache *cache, const char *key) {
	for (size_t i = 0; i < cache->count; i++) {
		if (strncmp(cache->entries[i].name, key, DIGEST_HEX_SIZE - 1) == 0) {
			return &cache->entries[i];
		}
	}
	return NULL;
}

static void make_room(struct cache *cache, uint64_t size) {
	while (cache->count != 0 && cache->bytes + size > cache->bytes_max) {
		struct entry *oldest = &cache->entries[0];
		for (size_t i = 1; i < cache->count; i++) {
			if (cache->entries[i].used < oldest->used) {
				oldest = &cache->entries[i];
			}
		}
		remove_entry(cache, oldest);
	}
}

/* --- the folder --------------------------------------------------------------------------------
 */

static bool name_valid(const char *name, bool sealed) {
	char key[DIGEST_HEX_SIZE], digest[DIGEST_HEX_SIZE];
	if (strlen(name) != (sealed ? NAME_SIZE : PLAIN_NAME_SIZE) - 1U ||
			name[DIGEST_HEX_SIZE - 1] != '.' ||
			strcmp(name + PLAIN_NAME_SIZE - 1, sealed ? SEALED : "") != 0) {
		return false;
	}
	memcpy(key, name, DIGEST_HEX_SIZE - 1);
	memcpy(digest, name + DIGEST_HEX_SIZE, DIGEST_HEX_SIZE - 1);
	key[DIGEST_HEX_SIZE - 1] = digest[DIGEST_HEX_SIZE - 1] = 0;
	return digest_text_valid(key) && digest_text_valid(digest);
}

/* What an earlier process has left half done goes, and what it has left in the other form. */
static void take_over(struct cache *cache, const char *name) {
	CLEANUP(mem_freep) char *path = path_of(cache, name);
	struct stat status;
	if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode)) {
		return;
	}
	bool sealed = cache->ring != NULL;
	if (name_valid(name, sealed)) {
		add_entry(cache, name, (uint64_t)status.st_size,
				(int64_t)status.st_mtim.tv_sec - INT64_C(4000000000));
	} else if (str_starts(name, "spool-") || name_valid(name, !sealed)) {
		(void)unlink(path);
	}
}

static bool read_folder(struct cache *cache, struct error *err) {
	DIR *folder = opendir(cache->folder);
	if (folder == NULL) {
		return error_errno(err, errno, "reading %s", cache->folder);
	}
	for (struct dirent *item = readdir(folder); item != NULL; item = readdir(folder)) {
		take_over(cache, item->d_name);
	}
	(void)closedir(folder);
	make_room(cache, 0);
	return true;
}

static bool take_lock(struct cache *cache, struct error *err) {
	CLEANUP(mem_freep) char *path = path_of(cache, "lock");
	cache->lock_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (cache->lock_file < 0) {
		return error_errno(err, errno, "making %s", path);
	}
	return flock(cache->lock_file, LOCK_EX | LOCK_NB) == 0 ||
	       error_set(err, ERROR_CONFLICT,
			       "another proxy uses %s: end it, or choose another PROXY_CLIENT_ID "
			       "or PROXY_STATE_DIR",
			       cache->folder);
}

struct cache *cache_open(
		const char *folder, uint64_t bytes_max, struct seal_ring *ring, struct error *err) {
	struct cache *cache = MEM_NEW(struct cache);
	cache->folder = str_copy(folder);
	cache->bytes_max = bytes_max;
	cache->ring = ring;
	cache->lock_file = -1;
	(void)pthread_mutex_init(&cache->lock, NULL);
	if (!file_make_state(folder, err) || !take_lock(cache, err) || !read_folder(cache, err)) {
		cache_close(cache);
		return NULL;
	}
	return cache;
}

void cache_close(struct cache *cache) {
	if (cache != NULL) {
		file_closep(&cache->lock_file);
		(void)pthread_mutex_destroy(&cache->lock);
		free(cache->entries);
		free(cache->folder);
		free(cache);
	}
}

uint64_t cache_bytes(struct cache *cache) {
	(void)pthread_mutex_lock(&cache->lock);
	uint64_t bytes = cache->bytes;
	(void)pthread_mutex_unlock(&cache->lock);
	return bytes;
}

/* --- finding -----------------------------------------------------------------------------------
 */

/* Disks forget; what they give back is checked. */
static bool is_whole(const struct content *content) {
	CLEANUP(mem_freep) uint8_t *piece = mem_zero(1, READ_SIZE);
	uint8_t bytes[DIGEST_SIZE];
	char hex[DIGEST_HEX_SIZE];
	bool ok = true;
	struct error why;
	struct digest *sum = digest_create();
	for (uint64_t at = 0; ok && at < content->size; at += READ_SIZE) {
		uint64_t rest = content->size - at;
		size_t size = rest < READ_SIZE ? (size_t)rest : READ_SIZE;
		ok = content_read(content, at, piece, size, &why);
		digest_update(sum, piece, ok ? size : 0);
	}
	digest_finish(sum, bytes);
	digest_destroy(sum);
	hex_encode(bytes, sizeof(bytes), hex);
	return ok && strcmp(hex, content->digest) == 0;
}

static bool open_key(struct cache *cache, const char *key, char name[NAME_SIZE],
		struct content *content) {
	(void)pthread_mutex_lock(&cache->lock);
	struct entry *entry = find_key(cache, key);
	if (entry != NULL) {
		CLEANUP(mem_freep) char *path = path_of(cache, entry->name);
		entry->used = ++cache->clock;
		memcpy(name, entry->name, NAME_SIZE);
		*content = (struct content){ .fd = open(path, O_RDONLY | O_CLOEXEC),
			.ring = cache->ring };
		memcpy(content->digest, entry->name + DIGEST_HEX_SIZE, DIGEST_HEX_SIZE - 1);
		(void)utimensat(AT_FDCWD, path, NULL, 0); /* for a later process */
		if (content->fd < 0) {
			remove_entry(cache, entry);
			entry = NULL;
		}
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return entry != NULL;
}

bool cache_find(struct cache *cache, const char key[DIGEST_HEX_SIZE], struct content *content) {
	char name[NAME_SIZE];
	struct error why;
	*content = (struct content){ .fd = -1 };
	if (!open_key(cache, key, name, content)) {
		return false;
	}
	if (content_open(content, &why) && is_whole(content)) {
		return true;
	}
	log_warn("a file of the cache is not what was written, removed file=%s", name);
	file_closep(&content->fd);
	(void)pthread_mutex_lock(&cache->lock);
	struct entry *entry = find_key(cache, key);
	if (entry != NULL && str_equal(entry->name, name)) {
		remove_entry(cache, entry);
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return false;
}

/* --- writing -----------------------------------------------------------------------------------
 */

struct spool *cache_spool(struct cache *cache, struct error *err) {
	struct spool *spool = MEM_NEW(struct spool);
	spool->cache = cache;
	spool->path = path_of(cache, "spool-XXXXXX");
	spool->fd = mkostemp(spool->path, O_CLOEXEC);
	if (spool->fd < 0) {
		error_errno(err, errno, "making a file in %s", cache->folder);
		str_set(&spool->path, NULL);
		spool_drop(spool);
		return NULL;
	}
	if (!content_begin(&spool->writer, spool->fd, cache->ring, err)) {
		spool_drop(spool);
		return NULL;
	}
	return spool;
}

bool spool_write(struct spool *spool, struct bytes piece, struct error *err) {
	return content_write(&spool->writer, piece, err) ||
	       error_wrap(err, "%s", spool->cache->folder);
}

/* A file that is not whole after a power loss is found by its digest: so nothing is synced. */
static bool rename_spool(struct spool *spool, const char *key, const char *digest) {
	struct cache *cache = spool->cache;
	char name[NAME_SIZE];
	(void)memcpy(name, key, DIGEST_HEX_SIZE - 1);
	name[DIGEST_HEX_SIZE - 1] = '.';
	(void)memcpy(name + DIGEST_HEX_SIZE, digest, DIGEST_HEX_SIZE);
	if (cache->ring != NULL) {
		(void)memcpy(name + PLAIN_NAME_SIZE - 1, SEALED, sizeof(SEALED));
	}
	CLEANUP(mem_freep) char *path = path_of(cache, name);
	(void)pthread_mutex_lock(&cache->lock);
	struct entry *before = find_key(cache, key);
	if (before != NULL) {
		remove_entry(cache, before);
	}
	make_room(cache, spool->writer.file_size);
	bool kept = rename(spool->path, path) == 0;
	if (kept) {
		add_entry(cache, name, spool->writer.file_size, ++cache->clock);
	}
	(void)pthread_mutex_unlock(&cache->lock);
	return kept;
}

bool spool_keep(struct spool *spool, const char key[DIGEST_HEX_SIZE],
		const char digest[DIGEST_HEX_SIZE], struct content *content, struct error *err) {
	struct cache *cache = spool->cache;
	*content = (struct content){ .fd = -1, .ring = cache->ring };
	memcpy(content->digest, digest, DIGEST_HEX_SIZE);
	bool ok = content_end(&spool->writer, digest, err);
	if (ok) {
		content->fd = fcntl(spool->fd, F_DUPFD_CLOEXEC, 0);
		ok = content->fd >= 0 || error_errno(err, errno, "a file");
	}
	ok = (ok && content_open(content, err)) || error_wrap(err, "%s", cache->folder);
	if (ok && spool->writer.file_size <= cache->bytes_max && rename_spool(spool, key, digest)) {
		str_set(&spool->path, NULL);
	}
	spool_drop(spool);
	return ok;
}

void spool_drop(struct spool *spool) {
	if (spool != NULL) {
		if (spool->path != NULL) {
			(void)unlink(spool->path);
		}
		content_drop(&spool->writer);
		file_closep(&spool->fd);
		free(spool->path);
		free(spool);
	}
}
