# SPDX-License-Identifier: Apache-2.0
# The front door. The real build is meson.build; what each step does is in tools/.
# Every target does its own set-up first, which takes no time when nothing is missing.

ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := all
.PHONY: all setup run test check bench fuzz format lint proto install uninstall package clean distclean help

all: ## build every program into build/bin/
	@tools/setup build
	@tools/build main

setup: ## install what building, testing and checking need, without starting services
	@tools/setup build test check

run: all ## start the whole stack on loopback, run the samples, stay until Ctrl-C (ARGS=--exit ends after the samples)
	@tools/setup run
	@exec build/bin/propeller-cli up --samples $(ARGS)

test: ## build and run every test; the last line counts them
	@tools/setup build test
	@tools/build main
	@tools/test $(ARGS)

check: ## what a change has to pass: gcc, clang, sanitizers, layers, lint, format
	@tools/setup build test check
	@tools/check $(ARGS)

bench: ## measure what the README publishes, each number beside its reference
	@tools/setup build test
	@tools/build main
	@tools/python bench/run $(ARGS)

fuzz: ## a short run of every fuzz target (SECONDS_EACH=20)
	@tools/setup build check
	@tools/build fuzz
	@tools/fuzz

format: ## lay out the C sources
	@tools/setup check
	@tools/format --write

lint: ## the quick part of check: layers, lint, format
	@tools/setup build test check
	@tools/build main
	@tools/layers
	@tools/python tools/lint
	@tools/format

proto: ## compile spec/*.proto (the build does it by itself)
	@tools/setup build
	@tools/build main programs/executor/libmessages.a programs/executor/descriptors.bin
	@echo "build/main/programs/executor has the C sources and the descriptors"

# Once built, no set-up: under sudo there may be no Rust, and there is another home with another cache.
built = $(if $(wildcard build/main/build.ninja),,all)

install: $(built) ## install the programs (PREFIX=/usr/local, DESTDIR=)
	@tools/build install "$(PREFIX)" "$(DESTDIR)"

uninstall: $(built) ## take the programs away again (the same PREFIX and DESTDIR); settings and state stay
	@tools/build uninstall "$(PREFIX)" "$(DESTDIR)"

package: ## make Debian packages of it in build/packages/
	@tools/setup build package
	@tools/package

clean: ## remove what was built
	@rm -rf build examples/*/build

distclean: clean ## and what the set-up put into the cache
	@tools/setup forget

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
