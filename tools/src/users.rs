//! `ferrotalk user`: accounts, on the store itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use db_proxy::store::{self, ProfileChange, UserStatus};
use im_base::config;

use crate::accounts::Accounts;
use crate::cluster::{default_store, store_elsewhere};
use crate::terminal;
use crate::transfer::store_password;

/// Where the accounts are.
#[derive(Args, Clone, Debug)]
pub struct StoreArgs {
    /// The folder that `ferrotalk up` uses
    #[arg(long, value_name = "DIR", default_value = "./data", global = true)]
    pub dir: PathBuf,
    /// The store, if it is not DIR/ferrotalk.db: sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(
        long,
        value_name = "URL",
        env = "FERROTALK_STORE",
        hide_env_values = true,
        global = true
    )]
    pub store: Option<String>,
    /// The configuration of db_proxy, which says where the store is
    #[arg(
        long,
        value_name = "FILE",
        env = "FERROTALK_CONFIG",
        hide_env_values = true,
        conflicts_with = "store",
        global = true
    )]
    pub config: Option<PathBuf>,
}

impl StoreArgs {
    /// Where the store is, and its password if that is not in the URL.
    pub(crate) fn url(&self) -> anyhow::Result<(String, Option<String>)> {
        let url = match (&self.store, &self.config) {
            (Some(url), _) => url.clone(),
            (None, Some(path)) => return from_config(path),
            (None, None) => match store_elsewhere(&self.dir) {
                Some(url) => url,
                None => default_store(&self.dir),
            },
        };
        Ok((url, store_password()?))
    }

    /// Opens the store.
    async fn open(&self) -> anyhow::Result<Accounts> {
        let (url, password) = self.url()?;
        let opened = Accounts::open_with(&url, password.as_deref()).await;
        opened.context("opening the store")
    }
}

/// The store's URL and password as db_proxy would take them, the environment included.
fn from_config(path: &Path) -> anyhow::Result<(String, Option<String>)> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config: db_proxy::Config = config::load(Some(path), environment)?;
    let store = config.store;
    let given = store.password.expose();
    if !given.is_empty() {
        return Ok((store.url, Some(given.to_owned())));
    }
    if store.password_file.is_empty() {
        return Ok((store.url, None));
    }
    let text = std::fs::read_to_string(&store.password_file)
        .with_context(|| format!("reading store.password_file {}", store.password_file))?;
    let password = text.lines().next().unwrap_or_default().to_owned();
    Ok((store.url, Some(password)))
}

/// Make and change accounts
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ferrotalk user add alice --nick Alice              asks for the password
  echo secret | ferrotalk user add bob --password-stdin
  ferrotalk user passwd alice
  ferrotalk user set alice --department Sales --email alice@example.org
  ferrotalk user set alice --status left             may not log in any more
  ferrotalk user list --json | jq -r .name
  ferrotalk user --config /etc/ferrotalk/db_proxy.toml add carol

