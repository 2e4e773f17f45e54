//! A client: logs in, asks what is new, sends, sends again what was not acknowledged, comes back after losses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use im_base::net::{Connection, Outbox, Pace, socket};
use proto::decoder::MAX_SERVER_FRAME;
use proto::im::base_define::{UserStat, UserStatType};
use proto::im::buddy::{
    ImRecentContactSessionReq, ImRecentContactSessionRsp, ImUserStatNotify, ImUsersStatReq,
    ImUsersStatRsp,
};
use proto::im::login::{ImKickUser, ImLoginReq, ImLoginRes};
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::{Body, Pdu};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::conversation::Conversation;
use crate::plan::{DevicePlan, GROUPS, HEALED, MSG_SERVERS};
use crate::record::Record;
use crate::world::CLIENT_PORT;

/// It sends a heartbeat this often and takes the server, which sends each back, for gone after that long.
const PACE: Pace = Pace {
    silence: Duration::from_secs(10),
    heartbeat: Some(Duration::from_secs(3)),
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const LOGIN_TIMEOUT: Duration = Duration::from_secs(8);
/// A message that is not acknowledged by then is sent again.
const RESEND_AFTER: Duration = Duration::from_secs(7);
/// And one that was refused, after this long.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often it looks what is to be done.
const LOOK: Duration = Duration::from_millis(50);
/// How often it asks who is online.
const ASK: Duration = Duration::from_secs(4);
/// Messages that wait for their acknowledgement at the same time.
const IN_FLIGHT: usize = 4;
const OUTBOX_BYTES: usize = 1024 * 1024;

/// A user's device and what it has to send.
pub(crate) struct Device {
    at: usize,
    plan: DevicePlan,
    name: String,
    rng: Rng,
    record: Arc<Record>,
    /// Not acknowledged yet, in their order.
    unsent: Vec<Outgoing>,
    next_message: usize,
    next_move: usize,
}

/// A message on its way to its acknowledgement.
struct Outgoing {
    record: usize,
    message: ImMsgData,
    conversation: Conversation,
    /// The number it went out under in this session, and when.
    sent: Option<(u16, Instant)>,
    not_before: Option<Instant>,
}

/// How a session ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Another device of the user took its place.
    Displaced,
    /// It comes back.
    Lost,
    /// It goes for good.
    Left,
}

/// One session while it lasts.
struct Session {
    at: usize,
    connection: Connection<socket::TcpStream>,
    next_number: u16,
    recent_asked: Option<Instant>,
    users_asked: Option<Instant>,
    knows_recent: bool,
}

impl Device {
    pub(crate) fn new(at: usize, plan: DevicePlan, seed: u64, record: Arc<Record>) -> Self {
        Self {
            at,
            name: plan.to_string(),
            plan,
            rng: Rng::with_seed(seed.wrapping_mul(1_000).wrapping_add(at as u64)),
            record,
            unsent: Vec::new(),
            next_message: 0,
            next_move: 0,
        }
    }

    /// Comes and comes back until the run is over.
    pub(crate) async fn live(mut self) {
        sleep(self.plan.first_login).await;
        loop {
            if self.is_to_leave() {
                return;
            }
            let server = format!("msg-{}", self.rng.usize(0..MSG_SERVERS));
            match self.session(&server).await {
                Some(End::Displaced) if now() + Duration::from_secs(4) > HEALED => {
                    self.event("stays away");
                    return;
                }
                Some(End::Left) => return,
                Some(End::Displaced) => self.pause(2_000..8_000).await,
                Some(End::Lost) | None => self.pause(50..1_500).await,
            }
        }
    }

    fn is_to_leave(&self) -> bool {
        self.plan.leaves.is_some_and(|at| now() >= at)
    }

    async fn pause(&mut self, millis: std::ops::Range<u64>) {
        sleep(Duration::from_millis(self.rng.u64(millis))).await;
    }

    fn event(&self, what: impl std::fmt::Display) {
        self.record.event(&self.name, what);
    }

