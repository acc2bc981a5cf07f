/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is built in (tools/embed): spec/executor-openapi.yaml, and the descriptors of
 * spec/dtvm.proto and spec/wasm.proto for reflection. */
#include <stddef.h>

extern const unsigned char executor_openapi[];
extern const size_t executor_openapi_size;
extern const unsigned char executor_descriptors[];
extern const size_t executor_descriptors_size;
