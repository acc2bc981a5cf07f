;; A reactor: `value` is 42 only if _initialize ran first, once.
(module
  (global $count (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $count (i32.add (global.get $count) (i32.const 42))))
  (func (export "value") (result i32) global.get $count))
