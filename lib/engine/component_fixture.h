/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* For tests: components as text. BODY is the code of a core function without parameters. */

/* Exports `run`, which may call $subscribe, $block, $poll and $drop, and has a memory. */
#define COMPONENT_WAITS(body)                                                                      \
	"(component"                                                                               \
	" (import \"wasi:io/poll@0.2.0\" (instance $poll"                                          \
	"  (export \"pollable\" (type $p (sub resource)))"                                         \
	"  (export \"[method]pollable.block\" (func (param \"self\" (borrow $p))))"                \
	"  (export \"[method]pollable.ready\" (func (param \"self\" (borrow $p)) (result bool)))"  \
	"  (export \"poll\" (func (param \"in\" (list (borrow $p))) (result (list u32))))))"       \
	" (alias export $poll \"pollable\" (type $pollable))"                                      \
	" (import \"wasi:clocks/monotonic-clock@0.2.11\" (instance $clock"                         \
	"  (alias outer 1 $pollable (type $q0)) (export \"pollable\" (type $q (eq $q0)))"          \
	"  (export \"now\" (func (result u64)))"                                                   \
	"  (export \"subscribe-duration\" (func (param \"when\" u64) (result (own $q))))))"        \
	" (core module $memory (memory (export \"memory\") 1)"                                     \
	"  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 512)))"      \
	" (core instance $mem (instantiate $memory))"                                              \
	" (core func $now (canon lower (func $clock \"now\")))"                                    \
	" (core func $subscribe (canon lower (func $clock \"subscribe-duration\")))"               \
	" (core func $block (canon lower (func $poll \"[method]pollable.block\")))"                \
	" (core func $ready (canon lower (func $poll \"[method]pollable.ready\")))"                \
	" (core func $list (canon lower (func $poll \"poll\")"                                     \
	"  (memory (core memory $mem \"memory\")) (realloc (core func $mem \"realloc\"))))"        \
	" (core func $drop (canon resource.drop $pollable))"                                       \
	" (core module $main"                                                                      \
	"  (import \"h\" \"now\" (func $now (result i64)))"                                        \
	"  (import \"h\" \"subscribe\" (func $subscribe (param i64) (result i32)))"                \
	"  (import \"h\" \"block\" (func $block (param i32)))"                                     \
	"  (import \"h\" \"ready\" (func $ready (param i32) (result i32)))"                        \
	"  (import \"h\" \"poll\" (func $poll (param i32 i32 i32)))"                               \
	"  (import \"h\" \"drop\" (func $drop (param i32)))"                                       \
	"  (import \"h\" \"memory\" (memory 1))"                                                   \
	"  (func (export \"run\") (local $a i32) (local $b i32) (local $t i64) " body "))"         \
	" (core instance $i (instantiate $main (with \"h\" (instance"                              \
	"  (export \"now\" (func $now)) (export \"subscribe\" (func $subscribe))"                  \
	"  (export \"block\" (func $block)) (export \"ready\" (func $ready))"                      \
	"  (export \"poll\" (func $list)) (export \"drop\" (func $drop))"                          \
	"  (export \"memory\" (memory $mem \"memory\"))))))"                                       \
	" (func (export \"run\") (canon lift (core func $i \"run\"))))"

/*
 * A command: `run` may call $read, $write, $exit and $code; stdin is in $in, stdout in $out. What
 * was read is at 512 and its size is at 20; what $read and $write came to is at 16 and 32.
 */
