/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The outer shape of a WebAssembly binary, checked while its bytes arrive: magic, version, and
 * sections (id, LEB128 size) that fill the file exactly. What is in a section is for the engine.
 * (WebAssembly core specification 5.5.2; the component model's binary format has the same shape.)
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/bytes.h"
#include "base/error.h"

struct sections {
	uint64_t offset; /* of the next byte */
	uint8_t head[8];
	enum { SECTIONS_ID, SECTIONS_SIZE, SECTIONS_BODY } place;
	uint64_t left;  /* bytes of the section at hand */
	uint64_t began; /* its offset */
	unsigned id, shift;
};

/* ERROR_MODULE at the first byte that cannot be. */
bool sections_feed(struct sections *sections, struct bytes piece, struct error *err) MUST_CHECK;
/* ERROR_MODULE if the file ends inside a section. */
bool sections_end(const struct sections *sections, struct error *err) MUST_CHECK;
