//! Rounds on one port: make scripts, play them, look whether the target is well, and find out what it was if not.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use super::corpus::Corpus;
use super::finding::{Finding, Findings};
use super::grammar::{Grammar, mutate, rng_of};
use super::minimise::{Budget, minimise};
use super::play::{Player, Seen};
use super::report::{Progress, Summary};
use super::script::Script;
use super::watch::{Trouble, Watch};

/// Scripts of a round.
const BATCH: u64 = 48;

/// Scripts that are played at once.
const AT_ONCE: usize = 16;

/// After so many rounds the target has filled its caches.
const WARM_UP: u64 = 12;

/// Rounds whose scripts are suspected when memory or descriptors have grown.
const SUSPECT_ROUNDS: usize = 4;

/// How many scripts are played to see whether memory grows by them.
const REPEATS: usize = 48;

/// Bytes of scripts that are kept as suspects.
const MOST_SUSPECT_BYTES: usize = 64 * 1024 * 1024;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) rounds: Option<u64>,
    pub(super) time: Option<Duration>,
    /// After so many findings there is enough to mend.
    pub(super) findings: usize,
    /// For each finding.
    pub(super) minimise_attempts: u32,
    pub(super) minimise_time: Duration,
}

/// A port under attack.
pub(super) struct Campaign {
    pub(super) seed: u64,
    pub(super) grammar: Grammar,
    pub(super) player: Player,
    pub(super) watch: Watch,
    pub(super) corpus: Corpus,
    pub(super) findings: Findings,
    pub(super) bounds: Bounds,
    pub(super) summary: Summary,
    pub(super) recent: VecDeque<Vec<Script>>,
}

impl Campaign {
    /// Goes on until a bound is reached or the target does not come back. What came of it is in the summary from the
    /// first round on, so that dropping this loses nothing.
    pub(super) async fn run(&mut self, progress: &mut Progress) -> anyhow::Result<()> {
        let begin = Instant::now();
        let mut since_well = 0;
        for round in 0.. {
            let over = self.bounds.time.is_some_and(|time| begin.elapsed() >= time);
            if over || self.bounds.rounds.is_some_and(|rounds| round >= rounds) {
                break;
            }
            let first = round * BATCH;
            let scripts: Vec<Script> = (first..first + BATCH)
                .map(|number| self.script(number))
                .collect();
            let mut trouble = self.play(&scripts).await?;
            self.remember(scripts);
            self.summary.rounds = round + 1;
            since_well += 1;
            if trouble.is_none() {
                trouble = self.watch.look().await;
            }
            if since_well == WARM_UP {
                self.watch.settle_in();
            }
            self.summary
                .note_process(self.watch.baseline(), self.watch.now());
            progress.round(&self.summary, self.corpus.len());
            if let Some(trouble) = trouble {
                progress.found(&self.summary.target, &trouble);
                if !self.investigate(trouble, round, first, progress).await? {
                    self.summary.ending = Some("the target did not come back".into());
                    break;
                }
                since_well = 0;
                if self.summary.findings.len() >= self.bounds.findings {
                    self.summary.ending = Some("enough was found".into());
                    break;
                }
            }
        }
        Ok(())
    }

    /// The script with that number: a new one, or one of the corpus with changes.
    fn script(&self, number: u64) -> Script {
        let fresh = self.grammar.script(self.seed, number);
        let mut rng = rng_of(!self.seed, number);
        match self.corpus.pick(rng.usize(..)) {
            Some(kept) if rng.bool() => mutate(&mut rng, kept, &fresh),
            _ => fresh,
        }
    }

    async fn play(&mut self, scripts: &[Script]) -> anyhow::Result<Option<Trouble>> {
        let all = play(&self.player, scripts).await;
        let mut trouble = None;
        for (script, seen) in scripts.iter().zip(&all) {
            self.summary.scripts += 1;
            self.summary.seen.add(seen);
            self.corpus.consider(script, &seen.marks)?;
            if let Some(what) = &seen.garbled {
                trouble = Some(Trouble::Garbled { what: what.clone() });
            }
        }
        Ok(trouble)
    }

    /// Keeps the scripts of the last rounds, within bounds.
    fn remember(&mut self, scripts: Vec<Script>) {
        self.recent.push_back(scripts);
        let size = |rounds: &VecDeque<Vec<Script>>| {
            rounds.iter().flatten().map(Script::len).sum::<usize>()
        };
        while self.recent.len() > SUSPECT_ROUNDS
            || (self.recent.len() > 1 && size(&self.recent) > MOST_SUSPECT_BYTES)
        {
            self.recent.pop_front();
        }
    }

