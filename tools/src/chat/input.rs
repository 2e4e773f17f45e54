//! Lines in and out: an editor on a terminal, plain lines in a pipe.

mod editor;

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};

use im_base::task::Tasks;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, watch};

use super::complete::Names;
use crate::terminal::Paint;
use editor::Editor;

/// Lines that were read and not looked at yet.
const CAPACITY: usize = 16;

/// What the editor and those who use it share: the names for completion, locked for a moment.
pub(super) type SharedNames = Arc<Mutex<Names>>;

/// A line that is not UTF-8.
struct NotText;

/// What is typed or piped.
pub(super) struct Input {
    lines: mpsc::Receiver<Result<String, NotText>>,
    writing: watch::Receiver<bool>,
    editor: Option<Editor>,
    names: SharedNames,
}

/// What came of a key, or of a pipe.
pub(super) enum Typed {
    Line(String),
    /// The line has changed and is not ended; whether it is a message. Not in a pipe.
    Writing(bool),
    /// A line of a pipe that is not UTF-8. The end follows: nothing sensible can.
    NotText,
    End,
}

/// Where lines are shown.
pub(super) enum Printer {
    /// Above the line that is being typed.
    Editor(Box<dyn rustyline::ExternalPrinter + Send>),
    Stdout,
}

impl Printer {
    /// Shows a line.
    pub(super) fn line(&mut self, text: &str) {
        let shown = match self {
            Self::Editor(editor) => editor.print(format!("{text}\n")).is_ok(),
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

impl Input {
    /// Whether somebody types.
    pub(super) fn is_interactive(&self) -> bool {
        self.editor.is_some()
    }

    /// What stands in front of the next line. Nothing in a pipe.
    pub(super) fn prompt(&self, prompt: String) {
        if let Some(editor) = &self.editor {
            editor.prompt(prompt);
        }
    }

    /// What Tab completes from now on.
    pub(super) fn complete(&self, names: Names) {
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    /// What is typed next; lines and their end wait while nobody is `reading`. Cancel-safe.
    pub(super) async fn next(&mut self, reading: bool) -> Typed {
        tokio::select! {
            line = self.lines.recv(), if reading => match line {
                Some(Ok(line)) => Typed::Line(line),
                Some(Err(NotText)) => Typed::NotText,
                None => Typed::End,
            },
            Ok(()) = self.writing.changed() => Typed::Writing(*self.writing.borrow_and_update()),
            else => std::future::pending().await,
        }
    }
}

/// The editor if both ends are a terminal and no JSON is wanted, else a pipe.
pub(super) fn open(json: bool) -> anyhow::Result<(Input, Printer)> {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let (sender, lines) = mpsc::channel(CAPACITY);
    let (is_writing, writing) = watch::channel(false);
    let names = SharedNames::default();
    let (editor, printer) = if terminal && !json {
        let (editor, printer) = editor::start(sender, names.clone(), is_writing)?;
        (Some(editor), Printer::Editor(printer))
    } else {
        pipe(sender);
        (None, Printer::Stdout)
    };
    let input = Input {
        lines,
        writing,
        editor,
        names,
    };
    Ok((input, printer))
}

fn pipe(sender: mpsc::Sender<Result<String, NotText>>) {
    Tasks::default().spawn("standard input", async move {
        let mut stdin = BufReader::new(tokio::io::stdin()).lines();
        loop {
            let line = match stdin.next_line().await {
                Ok(Some(line)) => Ok(line),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(NotText),
                Ok(None) | Err(_) => return,
            };
            let is_last = line.is_err();
            if sender.send(line).await.is_err() || is_last {
                return;
            }
        }
    });
}
