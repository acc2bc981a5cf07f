;; One way to die per export.
(module
  (memory 1)
  (func $deep (export "overflow") (result i32) (i32.add (call $deep) (i32.const 1)))
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func (export "outside") (result i32) (i32.load (i32.const 0x7ffffff0)))
  (func $inner unreachable)
  (func $outer (call $inner))
  (func (export "unreachable") (call $outer)))
