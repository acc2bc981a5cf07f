;; Waits until its first directory has a file called `go`, then gives 1: it ends when a test says so.
(module
  (import "wasi_snapshot_preview1" "path_open" (func $open
    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 200) "go")
  (func (export "until") (result i32)
    (i32.store (i32.const 16) (i32.const 1))       ;; the monotonic clock
    (i64.store (i32.const 24) (i64.const 10000000))
    (loop $again
      (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
      (br_if $again (call $open (i32.const 3) (i32.const 0) (i32.const 200) (i32.const 2) (i32.const 0)
        (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 300))))
    (i32.const 1)))
