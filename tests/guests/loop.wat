;; Runs for ever without a single call to its host.
(module
  (func (export "spin") (loop $again br $again))
  (func (export "_start") (loop $again br $again)))
