;; A million calls deep, unless they are tail calls.
(module
  (func $down (param i32) (result i32)
    (if (result i32) (i32.eqz (local.get 0))
      (then (i32.const 99))
      (else (return_call $down (i32.sub (local.get 0) (i32.const 1))))))
  (func (export "go") (result i32) (call $down (i32.const 1000000))))
