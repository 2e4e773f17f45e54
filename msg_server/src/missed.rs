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
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::fanout::Source;
use crate::groups::{Origin, Parcel};
use crate::links::raw_ids;
use crate::server::MsgServer;

/// A message is stored that long before it is passed on, at most: so long may a request to db_proxy take, and a bit.
const ON_THE_WAY: Duration = Duration::from_secs(6);

/// One loss is noticed in several places; they are looked after together.
const GATHER: Duration = Duration::from_millis(300);

/// From the end of one look to the begin of the next: a store that is slow already is not asked all the time.
const PAUSE: Duration = Duration::from_secs(3);

/// A request that is given up may be carried out yet; after this long it has been, or never will be.
const LATE: Duration = Duration::from_secs(5);

/// Users asked about at once.
const USERS_AT_ONCE: usize = 500;

/// Between two tries when db_proxy does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// What could not be asked for this long is given up: clients find it in their lists.
const GIVE_UP: Duration = Duration::from_secs(600);

/// Clients that are told to ask what changed spread over this time.
const HINT_WITHIN: Duration = Duration::from_secs(3);

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
    /// What is missing may not be stored yet: it is looked for twice.
    is_early: bool,
}

impl Missed {
    /// Messages that should have come here between then and now may not have.
    pub(crate) fn suspect(&self, since: Instant) {
        self.note(Gap {
            since,
            is_early: false,
        });
    }

    fn note(&self, new: Gap) {
        let mut gap = self.gap.lock();
        *gap = Some(gap.map_or(new, |gap| Gap {
            since: gap.since.min(new.since),
            is_early: gap.is_early || new.is_early,
        }));
        drop(gap);
        self.wanted.notify_one();
    }
}

impl MsgServer {
    /// Looks after what may be missing, until the stop stage.
    pub(crate) async fn look_for_missed(self: Arc<Self>) {
        let looking = async {
            loop {
                self.missed.wanted.notified().await;
                sleep(GATHER).await;
                let gap = self.missed.gap.lock().take();
                if let Some(gap) = gap {
                    self.close_gap(gap).await;
                    if gap.is_early {
                        sleep(LATE).await;
                        self.routes.lost(gap.since);
                        self.close_gap(gap).await;
                    }
                    self.hint();
                    sleep(PAUSE).await;
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
    pub(crate) fn outcome_unknown(&self) {
        self.missed.note(Gap {
            since: Instant::now(),
            is_early: true,
        });
    }

    async fn close_gap(self: &Arc<Self>, gap: Gap) {
        let mut users = Vec::new();
        self.users.each(|user, _| users.push(user));
        let begun = Instant::now();
        for users in users.chunks(USERS_AT_ONCE) {
            let mut page = None;
            loop {
                match self.ask_for_missed(users, gap, page.clone()).await {
                    Ok(answer) => {
                        for message in answer.message {
                            self.hand_out_missed(message);
                        }
                        page = answer.next_page;
                        if page.is_none() {
                            break;
                        }
                    }
                    Err(_) if begun.elapsed() < GIVE_UP => sleep(RETRY).await,
                    Err(error) => {
                        counter!(MISSED_LOOKS, "outcome" => error.reason()).increment(1);
                        warn!(%error, "cannot find out which messages were missed");
                        return;
                    }
                }
            }
        }
        counter!(MISSED_LOOKS, "outcome" => "done").increment(1);
        debug!(users = users.len(), "looked for messages that were missed");
    }

    async fn ask_for_missed(
        &self,
        users: &[UserId],
        gap: Gap,
        page: Option<Bytes>,
    ) -> Result<ImMissedRsp, CallError> {
        let age = gap.since.elapsed() + ON_THE_WAY;
        let request = ImMissedReq {
            user_id: raw_ids(Some(users)),
            max_age_ms: u32::try_from(age.as_millis()).unwrap_or(u32::MAX),
            page,
            attach_data: None,
        };
        let answer: ImMissedRsp = self.db.call(users.first(), &request).await?;
        match answer.result_code {
            0 => Ok(answer),
            _ => Err(CallError::Refused("store_failed")),
        }
    }

    /// Gives a message to those here who have not got it.
    fn hand_out_missed(self: &Arc<Self>, missed: MissedMessage) {
        let age = Duration::from_millis(missed.age_ms.into());
        let now = Instant::now();
        let since = now.checked_sub(age).unwrap_or(now);
        let stored = missed.message;
        let message = ImMsgData {
            from_user_id: stored.from_session_id,
            to_session_id: missed.to_session_id,
            msg_id: stored.msg_id,
            create_time: stored.create_time,
            msg_type: stored.msg_type,
            msg_data: stored.msg_data,
            ..Default::default()
        };
        let frame = Pdu::new(&message, 0).to_frame();
        if message.msg_type & 0x10 == 0 {
            let users = [message.from_user_id, message.to_session_id];
            let users = users.into_iter().filter_map(UserId::new);
            let source = Source::Store { since };
            self.fanout.message(&message, users, &frame, source);
        } else if let Some(group) = GroupId::new(message.to_session_id) {
            self.group_message(Parcel {
                group,
                version: missed.group_version.unwrap_or(0),
                message,
                frame,
                from: Origin::Store { since },
            });
        }
    }

    /// Clients that understand it are told to ask what changed: read marks and changes of groups may have got lost too.
    fn hint(&self) {
        let hint = ImSyncHint {
            within_ms: u32::try_from(HINT_WITHIN.as_millis()).unwrap_or(u32::MAX),
        };
        let frame = Pdu::new(&hint, 0).to_frame();
        self.users.send_to_able(capability::SYNC, &frame);
    }
}
