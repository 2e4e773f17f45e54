//! Runs a msg_server.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    msg_server::run(std::env::args_os().collect())
}
