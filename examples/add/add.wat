;; SPDX-License-Identifier: Apache-2.0
;; A library of one function: what a task returns is what the export returns.
(module
  (func (export "add") (param $a i32) (param $b i32) (result i32)
    local.get $a
    local.get $b
    i32.add))
