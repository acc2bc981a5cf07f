/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Protocol buffers on their way in and out of C: bounds, and the texts that C would cut. */
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/error.h"

/*
 * The message, to be freed with protobuf_c_message_free_unpacked(). ERROR_INVALID: the bytes are
 * no such message, or a string in it is not UTF-8 or has a zero byte (which C would take for the
 * end, so that another text would run than was asked for). `what` is for the error.
 */
ProtobufCMessage *message_open(const ProtobufCMessageDescriptor *type, struct bytes bytes,
		const char *what, struct error *err) MUST_CHECK;
/* Appends a message's bytes. */
bool message_pack(const void *message, struct buf *out, struct error *err) MUST_CHECK;
