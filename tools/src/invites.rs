//! `ferrotalk invite`: who may make an account where an invite is needed, on the store itself.

use std::time::Duration;

use clap::{Args, Subcommand};
use db_proxy::logic::invite;
use db_proxy::store::{Invite, UnixMillis};

use crate::users::{StoreArgs, open};

const DAY: u64 = 24 * 60 * 60;

/// Make and revoke invites, with which people make accounts
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ferrotalk invite add                               for one account, within 7 days
  ferrotalk invite add --uses 30 --days 90 --note \"class of 2027\"
  ferrotalk invite list
  ferrotalk invite revoke 3f29ac01

Invites matter where db_proxy's [registration] mode is \"invite\". A code is shown when it is made and kept nowhere; the list
names invites by the beginning of its hash. The servers may run meanwhile.")]
pub struct InviteArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make an invite and show its code
    Add {
        /// How many accounts can be made with it
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// Days that it is good for; 0 for ever
        #[arg(long, value_name = "N", default_value_t = 7)]
        days: u32,
        /// What to remember of it
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
    },
    /// List all invites, used up and expired ones included
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Revoke an invite; accounts made with it stay
    Revoke {
        /// Its code, or its name in the list
        #[arg(value_name = "CODE_OR_NAME")]
        wanted: String,
    },
}

/// Runs the command.
pub async fn run(args: InviteArgs) -> anyhow::Result<()> {
    match args.action {
        Action::Add { uses, days, note } => {
            let accounts = open(&args.store, true).await?;
            let lifetime = Duration::from_secs(u64::from(days) * DAY);
            let lifetime = (days > 0).then_some(lifetime);
            let code = accounts.invites().add(uses, lifetime, &note).await?;
            println!("{code}");
        }
        Action::List { json } => {
            let invites = open(&args.store, false).await?.invites().all().await?;
            let now = UnixMillis::now();
            invites.iter().for_each(|found| print(found, now, json));
            if !json && invites.is_empty() {
                eprintln!("no invites; `ferrotalk invite add` makes one");
            }
        }
        Action::Revoke { wanted } => {
            let accounts = open(&args.store, false).await?;
            accounts.invites().revoke(&wanted).await?;
            println!("{wanted} is revoked");
        }
    }
    Ok(())
}

fn print(found: &Invite, now: UnixMillis, json: bool) {
    let (name, uses) = (invite::shown(found), found.uses_left);
    if json {
        let object = serde_json::json!({
            "name": name, "uses_left": uses, "created": found.created_at.seconds(),
            "expires": found.expires_at.map(UnixMillis::seconds), "note": found.note,
        });
        println!("{object}");
        return;
    }
    let end = match found.expires_at {
        None => "for ever".to_owned(),
        Some(end) if end <= now => "expired".to_owned(),
        Some(end) => {
            let left = u64::from(end.seconds().saturating_sub(now.seconds()));
            format!("for {} more days", left.div_ceil(DAY))
        }
    };
    println!("{name}  {uses:>6} left  {end:<18} {}", found.note);
}
