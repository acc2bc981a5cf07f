;; Which export is called? Each says who it is.
(module
  (func (export "alpha") (result i32) i32.const 1)
  (func (export "main") (result i32) i32.const 2)
  (func (export "run") (result i32) i32.const 3)
  (func (export "_start"))
  (memory (export "memory") 1)
  (global (export "constant") i32 (i32.const 7)))
