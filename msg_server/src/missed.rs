//! Messages that may have got lost on their way between msg_servers: the store is asked what came of late, and what was not
//! handed out here is.
//!
//! Every message is in the store before anybody hears of it, so whatever a link, a route_server or another msg_server took along
//! when it died can be had there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use im_base::peer::CallError;
use im_base::telemetry::metrics::MISSED_LOOKS;
use metrics::counter;
use parking_lot::Mutex;
use proto::ids::{GroupId, UserId};
use proto::im::ext::message::{ImMissedReq, ImMissedRsp, ImSyncHint, MissedMessage};
use proto::im::message::ImMsgData;
use proto::{Pdu, capability};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use crate::fanout::{Frames, Source};
use crate::groups::{Origin, Parcel};
use crate::links::raw_ids;
use crate::server::MsgServer;

/// A message is stored that much longer before it is passed on than a request to db_proxy may take, at most.
const MARGIN: Duration = Duration::from_secs(1);

/// One loss is noticed in several places; they are looked after together.
const GATHER: Duration = Duration::from_millis(300);

/// From the end of one look to the begin of the next, at least and at most. Between them it is four times what db_proxy took
/// for its answers: however often something is lost, it is not busy with this for more than a fifth of the time.
const PAUSE: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Users asked about at once.
const USERS_AT_ONCE: usize = 500;

/// Between two tries when db_proxy does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// What could not be asked for this long is given up: clients find it in their lists.
const GIVE_UP: Duration = Duration::from_secs(600);

/// Messages that may be on their way from clients here, put aside at most. Those beyond are handed out at once.
const MAX_ASIDE: usize = 10_000;

/// Between two looks at what was put aside.
const SETTLING: Duration = Duration::from_millis(100);

/// Clients that are told to ask what changed spread over this time at least, and over so much more that no more than
/// [`HINTED_PER_SECOND`] of them ask in a second. They are told again when it is over at the earliest: what slows a
/// db_proxy down makes others look, and all their clients ask it.
const HINT_WITHIN: Duration = Duration::from_secs(3);

/// Clients of this server that ask in one second.
const HINTED_PER_SECOND: usize = 1_000;

/// What may be missing. Owned by [`MsgServer`]; one task looks after it.
#[derive(Default)]
pub(crate) struct Missed {
    gap: Mutex<Option<Gap>>,
    wanted: Notify,
}

/// A time in which messages may have passed us by.
#[derive(Clone, Copy)]
struct Gap {
    since: Instant,
    /// What is missing of messages from here since then may not be stored yet: it is looked for twice, and elsewhere too.
    unknown_since: Option<Instant>,
}

impl Missed {
    /// Messages that should have come here between then and now may not have.
    pub(crate) fn suspect(&self, since: Instant) {
        self.note(Gap {
            since,
            unknown_since: None,
        });
    }

    fn note(&self, new: Gap) {
        let mut gap = self.gap.lock();
        *gap = Some(gap.map_or(new, |gap| Gap {
            since: gap.since.min(new.since),
            unknown_since: gap.unknown_since.into_iter().chain(new.unknown_since).min(),
        }));
        drop(gap);
        self.wanted.notify_one();
    }
}

/// Notices that this process was stopped for a while (its machine suspended, say): route_servers took it for dead, and what
/// they kept for it they keep for half a minute only. It learns of its lost links when it runs again, as if they had been
/// lost just then.
pub(crate) struct Pulse {
    last: Instant,
}

impl Pulse {
    /// Less than what it takes to be taken for dead.
    const STOPPED: Duration = Duration::from_secs(3);

    pub(crate) fn new(now: Instant) -> Self {
        Self { last: now }
    }

    /// To be called every second. Since when it was stopped, if it was.
    pub(crate) fn beat(&mut self, now: Instant) -> Option<Instant> {
        let last = std::mem::replace(&mut self.last, now);
        (now.duration_since(last) >= Self::STOPPED).then_some(last)
    }
}

/// Whether what could not be stored may be all the same: a database that breaks while it commits has done it or not.
fn may_be_stored(error: &CallError) -> bool {
    error.leaves_open() || matches!(error, CallError::RefusedForNow(STORE_FAILED, _))
}

/// What db_proxy says when the database failed it.
const STORE_FAILED: &str = "store_failed";

/// An older db_proxy does not answer the question, and what it is refused for is refused the next time as well.
fn is_worth_a_retry(error: CallError) -> bool {
    !matches!(error, CallError::Refused(_) | CallError::Unreadable)
}

