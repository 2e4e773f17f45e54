//! One script, and whether the target is well after it.

use std::path::Path;

use anyhow::{Context, ensure};

use super::FuzzArgs;
use super::report::{Summary, table};
use super::script::Script;
use super::watch::Trouble;
use crate::fuzzer::streams::print;

/// Plays the script of a file. Whether something is wrong afterwards.
pub(super) async fn run(args: &FuzzArgs, file: &Path) -> anyhow::Result<bool> {
    let script = Script::load(file)?;
    ensure!(
        args.target.is_some(),
        "say with --target HOST:PORT where the script is to be played"
    );
    let (targets, login) = args.targets().await?;
    let (target, _) = targets.into_iter().next().context("no target")?;
    let mut summary = Summary {
        target: target.name.clone(),
        dialect: script.dialect.name().to_owned(),
        scripts: 1,
        ..Default::default()
    };
    let player = args.player(&target)?;
    let mut watch = args.watch(target, login).await?;
    summary.seen = player.play(&script).await;
    let garbled = summary.seen.garbled.clone();
    let trouble = match garbled {
        Some(what) => Some(Trouble::Garbled { what }),
        None => watch.look().await,
    };
    summary.note_process(watch.baseline(), watch.now());
    if args.json {
        let json = serde_json::json!({ "trouble": trouble, "summary": summary });
        print(&format!("{json:#}\n"))?;
    } else {
        let table = table(std::slice::from_ref(&summary));
        let state = trouble
            .as_ref()
            .map_or_else(|| "the target is well".to_owned(), ToString::to_string);
        print(&format!("{table}\n  {state}\n"))?;
    }
    Ok(trouble.is_some())
}
