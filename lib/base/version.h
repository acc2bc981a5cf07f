/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The release; meson.build sets AIRSCREW_VERSION from project(version). */
#ifndef AIRSCREW_VERSION
#define AIRSCREW_VERSION "unknown"
#endif
/* The day of the manual pages, in their language; a build is the same on any day. */
#define AIRSCREW_DATE "November 21, 2026"
