;; A component: its functions take and give strings, lists and records, which the tools of a
;; language usually make. By hand it looks like this.
(component
  (core module $code
    (memory (export "memory") 1)
    (data (i32.const 16) "Hello, ")
    (global $free (mut i32) (i32.const 64))

    ;; Room for what comes from outside; nothing is ever given back, a run is short.
    (func $realloc (export "realloc") (param $old i32) (param $old_size i32) (param $align i32)
        (param $size i32) (result i32)
      (local $place i32)
      (local.set $place (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $free (i32.add (local.get $place) (local.get $size)))
      (block $enough
        (loop $more
          (br_if $enough (i32.le_u (global.get $free)
            (i32.mul (memory.size) (i32.const 65536))))
          (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
          unreachable))
      (local.get $place))

    ;; The distance from one to the next, summed up. A point is two f64.
    (func (export "length") (param $at i32) (param $count i32) (result f64)
      (local $sum f64) (local $dx f64) (local $dy f64)
      (block $end
        (loop $next
          (br_if $end (i32.lt_u (local.get $count) (i32.const 2)))
          (local.set $dx (f64.sub (f64.load offset=16 (local.get $at)) (f64.load (local.get $at))))
          (local.set $dy (f64.sub (f64.load offset=24 (local.get $at)) (f64.load offset=8 (local.get $at))))
          (local.set $sum (f64.add (local.get $sum) (f64.sqrt (f64.add
            (f64.mul (local.get $dx) (local.get $dx)) (f64.mul (local.get $dy) (local.get $dy))))))
          (local.set $at (i32.add (local.get $at) (i32.const 16)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $next)))
      (local.get $sum))

    ;; "Hello, NAME": a pointer to the text's pointer and size.
    (func (export "greet") (param $name i32) (param $size i32) (result i32)
      (local $text i32)
      (local.set $text (call $realloc (i32.const 0) (i32.const 0) (i32.const 1)
        (i32.add (local.get $size) (i32.const 7))))
      (memory.copy (local.get $text) (i32.const 16) (i32.const 7))
      (memory.copy (i32.add (local.get $text) (i32.const 7)) (local.get $name) (local.get $size))
      (i32.store (i32.const 0) (local.get $text))
      (i32.store (i32.const 4) (i32.add (local.get $size) (i32.const 7)))
      (i32.const 0))
  )
  (core instance $code (instantiate $code))
  (alias core export $code "memory" (core memory $memory))
  (alias core export $code "realloc" (core func $realloc))

  (type $point_type (record (field "x" f64) (field "y" f64)))
  (export $point "point" (type $point_type))
  (func $length (param "path" (list $point)) (result f64)
    (canon lift (core func $code "length") (memory $memory) (realloc $realloc)))
  (func $greet (param "name" string) (result string)
    (canon lift (core func $code "greet") (memory $memory) (realloc $realloc)))
  (export "length" (func $length))
  (export "greet" (func $greet)))
