//! What goes to the standard streams. Nothing here panics: `println!` and its kin do when the reader has gone.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Prints a result on standard output, as it is. A reader that has gone (`| head`) wants no more of it and is no error.
///
/// # Errors
/// It cannot be written for another reason, such as a full disk: whoever kept it in a file has only a part.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    print_to(&mut io::stdout().lock(), text)
}

fn print_to(stream: &mut impl Write, text: &str) -> anyhow::Result<()> {
    // Without the flush an error of what is left in the buffer would show to nobody.
    match stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("the result cannot be written to standard output")
        }
        _ => Ok(()),
    }
}

/// Says a line on standard error. Nobody can be told if that fails, and the run is worth more than words about it.
pub(super) fn say(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails at once, or takes everything and fails when it is flushed.
    struct Failing {
        kind: ErrorKind,
        on_flush: bool,
    }

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.on_flush {
                Ok(bytes.len())
            } else {
                Err(self.kind.into())
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.kind.into())
        }
    }

    #[test]
    fn only_a_reader_that_has_gone_is_no_error() {
        for on_flush in [false, true] {
            for (kind, good) in [
                (ErrorKind::BrokenPipe, true),
                (ErrorKind::StorageFull, false),
                (ErrorKind::PermissionDenied, false),
            ] {
                let printed = print_to(&mut Failing { kind, on_flush }, "{}\n");
                assert_eq!(printed.is_ok(), good, "{kind:?}, {on_flush}");
            }
        }
    }
}
