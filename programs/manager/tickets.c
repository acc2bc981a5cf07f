/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/tickets.h"

#include <string.h>

#include "base/str.h"

bool ticket_cursor(const char *text, uint64_t *cursor, struct error *err) {
	*cursor = 0;
	return text[0] == 0 || str_to_u64(text, cursor, err);
}

bool ticket_event(const char *text, const char *boot, uint64_t *number) {
	struct error ignored;
	return text != NULL && strlen(text) > TICKET_BOOT && memcmp(text, boot, TICKET_BOOT) == 0 &&
	       text[TICKET_BOOT] == '-' && str_to_u64(text + TICKET_BOOT + 1, number, &ignored);
}

bool ticket_key(const char *text) {
	size_t size = strlen(text);
	for (size_t i = 0; i < size; i++) {
		if (text[i] < 0x20 || text[i] == 0x7f) { /* also what is not ASCII */
			return false;
		}
	}
	return size != 0 && size <= TICKET_KEY_MAX;
}