    /// One session, if it comes to one.
    async fn session(&mut self, server: &str) -> Option<End> {
        let mut session = self.log_in(server).await?;
        self.event(format_args!("logged in on {server}"));
        for outgoing in &mut self.unsent {
            (outgoing.sent, outgoing.not_before) = (None, None);
        }
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let end = loop {
            tokio::select! {
                next = session.connection.next() => match next {
                    Ok(pdu) => if let Some(end) = self.received(&mut session, &pdu) {
                        break end;
                    },
                    Err(reason) => {
                        self.event(format_args!("lost: {reason}"));
                        break End::Lost;
                    }
                },
                _ = tick.tick() => {
                    if self.is_to_leave() {
                        self.event("leaves");
                        break End::Left;
                    }
                    if self.turn(&mut session) {
                        self.event("hangs up");
                        break End::Lost;
                    }
                }
            }
        };
        self.record
            .in_session(session.at, |record| record.is_open = false);
        Some(end)
    }

    async fn log_in(&mut self, server: &str) -> Option<Session> {
        let address = format!("{server}:{CLIENT_PORT}");
        let stream = timeout(CONNECT_TIMEOUT, socket::connect(&address)).await;
        let stream = stream.ok()?.ok()?;
        let outbox = Outbox::new(OUTBOX_BYTES);
        let mut connection = Connection::new(stream, outbox, PACE, MAX_SERVER_FRAME);
        let request = ImLoginReq {
            user_name: self.plan.user.to_string(),
            password: "any".to_owned(),
            online_status: UserStatType::UserStatusOnline as i32,
            client_type: self.plan.kind as i32,
            ..Default::default()
        };
        connection.outbox().send(&request, 1).ok()?;
        let answer = timeout(LOGIN_TIMEOUT, async {
            loop {
                let pdu = connection.next().await.ok()?;
                if pdu.command() == ImLoginRes::ID {
                    return pdu.decode::<ImLoginRes>().ok();
                }
            }
        });
        let answer = answer.await.ok()??;
        if answer.result_code != 0 {
            self.event(format_args!("refused by {server}: {}", answer.result_code));
            return None;
        }
        Some(Session {
            at: self.record.open(self.at, server),
            connection,
            next_number: 2,
            recent_asked: None,
            users_asked: None,
            knows_recent: false,
        })
    }

    /// Does what is due. True if it is time to hang up.
    fn turn(&mut self, session: &mut Session) -> bool {
        let (time, instant) = (now(), Instant::now());
        let due = |at: &Duration| time >= *at;
        if self.plan.moves.get(self.next_move).is_some_and(due) {
            self.next_move += 1;
            return true;
        }
        while let Some((_, conversation)) = self
            .plan
            .messages
            .get(self.next_message)
            .filter(|(at, _)| due(at))
        {
            self.unsent.push(self.write(*conversation));
            self.next_message += 1;
        }
        let is_late = |asked: Option<Instant>, after| asked.is_none_or(|at| instant >= at + after);
        if !session.knows_recent && is_late(session.recent_asked, RESEND_AFTER) {
            session.recent_asked = Some(instant);
            session.send(&ImRecentContactSessionReq::default());
        }
        if is_late(session.users_asked, ASK) {
            session.users_asked = Some(instant);
            session.send(&ImUsersStatReq {
                user_id: self.plan.user,
                user_id_list: everybody(),
                attach_data: None,
            });
        }
        for outgoing in self.unsent.iter_mut().take(IN_FLIGHT) {
            let waits = outgoing
                .sent
                .is_some_and(|(_, at)| instant < at + RESEND_AFTER)
                || outgoing.not_before.is_some_and(|at| instant < at);
            if !waits {
                outgoing.sent = Some((session.send(&outgoing.message), instant));
            }
        }
        false
    }

    /// A new message, with a key of its own.
    fn write(&self, conversation: Conversation) -> Outgoing {
        let (to_session_id, session_type) = conversation.as_seen_by(self.plan.user);
        let body = format!("{} #{}", self.name, self.next_message + 1);
        let record = self.record.wanted(self.at, conversation, &body);
        self.event(format_args!("writes \"{body}\" to {conversation}"));
        Outgoing {
            record,
            conversation,
            message: ImMsgData {
                from_user_id: self.plan.user,
                to_session_id,
                msg_type: if session_type as i32 == 2 { 0x11 } else { 0x01 },
                client_msg_id: Some(Bytes::from(body.clone())),
                msg_data: Bytes::from(body),
                ..Default::default()
            },
            sent: None,
            not_before: None,
        }
    }

