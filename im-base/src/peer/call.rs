//! Calls that wait for their answer on one connection.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use proto::im::ext::other::ImNak;
use proto::{Body, CommandId, Pdu};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Most calls in flight on one link: `seq_num` is the correlation and has 16 bits.
pub const MAX_CALLS: u16 = 60_000;

/// After this long without its late answer a number is used again. Far longer than any peer works on a request: an
/// answer that came even later would be taken for another call's.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// Why a call has no answer. Whether the peer did what it was asked is unknown except for `NotConnected` and `Busy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no connection right now; nothing was sent.
    #[error("the peer is not connected")]
    NotConnected,
    /// Too many calls are in flight, or the peer does not take our bytes; nothing was sent.
    #[error("the link to the peer is full")]
    Busy,
    /// The connection was lost before the answer came.
    #[error("the link to the peer was lost")]
    Lost,
    /// The peer did not answer in time.
    #[error("the peer did not answer in time")]
    TimedOut,
    /// The answer's body is no such message.
    #[error("the peer's answer is not readable")]
    Unreadable,
    /// The peer refused it, and said why.
    #[error("the peer refused it: {0}")]
    Refused(&'static str),
    /// The peer refused it for now, said why, and when to ask again.
    #[error("the peer refused it for now: {0}")]
    RefusedForNow(&'static str, Duration),
}

impl CallError {
    /// A short constant word for a metric's label.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotConnected => "peer_not_connected",
            Self::Busy => "peer_busy",
            Self::Lost => "peer_lost",
            Self::TimedOut => "peer_timed_out",
            Self::Unreadable => "peer_unreadable",
            Self::Refused(reason) | Self::RefusedForNow(reason, _) => reason,
        }
    }

    /// Whether the peer may have done what it was asked, now or later.
    pub fn leaves_open(self) -> bool {
        matches!(self, Self::Lost | Self::TimedOut | Self::Unreadable)
    }

    /// What the peer said instead of an answer.
    fn refused(nak: &ImNak) -> Self {
        let reason = known_reason(&nak.reason);
        match nak.retry_after_ms {
            None => Self::Refused(reason),
            Some(after) => Self::RefusedForNow(reason, Duration::from_millis(after.into())),
        }
    }
}

/// The words that peers of ours give for refusals: a metric's label, so there are not to be many.
fn known_reason(reason: &str) -> &'static str {
    static KNOWN: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock();
    if let Some(known) = known.iter().find(|known| **known == reason) {
        return known;
    }
    if known.len() >= MAX_REASONS || reason.len() > MAX_REASON {
        return "peer_refused";
    }
    let reason: &'static str = String::from(reason).leak();
    known.push(reason);
    reason
}

/// Most different reasons of peers that are told apart, and the longest of them in bytes.
const MAX_REASONS: usize = 100;
const MAX_REASON: usize = 64;

pub(super) type Answer = Result<Pdu, CallError>;

/// The calls of one connection. Their deadlines are looked at once a second by the link, so a call costs no timer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// At index n the call numbered n + 1; number 0 is for frames that ask nothing.
    slots: Vec<Slot>,
    /// Free numbers, longest unused first.
    free: VecDeque<u16>,
    lost: bool,
}

#[derive(Debug)]
enum Slot {
    Free,
    Waiting {
        caller: oneshot::Sender<Answer>,
        answered_by: CommandId,
        deadline: Instant,
    },
    /// Given up; the number is not used again before its late answer has come or can be ruled out.
    Abandoned {
        answered_by: CommandId,
        at: Instant,
    },
}

impl Slot {
    fn answered_by(&self) -> Option<CommandId> {
        match self {
            Self::Free => None,
            Self::Waiting { answered_by, .. } | Self::Abandoned { answered_by, .. } => {
                Some(*answered_by)
            }
        }
    }
}

impl Calls {
    /// Reserves a number for a call that is answered by that command. A frame of another command is no answer,
    /// whatever its number: some servers leave the number of the client that sent it on a relayed message
    /// (PROTOCOL.md, "Sequence numbers").
    pub(super) fn begin(
        &self,
        answered_by: CommandId,
        within: Duration,
    ) -> Result<(u16, oneshot::Receiver<Answer>), CallError> {
        let mut table = self.table.lock();
        if table.lost {
            return Err(CallError::NotConnected);
        }
        let number = match table.free.pop_front() {
            Some(number) => number,
            None if table.slots.len() < usize::from(MAX_CALLS) => {
                table.slots.push(Slot::Free);
                table.slots.len() as u16
            }
            None => return Err(CallError::Busy),
        };
        let (caller, answer) = oneshot::channel();
        table.slots[usize::from(number) - 1] = Slot::Waiting {
            caller,
            answered_by,
            deadline: Instant::now() + within,
        };
        Ok((number, answer))
    }

    /// Hands an answer to its call: that of the command, or a refusal with its reason. False if the frame answers none.
    pub(super) fn complete(&self, pdu: Pdu) -> bool {
        let nak = (pdu.command() == ImNak::ID).then(|| pdu.decode::<ImNak>());
        let answers = |slot: &Slot| match &nak {
            None => slot.answered_by() == Some(pdu.command()),
            Some(_) => slot.answered_by().is_some(),
        };
        let mut table = self.table.lock();
        let number = pdu.seq_num();
        let slot = usize::from(number)
            .checked_sub(1)
            .and_then(|at| table.slots.get_mut(at))
            .filter(|slot| answers(slot));
        let Some(slot) = slot else { return false };
        let answered = std::mem::replace(slot, Slot::Free);
        table.free.push_back(number);
        drop(table);
        if let Slot::Waiting { caller, .. } = answered {
            // A caller that went away does not want its answer.
            let _unwanted = caller.send(match nak {
                None => Ok(pdu),
                Some(Ok(nak)) => Err(CallError::refused(&nak)),
                Some(Err(_)) => Err(CallError::Unreadable),
            });
        }
        true
    }