The servers may run meanwhile; a changed password holds from the next login on.")]
pub struct UserArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add a user
    Add {
        /// The name to log in with
        name: String,
        /// The name that others see; the login name when left out
        #[arg(long, default_value = "", hide_default_value = true)]
        nick: String,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change a user's password
    Passwd {
        /// The name to log in with
        name: String,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change a user's profile; what is not named stays
    Set(SetArgs),
    /// List all users
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
}

#[derive(Args, Debug)]
struct SetArgs {
    /// The name to log in with
    name: String,
    /// The name that others see; "" for the login name
    #[arg(long)]
    nick: Option<String>,
    /// The department, by number or name; 0 for none
    #[arg(long, value_name = "NAME_OR_ID")]
    department: Option<String>,
    /// The e-mail address
    #[arg(long)]
    email: Option<String>,
    /// The telephone number
    #[arg(long)]
    tel: Option<String>,
    /// How clients draw the user
    #[arg(long)]
    gender: Option<Gender>,
    /// Whether the user may log in
    #[arg(long)]
    status: Option<Status>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Gender {
    Unknown,
    Male,
    Female,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Status {
    /// May log in
    Regular,
    /// May not, and is not shown any more
    Left,
}

/// Runs the command.
pub async fn run(args: UserArgs) -> anyhow::Result<()> {
    // The password first: a store is not created for somebody who changes their mind at the prompt.
    match args.action {
        Action::Add {
            name,
            nick,
            password_stdin,
        } => {
            let password = new_password(password_stdin, &name)?;
            let id = open(&args.store, true)
                .await?
                .add(&name, &nick, &password)
                .await?;
            println!("{name} is user {id}");
        }
        Action::Passwd {
            name,
            password_stdin,
        } => {
            let accounts = open(&args.store, false).await?;
            let password = new_password(password_stdin, &name)?;
            accounts.set_password(&name, &password).await?;
            println!("{name} has a new password");
        }
        Action::Set(set) => {
            let (name, department) = (set.name.clone(), set.department.clone());
            let change = profile_change(set);
            if change == ProfileChange::default() && department.is_none() {
                bail!("nothing to set; see `ferrotalk user set --help`");
            }
            let accounts = open(&args.store, false).await?;
            accounts
                .change(&name, change, department.as_deref())
                .await?;
            println!("{name} is changed");
        }
        Action::List { json } => list(&open(&args.store, false).await?, json).await?,
    }
    Ok(())
}

fn profile_change(set: SetArgs) -> ProfileChange {
    ProfileChange {
        nick_name: set.nick,
        email: set.email,
        tel: set.tel,
        gender: set.gender.map(|gender| match gender {
            Gender::Unknown => 0,
            Gender::Male => 1,
            Gender::Female => 2,
        }),
        status: set.status.map(|status| match status {
            Status::Regular => UserStatus::REGULAR,
            Status::Left => UserStatus::LEFT,
        }),
        ..ProfileChange::default()
    }
}

/// The store that is named, which has to be there unless it may be made.
pub(crate) async fn open(args: &StoreArgs, create: bool) -> anyhow::Result<Accounts> {
    let is_elsewhere = store_elsewhere(&args.dir).is_some();
    if args.store.is_some() || args.config.is_some() || is_elsewhere {
        let (url, _) = args.url()?;
        if let Some(path) = store::sqlite_path(&url).filter(|path| !path.exists()) {
            let path = std::path::absolute(path)?;
            if !create {
                bail!("there is no store {}", path.display());
            }
            eprintln!("there was no store {}; it is made", path.display());
        }
    } else {
        if create {
            std::fs::create_dir_all(&args.dir)
                .with_context(|| format!("creating {}", args.dir.display()))?;
        } else {
            refuse_missing(&args.dir)?;
        }
    }
    args.open().await
}

/// A mistyped folder is not made into an empty store.
fn refuse_missing(dir: &Path) -> anyhow::Result<()> {
    if !dir.join("ferrotalk.db").exists() {
        bail!(
            "{} has no ferrotalk.db; name the folder of `ferrotalk up` with --dir, the store with --store, \
             or db_proxy's configuration with --config",
            dir.display()
        );
    }
    Ok(())
}

fn new_password(from_stdin: bool, name: &str) -> anyhow::Result<String> {
    let password = terminal::password(from_stdin, &format!("New password of {name}: "))?;
    if password.is_empty() {
        bail!("an empty password is refused");
    }
    Ok(password)
}

async fn list(accounts: &Accounts, json: bool) -> anyhow::Result<()> {
    let mut count = 0_u64;
    accounts
        .for_each(|user| {
            count += 1;
            let (id, profile) = (user.id.get(), &user.profile);
            if json {
                let object = serde_json::json!({
                    "id": id, "name": profile.name, "nick": profile.nick_name, "status": profile.status.0,
                    "department": profile.department_id,
                });
                println!("{object}");
            } else {
                let left = if profile.status == UserStatus::LEFT {
                    "  (left)"
                } else {
                    ""
                };
                println!("{id:>8}  {:<20} {}{left}", profile.name, profile.nick_name);
            }
        })
        .await?;
    if !json && count == 0 {
        eprintln!("no users yet; `ferrotalk user add NAME` makes one");
    }
    Ok(())
}
