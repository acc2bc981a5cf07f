/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Standard input, output and error are there. A program that is started with one of them closed
 * (`program >&-`) would get its number for the next file or socket that it opens, and then write
 * what is meant for people, or its log, into that: a connection, a database.
 */

/* First thing in main(), before anything is opened. What was closed is /dev/null then, opened so
 * that reading or writing fails (EBADF), as it did before. */
void streams_open(void);
