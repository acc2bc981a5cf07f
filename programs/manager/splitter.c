/* SPDX-License-Identifier: Apache-2.0 */
#include "manager/splitter.h"

#include <string.h>

static void open_string(struct splitter *s) {
	if (s->depth == 1 && s->expect_key) {
		s->place = SPLITTER_KEY;
		s->key_size = 0;
		return;
	}
	s->place = s->depth == 1 && s->is_file ? SPLITTER_FILE : SPLITTER_STRING;
	s->again = s->began && s->place == SPLITTER_FILE;
	s->began = s->began || s->place == SPLITTER_FILE;
}

static void outside(struct splitter *s, char c) {
	s->values += c == ',' || c == '{' || c == '[';
	switch (c) {
	case '"': open_string(s); break;
	case '{':
	case '[':
		s->depth++;
		s->expect_key = c == '{';
		break;
	case '}':
	case ']': s->depth -= s->depth != 0; break;
	case ',':
		s->expect_key = s->depth == 1;
		s->is_file = false;
		break;
	case ':': s->expect_key = false; break;
	default: break;
	}
}

static void inside(struct splitter *s, char c) {
	if (s->escaped) {
		s->escaped = false;
	} else if (c == '\\') {
		s->escaped = true;
	} else if (c == '"') {
		s->is_file = s->place == SPLITTER_KEY
					     ? s->key_size == 4 && memcmp(s->key, "file", 4) == 0
					     : s->is_file;
		s->place = SPLITTER_OUTSIDE;
		return;
	}
	if (s->place == SPLITTER_KEY && s->key_size < sizeof(s->key)) {
		s->key[s->key_size++] = c;
	}
}

/* Keeps to the end of what is not the file's text; returns how much that was. */
static size_t take_rest(struct splitter *s, const char *text, size_t size) {
	size_t at = 0;
	while (at < size && s->place != SPLITTER_FILE) {
		if (s->place == SPLITTER_OUTSIDE) {
			outside(s, text[at]);
		} else {
			inside(s, text[at]);
		}
		at++;
	}
	return at;
}

/* Base64 may have "\/" in JSON, no other escape. */
static bool take_file(struct splitter *s, const char *text, size_t size, size_t *taken,
		struct error *err) {
	size_t run = strcspn(text, "\"\\");
	run = run < size ? run : size;
	*taken = run;
	if (text[0] == 0 || (s->escaped && text[0] != '/')) {
		return error_set(err, ERROR_INVALID, "field \"file\": not valid base64");
	}
	if (s->escaped) {
		s->escaped = false;
		*taken = 1;
		return s->file(s->context, (struct bytes){ (const uint8_t *)text, 1 }, err);
	}
	if (run != 0) {
		return s->file(s->context, (struct bytes){ (const uint8_t *)text, run }, err);
	}
	*taken = 1;
	if (text[0] == '\\') {
		s->escaped = true;
		return true;
	}
	s->place = SPLITTER_OUTSIDE;
	s->is_file = false;
	return buf_append(s->rest, "\"", 1, err);
}

/* strcspn() needs an end: pieces are looked at in copies of this size. */
enum { WINDOW = 16 * 1024 };

static bool keep_rest(struct splitter *s, const char *text, size_t size, size_t *taken,
		struct error *err) {
	*taken = take_rest(s, text, size);
	if (s->again) {
		return error_set(err, ERROR_INVALID, "field \"file\" is there twice");
	}
	if (s->values > SPLITTER_VALUES_MAX) {
		return error_set(err, ERROR_TOO_LARGE, "the JSON has more than %d values",
				SPLITTER_VALUES_MAX);
	}
	return buf_append(s->rest, text, *taken, err) ||
	       error_wrap(err, "the JSON around \"file\"");
}

static bool feed_window(struct splitter *s, const char *text, size_t size, struct error *err) {
	while (size != 0) {
		size_t taken;
		bool ok = s->place == SPLITTER_FILE ? take_file(s, text, size, &taken, err)
						    : keep_rest(s, text, size, &taken, err);
		if (!ok) {
			return false;
		}
		text += taken;
		size -= taken;
	}
	return true;
}

bool splitter_feed(struct splitter *splitter, struct bytes piece, struct error *err) {
	char window[WINDOW + 1];
	for (size_t at = 0; at < piece.size;) {
		size_t size = piece.size - at < WINDOW ? piece.size - at : WINDOW;
		memcpy(window, piece.data + at, size);
		window[size] = 0;
		if (!feed_window(splitter, window, size, err)) {
			return false;
		}
		at += size;
	}
	return true;
}
