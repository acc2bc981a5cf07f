#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds the engine once, into a cache outside the tree, and prints where it is (a folder with
# include/ and lib/libairscrew_wasmtime.a). Progress and errors go to stderr. When it is there
# already this takes milliseconds; two at once wait for each other; an interrupted build leaves
# only a folder with compiled crates, which the next one goes on with.
#
#   AIRSCREW_CACHE        the cache (default: $XDG_CACHE_HOME/airscrew or ~/.cache/airscrew)
#   AIRSCREW_KEEP_TARGET  1: keep the compiled crates (about 1 GB) for faster rebuilds
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${AIRSCREW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/airscrew}
version=$(sed -n 's/^wasmtime = { version = "=\([0-9.]*\)".*/\1/p' "$here/Cargo.toml")
least_rust=95 # 1.95: what wasmtime 48 asks for
archive=libairscrew_wasmtime.a

say() { printf '%s\n' "$*" >&2; }
die() { say "wasmtime: $*"; exit 1; }

need() {
	command -v "$1" >/dev/null || die "$1 is missing: $2"
}

check_tools() {
	local rust="install Rust 1.$least_rust or newer with rustup (Debian's own cargo is too old)"
	need cargo "$rust"
	need rustc "$rust"
	need cmake "apt-get install cmake"
	need cc "apt-get install gcc"
	need flock "apt-get install util-linux"
	local have minor
	have=$(rustc --version)
	minor=$(sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p' <<<"$have")
	[ -n "$minor" ] && [ "$minor" -ge "$least_rust" ] || die "$have is too old: $rust"
}

# Everything that decides what comes out. The compiler's version is asked for only here.
fingerprint() {
	(cd "$here" && {
		cat Cargo.toml Cargo.lock
		find src include -type f | LC_ALL=C sort | while read -r file; do
			printf '%s\n' "$file"
			cat "$file"
		done
		rustc --version 2>/dev/null || true
	}) | sha256sum | cut -c 1-16
}

# Reads cargo's lines and shows how far it is: on a terminal in place, else now and then.
progress() {
	local total=$1 count=0 began=$SECONDS shown=-100 line
	while IFS= read -r line; do
		case $line in
		*Compiling*) count=$((count + 1)) ;;
		*error* | *Downloading* | *Blocking*) say "$line"; continue ;;
		*) [ -z "${AIRSCREW_VERBOSE:-}" ] || say "$line"; continue ;;
		esac
		local elapsed=$((SECONDS - began))
		if [ -t 2 ]; then
			printf '\rwasmtime: compiling, %d of about %d crates, %d s ' "$count" "$total" "$elapsed" >&2
		elif [ $((elapsed - shown)) -ge 10 ]; then
			say "wasmtime: compiling, $count of about $total crates, $elapsed s"
			shown=$elapsed
		fi
	done
	[ ! -t 2 ] || printf '\n' >&2
}

compile() {
	local target=$1 log=$1.log total status=0
	trap 'say "wasmtime: interrupted; the next run goes on from here"; exit 130' INT TERM
	# What the target's platform needs, without the crates that only other platforms do.
	total=$(cd "$here" && cargo tree --locked --prefix none --no-dedupe -e normal,build 2>/dev/null |
		sed 's/ (.*//' | sort -u | wc -l)
	say "wasmtime: building $version once; this takes 4 to 15 minutes, later builds use the result"
	# No path of this machine in what comes out: the same engine wherever it is made.
	(cd "$here" && RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=/crates --remap-path-prefix=$here=/engine --remap-path-prefix=$target=/engine/target" \
		CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never \
		cargo build --release --locked --target-dir "$target" 2>&1) | tee "$log" | progress "$total" || status=$?
	if [ "$status" -ne 0 ]; then
		tail -n 25 "$log" >&2
		die "cargo build failed, see the lines above (the crates registry has to be reachable)"
	fi
	rm -f "$log"
}

# Puts together a folder and gives it its name at the very end.
install_into() {
	local target=$1 prefix=$2 new=$2.new headers
	headers=$(find "$target/release/build" -path '*/wasmtime-c-api-impl-*/out/include/wasmtime.h' -printf '%T@ %h\n' |
		sort -n | tail -n 1 | cut -d ' ' -f 2-)
	[ -n "$headers" ] || die "the build left no headers"
	rm -rf "$new"
	mkdir -p "$new/include" "$new/lib"
	cp -r "$headers/." "$new/include/"
	cp "$here"/include/*.h "$new/include/"
	cp "$target/release/$archive" "$new/lib/"
	mv -T "$new" "$prefix"
}

main() {
	local prefix target began=$SECONDS
	[ -n "$version" ] || die "Cargo.toml does not name the version"
	prefix=$cache/wasmtime-$version-$(fingerprint)
	if [ ! -e "$prefix/lib/$archive" ]; then
		check_tools
		mkdir -p "$cache"
		exec 9>"$cache/wasmtime.lock"
		flock -n 9 || { say "wasmtime: another build is running, waiting for it"; flock 9; }
	fi
	if [ ! -e "$prefix/lib/$archive" ]; then
		target=$cache/wasmtime-target
		compile "$target"
		install_into "$target" "$prefix"
		[ "${AIRSCREW_KEEP_TARGET:-0}" = 1 ] || rm -rf "$target"
		say "wasmtime: ready after $((SECONDS - began)) s in $prefix"
	fi
	printf '%s\n' "$prefix"
}

main
exit
