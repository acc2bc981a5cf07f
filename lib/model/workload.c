/* SPDX-License-Identifier: Apache-2.0 */
#include "model/workload.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/member.h"

static const char *const engines[] = {
#define ENGINE(code, name, help) name,
#include "spec/engines.def"
#undef ENGINE
};

void workload_init(struct workload *work) {
	*work = (struct workload){
		.limits = {
			.memory_bytes = WORKLOAD_MEMORY_DEFAULT,
			.wall_ms = WORKLOAD_WALL_DEFAULT_MS,
			.output_bytes = WORKLOAD_OUTPUT_DEFAULT,
		},
		.default_limits = true,
	};
	profile_init(&work->profile);
}

void workload_finish(struct workload *work) {
	free(work->name);
	free(work->invoke);
	free(work->image_url);
	free(work->engine);
	free(work->input);
	strings_finish(&work->cli_args);
	strings_finish(&work->inputs);
	strings_finish(&work->env);
	mounts_finish(&work->dirs);
	*work = (struct workload){ 0 };
}

void workload_copy(struct workload *to, const struct workload *from) {
	*to = *from;
	to->name = str_copy(from->name);
	to->invoke = str_copy(from->invoke);
	to->engine = str_copy(from->engine);
	to->image_url = str_copy(from->image_url);
	to->input = str_copy(from->input);
	to->cli_args = to->inputs = to->env = (struct strings){ 0 };
	strings_copy(&to->cli_args, &from->cli_args);
	strings_copy(&to->inputs, &from->inputs);
	strings_copy(&to->env, &from->env);
	mounts_copy(&to->dirs, &from->dirs);
}

static bool read_name(struct workload *work, const json_t *object, struct error *err) {
	char *name = NULL;
	if (!member_text(object, "name", WORKLOAD_NAME_MAX, &name, err)) {
		return false;
	}
	if (name == NULL) {
		return true;
	}
	if (name[0] == 0) {
		free(name);
		return error_set(err, ERROR_INVALID, "missing identity name: \"name\" is empty") ||
		       error_in(err, "name");
	}
	free(work->name);
	work->name = name;
	return true;
}

static bool read_invoke(struct workload *work, const json_t *object, struct error *err) {
	if (!member_any_text(object, "invoke", WORKLOAD_NAME_MAX, &work->invoke, err)) {
		return false;
	}
	if (work->invoke != NULL && work->invoke[0] == 0) {
		str_set(&work->invoke, NULL);
	}
	return true;
}

static bool read_engine(struct workload *work, const json_t *object, struct error *err) {
	char *name = NULL;
	if (!member_text(object, "engine", WORKLOAD_NAME_MAX, &name, err)) {
		return false;
	}
	if (name == NULL) {
		return true;
	}
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (str_equal(engines[i], name)) {
			free(work->engine);
			work->engine = name;
			return true;
		}
	}
	(void)member_refuse(err, "engine",
			"\"%.40s\" is none of multipass, singlepass, interp, "
			"external",
			name);
	free(name);
	return false;
}

static bool read_cli_args(struct workload *work, const json_t *object, struct error *err) {
	work->has_cli_args =
			work->has_cli_args || json_is_array(json_object_get(object, "cli_args"));
	return member_strings(object, "cli_args", false, &work->cli_args, err);
}

static bool read_inputs(struct workload *work, const json_t *object, struct error *err) {
	return member_strings(object, "inputs", true, &work->inputs, err);
}

static bool read_env(struct workload *work, const json_t *object, struct error *err) {
	return member_env(object, "env", &work->env, err);
}

static bool read_stdin(struct workload *work, const json_t *object, struct error *err) {
	return member_any_text(object, "stdin", WORKLOAD_STDIN_MAX, &work->input, err);
}

static bool read_dirs(struct workload *work, const json_t *object, struct error *err) {
	return mounts_read(&work->dirs, object, err);
}

static bool read_daemon(struct workload *work, const json_t *object, struct error *err) {
	if (!member_bool(object, "daemon", &work->daemon, err)) {
		return false;
	}
	if (work->default_limits) {
		work->limits.wall_ms = work->daemon ? 0 : WORKLOAD_WALL_DEFAULT_MS;
	}
	return true;
}

