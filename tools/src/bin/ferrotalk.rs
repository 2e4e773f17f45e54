//! `ferrotalk`: every command-line tool, and every server process under its own name.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tools::cli::main(std::env::args_os().collect())
}
