;; Grows its memory page by page and touches each; traps when it gets no more.
(module
  (memory 1)
  (func (export "explode")
    (local $page i32)
    (loop $again
      (local.set $page (memory.grow (i32.const 1)))
      (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
      (i32.store (i32.mul (local.get $page) (i32.const 65536)) (i32.const 1))
      br $again))
  ;; How many pages it could get, at most what is asked for.
  (func (export "pages") (param $wanted i32) (result i32)
    (drop (memory.grow (local.get $wanted)))
    (memory.size)))
