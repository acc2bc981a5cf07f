;; Throws 42 and catches it.
(module
  (tag $t (param i32))
  (func (export "go") (result i32)
    (block $caught (result i32)
      (try_table (catch $t $caught) (throw $t (i32.const 42)))
      (i32.const 0))))
