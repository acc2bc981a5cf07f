;; A structure on the garbage-collected heap.
(module
  (type $pair (struct (field i32) (field i32)))
  (func (export "go") (result i32)
    (struct.get $pair 1 (struct.new $pair (i32.const 5) (i32.const 6)))))
