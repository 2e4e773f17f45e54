#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ferrotalk_fuzz::session::run(data));
