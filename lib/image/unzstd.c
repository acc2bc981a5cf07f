/* SPDX-License-Identifier: Apache-2.0 */
#include "image/unzstd.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"

struct unzstd {
	ZSTD_DCtx *context;
	uint8_t *out;
	size_t room;
	bool inside; /* of a frame, or of bytes that it still has for us */
};

struct unzstd *unzstd_create(struct error *err) {
	ZSTD_DCtx *context = ZSTD_createDCtx();
	if (context == NULL || ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax,
					       UNZSTD_WINDOW_LOG_MAX))) {
		(void)ZSTD_freeDCtx(context);
		error_set(err, ERROR_NO_MEMORY, "no memory to unpack a layer");
		return NULL;
	}
	struct unzstd *zstd = MEM_NEW(struct unzstd);
	zstd->context = context;
	zstd->room = ZSTD_DStreamOutSize();
	zstd->out = mem_zero(1, zstd->room);
	return zstd;
}

void unzstd_destroy(struct unzstd *zstd) {
	if (zstd != NULL) {
		(void)ZSTD_freeDCtx(zstd->context);
		free(zstd->out);
		free(zstd);
	}
}

static bool refuse(size_t code, struct error *err) {
	if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge) {
		return error_set(err, ERROR_TOO_LARGE,
				"the layer was packed with a zstd window over %d MiB: pack it with "
				"a lower level",
				1 << (UNZSTD_WINDOW_LOG_MAX - 20));
	}
	return error_set(err, ERROR_INVALID, "the layer is no sound zstd stream: %.100s",
			ZSTD_getErrorName(code));
}

bool unzstd_read(
		struct unzstd *zstd, struct bytes *packed, struct bytes *piece, struct error *err) {
	ZSTD_inBuffer in = { packed->data, packed->size, 0 };
	ZSTD_outBuffer out = { zstd->out, zstd->room, 0 };
	bool end = packed->size == 0;
	if (!end || zstd->inside) {
		size_t code = ZSTD_decompressStream(zstd->context, &out, &in);
		if (ZSTD_isError(code)) {
			return refuse(code, err);
		}
		zstd->inside = code != 0;
	}
	*packed = (struct bytes){ packed->data + in.pos, packed->size - in.pos };
	*piece = (struct bytes){ zstd->out, out.pos };
	return !end || !zstd->inside || out.pos != 0 ||
	       error_set(err, ERROR_INVALID,
			       "the layer is no sound zstd stream: it ends too early");
}
