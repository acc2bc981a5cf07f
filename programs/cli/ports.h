/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* TCP ports of 127.0.0.1: is one free, does one answer. */
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

/* True if it can be listened on; 0 becomes one that is free. */
bool port_free(uint16_t *port) MUST_CHECK;
/* Keeps it from every other program that asks in this way, from now until this one ends: a port is
 * chosen some time before it is listened on. False: another one has it. */
bool port_claim(uint16_t port) MUST_CHECK;
bool port_answers(uint16_t port);
