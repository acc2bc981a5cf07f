// SPDX-License-Identifier: Apache-2.0
// generate SEED COUNT: so many valid modules on stdout, each behind its size (4 bytes, the lowest
// first); the same seed, the same modules. They end by themselves, import nothing, export all.
use arbitrary::Unstructured;
use std::io::Write;
use wasmparser::{Validator, WasmFeatures};
use wasm_smith::{Config, Module};

/// Steele, Lea and Flood's SplitMix64: any seed will do.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn bytes(&mut self, size: usize) -> Vec<u8> {
        (0..size).map(|_| self.next() as u8).collect()
    }
}

/// What every mode of the engine compiles (spec/gas.md).
fn features(config: &mut Config) {
    config.exceptions_enabled = false;
    config.gc_enabled = false;
    config.relaxed_simd_enabled = false;
    config.tail_call_enabled = false;
    config.threads_enabled = false;
    config.shared_everything_threads_enabled = false;
    config.custom_page_sizes_enabled = false;
    config.custom_descriptors_enabled = false;
    config.wide_arithmetic_enabled = false;
}

/// What wasm-smith has no switch for: with reference types it makes references of the host, too.
fn is_within(wasm: &[u8]) -> bool {
    let allowed = (WasmFeatures::WASM2 | WasmFeatures::MEMORY64 | WasmFeatures::MULTI_MEMORY | WasmFeatures::EXTENDED_CONST)
        & !WasmFeatures::GC_TYPES;
    Validator::new_with_features(allowed).validate_all(wasm).is_ok()
}

fn shape(random: &mut Random) -> Config {
    let mut config = Config::default();
    features(&mut config);
    config.max_imports = 0;
    config.export_everything = true;
    config.min_funcs = 3;
    config.max_funcs = 12;
    config.max_instructions = 20 + random.below(400) as usize;
    config.max_nesting_depth = 2 + random.below(12) as usize;
    config.max_memories = 2;
    config.min_memories = random.below(2) as u32;
    config.max_memory32_bytes = 16 << 16;
    config.max_memory64_bytes = 16 << 16;
    config.max_tables = 2;
    config.min_tables = random.below(2) as u32;
    config.max_table_elements = 200;
    config.disallow_traps = random.below(2) == 0;
    config.memory_offset_choices = wasm_smith::MemoryOffsetChoices(90, 9, 1);
    config.min_uleb_size = 1 + random.below(5) as u8;
    config.memory64_enabled = random.below(2) == 0;
    config.simd_enabled = random.below(3) != 0;
    config.reference_types_enabled = random.below(2) == 0;
    if config.reference_types_enabled {
        config.max_types = 3;
        config.max_globals = 2;
        config.max_element_segments = 2;
    }
    config
}

fn module(random: &mut Random) -> Option<Vec<u8>> {
    let config = shape(random);
    let size = 2048 + random.below(30000) as usize;
    let bytes = random.bytes(size);
    let mut module = Module::new(config, &mut Unstructured::new(&bytes)).ok()?;
    module.ensure_termination(2000).ok()?;
    Some(module.to_bytes()).filter(|wasm| is_within(wasm))
}

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [seed, count] = numbers[..] else {
        eprintln!("usage: generate SEED COUNT");
        std::process::exit(2);
    };
    let mut out = std::io::stdout().lock();
    let mut random = Random(seed);
    let mut made = 0;
    while made < count {
        if let Some(wasm) = module(&mut random) {
            out.write_all(&(wasm.len() as u32).to_le_bytes()).expect("stdout");
            out.write_all(&wasm).expect("stdout");
            made += 1;
        }
    }
}
