//! `ferrotalk import`: everything out of another server's database.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use bytes::Bytes;
use clap::{Args, Subcommand};
use db_proxy::store::{Archive, UnixMillis, sqlite_path};
use db_proxy::transfer::Note;
use db_proxy::transfer::teamtalk::clips::{ClipError, Clips, Folder, MAX_SOUND};
use db_proxy::transfer::teamtalk::{Choices, TeamTalk};

use crate::client::http::{self, HttpError, Target};
use crate::transfer::{self, Manner};

/// The variable that the source's password is taken from.
const PASSWORD_VARIABLE: &str = "FERROTALK_IMPORT_PASSWORD";

/// How long a sound is waited for.
const SOUND_DEADLINE: Duration = Duration::from_secs(5);

/// How often a sound is asked for while nobody answers.
const ATTEMPTS: u32 = 3;

/// Take over everything from another server's database
#[derive(Args, Debug)]
pub struct ImportArgs {
    #[command(subcommand)]
    from: From,
}

#[derive(Debug, Subcommand)]
enum From {
    Teamtalk(TeamTalkArgs),
}

/// Take over a TeamTalk database: users with their passwords, departments, groups, conversations, messages
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  ferrotalk import teamtalk --from mysql://root@127.0.0.1/teamtalk --dry-run
                                                     what would be carried, repaired, left
  FERROTALK_IMPORT_PASSWORD=… ferrotalk import teamtalk --from mysql://root@127.0.0.1/teamtalk \\
      --to sqlite:data/ferrotalk.db --audio-dir /var/msfs
  ferrotalk import teamtalk --from … --to … --json > report.json

Stop TeamTalk's servers first, or take a copy of their database: what is written there meanwhile is not carried.
Ids of users, groups and departments stay, and so do those of messages unless they had gaps or were there twice.
Everything counts as read. An import that was interrupted goes on when the same command is run again; until it is
finished, no server opens the target. Exit code 1: it failed, or both sides are not the same afterwards.")]
struct TeamTalkArgs {
    /// The TeamTalk database: mysql://USER[:PASSWORD]@HOST[:PORT]/DATABASE
    #[arg(
        long,
        value_name = "URL",
        env = "FERROTALK_IMPORT_FROM",
        hide_env_values = true
    )]
    from: String,
    /// A file whose first line is the password; FERROTALK_IMPORT_PASSWORD does the same without a file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// An empty store: sqlite:PATH or mysql://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(
        long,
        value_name = "STORE",
        env = "FERROTALK_STORE",
        hide_env_values = true,
        required_unless_present = "dry_run"
    )]
    to: Option<String>,
    /// The folder of the media store (msfs), its BaseDir, for the sounds of voice messages; else they are fetched over
    /// HTTP from where the database says
    #[arg(long, value_name = "DIR")]
    audio_dir: Option<PathBuf>,
    /// Carry voice messages with their durations alone
    #[arg(long, conflicts_with = "audio_dir")]
    without_sounds: bool,
    /// How many tables IMMessage_* there are, and how many IMGroupMessage_* [default: 8, as TeamTalk makes them]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    shards: Option<u16>,
    /// Go on although there are more tables of messages than are read
    #[arg(long)]
    leave_tables: bool,
    #[command(flatten)]
    manner: Manner,
}

/// Runs the command.
pub async fn run(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let From::Teamtalk(args) = args.from;
    let clips = clips(args.audio_dir.as_deref())?;
    let password = password(args.password_file.as_deref())?;
    let to = args.to.as_deref().filter(|_| !args.manner.is_rehearsal());
    // a target that may hold the beginning of this import says what counted as now; a file is not made before the source
    // is known to be one
    let mut target: Option<Arc<dyn Archive>> = None;
    let mut now = UnixMillis::now();
    if let Some(to) = to.filter(|to| sqlite_path(to).is_none_or(Path::exists)) {
        let opened = transfer::open_alone(to).await?;
        if let Some(note) = opened.note().await.context("reading the target")? {
            now = Note::as_of(&note).unwrap_or(now);
        }
        target = Some(opened);
    }
    let choices = Choices {
        shards: args.shards,
        leave_tables: args.leave_tables,
        without_sounds: args.without_sounds,
    };
    let mut source = TeamTalk::open(&args.from, password.as_deref(), clips, now, choices).await?;
    if let (Some(to), None) = (to, &target) {
        target = Some(transfer::open_alone(to).await?);
    }
    let ended = transfer::run(&mut source, target.as_deref(), &args.manner).await;
    if let Some(target) = target {
        target.close().await;
    }
    ended
}

fn password(file: Option<&Path>) -> anyhow::Result<Option<String>> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file)
            .with_context(|| format!("reading --password-file {}", file.display()))?;
        return Ok(Some(text.lines().next().unwrap_or_default().to_owned()));
    }
    match std::env::var_os(PASSWORD_VARIABLE) {
        None => Ok(None),
        Some(value) => match value.into_string() {
            Ok(value) => Ok(Some(value)),
            Err(_) => bail!("the value of {PASSWORD_VARIABLE} is not UTF-8"),
        },
    }
}

fn clips(folder: Option<&Path>) -> anyhow::Result<Arc<dyn Clips>> {
    match folder {
        None => Ok(Arc::new(OverHttp)),
        Some(folder) if folder.is_dir() => Ok(Arc::new(Folder::new(folder.to_owned()))),
        Some(folder) => bail!("--audio-dir {} is no folder", folder.display()),
    }
}

/// Sounds from the media store itself.
struct OverHttp;

#[async_trait]
impl Clips for OverHttp {
    async fn fetch(&self, url: &str) -> Result<Bytes, ClipError> {
        let missing = |error: HttpError| ClipError::Missing(error.to_string());
        let target: Target = url.parse().map_err(missing)?;
        let mut attempt = 1;
        loop {
            match http::get_up_to(&target, SOUND_DEADLINE, MAX_SOUND).await {
                Ok(answer) if answer.status == 200 => return Ok(answer.body),
                Ok(answer) => {
                    let why = format!("{target} answers {}", answer.status);
                    return Err(match answer.status {
                        500.. => ClipError::Away(why),
                        _ => ClipError::Missing(why),
                    });
                }
                Err(error @ HttpError::Protocol { .. }) => return Err(missing(error)),
                Err(error) if attempt == ATTEMPTS => {
                    return Err(ClipError::Away(error.to_string()));
                }
                Err(_) => attempt += 1,
            }
        }
    }
}
