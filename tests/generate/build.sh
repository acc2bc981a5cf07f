#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the generator of modules once, into the cache outside the tree, and prints where it is.
# When it is there already this takes milliseconds; two at once wait for each other.
#
#   AIRSCREW_CACHE   the cache (default: $XDG_CACHE_HOME/airscrew or ~/.cache/airscrew)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${AIRSCREW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/airscrew}
key=$(cd "$here" && cat Cargo.toml Cargo.lock src/main.rs | sha256sum | cut -c 1-16)
place=$cache/generate-$key

if [ ! -x "$place" ]; then
	command -v cargo >/dev/null || {
		echo "generate: cargo is missing: install Rust with rustup" >&2
		exit 1
	}
	mkdir -p "$cache"
	exec 9>"$cache/generate.lock"
	flock 9
fi
if [ ! -x "$place" ]; then
	echo "generate: building the generator of modules for the tests (half a minute)" >&2
	target=$(mktemp -d "$cache/generate.XXXXXX")
	trap 'rm -rf "$target"' EXIT
	CARGO_TARGET_DIR=$target cargo build --quiet --release --locked \
		--manifest-path "$here/Cargo.toml" >&2 9>&-
	mv "$target/release/generate" "$place"
fi
echo "$place"
