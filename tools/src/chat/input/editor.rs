//! The line editor: a thread of its own, since it waits for the keyboard.

use std::cell::RefCell;
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
use tokio::sync::{mpsc, watch};

use super::{NotText, SharedNames};
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

/// What the editor asks while somebody types.
struct Typist {
    names: SharedNames,
    /// Whether a message is being written; said anew with each key that changes it.
    writing: watch::Sender<bool>,
    line: RefCell<String>,
}

impl Typist {
    /// The editor shows the line anew for other reasons, too.
    fn line_is(&self, line: &str) {
        if self.line.borrow().as_str() != line {
            self.line.replace(line.to_owned());
            let command = line.starts_with('/') && !line.starts_with("//");
            self.writing.send_replace(!line.is_empty() && !command);
        }
    }
}

impl Helper for Typist {}
impl Highlighter for Typist {}
impl Validator for Typist {}

impl Hinter for Typist {
    type Hint = String;

    fn hint(&self, line: &str, _pos: usize, _context: &Context<'_>) -> Option<String> {
        self.line_is(line);
        None
    }
}

impl Completer for Typist {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(complete(line, pos, &names))
    }
}

type LineEditor = rustyline::Editor<Typist, DefaultHistory>;

/// What was typed goes to `lines`, which ends with the input; `writing` is told of each key that changes a message.
pub(super) fn start(
    lines: mpsc::Sender<Result<String, NotText>>,
    names: SharedNames,
    writing: watch::Sender<bool>,
) -> anyhow::Result<(Editor, Box<dyn ExternalPrinter + Send>)> {
    const SETTING_UP: &str = "setting the terminal up";
    let before = tcgetattr(io::stdin()).context(SETTING_UP)?;
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .auto_add_history(true)
        .build();
    let mut editor = LineEditor::with_config(config).context(SETTING_UP)?;
    editor.set_helper(Some(Typist {
        names,
        writing,
        line: RefCell::default(),
    }));
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
    lines: &mpsc::Sender<Result<String, NotText>>,
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
        if let Some(typist) = editor.helper() {
            typist.line_is("");
        }
        while dealt_with.try_recv().is_ok() {}
        if lines.blocking_send(Ok(line)).is_err() {
            return;
        }
        // Late or gone: the line before it is no reason not to read the next one.
        dealt_with.recv_timeout(PROMPT).ok();
    }
}
