/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/descriptors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/proto.h"
#include "base/str.h"

/* Numbers of google/protobuf/descriptor.proto. */
enum {
	SET_FILE = 1,
	FILE_NAME = 1,
	FILE_PACKAGE = 2,
	FILE_DEPENDENCY = 3,
	ANY_NAME = 1,
	FIELD_EXTENDEE = 2,
	FIELD_NUMBER = 3,
	DEPTH_MAX = 32,
	NAME_MAX_SIZE = 1024
};

struct descriptor_file {
	size_t index;
	struct bytes bytes;
	struct strings imports;
};

struct descriptors {
	struct descriptor_file **files;
	size_t count;
	struct map *by_name, *by_symbol, *by_extension; /* the last by "type number" */
};

/* Which fields of what hold something with a name, and what that is. */
enum kind {
	KIND_END,
	KIND_MESSAGE,
	KIND_FIELD,
	KIND_EXTENSION,
	KIND_ENUM,
	KIND_VALUE,
	KIND_SERVICE,
	KIND_METHOD,
	KIND_FILE
};

static const struct part {
	enum kind in;
	uint32_t number;
	enum kind kind;
} parts[] = {
	{ KIND_FILE, 4, KIND_MESSAGE },
	{ KIND_FILE, 5, KIND_ENUM },
	{ KIND_FILE, 6, KIND_SERVICE },
	{ KIND_FILE, 7, KIND_EXTENSION },
	{ KIND_MESSAGE, 2, KIND_FIELD },
	{ KIND_MESSAGE, 3, KIND_MESSAGE },
	{ KIND_MESSAGE, 4, KIND_ENUM },
	{ KIND_MESSAGE, 6, KIND_EXTENSION },
	{ KIND_ENUM, 2, KIND_VALUE },
	{ KIND_SERVICE, 2, KIND_METHOD },
};

struct place {
	struct descriptors *descriptors;
	struct descriptor_file *file;
	const char *scope; /* "package.Message", or "" */
	enum kind kind;
	int depth;
};

static char *text_of(struct bytes bytes) {
	return mem_copy(bytes.size != 0 ? (const void *)bytes.data : "", bytes.size);
}

static char *join(const char *scope, struct bytes name) {
	return str_format("%s%s%.*s", scope, scope[0] != '\0' ? "." : "", (int)name.size,
			(const char *)name.data);
}

static char *extension_key(const char *type, uint64_t number) {
	return str_format("%s %llu", type, (unsigned long long)number);
}

/* The first file keeps a name. */
static void keep(struct map *map, const char *name, struct descriptor_file *file) {
	if (map_get(map, name) == NULL) {
		(void)map_put(map, name, file);
	}
}

static void keep_extension(const struct place *place, struct bytes extension) {
	CLEANUP(mem_freep) char *type = text_of(proto_find(extension, FIELD_EXTENDEE));
	CLEANUP(mem_freep)
	char *key = extension_key(type[0] == '.' ? type + 1 : type,
			proto_find_number(extension, FIELD_NUMBER));
	keep(place->descriptors->by_extension, key, place->file);
}

static enum kind kind_of(enum kind in, uint32_t number) {
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].in == in && parts[i].number == number) {
			return parts[i].kind;
		}
	}
	return KIND_END;
}

static bool walk(const struct place *place, struct bytes bytes);

/* One thing with a name, and what is in it. An enum's values are named beside it, not in it. */
static bool walk_one(const struct place *place, enum kind kind, struct bytes bytes) {
	struct bytes name = proto_find(bytes, ANY_NAME);
	if (name.size == 0 || name.size > NAME_MAX_SIZE || place->depth >= DEPTH_MAX) {
		return false;
	}
	CLEANUP(mem_freep) char *full = join(place->scope, name);
	keep(place->descriptors->by_symbol, full, place->file);
	if (kind == KIND_EXTENSION) {
		keep_extension(place, bytes);
	}
	const struct place inner = { place->descriptors, place->file,
		kind == KIND_ENUM ? place->scope : full, kind, place->depth + 1 };
	return walk(&inner, bytes);
}

static bool walk(const struct place *place, struct bytes bytes) {
	struct proto_reader reader = { .left = bytes };
	struct proto_field field;
	while (proto_next(&reader, &field)) {
		enum kind kind = kind_of(place->kind, field.number);
		if (kind != KIND_END && field.bytes.data != NULL &&
				!walk_one(place, kind, field.bytes)) {
			return false;
		}
	}
	return !reader.malformed;
}

