//! What the children say, line by line.

use std::fmt;
use std::sync::Arc;

use im_base::task::Tasks;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::topology::Role;
use crate::terminal::Paint;

/// One line of a child's output, or of the topology about a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Whose.
    pub role: Role,
    /// Which one.
    pub index: usize,
    /// Whether the topology says it, and not the child.
    pub about: bool,
    /// Without its end.
    pub text: String,
}

/// Where lines go. Called from several tasks at once; must not block for long.
#[derive(Clone)]
pub struct LogSink(Arc<dyn Fn(LogLine) + Send + Sync>);

impl fmt::Debug for LogSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogSink")
    }
}

impl LogSink {
    /// Hands every line to a function.
    pub fn new(take: impl Fn(LogLine) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// Prints every line on stderr behind its process's name.
    pub fn stderr() -> Self {
        let paint = Paint::stderr();
        Self::new(move |line| {
            // Padded before it is coloured, for the escapes have no width.
            let name = paint.name(&format!("{:<14}", format!("{}.{}", line.role, line.index)));
            if line.about {
                eprintln!("{name} {}", paint.warn(&line.text));
            } else {
                eprintln!("{name} {}", line.text);
            }
        })
    }

    pub(super) fn line(&self, role: Role, index: usize, about: bool, text: String) {
        (self.0)(LogLine {
            role,
            index,
            about,
            text,
        });
    }

    /// Follows one of a child's streams until its end.
    pub(super) fn follow(
        &self,
        role: Role,
        index: usize,
        stream: impl AsyncRead + Unpin + Send + 'static,
    ) {
        let sink = self.clone();
        Tasks::default().spawn("child's log", async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            // An error is an end: the child closed the pipe in whatever way.
            while stream
                .read_until(b'\n', &mut line)
                .await
                .is_ok_and(|length| length > 0)
            {
                let text = String::from_utf8_lossy(&line);
                sink.line(role, index, false, text.trim_end().to_owned());
                line.clear();
            }
        });
    }
}
