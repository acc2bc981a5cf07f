/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a set of google.protobuf.FileDescriptorSet describes, by name: for reflection. It is built
 * once and only read afterwards, from any thread. It keeps pointers into the sets, which have to
 * outlive it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

struct descriptors;
struct descriptor_file;

struct descriptors *descriptors_create(void); /* never NULL */
void descriptors_destroy(struct descriptors *descriptors);
/* ERROR_INVALID for what is no such set. A file whose name is there already is left out. */
bool descriptors_add(
		struct descriptors *descriptors, struct bytes set, struct error *err) MUST_CHECK;

const struct descriptor_file *descriptors_file(const struct descriptors *d, const char *name);
/* Of a message, field, enum, its value, a service, a method: "package.Service.Method". */
const struct descriptor_file *descriptors_symbol(const struct descriptors *d, const char *name);
const struct descriptor_file *descriptors_extension(
		const struct descriptors *d, const char *type, uint64_t number);
/* FileDescriptorResponse: the file and all that it imports. */
bool descriptors_put_files(const struct descriptors *d, const struct descriptor_file *file,
		struct buf *out, struct error *err) MUST_CHECK;
/* The numbers of a message's extensions, each as field `field`. */
bool descriptors_put_numbers(const struct descriptors *d, const char *type, uint32_t field,
		struct buf *out, struct error *err) MUST_CHECK;
