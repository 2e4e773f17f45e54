//! The file of a history, written while it grows, so that a run that ends badly leaves what it knew.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use im_base::task::Tasks;
use tokio::sync::watch;
use tokio::time::interval;

use super::history::{self, History};

/// Between two looks at what is new.
const EVERY: Duration = Duration::from_millis(200);

/// Records that are copied at once.
const CHUNK: usize = 4096;

/// Writes a history until it is told that it is complete.
pub(super) struct Recorder {
    tasks: Tasks,
    complete: watch::Sender<bool>,
}

impl Recorder {
    /// Begins a file.
    pub(super) fn start(path: &Path, history: History) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        let (complete, completed) = watch::channel(false);
        let tasks = Tasks::default();
        let path = path.to_owned();
        tasks.spawn("history", async move {
            if let Err(error) = write(file, &history, completed).await {
                eprintln!("{} is incomplete: {error}", path.display());
            }
        });
        Ok(Self { tasks, complete })
    }

    /// Writes what is left.
    pub(super) async fn finish(self) {
        self.complete.send_replace(true);
        self.tasks.finished().await;
    }
}

async fn write(
    file: File,
    history: &History,
    mut completed: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut file = BufWriter::new(file);
    let mut written = 0;
    let mut tick = interval(EVERY);
    loop {
        let complete = tokio::select! {
            _ = tick.tick() => false,
            // An error means that the run ended in another way; nothing more comes then either.
            _ = completed.wait_for(|complete| *complete) => true,
        };
        loop {
            let records = history.since(written, CHUNK);
            if records.is_empty() {
                break;
            }
            written += records.len();
            history::write(&records, &mut file)?;
            tokio::task::yield_now().await;
        }
        if complete {
            return file.flush();
        }
    }
}