impl MsgServer {
    /// Looks after what may be missing, until the stop stage.
    pub(crate) async fn look_for_missed(self: Arc<Self>) {
        let looking = async {
            // When clients may be told to ask, if they have to be.
            let mut hint_after = Instant::now();
            let mut has_to_hint = false;
            loop {
                tokio::select! {
                    () = self.missed.wanted.notified() => sleep(GATHER).await,
                    () = sleep_until(hint_after), if has_to_hint => {}
                }
                let gap = self.missed.gap.lock().take();
                let mut asking = Duration::ZERO;
                if let Some(gap) = gap {
                    asking += self.close_gap(gap.since).await;
                    if let Some(since) = gap.unknown_since {
                        // What was given up may be carried out yet: after as long again it has been, or never will be.
                        sleep(self.limits.request()).await;
                        self.routes.lost(since);
                        asking += self.close_gap(since).await;
                    }
                    has_to_hint = true;
                }
                if has_to_hint && Instant::now() >= hint_after {
                    has_to_hint = false;
                    hint_after = Instant::now() + self.hint();
                }
                if gap.is_some() {
                    sleep(pause_after(asking)).await;
                }
            }
        };
        tokio::select! {
            () = looking => {}
            () = self.shutdown.stopping() => {}
        }
    }

    /// Nobody knows whether a message was stored: db_proxy was asked and did not answer. If it was, its receivers are to get
    /// it, here and elsewhere.
    fn outcome_unknown(&self) {
        let now = Instant::now();
        self.missed.note(Gap {
            since: now,
            unknown_since: Some(now),
        });
    }

    /// What became of something that was to be changed. If nobody knows, clients are told to ask what changed, later.
    pub(crate) fn noted<T>(&self, changed: Result<T, CallError>) -> Result<T, CallError> {
        if changed.as_ref().is_err_and(may_be_stored) {
            self.outcome_unknown();
        }
        changed
    }

    /// How long a message is stored at most before it is passed on.
    fn on_the_way(&self) -> Duration {
        self.limits.request() + MARGIN
    }

    /// Hands out what was stored since then, and a bit before. Returns how long db_proxy took for its answers.
    async fn close_gap(self: &Arc<Self>, since: Instant) -> Duration {
        let mut asking = Duration::ZERO;
        let mut users = Vec::new();
        self.users.each(|user, _| users.push(user));
        let begun = Instant::now();
        let mut aside = Vec::new();
        for users in users.chunks(USERS_AT_ONCE) {
            let mut page = None;
            loop {
                let asked_at = Instant::now();
                match self.ask_for_missed(users, since, page.clone()).await {
                    Ok(answer) => {
                        asking += asked_at.elapsed();
                        for message in answer.message {
                            if aside.len() < MAX_ASIDE && self.may_be_on_its_way(&message) {
                                aside.push(message);
                            } else {
                                self.hand_out_missed(message, Duration::ZERO);
                            }
                        }
                        page = answer.next_page;
                        if page.is_none() {
                            break;
                        }
                    }
                    Err(error) if is_worth_a_retry(error) && begun.elapsed() < GIVE_UP => {
                        sleep(RETRY).await;
                    }
                    Err(error) => {
                        counter!(MISSED_LOOKS, "outcome" => error.reason()).increment(1);
                        warn!(%error, "cannot find out which messages were missed");
                        self.hand_out_put_aside(aside).await;
                        return asking;
                    }
                }
            }
        }
        self.hand_out_put_aside(aside).await;
        counter!(MISSED_LOOKS, "outcome" => "done").increment(1);
        debug!(users = users.len(), "looked for messages that were missed");
        asking
    }

    /// Hands out what may have been on its way, when it cannot be any more.
    async fn hand_out_put_aside(self: &Arc<Self>, mut aside: Vec<MissedMessage>) {
        let since = Instant::now();
        while !aside.is_empty() {
            sleep(SETTLING).await;
            let is_over = since.elapsed() >= self.on_the_way();
            let waits = |missed: &MissedMessage| !is_over && self.may_be_on_its_way(missed);
            let (waiting, settled): (Vec<_>, Vec<_>) = aside.into_iter().partition(waits);
            for missed in settled {
                self.hand_out_missed(missed, since.elapsed());
            }
            aside = waiting;
        }
    }

    async fn ask_for_missed(
        &self,
        users: &[UserId],
        since: Instant,
        page: Option<Bytes>,
    ) -> Result<ImMissedRsp, CallError> {
        let age = since.elapsed() + self.on_the_way();
        let request = ImMissedReq {
            user_id: raw_ids(Some(users)),
            max_age_ms: u32::try_from(age.as_millis()).unwrap_or(u32::MAX),
            page,
            attach_data: None,
        };
        let answer: ImMissedRsp = self.db.call(users.first(), &request).await?;
        match answer.result_code {
            0 => Ok(answer),
            _ => Err(CallError::RefusedForNow(STORE_FAILED, RETRY)),
        }
    }

