/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Named managers: where one is and how it is spoken to, in propeller/contexts.toml below
 * XDG_CONFIG_HOME (else ~/.config), mode 0600:
 *
 *     current = "factory"
 *     [contexts."factory"]
 *     manager_url = "https://factory:7070"
 *     token_file = "..."                      # also ca, cert, key: paths
 *
 * Tokens are never in it, only the paths of files that have them. A file that others may write is
 * refused, for it says who gets the token.
 *
 * In memory it is {"current": NAME or absent, "contexts": {NAME: {member: text}}}.
 */
#include "cli/cli.h"

enum { CONTEXT_NAME_MAX = 64 };

/* The path of the file; NULL where neither XDG_CONFIG_HOME nor HOME says. */
char *contexts_path(void) MUST_CHECK;
/* Without a file an empty one. NULL with err. */
json_t *contexts_load(struct error *err);
bool contexts_save(const json_t *contexts, struct error *err) MUST_CHECK;
/*
 * The context that a call uses, to be json_decref()ed: --context, else PROPELLER_CONTEXT, else the
 * current one. *context is NULL if there is none, and if --manager-url or PROPELLER_MANAGER_URL
 * says where the manager is: what belongs to one manager is not sent to another.
 */
bool context_choose(
		const struct arguments *arguments, json_t **context, struct error *err) MUST_CHECK;
