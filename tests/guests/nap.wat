;; Sleeps in poll_oneoff: `_start` for a minute, `nap` for as many milliseconds as it is told.
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $sleep (param $ms i64)
    (i32.store8 (i32.const 8) (i32.const 0))       ;; a clock
    (i32.store (i32.const 16) (i32.const 1))       ;; the monotonic one
    (i64.store (i32.const 24) (i64.mul (local.get $ms) (i64.const 1000000)))
    (i64.store (i32.const 32) (i64.const 0))
    (i32.store16 (i32.const 40) (i32.const 0))     ;; relative
    (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
  (func (export "nap") (param i64) (result i32) (call $sleep (local.get 0)) (i32.const 1))
  (func (export "_start") (call $sleep (i64.const 60000))))