    /// Takes note of what came. An end if the session is over by that.
    fn received(&mut self, session: &mut Session, pdu: &Pdu) -> Option<End> {
        let command = pdu.command();
        if command == ImMsgDataAck::ID {
            self.acked(session, pdu.seq_num(), &pdu.decode().ok()?);
        } else if command == ImMsgData::ID {
            self.pushed(session, &pdu.decode().ok()?);
        } else if command == ImKickUser::ID {
            self.event("displaced");
            return Some(End::Displaced);
        } else if command == ImUserStatNotify::ID {
            let stat = pdu.decode::<ImUserStatNotify>().ok()?.user_stat;
            self.record.in_session(session.at, |record| {
                record.told.insert(stat.user_id, is_online(&stat));
            });
        } else if command == ImUsersStatRsp::ID {
            let answer: ImUsersStatRsp = pdu.decode().ok()?;
            let users = answer.user_stat_list.iter();
            let users = users.map(|stat| (stat.user_id, is_online(stat))).collect();
            self.record
                .in_session(session.at, |record| record.asked = Some(users));
        } else if command == ImRecentContactSessionRsp::ID && !session.knows_recent {
            let answer: ImRecentContactSessionRsp = pdu.decode().ok()?;
            let user = self.plan.user;
            let contacts = answer.contact_session_list.iter();
            let found: BTreeMap<_, _> = contacts
                .map(|contact| {
                    let (session_id, kind) = (contact.session_id, contact.session_type);
                    let conversation = Conversation::with(user, session_id, kind);
                    (conversation, contact.latest_msg_id)
                })
                .collect();
            session.knows_recent = true;
            self.record
                .in_session(session.at, |record| record.found = Some(found));
        }
        None
    }

    fn acked(&mut self, session: &Session, number: u16, ack: &ImMsgDataAck) {
        let asked = |outgoing: &Outgoing| outgoing.sent.is_some_and(|(sent, _)| sent == number);
        let Some(at) = self.unsent.iter().position(asked) else {
            return;
        };
        if ack.msg_id == 0 {
            self.unsent[at].sent = None;
            self.unsent[at].not_before = Some(Instant::now() + RETRY_AFTER);
            return;
        }
        let outgoing = self.unsent.remove(at);
        let place = (outgoing.conversation, ack.msg_id);
        self.event(format_args!("acked {} {}", place.0, place.1));
        self.record.acked(outgoing.record, ack.msg_id);
        self.record.in_session(session.at, |record| {
            record.acked.insert(place);
        });
    }

    fn pushed(&mut self, session: &Session, message: &ImMsgData) {
        let (from, to) = (message.from_user_id, message.to_session_id);
        let conversation = Conversation::of(from, to, message.msg_type);
        let body = String::from_utf8_lossy(&message.msg_data).into_owned();
        self.event(format_args!(
            "got {conversation} {}: \"{body}\"",
            message.msg_id
        ));
        self.record.in_session(session.at, |record| {
            let place = (conversation, message.msg_id);
            record.pushed.entry(place).or_default().push(body);
        });
    }
}

impl Session {
    /// Sends a request and returns its number.
    fn send<M: Body>(&mut self, message: &M) -> u16 {
        let number = self.next_number;
        self.next_number = number.checked_add(1).unwrap_or(1);
        // A full outbox ends the session, which the next turn of its loop notices.
        let _closing = self.connection.outbox().send(message, number);
        number
    }
}

fn is_online(stat: &UserStat) -> bool {
    stat.status == UserStatType::UserStatusOnline as i32
}

/// The members of the first group are all users there are.
fn everybody() -> Vec<u32> {
    GROUPS[0].1.to_vec()
}

fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_default()
}