    /// Whether it may be from a client here that has no answer to it yet. It is handed out behind that answer, to all but this
    /// client; from the store the client would get its own message.
    fn may_be_on_its_way(&self, missed: &MissedMessage) -> bool {
        let sender = UserId::new(missed.message.from_session_id);
        Duration::from_millis(missed.age_ms.into()) < self.on_the_way()
            && sender.is_some_and(|sender| self.users.is_sending(sender))
    }

    /// Gives a message to those here who have not got it. The answer that had it came that long ago.
    fn hand_out_missed(self: &Arc<Self>, missed: MissedMessage, since_then: Duration) {
        let age = Duration::from_millis(missed.age_ms.into()) + since_then;
        let now = Instant::now();
        let since = now.checked_sub(age).unwrap_or(now);
        let withheld = missed.withheld();
        let stored = missed.message;
        let message = ImMsgData {
            from_user_id: stored.from_session_id,
            to_session_id: missed.to_session_id,
            msg_id: stored.msg_id,
            create_time: stored.create_time,
            msg_type: stored.msg_type,
            msg_data: stored.msg_data,
            mention_user_id: stored.mention_user_id,
            mention_all: stored.mention_all,
            reply_to_msg_id: stored.reply_to_msg_id,
            ..Default::default()
        };
        let frames = Frames::of(&message);
        if message.msg_type & 0x10 == 0 {
            let receiver = (!withheld).then_some(message.to_session_id);
            let users = [Some(message.from_user_id), receiver];
            let users = users.into_iter().flatten().filter_map(UserId::new);
            let source = Source::Store { since };
            self.fanout.message(&message, users, &frames, source);
        } else if let Some(group) = GroupId::new(message.to_session_id) {
            self.group_message(Parcel {
                group,
                version: missed.group_version.unwrap_or(0),
                message,
                frames,
                from: Origin::Store { since },
            });
        }
    }

    /// Clients that understand it are told to ask what changed: read marks and changes of groups may have got lost too.
    /// Returns the time over which they spread.
    fn hint(&self) -> Duration {
        let within = hint_within(self.users.able(capability::SYNC));
        let hint = ImSyncHint {
            within_ms: u32::try_from(within.as_millis()).unwrap_or(u32::MAX),
        };
        let frame = Pdu::new(&hint, 0).to_frame();
        self.users.send_to_able(capability::SYNC, &frame, None);
        within
    }
}

fn pause_after(asking: Duration) -> Duration {
    (asking * 4).clamp(PAUSE, LONGEST_PAUSE)
}

fn hint_within(clients: usize) -> Duration {
    HINT_WITHIN.max(Duration::from_secs(
        clients.div_ceil(HINTED_PER_SECOND) as u64
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_stopped_knows_since_when() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut pulse = Pulse::new(begun);
        assert_eq!(pulse.beat(after(0)), None);
        assert_eq!(pulse.beat(after(1)), None);
        assert_eq!(pulse.beat(after(41)), Some(after(1)));
        assert_eq!(pulse.beat(after(42)), None);
    }

    #[test]
    fn a_slow_store_is_left_in_peace_for_longer() {
        assert_eq!(pause_after(Duration::ZERO), PAUSE);
        assert_eq!(pause_after(PAUSE), 4 * PAUSE);
        assert_eq!(pause_after(Duration::from_secs(600)), LONGEST_PAUSE);
    }

    /// Another server does not look further back than to what is unknown, however long this one has to.
    #[test]
    fn losses_that_are_noticed_together_begin_with_the_earliest() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let missed = Missed::default();
        let unknown = |at| Gap {
            since: at,
            unknown_since: Some(at),
        };
        missed.note(unknown(after(9)));
        missed.suspect(after(0));
        missed.note(unknown(after(8)));
        let gap = missed.gap.lock().take().unwrap();
        assert_eq!(gap.since, after(0));
        assert_eq!(gap.unknown_since, Some(after(8)));
    }

    #[test]
    fn no_more_clients_than_that_ask_in_a_second() {
        assert_eq!(hint_within(0), HINT_WITHIN);
        for clients in [1, 999, 5_000, 100_000, 1_000_000] {
            let within = hint_within(clients);
            assert!(within >= HINT_WITHIN);
            assert!(clients as f64 / within.as_secs_f64() <= HINTED_PER_SECOND as f64);
        }
    }
}
