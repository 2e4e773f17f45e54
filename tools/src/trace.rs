//! `ferrotalk trace`: what became of one message, collected from every process and from the store.

mod process;
mod stored;
mod timeline;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use futures_util::future::join_all;
use im_base::telemetry::trace::Conversation;

use crate::terminal::Paint;
use crate::users::StoreArgs;
use process::{Process, Seen};
use stored::Stored;
use timeline::Timeline;

/// Say what became of a message: who sent it, when it was stored, to which devices it went
#[derive(Args, Debug)]
#[command(after_help = "\
Every process remembers the steps of the last messages, 65,536 in all; what is older, or was before its start, is gone.
Times are those of each process's own machine. Exit code 0 when anything is known of the message, 1 otherwise.

Examples:
  ferrotalk trace single:1:2 5                       message 5 of users 1 and 2, in an installation of `ferrotalk up`
  ferrotalk trace group:7 120 --json
  ferrotalk trace --key 0a1b2c                       by the sender's own key of it, in hexadecimal digits
  ferrotalk trace single:1:2 5 --admin msg1:9101 --admin route1:9102 --admin db1:9103 --config /etc/ferrotalk/db_proxy.toml")]
pub struct TraceArgs {
    /// single:USER:USER or group:GROUP
    #[arg(value_name = "CONVERSATION", required_unless_present = "key")]
    conversation: Option<Conversation>,
    /// The message's number in it
    #[arg(value_name = "ID", required_unless_present = "key")]
    id: Option<u32>,
    /// Instead of both, the key that the client gave it (client_msg_id)
    #[arg(long, value_name = "HEX", value_parser = hexadecimal, conflicts_with_all = ["conversation", "id"])]
    key: Option<String>,
    /// The admin port of a process, as often as there are processes; otherwise those in DIR/run.json
    #[arg(long, value_name = "HOST:PORT")]
    admin: Vec<String>,
    /// One JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    store: StoreArgs,
}

fn hexadecimal(key: &str) -> Result<String, String> {
    let digits = key.bytes().all(|digit| digit.is_ascii_hexdigit());
    match digits && !key.is_empty() && key.len().is_multiple_of(2) {
        true => Ok(key.to_owned()),
        false => Err("a key is an even number of hexadecimal digits".to_owned()),
    }
}

/// Collects and prints. What cannot be asked is named, not left out.
pub async fn run(args: TraceArgs) -> anyhow::Result<ExitCode> {
    let processes = match args.admin.is_empty() {
        true => process::in_folder(&args.store.dir)?,
        false => args.admin.iter().map(|at| Process::at(at)).collect(),
    };
    if processes.is_empty() {
        bail!("no process is known; name admin ports with --admin");
    }
    let mut timelines = Vec::new();
    for (conversation, id) in messages(&args, &processes).await {
        let query = format!("conversation={conversation}&id={id}");
        let seen = ask_all(&processes, &query).await;
        let stored = stored::find(&args.store, conversation, id).await;
        timelines.push(Timeline::new(Some((conversation, id)), seen, stored));
    }
    if let (true, Some(key)) = (timelines.is_empty(), &args.key) {
        // It may have been refused each time it was sent.
        let seen = ask_all(&processes, &format!("key={key}")).await;
        timelines.push(Timeline::new(None, seen, Stored::NotLookedFor));
    }
    for timeline in &timelines {
        match args.json {
            true => println!("{}", timeline.json()),
            false => print!("{}", timeline.text(Paint::stdout())),
        }
    }
    match timelines.iter().any(Timeline::is_known) {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}

/// The messages that are meant: the one that is named, or those that have the key.
async fn messages(args: &TraceArgs, processes: &[Process]) -> BTreeSet<(Conversation, u32)> {
    if let Some(named) = args.conversation.zip(args.id) {
        return BTreeSet::from([named]);
    }
    let Some(key) = &args.key else {
        return BTreeSet::new();
    };
    let seen = ask_all(processes, &format!("key={key}")).await;
    let steps = seen.iter().flat_map(Seen::steps);
    steps.filter_map(|step| step.message()).collect()
}

async fn ask_all(processes: &[Process], query: &str) -> Vec<Seen> {
    join_all(processes.iter().map(|process| process.ask(query))).await
}
