//! Makes a script smaller that shows a trouble: fewer steps, then fewer frames, then fewer bytes.

use tokio::time::Instant;

use super::script::{Script, Step};
use proto::header::HEADER_LEN;

/// How much may be tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Scripts that are still played.
    pub(super) attempts: u32,
    /// Until when.
    pub(super) until: Instant,
}

impl Budget {
    fn spent(&self) -> bool {
        self.attempts == 0 || Instant::now() >= self.until
    }

    fn take(&mut self) -> bool {
        if self.spent() {
            return false;
        }
        self.attempts -= 1;
        true
    }
}

/// Asks whether scripts still show the trouble.
struct Trials<F> {
    shows: F,
    budget: Budget,
}

impl<F: AsyncFnMut(&[Script]) -> bool> Trials<F> {
    /// Whether these scripts show it, if there is something left of the budget.
    async fn shown(&mut self, scripts: &[Script]) -> bool {
        self.budget.take() && (self.shows)(scripts).await
    }

    /// Takes `candidate` for `script` if it shows the trouble.
    async fn improve(&mut self, script: &mut Script, candidate: Script) -> bool {
        if candidate == *script || !self.shown(std::slice::from_ref(&candidate)).await {
            return false;
        }
        *script = candidate;
        true
    }

    /// Takes out what can be taken out, first halves, then ever smaller runs: `cut` gives the script without the things
    /// from the first number up to the second.
    async fn shrink(
        &mut self,
        script: &mut Script,
        count: impl Fn(&Script) -> usize,
        cut: impl Fn(&Script, usize, usize) -> Script,
    ) {
        let mut size = count(script).div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < count(script) {
                let end = (at + size).min(count(script));
                let candidate = cut(script, at, end);
                if !self.improve(script, candidate).await {
                    at = end;
                }
                if self.budget.spent() {
                    return;
                }
            }
            size /= 2;
        }
    }
}

/// The smallest script that was found to show the trouble, if one of `suspects`, or all of them together, does.
///
/// `shows` plays scripts, all at once if there are several, and says whether the trouble came again. The budget is for all of it.
pub(super) async fn minimise(
    suspects: &[Script],
    budget: Budget,
    shows: impl AsyncFnMut(&[Script]) -> bool,
) -> Option<Script> {
    let mut trials = Trials { shows, budget };
    let mut script = culprit(&mut trials, suspects).await?;
    let steps = |script: &Script| script.steps.len();
    trials
        .shrink(&mut script, steps, |script, from, to| {
            let mut smaller = script.clone();
            smaller.steps.drain(from..to);
            smaller
        })
        .await;
    for at in 0..script.steps.len() {
        once(&mut trials, &mut script, at).await;
        trials
            .shrink(
                &mut script,
                |script| parts(script, at),
                |script, from, to| {
                    let mut smaller = script.clone();
                    if let Some(Step::Write { parts, .. }) = smaller.steps.get_mut(at) {
                        parts.drain(from..to);
                    }
                    smaller
                },
            )
            .await;
        for part in 0..parts(&script, at) {
            bytes(&mut trials, &mut script, at, part).await;
        }
    }
    Some(script)
}

async fn culprit<F: AsyncFnMut(&[Script]) -> bool>(
    trials: &mut Trials<F>,
    suspects: &[Script],
) -> Option<Script> {
    let dialect = suspects.first()?.dialect;
    // Halving first: among many suspects it is the quickest way to one.
    if suspects.len() > 1 && trials.shown(suspects).await {
        let mut left = suspects;
        while left.len() > 1 {
            let (head, tail) = left.split_at(left.len() / 2);
            if trials.shown(head).await {
                left = head;
            } else if trials.shown(tail).await {
                left = tail;
            } else if trials.budget.spent() {
                // What showed it last; played one behind the other it may not.
                return Some(Script::chain(dialect, left));
            } else {
                // It takes something of both; one behind the other, if that does.
                let chain = Script::chain(dialect, left);
                let shown = trials.shown(std::slice::from_ref(&chain)).await;
                return shown.then_some(chain);
            }
        }
        return left.first().cloned();
    }
    for suspect in suspects.iter().rev() {
        if trials.shown(std::slice::from_ref(suspect)).await {
            return Some(suspect.clone());
        }
    }
    None
}

fn parts(script: &Script, at: usize) -> usize {
    match script.steps.get(at) {
        Some(Step::Write { parts, .. }) => parts.len(),
        _ => 0,
    }
}

/// One time instead of many, in one piece instead of many.
async fn once<F: AsyncFnMut(&[Script]) -> bool>(
    trials: &mut Trials<F>,
    script: &mut Script,
    at: usize,
) {
    let mut simple = script.clone();
    if let Some(Step::Write {
        times,
        piece,
        gap_ms,
        ..
    }) = simple.steps.get_mut(at)
    {
        (*times, *piece, *gap_ms) = (1, 0, 0);
        if !trials.improve(script, simple).await {
            let mut fewer = script.clone();
            while let Some(Step::Write { times, .. }) = fewer.steps.get_mut(at)
                && *times > 1
            {
                *times /= 2;
                if !trials.improve(script, fewer.clone()).await {
                    break;
                }
            }
        }
    }
}

/// A part with fewer bytes. A right length stays right; if that does not help, bytes go all the same.
async fn bytes<F: AsyncFnMut(&[Script]) -> bool>(
    trials: &mut Trials<F>,
    script: &mut Script,
    at: usize,
    part: usize,
) {
    let length = |script: &Script| part_bytes(script, at, part).len();
    let body = |script: &Script| length(script).saturating_sub(HEADER_LEN);
    if has_right_length(part_bytes(script, at, part)) {
        trials
            .shrink(script, body, |script, from, to| {
                without(script, at, part, HEADER_LEN + from, HEADER_LEN + to, true)
            })
            .await;
    }
    trials
        .shrink(script, length, |script, from, to| {
            without(script, at, part, from, to, false)
        })
        .await;
}