static void read_imports(struct descriptor_file *file) {
	struct proto_reader reader = { .left = file->bytes };
	struct proto_field field;
	while (proto_next(&reader, &field)) {
		if (field.number == FILE_DEPENDENCY && field.bytes.data != NULL) {
			CLEANUP(mem_freep) char *name = text_of(field.bytes);
			strings_add(&file->imports, name);
		}
	}
}

static bool add_file(struct descriptors *descriptors, struct bytes bytes) {
	struct bytes given = proto_find(bytes, FILE_NAME);
	CLEANUP(mem_freep) char *name = text_of(given);
	CLEANUP(mem_freep) char *package = text_of(proto_find(bytes, FILE_PACKAGE));
	if (given.size == 0) {
		return false;
	}
	if (map_get(descriptors->by_name, name) != NULL) {
		return true;
	}
	struct descriptor_file *file = MEM_NEW(struct descriptor_file);
	file->bytes = bytes;
	file->index = descriptors->count++;
	descriptors->files = mem_resize(
			descriptors->files, descriptors->count, sizeof(struct descriptor_file *));
	descriptors->files[file->index] = file;
	(void)map_put(descriptors->by_name, name, file);
	read_imports(file);
	const struct place place = { descriptors, file, package, KIND_FILE, 0 };
	return walk(&place, bytes);
}

struct descriptors *descriptors_create(void) {
	struct descriptors *descriptors = MEM_NEW(struct descriptors);
	descriptors->by_name = map_create();
	descriptors->by_symbol = map_create();
	descriptors->by_extension = map_create();
	return descriptors;
}

void descriptors_destroy(struct descriptors *descriptors) {
	if (descriptors == NULL) {
		return;
	}
	for (size_t i = 0; i < descriptors->count; i++) {
		strings_finish(&descriptors->files[i]->imports);
		free(descriptors->files[i]);
	}
	free(descriptors->files);
	map_destroy(descriptors->by_name);
	map_destroy(descriptors->by_symbol);
	map_destroy(descriptors->by_extension);
	free(descriptors);
}

bool descriptors_add(struct descriptors *descriptors, struct bytes set, struct error *err) {
	struct proto_reader reader = { .left = set };
	struct proto_field field;
	bool ok = true;
	while (ok && proto_next(&reader, &field)) {
		ok = field.number == SET_FILE && field.bytes.data != NULL &&
		     add_file(descriptors, field.bytes);
	}
	return (ok && !reader.malformed) ||
	       error_set(err, ERROR_INVALID,
			       "the descriptors of the gRPC service are no FileDescriptorSet; make "
			       "it by protoc --include_imports --descriptor_set_out=FILE");
}

/* --- by name --------------------------------------------------------------------------------- */

const struct descriptor_file *descriptors_file(const struct descriptors *d, const char *name) {
	return map_get(d->by_name, name);
}

const struct descriptor_file *descriptors_symbol(const struct descriptors *d, const char *name) {
	return map_get(d->by_symbol, name);
}

const struct descriptor_file *descriptors_extension(
		const struct descriptors *d, const char *type, uint64_t number) {
	CLEANUP(mem_freep) char *key = extension_key(type, number);
	return map_get(d->by_extension, key);
}

/* A file before those that it imports; each once. The list is its own queue. */
bool descriptors_put_files(const struct descriptors *d, const struct descriptor_file *file,
		struct buf *out, struct error *err) {
	CLEANUP(mem_freep) bool *seen = mem_zero(d->count, sizeof(bool));
	CLEANUP(mem_freep)
	const struct descriptor_file **list = mem_zero(d->count, sizeof(struct descriptor_file *));
	size_t count = 0;
	list[count++] = file;
	seen[file->index] = true;
	for (size_t at = 0; at < count; at++) {
		if (!proto_put_bytes(out, 1, list[at]->bytes, err)) {
			return false;
		}
		for (size_t i = 0; i < list[at]->imports.count; i++) {
			const struct descriptor_file *next =
					descriptors_file(d, list[at]->imports.items[i]);
			if (next != NULL && !seen[next->index]) {
				seen[next->index] = true;
				list[count++] = next;
			}
		}
	}
	return true;
}

bool descriptors_put_numbers(const struct descriptors *d, const char *type, uint32_t field,
		struct buf *out, struct error *err) {
	size_t at = 0, size = strlen(type);
	const char *key;
	void *file;
	while (map_next(d->by_extension, &at, &key, &file)) {
		uint64_t number;
		if (strncmp(key, type, size) == 0 && key[size] == ' ' &&
				(!str_to_u64(key + size + 1, &number, err) ||
						!proto_put_number(out, field, number, err))) {
			return false;
		}
	}
	return true;
}