    /// Gives up the calls whose deadline has passed.
    pub(super) fn expire(&self, now: Instant) {
        let Table { slots, free, .. } = &mut *self.table.lock();
        for (number, slot) in (1..).zip(slots) {
            match slot {
                Slot::Waiting {
                    deadline,
                    answered_by,
                    ..
                } if *deadline <= now => {
                    let abandoned = Slot::Abandoned {
                        answered_by: *answered_by,
                        at: now,
                    };
                    let given_up = std::mem::replace(slot, abandoned);
                    if let Slot::Waiting { caller, .. } = given_up {
                        let _unwanted = caller.send(Err(CallError::TimedOut));
                    }
                }
                Slot::Abandoned { at, .. } if now.duration_since(*at) >= FORGOTTEN_AFTER => {
                    *slot = Slot::Free;
                    free.push_back(number);
                }
                _ => {}
            }
        }
    }

    /// Fails every call at once and takes no more.
    pub(super) fn fail_all(&self) {
        let mut table = self.table.lock();
        table.lost = true;
        let mut waiting: Vec<_> = table
            .slots
            .drain(..)
            .filter_map(|slot| match slot {
                Slot::Waiting {
                    caller, deadline, ..
                } => Some((deadline, caller)),
                _ => None,
            })
            .collect();
        // Numbers are used again in any order; who asked first learns first, and may be the first to ask again.
        waiting.sort_by_key(|(deadline, _)| *deadline);
        for (_, caller) in waiting {
            let _unwanted = caller.send(Err(CallError::Lost));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANSWER: CommandId = CommandId(0x0704);

    fn answer(seq_num: u16) -> Pdu {
        Pdu::from_body(ANSWER, seq_num, Default::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_is_not_taken_for_another_calls() {
        let calls = Calls::default();
        let (first, waiting) = calls.begin(ANSWER, Duration::from_secs(1)).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        calls.expire(Instant::now());
        assert_eq!(waiting.await.unwrap(), Err(CallError::TimedOut));
        let (second, mut waiting) = calls.begin(ANSWER, Duration::from_secs(1)).unwrap();
        assert_ne!(first, second);
        assert!(
            calls.complete(answer(first)),
            "the late answer frees its number"
        );
        assert!(waiting.try_recv().is_err());
        assert!(
            !calls.complete(answer(first)),
            "and is no answer to anything twice"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn numbers_whose_answers_never_come_are_used_again_in_the_end() {
        let calls = Calls::default();
        for _ in 0..MAX_CALLS {
            let _unanswered = calls.begin(ANSWER, Duration::from_secs(1)).unwrap();
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        calls.expire(Instant::now());
        tokio::time::advance(FORGOTTEN_AFTER - Duration::from_secs(1)).await;
        calls.expire(Instant::now());
        let full = calls.begin(ANSWER, Duration::from_secs(1)).unwrap_err();
        assert_eq!(full, CallError::Busy);
        tokio::time::advance(Duration::from_secs(1)).await;
        calls.expire(Instant::now());
        let (number, mut waiting) = calls.begin(ANSWER, Duration::from_secs(1)).unwrap();
        assert!(calls.complete(answer(number)));
        assert_eq!(waiting.try_recv().unwrap().unwrap().seq_num(), number);
    }

    #[tokio::test]
    async fn a_push_that_carries_a_number_answers_no_call() {
        let calls = Calls::default();
        let (number, mut waiting) = calls.begin(ANSWER, Duration::from_secs(1)).unwrap();
        let relayed = Pdu::from_body(CommandId(0x0301), number, Default::default());
        assert!(!calls.complete(relayed));
        assert!(waiting.try_recv().is_err());
        assert!(calls.complete(answer(number)));
    }

    #[tokio::test]
    async fn the_table_is_bounded() {
        let calls = Calls::default();
        let waiting: Vec<_> = (0..MAX_CALLS)
            .map(|_| calls.begin(ANSWER, Duration::MAX / 4).unwrap())
            .collect();
        assert_eq!(
            calls.begin(ANSWER, Duration::from_secs(1)).unwrap_err(),
            CallError::Busy
        );
        assert!(calls.complete(answer(waiting[7].0)));
        assert!(calls.begin(ANSWER, Duration::from_secs(1)).is_ok());
        calls.fail_all();
        assert_eq!(
            calls.begin(ANSWER, Duration::from_secs(1)).unwrap_err(),
            CallError::NotConnected
        );
    }

    proptest! {
        #[test]
        fn numbers_in_use_are_distinct_and_never_zero(finish in proptest::collection::vec(any::<bool>(), 1..300)) {
            let calls = Calls::default();
            let mut open: Vec<(u16, oneshot::Receiver<Answer>)> = Vec::new();
            for finish in finish {
                if finish && !open.is_empty() {
                    let (number, mut waiting) = open.swap_remove(open.len() / 2);
                    prop_assert!(calls.complete(answer(number)));
                    prop_assert_eq!(waiting.try_recv().unwrap().unwrap().seq_num(), number);
                } else {
                    let call = calls.begin(ANSWER, Duration::from_secs(5)).unwrap();
                    prop_assert!(call.0 != 0 && open.iter().all(|(number, _)| *number != call.0));
                    open.push(call);
                }
            }
        }
    }
}
