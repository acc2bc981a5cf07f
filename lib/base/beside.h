/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A thread that does one thing at a time beside its owner, who goes on and waits for it later. All
 * calls are the owner's.
 */
struct beside;
/* Never NULL. If there is no thread to be had, the work is done by the owner. */
struct beside *beside_create(void);
void beside_destroy(struct beside *beside); /* waits; accepts NULL */
/* After what was begun before. */
void beside_begin(struct beside *beside, void (*work)(void *context), void *context);
/* Until what was begun is done, and its effects are seen. */
void beside_wait(struct beside *beside);
