/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The only GNU attributes this tree uses. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
