//! What depends on whether somebody looks: colour, and asking for a password without showing it.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};
use clap::{Command, Parser};

/// Colours, if the stream is a terminal and nobody objects (`NO_COLOR`, `TERM=dumb`).
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// For text on stdout.
    pub fn stdout() -> Self {
        Self::of(&io::stdout())
    }

    /// For text on stderr.
    pub fn stderr() -> Self {
        Self::of(&io::stderr())
    }

    /// Never any colour.
    pub fn plain() -> Self {
        Self { on: false }
    }

    fn of(stream: &impl IsTerminal) -> Self {
        let objected = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            on: stream.is_terminal() && !objected,
        }
    }

    fn style(self, style: Style, text: &str) -> String {
        if self.on {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Something good.
    pub fn good(self, text: &str) -> String {
        self.style(AnsiColor::Green.on_default(), text)
    }

    /// Something to look at.
    pub fn warn(self, text: &str) -> String {
        self.style(AnsiColor::Yellow.on_default(), text)
    }

    /// Something that failed.
    pub fn bad(self, text: &str) -> String {
        self.style(AnsiColor::Red.on_default().bold(), text)
    }

    /// Something beside the point.
    pub fn dim(self, text: &str) -> String {
        self.style(Style::new().dimmed(), text)
    }

    /// A name, always in the same colour.
    pub fn name(self, name: &str) -> String {
        const COLOURS: [AnsiColor; 6] = [
            AnsiColor::Cyan,
            AnsiColor::Magenta,
            AnsiColor::Blue,
            AnsiColor::Green,
            AnsiColor::Yellow,
            AnsiColor::BrightRed,
        ];
        let sum = name.bytes().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31) + usize::from(byte)
        });
        self.style(COLOURS[sum % COLOURS.len()].on_default().bold(), name)
    }
}

/// Reads the command line, or shows what is wrong with it, or the help that is asked for, and exits.
pub fn parse<P: Parser>(args: Vec<OsString>) -> P {
    let mut command = flowing(P::command());
    let matches = command.try_get_matches_from_mut(args);
    let matches = matches.unwrap_or_else(|error| error.exit());
    P::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// Has what stands behind the options broken for the terminal's width, in this command and those below it.
fn flowing(command: Command) -> Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(text) => command.after_help(joined(&text)),
        None => command,
    };
    command.mut_subcommands(flowing)
}

/// Joins the lines of a paragraph. Those that begin with a space are examples or a table and stay as they are.
fn joined(text: &str) -> String {
    let mut joined = String::new();
    let mut goes_on = false;
    for line in text.lines() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        if !joined.is_empty() {
            joined.push(if goes_on && is_prose { ' ' } else { '\n' });
        }
        joined.push_str(line);
        goes_on = is_prose && !line.ends_with(':');
    }
    joined
}

/// The variable that a password is taken from when no terminal can ask for it.
pub const PASSWORD_VARIABLE: &str = "FERROTALK_PASSWORD";

/// A password: the first line of stdin if `from_stdin`, else [`PASSWORD_VARIABLE`], else typed without echo.
pub fn password(from_stdin: bool, prompt: &str) -> anyhow::Result<String> {
    if from_stdin {
        return first_line(io::stdin().lock());
    }
    if let Some(value) = std::env::var_os(PASSWORD_VARIABLE) {
        return value
            .into_string()
            .map_err(|_| anyhow::anyhow!("the value of {PASSWORD_VARIABLE} is not UTF-8"));
    }
    if !io::stdin().is_terminal() {
        bail!(
            "no password: set {PASSWORD_VARIABLE}, or give --password-stdin and the password as the first line of stdin"
        );
    }
    rpassword::prompt_password(prompt).context("reading the password")
}

/// Reads up to the first line's end and not a byte further: what follows is somebody else's.
fn first_line(mut input: impl Read) -> anyhow::Result<String> {
    const LONGEST: usize = 1024;
    let mut line = Vec::new();
    let mut byte = [0];
    while input
        .read(&mut byte)
        .context("reading the password from stdin")?
        == 1
        && byte[0] != b'\n'
    {
        line.push(byte[0]);
        if line.len() > LONGEST {
            bail!("the password on stdin is longer than {LONGEST} bytes");
        }
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    if line.is_empty() {
        bail!("stdin holds no password: its first line is empty");
    }
    String::from_utf8(line).context("the password on stdin is not UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_alone() {
        let mut input = io::Cursor::new(b"secret\r\nhello\n".to_vec());
        assert_eq!(first_line(&mut input).unwrap(), "secret");
        let mut rest = String::new();
        input.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "hello\n");
        assert!(first_line(io::Cursor::new(b"\n")).is_err());
    }

    #[test]
    fn prose_flows_and_examples_stay() {
        let text = "It prints one line\nat the start:\n  ready\nand goes on\nuntil Ctrl-C.\n\nExamples:\n  one\n  two";
        let wanted = "It prints one line at the start:\n  ready\nand goes on until Ctrl-C.\n\nExamples:\n  one\n  two";
        assert_eq!(joined(text), wanted);
        let command = Command::new("a").subcommand(Command::new("b").after_help("c\nd"));
        let mut command = flowing(command);
        let below = command.find_subcommand_mut("b").unwrap();
        assert!(below.render_help().to_string().contains("c d"));
    }

    #[test]
    fn a_name_keeps_its_colour_and_plain_has_none() {
        let coloured = Paint { on: true };
        assert_eq!(coloured.name("bob"), coloured.name("bob"));
        assert!(coloured.name("bob").contains("\u{1b}["));
        assert_eq!(Paint::plain().name("bob"), "bob");
    }
}
