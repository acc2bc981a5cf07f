/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * After a change of workload keys, or when the first one came: rows and module files of other keys,
 * and those in the clear, are sealed anew with the first key, so that the others can go. Rows a few
 * tasks at a time between the loop's other work, files in a thread. An end in between loses
 * nothing: the next start finds what is left. The log says how far it is, and when all is done.
 */
#include "manager/manager.h"

/* Begins; nothing without a key. Before the loop runs. */
void reseal_begin(struct manager *m);
/* A step of the rows, when it is time for one. Only the loop calls this. */
void reseal_tick(struct manager *m);
/* A batch failed: what was thought to be written is looked at again. */
void reseal_again(struct manager *m);
/* Waits for the thread, which stops at the next file. */
void reseal_end(struct manager *m);
