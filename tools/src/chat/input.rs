//! Lines in and out: an editor on a terminal, plain lines in a pipe.

use std::io::{ErrorKind, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use im_base::task::Tasks;
use rustyline_async::{Readline, ReadlineEvent, SharedWriter};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, watch};

use crate::terminal::Paint;

/// Lines that were read and not looked at yet.
const CAPACITY: usize = 16;

/// Between two tries to hand a line to an editor that has too many to show.
const EDITOR_PAUSE: Duration = Duration::from_millis(2);

/// Tries before a line is printed past the editor.
const EDITOR_TRIES: usize = 500;

/// What is typed or piped.
pub(super) struct Input {
    lines: mpsc::Receiver<String>,
    /// What the editor shows in front of the line that is being typed.
    prompt: Option<watch::Sender<String>>,
}

/// Where lines are shown.
pub(super) enum Printer {
    /// Above the line that is being typed.
    Editor(SharedWriter),
    Stdout,
}

impl Printer {
    /// Shows a line.
    pub(super) fn line(&mut self, text: &str) {
        let shown = match self {
            Self::Editor(editor) => show(editor, text),
            Self::Stdout => false,
        };
        if !shown {
            println!("{text}");
        }
    }

    /// Colours for it.
    pub(super) fn paint(&self) -> Paint {
        match self {
            Self::Editor(_) => Paint::stdout(),
            Self::Stdout => Paint::plain(),
        }
    }
}

/// Hands a line to the editor's task, which shows it. Waits a moment when a burst has filled its queue: the terminal
/// is at most that slow. False if the editor has ended.
fn show(editor: &mut SharedWriter, text: &str) -> bool {
    let line = format!("{text}\n");
    let mut rest = line.as_bytes();
    for _try in 0..EDITOR_TRIES {
        match editor.write(rest) {
            Ok(_) => return true,
            // The editor keeps what it was given; it only has to be asked again.
            Err(error) if error.kind() == ErrorKind::WouldBlock => rest = &[],
            Err(_) => return false,
        }
        std::thread::sleep(EDITOR_PAUSE);
    }
    false
}

impl Input {
    /// Whether somebody types.
    pub(super) fn is_interactive(&self) -> bool {
        self.prompt.is_some()
    }

    /// Changes what stands in front of the line that is being typed. Nothing in a pipe.
    pub(super) fn prompt(&self, prompt: String) {
        if let Some(shown) = &self.prompt {
            shown.send_if_modified(|shown| {
                let changed = *shown != prompt;
                *shown = prompt;
                changed
            });
        }
    }

    /// The next line; `None` at the end. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<String> {
        self.lines.recv().await
    }
}

/// The editor if both ends are a terminal and no JSON is wanted, else a pipe.
pub(super) fn open(json: bool) -> anyhow::Result<(Input, Printer)> {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if terminal && !json {
        editor()
    } else {
        Ok((pipe(), Printer::Stdout))
    }
}

fn pipe() -> Input {
    let (sender, lines) = mpsc::channel(CAPACITY);
    Tasks::default().spawn("standard input", async move {
        let mut stdin = BufReader::new(tokio::io::stdin()).lines();
        // What is not UTF-8 is the end, too: nothing sensible can follow.
        while let Ok(Some(line)) = stdin.next_line().await {
            if sender.send(line).await.is_err() {
                return;
            }
        }
    });
    Input {
        lines,
        prompt: None,
    }
}

fn editor() -> anyhow::Result<(Input, Printer)> {
    let (mut editor, writer) = Readline::new(String::new()).context("setting the terminal up")?;
    let (sender, lines) = mpsc::channel(CAPACITY);
    let (prompt, mut prompts) = watch::channel(String::new());
    Tasks::default().spawn("editor", async move {
        loop {
            let event = tokio::select! {
                event = editor.readline() => event,
                changed = prompts.changed() => {
                    let prompt = prompts.borrow_and_update().clone();
                    if changed.is_err() || editor.update_prompt(&prompt).is_err() {
                        break;
                    }
                    continue;
                }
            };
            let Ok(ReadlineEvent::Line(line)) = event else {
                break;
            };
            editor.add_history_entry(line.clone());
            if sender.send(line).await.is_err() {
                break;
            }
        }
        // What was said last is shown before the terminal is as it was; if it cannot be, there is nobody to tell.
        let _shown = editor.flush();
    });
    let input = Input {
        lines,
        prompt: Some(prompt),
    };
    Ok((input, Printer::Editor(writer)))
}
