#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| waxseal_world::targets::fold(input));