    /// Writes down what was found and makes it small. Whether the target is there again.
    async fn investigate(
        &mut self,
        trouble: Trouble,
        round: u64,
        first_script: u64,
        progress: &mut Progress,
    ) -> anyhow::Result<bool> {
        let grows = matches!(
            trouble,
            Trouble::Memory { .. } | Trouble::Descriptors { .. }
        );
        let suspects: Vec<Script> = if grows {
            self.recent.iter().flatten().cloned().collect()
        } else {
            self.recent.back().cloned().unwrap_or_default()
        };
        let stem = self
            .findings
            .stem(&self.summary.target, &trouble, self.seed, round);
        let whole = Script::chain(self.grammar.dialect, &suspects);
        let mut finding = Finding {
            target: self.summary.target.clone(),
            seed: self.seed,
            round,
            first_script,
            before: self.watch.baseline(),
            after: self.watch.now(),
            log_tail: self.watch.log_tail(),
            whole: self.findings.save_script(&stem, "whole", &whole)?,
            minimal: None,
            trouble,
        };
        let file = self.findings.save_finding(&stem, &finding)?;
        self.summary.findings.push(finding.clone());
        progress.saved(&file);
        let mut there = self.watch.recover().await;
        if there {
            let budget = Budget {
                attempts: self.bounds.minimise_attempts,
                until: Instant::now() + self.bounds.minimise_time,
            };
            let (player, watch) = (&self.player, &mut self.watch);
            let trouble = &finding.trouble;
            let shows = async |scripts: &[Script]| {
                there && shows(player, watch, scripts, trouble, &mut there).await
            };
            if let Some(minimal) = minimise(&suspects, budget, shows).await {
                let path = self.findings.save_script(&stem, "minimal", &minimal)?;
                progress.minimised(&path, &minimal);
                finding.minimal = Some(path);
                self.findings.save_finding(&stem, &finding)?;
                self.summary.findings.pop();
                self.summary.findings.push(finding);
            } else {
                progress.not_again();
            }
            there = there && self.watch.recover().await;
        }
        // What grew stays: the next finding is about what grows from here on.
        self.watch.settle_in();
        self.recent.clear();
        Ok(there)
    }
}

/// Plays scripts and says whether the trouble came again. Waits until the target is well afterwards; `there` becomes
/// false if it does not come back.
async fn shows(
    player: &Player,
    watch: &mut Watch,
    scripts: &[Script],
    trouble: &Trouble,
    there: &mut bool,
) -> bool {
    watch.settle_in();
    let shown = match trouble {
        Trouble::Garbled { .. } => {
            let all = play(player, scripts).await;
            all.iter().any(|seen| seen.garbled.is_some())
        }
        Trouble::Memory { .. } => memory_grows(player, watch, scripts).await,
        Trouble::Descriptors { .. } => descriptors_stay(player, watch, scripts).await,
        _ => {
            play(player, scripts).await;
            let again = watch.look().await;
            again.is_some_and(|again| again.kind() == trouble.kind())
        }
    };
    *there = watch.recover().await;
    shown
}

/// Plays scripts, some at a time. What came of each, in their order.
async fn play(player: &Player, scripts: &[Script]) -> Vec<Seen> {
    let playing = scripts.iter().map(|script| player.play(script));
    futures_util::stream::iter(playing)
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// Whether memory grows by half of what is too much when the scripts are played again and again.
async fn memory_grows(player: &Player, watch: &Watch, scripts: &[Script]) -> bool {
    let Some(before) = watch.baseline() else {
        return false;
    };
    for _ in 0..(REPEATS / scripts.len()).max(4) {
        play(player, scripts).await;
        match watch.now() {
            Some(now) if now.resident > before.resident + watch.memory_limit() / 2 => return true,
            Some(_) => {}
            None => return false,
        }
    }
    false
}

/// Whether every time that the scripts are played leaves a descriptor open.
async fn descriptors_stay(player: &Player, watch: &Watch, scripts: &[Script]) -> bool {
    const SETTLE: Duration = Duration::from_secs(2);
    let Some(before) = watch.baseline() else {
        return false;
    };
    let times = (8 / scripts.len()).max(4);
    for _ in 0..times {
        play(player, scripts).await;
    }
    let most = before.descriptors + times as u64 - 1;
    watch.stays_above(most, SETTLE).await.is_some()
}
