//! `ferrotalk chat`: a client for a terminal or a pipe.

mod command;
mod complete;
mod help;
mod input;
mod view;

mod commands;
mod friends;
mod group_steps;
mod groups;
mod news;
mod signs;
mod talk;

mod home;
mod mentions;
mod numbers;
mod people;
mod reasons;
mod requests;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use im_base::causes;
use proto::capability;
use tokio::time::Instant;

use crate::client::messenger::{
    AttemptError, ConnectFailure, LocalStore, Messenger, NewsStream, Place,
};
use crate::client::{Account, Address, Device, EnterError, LoginError, Status, TlsArgs};
use crate::terminal;
use talk::Talk;
use view::View;

/// Chat in the terminal, or from a script
#[derive(Args, Debug)]
#[command(after_help = "\
In the chat: `NAME: text` or `/to NAME` chooses whom to write to, /help lists the rest.

In a pipe every line of standard input is a message or a command; the program ends when all of them are stored, and
exits with 1 if one was refused or not understood, or nobody was there to send it to.

What was written and said is kept on this machine, readable by you alone, in a file for each account; what could not be
sent is sent by the next run, which needs no password. --no-history keeps nothing.

Those you write to are shown that you type and how far you have read, where they show it too, and you are shown the same
of them. --private does without.

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
    /// Where the local history is kept, instead of $XDG_DATA_HOME/ferrotalk (~/.local/share/ferrotalk)
    #[arg(long, value_name = "DIR", conflicts_with = "no_history")]
    dir: Option<PathBuf>,
    /// Keep nothing on this machine
    #[arg(long)]
    no_history: bool,
    /// Show nobody that you type and how far you have read, nor be shown it of others
    #[arg(long)]
    private: bool,
}

/// How long the start waits for an installation that is there and not ready: as long as a process that was killed takes to
/// be started again, and more.
const PATIENCE: Duration = Duration::from_secs(10);

/// From one try to the next.
const AGAIN: Duration = Duration::from_millis(500);

/// Chats until the input ends.
pub async fn run(args: ChatArgs) -> anyhow::Result<ExitCode> {
    let store = match args.no_history {
        true => LocalStore::in_memory().await?,
        false => LocalStore::open(&args.file()?).await?,
    };
    // Connected before the editor takes the terminal: an error at the start is an error of the command.
    let (messenger, news) = connect(&args, &store).await?;
    let (input, printer) = input::open(args.json)?;
    let view = View::new(args.json, printer);
    Talk::new(messenger, news, input, view, !args.no_history)
        .run()
        .await
}

impl ChatArgs {
    fn file(&self) -> anyhow::Result<PathBuf> {
        let server = self.websocket.as_deref().unwrap_or(&self.login);
        home::file(self.dir.as_deref(), server, &self.user, self.device)
    }

    fn place(&self) -> anyhow::Result<Place> {
        let trust = self.tls.trust()?;
        Ok(match &self.websocket {
            Some(url) => Place::At(Address::websocket(url, trust.as_ref())?),
            None => Place::Login {
                url: self.login.clone(),
                trust,
            },
        })
    }

    fn with_password(&self) -> anyhow::Result<Account> {
        let prompt = format!("Password of {}: ", self.user);
        let password = terminal::password(self.password_stdin, &prompt)?;
        let account = Account::new(&self.user, &password, self.device, Status::Online);
        Ok(self.showing(account))
    }

    fn without_password(&self) -> Account {
        let account = Account::without_password(&self.user, self.device, Status::Online);
        self.showing(account)
    }

    /// With what is shown to others.
    fn showing(&self, account: Account) -> Account {
        match self.private {
            true => account,
            false => account.announcing(capability::TYPING | capability::READERS),
        }
    }
}

/// With the token of an earlier run where nobody gave a password, else with the password.
async fn connect(args: &ChatArgs, store: &LocalStore) -> anyhow::Result<(Messenger, NewsStream)> {
    let place = args.place()?;
    let given = args.password_stdin || std::env::var_os(terminal::PASSWORD_VARIABLE).is_some();
    let account = match !given && store.token().await?.is_some() {
        true => args.without_password(),
        false => args.with_password()?,
    };
    let connected = connect_patiently(&place, &account, store).await;
    let connected = match connected {
        Err(ConnectFailure::Attempt(AttemptError::Enter(EnterError::PasswordNeeded)))
            if std::io::stdin().is_terminal() =>
        {
            let account = args.with_password()?;
            connect_patiently(&place, &account, store).await
        }
        connected => connected,
    };
    connected.map_err(|failure| explained(args, failure))
}

/// Tries again for a while what fails because a process of the installation is not there at the moment.
async fn connect_patiently(
    place: &Place,
    account: &Account,
    store: &LocalStore,
) -> Result<(Messenger, NewsStream), ConnectFailure> {
    let until = Instant::now() + PATIENCE;
    let mut told = false;
    loop {
        let connected = Messenger::connect(place.clone(), account.clone(), store.clone()).await;
        match connected {
            Err(ConnectFailure::Attempt(error))
                if error.is_passing() && Instant::now() + AGAIN < until =>
            {
                if !told {
                    told = true;
                    eprintln!("{error}; trying again for {} s", PATIENCE.as_secs());
                }
            }
            connected => return connected,
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn explained(args: &ChatArgs, failure: ConnectFailure) -> anyhow::Error {
    let refused = |error: &LoginError| anyhow!("login as {} {error}", args.user);
    match failure {
        ConnectFailure::Attempt(error) => match error.refusal().filter(|_| !error.is_retryable()) {
            Some(refusal) => refused(refusal),
            None if !error.is_retryable() => anyhow!(
                "the password is needed: give it with --password-stdin or in {}",
                terminal::PASSWORD_VARIABLE
            ),
            // login_server had no part in it.
            None if args.websocket.is_some() => error.into(),
            None => anyhow!(
                "{}; `ferrotalk doctor --login {}` looks for the cause",
                causes::line(&anyhow::Error::new(error)),
                args.login
            ),
        },
        ConnectFailure::Store(error) => error.into(),
    }
}
