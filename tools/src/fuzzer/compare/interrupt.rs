//! Ctrl-C and SIGTERM end a comparison in order: what was measured is shown, and what was started is stopped.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::fuzzer::load::StopToken;
use crate::fuzzer::streams::say;

/// A token that these signals set from now on.
pub(super) fn stop_token() -> anyhow::Result<StopToken> {
    let stop = StopToken::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("listening for Ctrl-C")?;
    let (mut interrupt, mut terminate) = {
        let _entered = runtime.enter();
        let listen = |kind| signal(kind).context("listening for Ctrl-C");
        (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
        )
    };
    let token = stop.clone();
    // The thread ends with the process: nothing has to wait for it.
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        token.stop();
        say("stopping; what was measured is shown, and what was started is stopped");
    });
    Ok(stop)
}
