/* SPDX-License-Identifier: Apache-2.0 */
#include "proplet/assemble.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"

struct assembly {
	char digest[DIGEST_HEX_SIZE];
	uint64_t size;
	uint32_t count, have;
	uint8_t *bytes;
	bool *there;
};

struct assembly *assembly_create(const char *digest, uint64_t size, struct error *err) {
	if (size == 0 || size > UINT32_MAX) {
		error_set(err, ERROR_INVALID, "a module of %llu bytes", (unsigned long long)size);
		return NULL;
	}
	struct assembly *assembly = MEM_NEW(struct assembly);
	memcpy(assembly->digest, digest, sizeof(assembly->digest));
	assembly->size = size;
	assembly->count = chunk_count(size);
	assembly->there = mem_zero(assembly->count, sizeof(*assembly->there));
	assembly->bytes = malloc(size);
	if (assembly->bytes == NULL) {
		assembly_destroy(assembly);
		error_set(err, ERROR_NO_MEMORY, "a module of %llu bytes", (unsigned long long)size);
		return NULL;
	}
	return assembly;
}

void assembly_destroy(struct assembly *assembly) {
	if (assembly != NULL) {
		free(assembly->bytes);
		free(assembly->there);
		free(assembly);
	}
}

bool assembly_add(struct assembly *assembly, const struct chunk *chunk, bool *fresh,
		struct error *err) {
	*fresh = false;
	if (strcmp(chunk->digest, assembly->digest) != 0 || chunk->module_size != assembly->size ||
			chunk->count != assembly->count || chunk->index >= chunk->count) {
		return error_set(err, ERROR_INTEGRITY,
				"chunk %u of %u (module of %llu bytes) does not fit the module of "
				"%llu bytes",
				chunk->index, chunk->count, (unsigned long long)chunk->module_size,
				(unsigned long long)assembly->size);
	}
	uint64_t at = (uint64_t)chunk->index * CHUNK_BYTES;
	if (chunk->data.size > assembly->size - at) {
		return error_set(err, ERROR_INTEGRITY, "chunk %u is too long", chunk->index);
	}
	if (!assembly->there[chunk->index]) {
		memcpy(assembly->bytes + at, chunk->data.data, chunk->data.size);
		assembly->there[chunk->index] = *fresh = true;
		assembly->have++;
	}
	return true;
}

bool assembly_complete(const struct assembly *assembly) {
	return assembly->have == assembly->count;
}

uint32_t assembly_count(const struct assembly *assembly) {
	return assembly->count;
}

uint32_t assembly_missing(const struct assembly *assembly, uint32_t from) {
	while (from < assembly->count && assembly->there[from]) {
		from++;
	}
	return from;
}

bool assembly_join(struct assembly *assembly, struct buf *out, struct error *err) {
	char digest[DIGEST_HEX_SIZE];
	digest_hex(assembly->bytes, assembly->size, digest);
	if (strcmp(digest, assembly->digest) != 0) {
		return error_set(err, ERROR_INTEGRITY,
				"the module's SHA-256 is %s, %s was promised", digest,
				assembly->digest);
	}
	return buf_append(out, assembly->bytes, assembly->size, err);
}