#define COMPONENT_COMMAND(body)                                                                    \
	"(component"                                                                               \
	" (import \"wasi:io/error@0.2.6\" (instance $errors (export \"error\" (type (sub "         \
	"resource)))))"                                                                            \
	" (alias export $errors \"error\" (type $error))"                                          \
	" (import \"wasi:io/streams@0.2.6\" (instance $streams"                                    \
	"  (alias outer 1 $error (type $e0)) (export \"error\" (type $e (eq $e0)))"                \
	"  (export \"input-stream\" (type $i (sub resource)))"                                     \
	"  (export \"output-stream\" (type $o (sub resource)))"                                    \
	"  (type $se (variant (case \"last-operation-failed\" (own $e)) (case \"closed\")))"       \
	"  (export \"stream-error\" (type $f (eq $se)))"                                           \
	"  (export \"[method]input-stream.blocking-read\" (func (param \"self\" (borrow $i))"      \
	"   (param \"len\" u64) (result (result (list u8) (error $f)))))"                          \
	"  (export \"[method]output-stream.blocking-write-and-flush\" (func"                       \
	"   (param \"self\" (borrow $o)) (param \"contents\" (list u8)) (result (result (error "   \
	"$f)))))))"                                                                                \
	" (alias export $streams \"input-stream\" (type $input))"                                  \
	" (alias export $streams \"output-stream\" (type $output))"                                \
	" (import \"wasi:cli/stdin@0.2.6\" (instance $stdin"                                       \
	"  (alias outer 1 $input (type $i0)) (export \"input-stream\" (type $i (eq $i0)))"         \
	"  (export \"get-stdin\" (func (result (own $i))))))"                                      \
	" (import \"wasi:cli/stdout@0.2.6\" (instance $stdout"                                     \
	"  (alias outer 1 $output (type $o0)) (export \"output-stream\" (type $o (eq $o0)))"       \
	"  (export \"get-stdout\" (func (result (own $o))))))"                                     \
	" (import \"wasi:cli/exit@0.2.6\" (instance $exit"                                         \
	"  (export \"exit\" (func (param \"status\" (result))))"                                   \
	"  (export \"exit-with-code\" (func (param \"status-code\" u8)))))"                        \
	" (core module $memory (memory (export \"memory\") 3)"                                     \
	"  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 512)))"      \
	" (core instance $mem (instantiate $memory))"                                              \
	" (core func $stdin (canon lower (func $stdin \"get-stdin\")))"                            \
	" (core func $stdout (canon lower (func $stdout \"get-stdout\")))"                         \
	" (core func $exit (canon lower (func $exit \"exit\")))"                                   \
	" (core func $code (canon lower (func $exit \"exit-with-code\")))"                         \
	" (core func $read (canon lower (func $streams \"[method]input-stream.blocking-read\")"    \
	"  (memory (core memory $mem \"memory\")) (realloc (core func $mem \"realloc\"))))"        \
	" (core func $write (canon lower"                                                          \
	"  (func $streams \"[method]output-stream.blocking-write-and-flush\")"                     \
	"  (memory (core memory $mem \"memory\")) (realloc (core func $mem \"realloc\"))))"        \
	" (core module $main"                                                                      \
	"  (import \"h\" \"stdin\" (func $stdin (result i32)))"                                    \
	"  (import \"h\" \"stdout\" (func $stdout (result i32)))"                                  \
	"  (import \"h\" \"exit\" (func $exit (param i32)))"                                       \
	"  (import \"h\" \"code\" (func $code (param i32)))"                                       \
	"  (import \"h\" \"read\" (func $read (param i32 i64 i32)))"                               \
	"  (import \"h\" \"write\" (func $write (param i32 i32 i32 i32)))"                         \
	"  (import \"h\" \"memory\" (memory 1))"                                                   \
	"  (func (export \"run\") (result i32) (local $in i32) (local $out i32)"                   \
	"   (local.set $in (call $stdin)) (local.set $out (call $stdout)) " body "))"              \
	" (core instance $i (instantiate $main (with \"h\" (instance"                              \
	"  (export \"stdin\" (func $stdin)) (export \"stdout\" (func $stdout))"                    \
	"  (export \"exit\" (func $exit)) (export \"code\" (func $code))"                          \
	"  (export \"read\" (func $read)) (export \"write\" (func $write))"                        \
	"  (export \"memory\" (memory $mem \"memory\"))))))"                                       \
	" (func $run (result (result)) (canon lift (core func $i \"run\")))"                       \
	" (instance $cli (export \"run\" (func $run)))"                                            \
	" (export \"wasi:cli/run@0.2.6\" (instance $cli)))"