static bool read_limits(struct workload *work, const json_t *object, struct error *err) {
	json_t *limits = json_object_get(object, "limits");
	struct workload_limits *to = &work->limits;
	if (limits == NULL || json_is_null(limits)) {
		return true;
	}
	if (!json_is_object(limits)) {
		return member_refuse(err, "limits", "expected an object");
	}
	if (json_object_get(limits, "wall_seconds") != NULL) {
		work->default_limits = false;
	}
	if (!member_u64(limits, "memory_bytes", 65536, WORKLOAD_MEMORY_MAX, &to->memory_bytes,
			    err) ||
			!member_seconds(limits, "wall_seconds", UINT64_C(315360000000),
					&to->wall_ms, err) ||
			!member_u64(limits, "fuel", 0, INT64_MAX, &to->fuel, err) ||
			!member_u64(limits, "gas", 0, INT64_MAX, &to->gas, err) ||
			!member_u64(limits, "output_bytes", 0, WORKLOAD_OUTPUT_MAX,
					&to->output_bytes, err)) {
		return error_wrap(err, "field \"limits\"") || error_in(err, "limits");
	}
	return true;
}

static bool read_image(struct workload *work, const json_t *object, struct error *err) {
	if (!member_text(object, "image_url", WORKLOAD_IMAGE_MAX, &work->image_url, err)) {
		return false;
	}
	if (work->image_url != NULL && work->image_url[0] == 0) {
		str_set(&work->image_url, NULL);
	}
	return true;
}

static bool read_profile(struct workload *work, const json_t *object, struct error *err) {
	return profile_read(&work->profile, object, err);
}

static bool read_module(struct workload *work, const json_t *object, struct error *err) {
	return member_digest(object, "digest", work->digest, err) &&
	       member_u64(object, "module_size", 0, INT64_MAX, &work->module_size, err);
}

static bool (*const readers[])(struct workload *work, const json_t *object, struct error *err) = {
	read_name,
	read_invoke,
	read_engine,
	read_cli_args,
	read_inputs,
	read_env,
	read_dirs,
	read_stdin,
	read_daemon,
	read_limits,
	read_profile,
	read_image,
	read_module,
};

bool workload_read(struct workload *work, const json_t *object, struct error *err) {
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (!readers[i](work, object, err)) {
			return false;
		}
	}
	return true;
}

static json_t *write_limits(const struct workload *work) {
	const struct workload_limits *limits = &work->limits;
	json_t *object = json_object();
	member_put_u64(object, "memory_bytes", limits->memory_bytes);
	if (work->daemon && limits->wall_ms == 0) {
		/* none, and none is what a daemon has */
	} else if (limits->wall_ms % 1000 == 0) {
		member_put_u64(object, "wall_seconds", limits->wall_ms / 1000);
	} else {
		json_object_set_new(object, "wall_seconds",
				json_real((double)limits->wall_ms / 1000.0));
	}
	if (limits->fuel != 0) {
		member_put_u64(object, "fuel", limits->fuel);
	}
	if (limits->gas != 0) {
		member_put_u64(object, "gas", limits->gas);
	}
	member_put_u64(object, "output_bytes", limits->output_bytes);
	return object;
}

void workload_write(const struct workload *work, json_t *object) {
	member_put_text(object, "name", work->name);
	json_object_set_new(object, "cli_args",
			work->has_cli_args ? member_list(&work->cli_args) : json_null());
	if (work->inputs.count != 0) {
		json_object_set_new(object, "inputs", member_list(&work->inputs));
	}
	if (work->env.count != 0) {
		json_object_set_new(object, "env", member_env_object(&work->env));
	}
	if (work->dirs.count != 0) {
		json_object_set_new(object, "dirs", mounts_list(&work->dirs));
	}
	json_object_set_new(object, "daemon", json_boolean(work->daemon));
	member_put_text(object, "image_url", work->image_url);
	member_put_text(object, "engine", work->engine);
	member_put_text(object, "invoke", work->invoke);
	member_put_text(object, "stdin", work->input);
	json_object_set_new(object, "limits", write_limits(work));
	if (work->profile.given) {
		json_object_set_new(object, "monitoring_profile", profile_write(&work->profile));
	}
	if (work->digest[0] != 0) {
		member_put_text(object, "digest", work->digest);
	}
	if (work->module_size != 0) {
		member_put_u64(object, "module_size", work->module_size);
	}
}
