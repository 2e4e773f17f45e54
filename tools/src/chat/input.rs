//! Lines in and out: an editor on a terminal, plain lines in a pipe.

use std::io::IsTerminal;
use std::sync::mpsc as std_mpsc;

use anyhow::Context;
use im_base::task::Tasks;
use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::mpsc;

use crate::terminal::Paint;

/// Lines that were read and not looked at yet.
const CAPACITY: usize = 16;

/// What is typed or piped.
pub(super) struct Input {
    lines: mpsc::Receiver<String>,
    /// The editor shows a prompt when it is told which, so that it is never out of date.
    prompts: Option<std_mpsc::Sender<String>>,
}

/// Where lines are shown.
pub(super) enum Printer {
    /// Above the line that is being typed.
    Editor(Box<dyn ExternalPrinter + Send>),
    Stdout,
}

impl Printer {
    /// Shows a line.
    pub(super) fn line(&mut self, text: &str) {
        match self {
            Self::Editor(editor) => {
                if editor.print(format!("{text}\n")).is_err() {
                    println!("{text}");
                }
            }
            Self::Stdout => println!("{text}"),
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

impl Input {
    /// Whether somebody types.
    pub(super) fn is_interactive(&self) -> bool {
        self.prompts.is_some()
    }

    /// Lets the editor take the next line. Nothing in a pipe.
    pub(super) fn prompt(&self, prompt: String) {
        if let Some(prompts) = &self.prompts {
            // An error means that the editor has ended, which the lines say as well.
            drop(prompts.send(prompt));
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
        prompts: None,
    }
}

fn editor() -> anyhow::Result<(Input, Printer)> {
    let config = Config::builder().auto_add_history(true).build();
    let mut editor = DefaultEditor::with_config(config).context("setting the terminal up")?;
    let printer = editor
        .create_external_printer()
        .context("setting the terminal up")?;
    let (sender, lines) = mpsc::channel(CAPACITY);
    let (prompts, next_prompt) = std_mpsc::channel::<String>();
    std::thread::Builder::new()
        .name("editor".into())
        .spawn(move || {
            while let Ok(prompt) = next_prompt.recv() {
                let line = match editor.readline(&prompt) {
                    Ok(line) => line,
                    Err(ReadlineError::Eof | ReadlineError::Interrupted) => return,
                    Err(error) => {
                        eprintln!("reading the terminal: {error}");
                        return;
                    }
                };
                if sender.blocking_send(line).is_err() {
                    return;
                }
            }
        })
        .context("starting the editor")?;
    let input = Input {
        lines,
        prompts: Some(prompts),
    };
    Ok((input, Printer::Editor(Box::new(printer))))
}