/* Exports functions of strings, lists and records, and functions that go wrong. */
#define COMPONENT_LIBRARY                                                                          \
	"(component"                                                                               \
	" (core module $m"                                                                         \
	"  (memory (export \"memory\") 1)"                                                         \
	"  (global $at (mut i32) (i32.const 1024))"                                                \
	"  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (local $p i32)"         \
	"   (local.set $p (i32.and (i32.add (global.get $at) (i32.const 7)) (i32.const -8)))"      \
	"   (global.set $at (i32.add (local.get $p) (local.get 3)))"                               \
	"   (if (i32.gt_u (global.get $at) (i32.const 65536))"                                     \
	"    (then (drop (memory.grow (i32.const 100)))))"                                         \
	"   (local.get $p))"                                                                       \
	"  (func (export \"add\") (param i32 i32) (result i32)"                                    \
	"   (i32.add (local.get 0) (local.get 1)))"                                                \
	"  (func (export \"echo\") (param i32 i32) (result i32)"                                   \
	"   (i32.store (i32.const 16) (local.get 0)) (i32.store (i32.const 20) (local.get 1))"     \
	"   (i32.const 16))"                                                                       \
	"  (func (export \"reach\") (param i32 i32) (result i64) (local $sum i64)"                 \
	"   (block (loop (br_if 1 (i32.eqz (local.get 1)))"                                        \
	"    (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_s (i32.add"                 \
	"     (i32.load (local.get 0)) (i32.load offset=4 (local.get 0))))))"                      \
	"    (local.set 0 (i32.add (local.get 0) (i32.const 8)))"                                  \
	"    (local.set 1 (i32.sub (local.get 1) (i32.const 1))) (br 0)))"                         \
	"   (local.get $sum))"                                                                     \
	"  (func (export \"boom\") unreachable)"                                                   \
	"  (func $down (export \"down\") (call $down))"                                            \
	"  (func (export \"spin\") (loop (br 0)))"                                                 \
	"  (func (export \"wild\") (drop (i32.load (i32.const -8))))"                              \
	"  (func (export \"bad-text\") (result i32) (i32.store8 (i32.const 64) (i32.const 255))"   \
	"   (i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (i32.const 1))"    \
	"   (i32.const 16))"                                                                       \
	"  (func (export \"given\") (param i32 i32 i32 i32 i32) (result i32)"                      \
	"   (i32.add (local.get 1) (local.get 3)))"                                                \
	"  (func (export \"flood\") (param i32) (result i32)"                                      \
	"   (drop (memory.grow (i32.const 20)))"                                                   \
	"   (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (local.get 0))"     \
	"   (i32.const 16))"                                                                       \
	"  (func (export \"greedy\")"                                                              \
	"   (if (i32.eq (memory.grow (i32.const 60000)) (i32.const -1)) (then unreachable))))"     \
	" (core instance $i (instantiate $m))"                                                     \
	" (type $point-type (record (field \"x\" s32) (field \"y\" s32)))"                         \
	" (export $point \"point\" (type $point-type))"                                            \
	" (func $add (param \"a\" u32) (param \"b\" u32) (result u32)"                             \
	"  (canon lift (core func $i \"add\")))"                                                   \
	" (func $echo (param \"text\" string) (result string)"                                     \
	"  (canon lift (core func $i \"echo\") (memory (core memory $i \"memory\"))"               \
	"   (realloc (core func $i \"realloc\"))))"                                                \
	" (func $points (param \"all\" (list $point)) (result (list $point))"                      \
	"  (canon lift (core func $i \"echo\") (memory (core memory $i \"memory\"))"               \
	"   (realloc (core func $i \"realloc\"))))"                                                \
	" (func $reach (param \"all\" (list $point)) (result s64)"                                 \
	"  (canon lift (core func $i \"reach\") (memory (core memory $i \"memory\"))"              \
	"   (realloc (core func $i \"realloc\"))))"                                                \
	" (func $bad-text (result string)"                                                         \
	"  (canon lift (core func $i \"bad-text\") (memory (core memory $i \"memory\"))))"         \
	" (export \"add\" (func $add)) (export \"echo\" (func $echo))"                             \
	" (export \"points\" (func $points)) (export \"reach\" (func $reach))"                     \
	" (func (export \"flood\") (param \"size\" u32) (result (list u8))"                        \
	"  (canon lift (core func $i \"flood\") (memory (core memory $i \"memory\"))))"            \
	" (func (export \"given\") (param \"a\" u32) (param \"b\" (option u32))"                   \
	"  (param \"c\" (option u32)) (result u32) (canon lift (core func $i \"given\")))"         \
	" (export \"bad-text\" (func $bad-text))"                                                  \
	" (func (export \"boom\") (canon lift (core func $i \"boom\")))"                           \
	" (func (export \"down\") (canon lift (core func $i \"down\")))"                           \
	" (func (export \"spin\") (canon lift (core func $i \"spin\")))"                           \
	" (func (export \"wild\") (canon lift (core func $i \"wild\")))"                           \
	" (func (export \"greedy\") (canon lift (core func $i \"greedy\")))"                       \
	" (instance $math (export \"add\" (func $add)) (export \"twice\" (func $echo)))"           \
	" (export \"demo:lib/math@1.2.0\" (instance $math))"                                       \
	" (export \"demo:other/math\" (instance $math)))"