fn part_bytes(script: &Script, at: usize, part: usize) -> &[u8] {
    match script.steps.get(at) {
        Some(Step::Write { parts, .. }) => parts.get(part).map_or(&[], |part| &part.bytes.0),
        _ => &[],
    }
}

fn has_right_length(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_LEN && bytes[..4] == (bytes.len() as u32).to_be_bytes()
}

fn without(script: &Script, at: usize, part: usize, from: usize, to: usize, mend: bool) -> Script {
    let mut smaller = script.clone();
    if let Some(Step::Write { parts, .. }) = smaller.steps.get_mut(at)
        && let Some(part) = parts.get_mut(part)
    {
        part.bytes.0.drain(from..to);
        part.ids
            .retain(|place| place.at + 5 <= from || place.at >= to);
        for place in &mut part.ids {
            if place.at >= to {
                place.at -= to - from;
            }
        }
        if mend {
            let length = part.bytes.0.len() as u32;
            part.bytes.0[..4].copy_from_slice(&length.to_be_bytes());
        }
    }
    smaller
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use proptest::prelude::*;
    use proto::im::message::ImMsgData;
    use proto::{Body, Pdu};

    use super::super::dialect::Dialect;
    use super::super::grammar::Grammar;
    use super::super::script::Part;
    use super::*;

    fn budget(attempts: u32) -> Budget {
        Budget {
            attempts,
            until: Instant::now() + Duration::from_secs(600),
        }
    }

    fn all_parts(script: &Script) -> impl Iterator<Item = &Part> {
        script.steps.iter().flat_map(|step| match step {
            Step::Write { parts, .. } => parts.as_slice(),
            _ => &[],
        })
    }

    fn shows(script: &Script) -> bool {
        // A whole frame of 0x0301 with a length that is right, and somewhere behind its header two bytes.
        all_parts(script).any(|part| {
            let bytes = &part.bytes.0;
            has_right_length(bytes)
                && bytes[10..12] == ImMsgData::ID.0.to_be_bytes()
                && bytes[HEADER_LEN..]
                    .windows(2)
                    .any(|two| two == [0xbe, 0xef])
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

        #[test]
        fn what_remains_is_the_frame_that_shows_it(seed: u64, place in 0_usize..8) {
            let grammar = Grammar { dialect: Dialect::Client, users: vec!["demo1".into()], crowd: 4 };
            let mut suspects: Vec<Script> = (0..8).map(|number| grammar.script(seed, number)).collect();
            let mut pdu = Pdu::new(&ImMsgData { from_user_id: 77, ..Default::default() }, 9).to_frame().to_vec();
            pdu.extend_from_slice(&[1, 2, 0xbe, 0xef, 3]);
            let length = pdu.len() as u32;
            pdu[..4].copy_from_slice(&length.to_be_bytes());
            suspects[place].steps.push(Step::write(0, vec![Part::plain(*b"x"), Part::plain(pdu)]));

            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let found = runtime.block_on(minimise(&suspects, budget(5_000), async |scripts: &[Script]| scripts.iter().any(shows)));
            let found = found.unwrap();
            prop_assert!(shows(&found));
            prop_assert_eq!(found.steps.len(), 1);
            let parts: Vec<_> = all_parts(&found).collect();
            prop_assert_eq!(parts.len(), 1);
            prop_assert_eq!(parts[0].bytes.0.len(), HEADER_LEN + 2);
        }
    }

    /// Nothing is cut any more that would not be played: of a megabyte that is a million copies.
    #[tokio::test(start_paused = true)]
    async fn time_that_is_over_ends_it_as_well() {
        let part = Part::plain(vec![0; 1 << 10]);
        let mut script = Script {
            dialect: Dialect::Client,
            steps: vec![Step::write(0, vec![part])],
        };
        let limit = Duration::from_secs(600);
        let mut trials = Trials {
            shows: async |_: &[Script]| {
                tokio::time::advance(limit).await;
                false
            },
            budget: budget(5_000),
        };
        let cuts = Cell::new(0);
        let length = |script: &Script| part_bytes(script, 0, 0).len();
        trials
            .shrink(&mut script, length, |script, from, to| {
                cuts.set(cuts.get() + 1);
                without(script, 0, 0, from, to, false)
            })
            .await;
        assert_eq!(cuts.get(), 1);
    }

    #[tokio::test]
    async fn a_spent_budget_ends_it_with_what_there_is() {
        let grammar = Grammar {
            dialect: Dialect::Client,
            users: Vec::new(),
            crowd: 4,
        };
        let suspects = [grammar.script(1, 1)];
        let mut played = 0;
        let found = minimise(&suspects, budget(3), async |_: &[Script]| {
            played += 1;
            true
        })
        .await;
        assert!(found.is_some());
        assert_eq!(played, 3);
        let several: Vec<Script> = (0..8).map(|number| grammar.script(1, number)).collect();
        let last = &several[7];
        let shows = async |scripts: &[Script]| scripts.contains(last);
        // Of the second half it is not known any more which one.
        let found = minimise(&several, budget(3), shows).await;
        assert_eq!(found, Some(Script::chain(Dialect::Client, &several[4..])));
        assert!(
            minimise(&suspects, budget(0), async |_: &[Script]| true)
                .await
                .is_none()
        );
    }
}
