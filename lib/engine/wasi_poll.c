/* SPDX-License-Identifier: Apache-2.0 */
/* poll_oneoff: a guest waits, and what it waits for ends with its run. */
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "engine/wasi_files.h"

enum { SUBSCRIPTIONS_MAX = 1024 };
enum { SUBSCRIPTION_SIZE = 48, EVENT_SIZE = 32 };
enum { POLL_CLOCK = 0, POLL_READ = 1, POLL_WRITE = 2 };
enum { FLAG_ABSOLUTE = 1, FLAG_HANGUP = 1 };

struct subscription {
	uint64_t userdata;
	uint8_t type;
	uint32_t id; /* of a clock or a descriptor */
	uint64_t timeout;
	uint16_t flags;
};

static bool get(const struct wasi_call *call, uint32_t index, struct subscription *out) {
	uint8_t raw[SUBSCRIPTION_SIZE];
	uint64_t pointer = wasi_u32(call, 0) + (uint64_t)index * SUBSCRIPTION_SIZE;
	if (!wasi_get(call, pointer, raw, sizeof(raw))) {
		return false;
	}
	memcpy(&out->userdata, raw, sizeof(out->userdata));
	out->type = raw[8];
	memcpy(&out->id, raw + 16, sizeof(out->id));
	memcpy(&out->timeout, raw + 24, sizeof(out->timeout));
	memcpy(&out->flags, raw + 40, sizeof(out->flags));
	return true;
}

/* What a subscription came to: ready at a CLOCK_MONOTONIC time, perhaps with an error. */
struct outcome {
	uint64_t at_ns; /* 0: now */
	enum wasi_errno error;
	uint64_t bytes;
	uint16_t flags;
};

static uint64_t later(uint64_t now, uint64_t delay) {
	return delay > UINT64_MAX - now ? UINT64_MAX : now + delay;
}

static struct outcome clock_outcome(const struct subscription *sub, uint64_t now) {
	clockid_t clock;
	struct timespec time;
	bool waits = sub->id <= 1; /* realtime and monotonic, not the time that a guest computes */
	if (!waits || !wasi_clock(sub->id, &clock) || clock_gettime(clock, &time) != 0) {
		return (struct outcome){ .error = sub->id <= 3 ? WASI_NOTSUP : WASI_INVAL };
	}
	if ((sub->flags & FLAG_ABSOLUTE) == 0) {
		return (struct outcome){ .at_ns = later(now, sub->timeout) };
	}
	uint64_t reads = (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
	uint64_t left = sub->timeout > reads ? sub->timeout - reads : 0;
	return (struct outcome){ .at_ns = later(now, left) };
}

static struct outcome stream_outcome(const struct wasi_call *call, const struct subscription *sub) {
	if (wasi_file(call, sub->id) != NULL) {
		return (struct outcome){ .bytes = 1 }; /* files are always ready */
	}
	if (!wasi_open(call, sub->id) || (sub->id == 0) != (sub->type == POLL_READ)) {
		return (struct outcome){ .error = WASI_BADF };
	}
	if (sub->type == POLL_WRITE) {
		return (struct outcome){ .bytes = UINT16_MAX };
	}
	size_t left = call->guest->request->input.size - call->guest->input_at;
	return (struct outcome){ .bytes = left, .flags = left == 0 ? FLAG_HANGUP : 0 };
}

static struct outcome outcome_of(
		const struct wasi_call *call, const struct subscription *sub, uint64_t now) {
	switch (sub->type) {
	case POLL_CLOCK: return clock_outcome(sub, now);
	case POLL_READ:
	case POLL_WRITE: return stream_outcome(call, sub);
	default: return (struct outcome){ .error = WASI_INVAL };
	}
}

static bool put_event(const struct wasi_call *call, uint32_t index, const struct subscription *sub,
		const struct outcome *outcome) {
	uint8_t raw[EVENT_SIZE] = { 0 };
	uint16_t error = (uint16_t)outcome->error;
	memcpy(raw, &sub->userdata, sizeof(sub->userdata));
	memcpy(raw + 8, &error, sizeof(error));
	raw[10] = sub->type;
	memcpy(raw + 16, &outcome->bytes, sizeof(outcome->bytes));
	memcpy(raw + 24, &outcome->flags, sizeof(outcome->flags));
	uint64_t pointer = wasi_u32(call, 1) + (uint64_t)index * EVENT_SIZE;
	return wasi_put(call, pointer, raw, sizeof(raw));
}

static enum wasi_errno wait_all(const struct wasi_call *call, struct subscription *subs,
		struct outcome *outcomes, uint32_t count) {
	uint64_t now = guest_now_ns(), first = UINT64_MAX;
	for (uint32_t i = 0; i < count; i++) {
		if (!get(call, i, &subs[i])) {
			return WASI_FAULT;
		}
		outcomes[i] = outcome_of(call, &subs[i], now);
		first = outcomes[i].at_ns < first ? outcomes[i].at_ns : first;
	}
	uint64_t until = first < call->guest->wall_ns ? first : call->guest->wall_ns;
	if (until > now) {
		guest_tell(call->guest);
		(void)stop_wait(call->guest->stop, until);
	}
	return WASI_SUCCESS;
}

static enum wasi_errno put_events(const struct wasi_call *call, const struct subscription *subs,
		const struct outcome *outcomes, uint32_t count) {
	uint64_t now = guest_now_ns();
	uint32_t events = 0;
	for (uint32_t i = 0; i < count; i++) {
		if (outcomes[i].at_ns > now) {
			continue;
		}
		if (!put_event(call, events, &subs[i], &outcomes[i])) {
			return WASI_FAULT;
		}
		events++;
	}
	return wasi_put(call, wasi_u32(call, 3), &events, sizeof(events)) ? WASI_SUCCESS
									  : WASI_FAULT;
}

/* poll_oneoff with room for everything at hand: all is read before anything is written. */
static enum wasi_errno poll_with(const struct wasi_call *call, struct subscription *subs,
		struct outcome *outcomes, uint32_t count) {
	enum wasi_errno bad = wait_all(call, subs, outcomes, count);
	if (bad != WASI_SUCCESS || guest_over(call->guest)) {
		return bad;
	}
	return put_events(call, subs, outcomes, count);
}

enum wasi_errno wasi_poll(const struct wasi_call *call) {
	uint32_t count = wasi_u32(call, 2);
	if (count == 0 || count > SUBSCRIPTIONS_MAX) {
		return WASI_INVAL;
	}
	struct subscription *subs = mem_zero(count, sizeof(*subs));
	struct outcome *outcomes = mem_zero(count, sizeof(*outcomes));
	enum wasi_errno number = poll_with(call, subs, outcomes, count);
	free(subs);
	free(outcomes);
	return number;
}
