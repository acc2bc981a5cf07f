/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The texts of gRPC's headers and trailers, both ways
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). Pure functions.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"

/* grpc-timeout: up to 8 digits and one of H M S m u n. */
bool header_timeout(struct bytes text, uint64_t *ns) MUST_CHECK;
/* "application/grpc", or with "+proto": this is what messages are here. Others get HTTP 415. */
bool header_content_type(struct bytes text) MUST_CHECK;
/* grpc-message: UTF-8 with everything but printable ASCII as %XX; cut at `max` characters, never
 * within a character. To be freed by the caller. */
char *header_percent_encode(const char *text, size_t max) MUST_CHECK;
/* The value of a "-bin" name: base64, padded or not; of several, parted by commas, the first. */
bool header_bin_decode(struct bytes text, struct buf *out) MUST_CHECK;
/* Without padding, as the protocol wants it sent; to be freed by the caller. */
char *header_bin_encode(struct bytes value) MUST_CHECK;
/* Lower-case letters, digits, '_', '-', '.'; not one of the protocol's own ("grpc-", ":"). */
bool header_name_valid(const char *name) MUST_CHECK;
bool header_name_binary(struct bytes name) MUST_CHECK; /* ends in "-bin" */
