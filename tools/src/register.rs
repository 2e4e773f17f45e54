//! `ferrotalk register`: an account as somebody makes it who is no operator, over the network.

use anyhow::bail;
use clap::Args;

use crate::client::{Address, Client, registration};
use crate::terminal;

/// Make an account, where the installation allows it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ferrotalk register --user alice                    asks for the password
  FERROTALK_PASSWORD=correct-horse ferrotalk register --user alice --nick Alice --invite 7Q4M-0ZK2-AAWD-9J3X

Operators make accounts with `ferrotalk user add`, and allow others to make theirs with db_proxy's [registration].")]
pub struct RegisterArgs {
    /// login_server's HTTP address
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        env = "FERROTALK_LOGIN"
    )]
    login: String,
    /// Connect to this WebSocket, ws://HOST:PORT/PATH, instead of asking login_server for an address
    #[arg(long, value_name = "URL")]
    websocket: Option<Address>,
    /// The name to log in with
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The name that others see; the login name when left out
    #[arg(long, value_name = "TEXT")]
    nick: Option<String>,
    /// The code of an invite
    #[arg(long, value_name = "CODE")]
    invite: Option<String>,
    /// Take the password from the first line of standard input, instead of FERROTALK_PASSWORD or the prompt
    #[arg(long)]
    password_stdin: bool,
}

/// Makes the account.
pub async fn run(args: RegisterArgs) -> anyhow::Result<()> {
    let prompt = format!("New password of {}: ", args.user);
    let password = terminal::password(args.password_stdin, &prompt)?;
    if password.is_empty() {
        bail!("an empty password is refused");
    }
    let mut request = registration(&args.user, &password);
    request.nick = args.nick;
    request.invite = args.invite;
    let address = match args.websocket {
        Some(address) => address,
        None => Address::from_login(&args.login).await?,
    };
    let mut client = Client::connect(&address).await?;
    let user_id = client.register(&request).await?;
    println!("{} is user {user_id}", args.user);
    Ok(())
}
