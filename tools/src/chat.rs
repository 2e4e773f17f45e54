//! `ferrotalk chat`: a client for a terminal or a pipe.

mod command;
mod input;
mod view;

mod commands;
mod groups;
mod link;
mod sync;
mod talk;

mod outbox;
mod people;
mod seen;

use std::process::ExitCode;

use clap::Args;

use crate::client::{Account, Address, Device, Status, TlsArgs};
use crate::terminal;
use link::Link;
use talk::Talk;
use view::View;

/// Chat in the terminal, or from a script
#[derive(Args, Debug)]
#[command(after_help = "\
In the chat: `NAME: text` or `/to NAME` chooses whom to write to, /help lists the rest.

In a pipe every line of standard input is a message or a command; the program ends when all of them are stored, and
exits with 1 if one was refused or nobody was there to send it to.

Examples:
  ferrotalk chat --user alice                        asks for the password
  FERROTALK_PASSWORD=demo ferrotalk chat --user demo1
  printf 'demo2: hello\\n' | FERROTALK_PASSWORD=demo ferrotalk chat --user demo1 --json")]
pub struct ChatArgs {
    /// login_server's HTTP address
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        env = "FERROTALK_LOGIN"
    )]
    login: String,
    /// Connect to this WebSocket, ws://HOST:PORT/PATH (wss:// with --tls), instead of asking login_server for an address
    #[arg(long, value_name = "URL")]
    websocket: Option<String>,
    #[command(flatten)]
    tls: TlsArgs,
    /// The name to log in with
    #[arg(long, value_name = "NAME")]
    user: String,
    /// Take the password from the first line of standard input, instead of FERROTALK_PASSWORD or the prompt
    #[arg(long)]
    password_stdin: bool,
    /// What to log in as; desktops displace desktops, phones displace phones
    #[arg(long, value_enum, default_value_t)]
    device: Device,
    /// One JSON object per event
    #[arg(long)]
    json: bool,
}

/// Chats until the input ends.
pub async fn run(args: ChatArgs) -> anyhow::Result<ExitCode> {
    let password =
        terminal::password(args.password_stdin, &format!("Password of {}: ", args.user))?;
    let trust = args.tls.trust()?;
    let websocket = args
        .websocket
        .map(|url| Address::websocket(&url, trust.as_ref()));
    let link = Link {
        login: args.login,
        websocket: websocket.transpose()?,
        trust,
        account: Account::new(&args.user, &password, args.device, Status::Online),
        user: args.user,
    };
    // Connected before the editor takes the terminal: an error at the start is an error of the command.
    let (session, events) = link.connect().await?;
    let (input, printer) = input::open(args.json)?;
    let view = View::new(args.json, printer);
    Talk::new(link, session, events, input, view).run().await
}
