//! The line editor: a thread of its own, since it waits for the keyboard.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::completion::Completer;
use rustyline::config::{CompletionType, Config};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{Context, ExternalPrinter, Helper};
use tokio::sync::mpsc;

use super::SharedNames;
use crate::chat::complete::complete;

/// How long the editor waits for the prompt of the next line: as long as most commands take, and not so long that somebody who
/// types on is kept waiting.
const PROMPT: Duration = Duration::from_millis(150);

/// The editor's other end. When it is dropped the terminal is as it was.
pub(super) struct Editor {
    prompt: Arc<Mutex<String>>,
    /// The line before has been dealt with.
    ready: SyncSender<()>,
    before: Termios,
}

impl Editor {
    pub(super) fn prompt(&self, prompt: String) {
        *self.prompt.lock().unwrap_or_else(PoisonError::into_inner) = prompt;
        // One that waits is as good as many.
        self.ready.try_send(()).ok();
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        // The thread may be in the middle of a line, with the terminal as an editor needs it.
        let restored = tcsetattr(io::stdin(), OptionalActions::Drain, &self.before);
        if restored.is_ok() {
            let mut out = io::stdout();
            // without marks around what is pasted
            out.write_all(b"\x1b[?2004l\r")
                .and_then(|()| out.flush())
                .ok();
        }
    }
}

struct Completing(SharedNames);

impl Helper for Completing {}
impl Highlighter for Completing {}
impl Validator for Completing {}

impl Hinter for Completing {
    type Hint = String;
}

impl Completer for Completing {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(complete(line, pos, &names))
    }
}

type LineEditor = rustyline::Editor<Completing, DefaultHistory>;

/// What was typed goes to `lines`, which ends with the input.
pub(super) fn start(
    lines: mpsc::Sender<String>,
    names: SharedNames,
) -> anyhow::Result<(Editor, Box<dyn ExternalPrinter + Send>)> {
    const SETTING_UP: &str = "setting the terminal up";
    let before = tcgetattr(io::stdin()).context(SETTING_UP)?;
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .auto_add_history(true)
        .build();
    let mut editor = LineEditor::with_config(config).context(SETTING_UP)?;
    editor.set_helper(Some(Completing(names)));
    let printer = editor.create_external_printer().context(SETTING_UP)?;
    let prompt = Arc::new(Mutex::new("> ".to_owned()));
    let (ready, dealt_with) = sync_channel(1);
    let shown = prompt.clone();
    std::thread::Builder::new()
        .name("editor".into())
        .spawn(move || read(editor, &lines, &shown, &dealt_with))
        .context(SETTING_UP)?;
    let editor = Editor {
        prompt,
        ready,
        before,
    };
    Ok((editor, Box::new(printer)))
}

fn read(
    mut editor: LineEditor,
    lines: &mpsc::Sender<String>,
    prompt: &Mutex<String>,
    dealt_with: &Receiver<()>,
) {
    loop {
        let shown = prompt
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        // An error is the end of the input, or Ctrl-C.
        let Ok(line) = editor.readline(&shown) else {
            return;
        };
        while dealt_with.try_recv().is_ok() {}
        if lines.blocking_send(line).is_err() {
            return;
        }
        // Late or gone: the line before it is no reason not to read the next one.
        dealt_with.recv_timeout(PROMPT).ok();
    }
}