/*
 * Exports `put` and `get` with a path in the first of the run's directories: put writes "hello" to
 * a file that it may make, get gives how many bytes there are. What goes wrong is 1000 and the
 * number of the error's name; without a directory it is 2000.
 */
#define COMPONENT_FILES                                                                            \
	"(component"                                                                               \
	" (import \"wasi:filesystem/types@0.2.3\" (instance $types"                                \
	"  (export \"descriptor\" (type $d (sub resource)))"                                       \
	"  (type $df0 (flags \"read\" \"write\" \"file-integrity-sync\" \"data-integrity-sync\""   \
	"   \"requested-write-sync\" \"mutate-directory\"))"                                       \
	"  (export \"descriptor-flags\" (type $df (eq $df0)))"                                     \
	"  (type $pf0 (flags \"symlink-follow\")) (export \"path-flags\" (type $pf (eq $pf0)))"    \
	"  (type $of0 (flags \"create\" \"directory\" \"exclusive\" \"truncate\"))"                \
	"  (export \"open-flags\" (type $of (eq $of0)))"                                           \
	"  (type $ec0 (enum \"access\" \"would-block\" \"already\" \"bad-descriptor\" \"busy\""    \
	"   \"deadlock\" \"quota\" \"exist\" \"file-too-large\" \"illegal-byte-sequence\""         \
	"   \"in-progress\" \"interrupted\" \"invalid\" \"io\" \"is-directory\" \"loop\""          \
	"   \"too-many-links\" \"message-size\" \"name-too-long\" \"no-device\" \"no-entry\""      \
	"   \"no-lock\" \"insufficient-memory\" \"insufficient-space\" \"not-directory\""          \
	"   \"not-empty\" \"not-recoverable\" \"unsupported\" \"no-tty\" \"no-such-device\""       \
	"   \"overflow\" \"not-permitted\" \"pipe\" \"read-only\" \"invalid-seek\""                \
	"   \"text-file-busy\" \"cross-device\"))"                                                 \
	"  (export \"error-code\" (type $ec (eq $ec0)))"                                           \
	"  (export \"[method]descriptor.open-at\" (func (param \"self\" (borrow $d))"              \
	"   (param \"path-flags\" $pf) (param \"path\" string) (param \"open-flags\" $of)"         \
	"   (param \"flags\" $df) (result (result (own $d) (error $ec)))))"                        \
	"  (export \"[method]descriptor.read\" (func (param \"self\" (borrow $d))"                 \
	"   (param \"length\" u64) (param \"offset\" u64)"                                         \
	"   (result (result (tuple (list u8) bool) (error $ec)))))"                                \
	"  (export \"[method]descriptor.write\" (func (param \"self\" (borrow $d))"                \
	"   (param \"buffer\" (list u8)) (param \"offset\" u64)"                                   \
	"   (result (result u64 (error $ec)))))))"                                                 \
	" (alias export $types \"descriptor\" (type $descriptor))"                                 \
	" (import \"wasi:filesystem/preopens@0.2.3\" (instance $preopens"                          \
	"  (alias outer 1 $descriptor (type $d0)) (export \"descriptor\" (type $d (eq $d0)))"      \
	"  (export \"get-directories\" (func (result (list (tuple (own $d) string)))))))"          \
	" (core module $memory (memory (export \"memory\") 2)"                                     \
	"  (global $at (mut i32) (i32.const 1024))"                                                \
	"  (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) (local $p i32)"         \
	"   (local.set $p (i32.and (i32.add (global.get $at) (i32.const 7)) (i32.const -8)))"      \
	"   (global.set $at (i32.add (local.get $p) (local.get 3))) (local.get $p)))"              \
	" (core instance $mem (instantiate $memory))"                                              \
	" (core func $dirs (canon lower (func $preopens \"get-directories\")"                      \
	"  (memory (core memory $mem \"memory\")) (realloc (core func $mem \"realloc\"))))"        \
	" (core func $open (canon lower (func $types \"[method]descriptor.open-at\")"              \
	"  (memory (core memory $mem \"memory\")) (realloc (core func $mem \"realloc\"))))"        \
	" (core func $read (canon lower (func $types \"[method]descriptor.read\")"                 \
	"  (memory (core memory $mem \"memory\")) (realloc (core func $mem \"realloc\"))))"        \
	" (core func $write (canon lower (func $types \"[method]descriptor.write\")"               \
	"  (memory (core memory $mem \"memory\")) (realloc (core func $mem \"realloc\"))))"        \
	" (core func $drop (canon resource.drop $descriptor))"                                     \
	" (core module $main"                                                                      \
	"  (import \"h\" \"dirs\" (func $dirs (param i32)))"                                       \
	"  (import \"h\" \"open\" (func $open (param i32 i32 i32 i32 i32 i32 i32)))"               \
	"  (import \"h\" \"read\" (func $read (param i32 i64 i64 i32)))"                           \
	"  (import \"h\" \"write\" (func $write (param i32 i32 i32 i64 i32)))"                     \
	"  (import \"h\" \"drop\" (func $drop (param i32)))"                                       \
	"  (import \"h\" \"memory\" (memory 1))"                                                   \
	"  (data (i32.const 256) \"hello\")"                                                       \
	"  (func $error (param $at i32) (result i32)"                                              \
	"   (i32.add (i32.const 1000) (i32.load8_u (local.get $at))))"                             \
	"  (func $begin (param $path i32) (param $size i32) (param $how i32) (param $flags i32)"   \
	"   (result i32)"                                                                          \
	"   (call $dirs (i32.const 0))"                                                            \
	"   (if (i32.eqz (i32.load (i32.const 4))) (then (return (i32.const 2000))))"              \
	"   (call $open (i32.load (i32.load (i32.const 0))) (i32.const 1) (local.get $path)"       \
	"    (local.get $size) (local.get $how) (local.get $flags) (i32.const 16))"                \
	"   (if (i32.load8_u (i32.const 16)) (then (return (call $error (i32.const 20)))))"        \
	"   (i32.const 0))"                                                                        \
	"  (func (export \"put\") (param $path i32) (param $size i32) (result i32) (local $bad "   \
	"i32)"                                                                                     \
	"   (local.set $bad (call $begin (local.get $path) (local.get $size) (i32.const 1)"        \
	"    (i32.const 3)))"                                                                      \
	"   (if (local.get $bad) (then (return (local.get $bad))))"                                \
	"   (call $write (i32.load (i32.const 20)) (i32.const 256) (i32.const 5) (i64.const 0)"    \
	"    (i32.const 32))"                                                                      \
	"   (call $drop (i32.load (i32.const 20)))"                                                \
	"   (if (i32.load8_u (i32.const 32)) (then (return (call $error (i32.const 40)))))"        \
	"   (i32.wrap_i64 (i64.load (i32.const 40))))"                                             \
	"  (func (export \"get\") (param $path i32) (param $size i32) (result i32) (local $bad "   \
	"i32)"                                                                                     \
	"   (local.set $bad (call $begin (local.get $path) (local.get $size) (i32.const 0)"        \
	"    (i32.const 1)))"                                                                      \
	"   (if (local.get $bad) (then (return (local.get $bad))))"                                \
	"   (call $read (i32.load (i32.const 20)) (i64.const 100) (i64.const 0) (i32.const 32))"   \
	"   (if (i32.load8_u (i32.const 32)) (then (return (call $error (i32.const 36)))))"        \
	"   (i32.load (i32.const 40))))"                                                           \
	" (core instance $i (instantiate $main (with \"h\" (instance"                              \
	"  (export \"dirs\" (func $dirs)) (export \"open\" (func $open))"                          \
	"  (export \"read\" (func $read)) (export \"write\" (func $write))"                        \
	"  (export \"drop\" (func $drop)) (export \"memory\" (memory $mem \"memory\"))))))"        \
	" (func (export \"put\") (param \"path\" string) (result u32)"                             \
	"  (canon lift (core func $i \"put\") (memory (core memory $mem \"memory\"))"              \
	"   (realloc (core func $mem \"realloc\"))))"                                              \
	" (func (export \"get\") (param \"path\" string) (result u32)"                             \
	"  (canon lift (core func $i \"get\") (memory (core memory $mem \"memory\"))"              \
	"   (realloc (core func $mem \"realloc\")))))"
