// SPDX-License-Identifier: Apache-2.0
//! Wasmtime's C API, and the two things that it lacks: an engine constructor that reports a bad
//! configuration instead of aborting, and a limiter that counts all memories of a store together
//! and remembers what it refused. The C side is include/airscrew_wasmtime.h.

pub use wasmtime_c_api::*;

use std::mem::{align_of, size_of};
use wasmtime::{Config, Engine, ResourceLimiter, Result, Store};

// The casts below rely on these being structs of exactly one field.
const _: () = assert!(size_of::<wasm_config_t>() == size_of::<Config>());
const _: () = assert!(align_of::<wasm_config_t>() == align_of::<Config>());
const _: () = assert!(size_of::<wasm_engine_t>() == size_of::<Engine>());
const _: () = assert!(align_of::<wasm_engine_t>() == align_of::<Engine>());
const _: () = assert!(size_of::<wasmtime_store_t>() == size_of::<Store<WasmtimeStoreData>>());
const _: () = assert!(align_of::<wasmtime_store_t>() == align_of::<Store<WasmtimeStoreData>>());
// And on this being the struct of the header.
const _: () = assert!(size_of::<airscrew_limiter_t>() == 9 * 8);

/// Takes the configuration; stores an engine, or returns what is wrong with the configuration.
///
/// # Safety
/// `config` comes from wasm_config_new(), `engine` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airscrew_engine_new(
    config: Box<wasm_config_t>,
    engine: *mut *mut wasm_engine_t,
) -> Option<Box<wasmtime_error_t>> {
    let config = unsafe { Box::from_raw(Box::into_raw(config).cast::<Config>()) };
    match Engine::new(&config) {
        Ok(made) => {
            unsafe { *engine = Box::into_raw(Box::new(made)).cast::<wasm_engine_t>() };
            None
        }
        Err(error) => Some(Box::new(error.into())),
    }
}

/// See `struct airscrew_limiter` in the header.
#[repr(C)]
#[allow(non_camel_case_types)]
pub struct airscrew_limiter_t {
    memory_limit: u64,
    table_limit: u64,
    instance_limit: u64,
    table_count_limit: u64,
    memory_count_limit: u64,
    memory_bytes: u64,
    table_elements: u64,
    memory_refused: u64,
    table_refused: u64,
}

/// Adds to `total` if the limit allows it, else notes what was asked for.
fn charge(total: &mut u64, limit: u64, refused: &mut u64, current: usize, desired: usize) -> bool {
    let growth = desired.saturating_sub(current) as u64;
    if growth > limit.saturating_sub(*total) {
        *refused = total.saturating_add(growth);
        return false;
    }
    *total += growth;
    true
}

/// Growth beyond what the guest itself declared fails anyway and is no matter of our limits.
fn declared(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_none_or(|maximum| desired <= maximum)
}

// What was granted stays counted even if the system then refuses it: the sum is never too low.
impl ResourceLimiter for airscrew_limiter_t {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let (total, refused) = (&mut self.memory_bytes, &mut self.memory_refused);
        Ok(declared(desired, maximum) && charge(total, self.memory_limit, refused, current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let (total, refused) = (&mut self.table_elements, &mut self.table_refused);
        Ok(declared(desired, maximum) && charge(total, self.table_limit, refused, current, desired))
    }

    fn instances(&self) -> usize {
        self.instance_limit as usize
    }

    fn tables(&self) -> usize {
        self.table_count_limit as usize
    }

    fn memories(&self) -> usize {
        self.memory_count_limit as usize
    }
}

/// What a component may hand over in one call; a byte of a list is a value of 40 bytes here.
const HOSTCALL_BYTES: usize = 16 << 20;

struct Borrowed(*mut airscrew_limiter_t);
// The store and its limiter are used by one thread at a time, as the header demands.
unsafe impl Send for Borrowed {}
unsafe impl Sync for Borrowed {}

impl Borrowed {
    fn get<'a>(&self) -> &'a mut airscrew_limiter_t {
        unsafe { &mut *self.0 }
    }
}

/// # Safety
/// `limiter` outlives the store and is touched only by the thread that uses the store.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn airscrew_store_limit(
    store: &mut wasmtime_store_t,
    limiter: *mut airscrew_limiter_t,
) {
    let store = unsafe { &mut *(store as *mut wasmtime_store_t).cast::<Store<WasmtimeStoreData>>() };
    let limiter = Borrowed(limiter);
    store.limiter(move |_| limiter.get());
    store.set_hostcall_fuel(HOSTCALL_BYTES);
}
