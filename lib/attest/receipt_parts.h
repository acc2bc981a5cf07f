/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A receipt with memory of its own, as the two decoders make it. */
#include "attest/receipt.h"

struct receipt_held {
	struct receipt receipt; /* the first, so that receipt_destroy() knows the rest */
	struct evidence evidence;
	struct buf statement;
};

struct receipt_held *receipt_hold(void);
