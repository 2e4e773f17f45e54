//! Runs a db_proxy.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    db_proxy::run(std::env::args_os().collect())
}
