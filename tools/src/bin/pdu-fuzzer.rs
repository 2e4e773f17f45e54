//! `pdu-fuzzer`: load, fuzz, a bare relay to measure against, and two servers compared.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tools::fuzzer::main(std::env::args_os().collect())
}
