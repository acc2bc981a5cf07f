/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* spec/openapi.yaml, as it is built in (tools/embed): what GET /openapi.yaml answers. */
#include <stddef.h>

extern const unsigned char openapi[];
extern const size_t openapi_size;
