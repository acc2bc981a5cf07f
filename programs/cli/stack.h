/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The stack that `up` starts on this machine: where it lies and listens (choose.c), its programs
 * and what each is told (equip.c), and how they come to be ready (launch.c). One thread.
 *
 *   struct stack stack = { .lock = -1 };
 *   stack_choose() → stack_start_broker() → stack_start_programs() → … → stack_finish()
 */
#include "cli/children.h"
#include "cli/cli.h"
#include "seal/keys.h"

enum { CHILDREN_MAX = 69, PROPLETS_MAX = 64 };

struct stack {
	char *folder, *programs, *url, *examples;
	const char *channel;
	uint16_t http_port, mqtt_port, proxy_port; /* 0: not chosen yet */
	uint16_t registry_port, rest_port;         /* of registry and executor; 0: none runs here */
	uint16_t grpc_port;                        /* the executor's other one */
	uint64_t proplets;
	int lock;                     /* of the folder; -1: not locked */
	char key[SEAL_KEY_TEXT_SIZE]; /* "": nothing is sealed */
	struct child children[CHILDREN_MAX];
	size_t count;
};

/* --- choose.c ------------------------------------------------------------------------------------
 */
/* Folder, ports, key and programs, as the flags say; ports that are taken give way to free ones,
 * with a word on standard error. ERROR_CONFLICT: another `up` uses the folder. */
bool stack_choose(struct stack *stack, const struct arguments *arguments,
		struct error *err) MUST_CHECK;
/* For a second stack at the broker of the first: a channel of its own, whose manager, proxy and
 * worker have a workload key. What it left on disk the next one cannot open, and removes. */
bool stack_choose_sealed(
		struct stack *sealed, const struct stack *stack, struct error *err) MUST_CHECK;
/* The path of a program on PATH or where daemons are installed; NULL: it is not there. */
char *program_in_path(const char *name) MUST_CHECK;

/* --- equip.c -------------------------------------------------------------------------------------
 * Adds children, with their arguments, environment and configuration; starts none.
 */
bool stack_add_broker(struct stack *stack, struct error *err) MUST_CHECK;
/* The manager first, then all others. */
bool stack_add_programs(struct stack *stack, struct error *err) MUST_CHECK;

/* --- launch.c ------------------------------------------------------------------------------------
 * Starts what is added, and waits until it is ready. False with err, or with `asked` if Ctrl-C came
 * meanwhile.
 */
bool stack_start_broker(struct stack *stack, struct manager *manager, bool *asked,
		struct error *err) MUST_CHECK;
bool stack_start_programs(struct stack *stack, struct manager *manager, bool *asked,
		struct error *err) MUST_CHECK;
/* Ends all children and frees everything; also what was only chosen in part. */
void stack_finish(struct stack *stack);
