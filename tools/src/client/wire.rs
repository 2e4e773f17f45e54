//! The task that owns a session's socket: matches answers with requests, hands pushes on, keeps the connection alive.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use im_base::task::Tasks;
use proto::im::base_define::UserInfo;
use proto::im::ext::other::ImNak;
use proto::im::login::{ImKickUser, ImLogoutReq};
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::im::other::ImHeartBeat;
use proto::{Body, CommandId, Decoder, Pdu, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::connection::{Connection, READ_SIZE};
use super::error::{CloseReason, RequestError};
use super::event::{EVENT_CAPACITY, Event, Events};
use super::message::{Conversation, Message};
use super::session::Session;
use super::stream::Stream;

/// Between heartbeats: shorter than any silence a server of the protocol takes for death.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// Without a byte for this long, with at least two heartbeats sent, the server is taken for dead.
const SILENCE: Duration = Duration::from_secs(60);

/// Jobs that wait for the task; callers wait beyond it.
const JOB_CAPACITY: usize = 256;

/// Bytes that wait for the socket; no job is taken beyond it.
const MAX_UNSENT: usize = 256 * 1024;

/// Numbers of requests run from here to the end of `u16`, then again from here; 0 is a push, 1 the login.
const FIRST_SEQ_NUM: u16 = 2;

/// What a session's handle asks of the task.
#[derive(Debug)]
pub(super) enum Job {
    /// Send, and hand the frame back that answers.
    Ask {
        command: CommandId,
        body: Bytes,
        reply: CommandId,
        answer: Answer,
    },
    /// Send; nothing answers.
    Tell(Pdu),
}

pub(super) type Answer = oneshot::Sender<Result<Pdu, RequestError>>;

/// Starts the task of a session that was just logged in, with the token and the extensions it was given. `early` is what came before the login's answer.
pub(super) fn start(
    connection: Connection,
    profile: UserInfo,
    (resume_token, granted): (Option<Bytes>, u64),
    early: Vec<Pdu>,
) -> (Session, Events) {
    let (job_sender, jobs) = mpsc::channel(JOB_CAPACITY);
    let (event_sender, queue) = mpsc::channel(EVENT_CAPACITY);
    let (close_sender, closed) = watch::channel(None);
    let profile = Arc::new(profile);
    let (reader, writer) = tokio::io::split(connection.stream);
    let wire = Wire {
        me: profile.user_id,
        reader,
        writer,
        decoder: connection.decoder,
        unsent: BytesMut::new(),
        jobs,
        events: event_sender,
        lost: 0,
        pending: HashMap::new(),
        next_seq_num: FIRST_SEQ_NUM,
        leaving: false,
        heard: Instant::now(),
    };
    Tasks::default().spawn("session", wire.live(early, close_sender));
    let events = Events {
        queue,
        closed: closed.clone(),
        finished: false,
    };
    let session = Session::new(job_sender, closed, profile, resume_token, granted);
    (session, events)
}

struct Wire {
    me: u32,
    reader: ReadHalf<Stream>,
    writer: WriteHalf<Stream>,
    decoder: Decoder,
    unsent: BytesMut,
    jobs: mpsc::Receiver<Job>,
    events: mpsc::Sender<Event>,
    /// Events dropped since the last one that found room.
    lost: u64,
    /// By number: the command that answers, and who waits. Bounded by the numbers there are.
    pending: HashMap<u16, (CommandId, Answer)>,
    next_seq_num: u16,
    leaving: bool,
    heard: Instant,
}

impl Wire {
    /// Runs until the connection is over, then tells everybody why. The reason is set before anybody is woken.
    async fn live(mut self, early: Vec<Pdu>, closed: watch::Sender<Option<CloseReason>>) {
        let reason = match early.into_iter().try_for_each(|pdu| self.arrived(pdu)) {
            Ok(()) => self.run().await,
            Err(reason) => reason,
        };
        closed.send_replace(Some(reason));
    }

    async fn run(&mut self) -> CloseReason {
        let mut input = vec![0; READ_SIZE];
        let mut heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The login's answer may have brought more frames with it.
            if let Err(reason) = self.take_frames() {
                return reason;
            }
            tokio::select! {
                job = self.jobs.recv(), if self.unsent.len() < MAX_UNSENT => match job {
                    Some(job) => self.take(job),
                    None => return self.leave().await,
                },
                read = self.reader.read(&mut input) => match read {
                    Ok(0) if self.leaving => return CloseReason::Logout,
                    Ok(0) => return CloseReason::Server,
                    Ok(length) => {
                        self.heard = Instant::now();
                        self.decoder.extend(&input[..length]);
                    }
                    Err(error) => return CloseReason::Io(error.to_string()),
                },
                written = self.writer.write_buf(&mut self.unsent), if !self.unsent.is_empty() => {
                    if let Err(error) = written {
                        return CloseReason::Io(error.to_string());
                    }
                }
                _ = heartbeat.tick() => {
                    if self.heard.elapsed() >= SILENCE {
                        return CloseReason::Silent(SILENCE);
                    }
                    Pdu::new(&ImHeartBeat {}, 0).write(&mut self.unsent);
                }
            }
        }
    }

    fn take_frames(&mut self) -> Result<(), CloseReason> {
        while let Some(pdu) = self.decoder.next_pdu()? {
            self.arrived(pdu)?;
        }
        Ok(())
    }

    /// One frame. An error when it ends the session.
    fn arrived(&mut self, pdu: Pdu) -> Result<(), CloseReason> {
        let seq_num = pdu.seq_num();
        let answers = |(reply, _): &(CommandId, Answer)| {
            *reply == pdu.command() || pdu.command() == ImNak::ID
        };
        if seq_num != 0 && self.pending.get(&seq_num).is_some_and(answers) {
            if let Some((_, answer)) = self.pending.remove(&seq_num) {
                // An error means that nobody waits any more: the deadline passed.
                drop(answer.send(Ok(pdu)));
            }
            return Ok(());
        }
        if pdu.command() == ImHeartBeat::ID {
            return Ok(());
        }
        let kicked = pdu.command() == ImKickUser::ID;
        if pdu.command() == ImMsgData::ID {
            self.acknowledge(&pdu);
        }
        let event = Event::from_pdu(self.me, pdu);
        let reason = match &event {
            Event::Kicked { reason } => *reason,
            _ => 0,
        };
        self.push(event);
        if kicked {
            Err(CloseReason::Kicked { reason })
        } else {
            Ok(())
        }
    }

    /// Tells the server that a message arrived, as stock clients do.
    fn acknowledge(&mut self, pdu: &Pdu) {
        let Ok(data) = pdu.decode::<ImMsgData>() else {
            return;
        };
        let message = Message::from_push(self.me, data);
        let session_id = match message.conversation {
            Conversation::Group(group) => group,
            Conversation::User(_) => message.from,
        };
        let ack = ImMsgDataAck {
            user_id: self.me,
            session_id,
            msg_id: message.id,
            session_type: message.conversation.session_type(),
        };
        Pdu::new(&ack, 0).write(&mut self.unsent);
    }

    fn push(&mut self, event: Event) {
        if self.lost > 0 {
            if self.events.capacity() < 2 {
                self.lost += 1;
                return;
            }
            let lost = std::mem::take(&mut self.lost);
            // A closed queue means that nobody reads events: all are unwanted then.
            drop(self.events.try_send(Event::Lagged { lost }));
        }
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            self.lost += 1;
        }
    }

    fn take(&mut self, job: Job) {
        match job {
            Job::Tell(pdu) => pdu.write(&mut self.unsent),
            Job::Ask {
                command,
                body,
                reply,
                answer,
            } => {
                let Some(seq_num) = self.free_seq_num() else {
                    drop(answer.send(Err(RequestError::TooMany)));
                    return;
                };
                self.leaving |= command == <ImLogoutReq as Body>::ID;
                Pdu::from_body(command, seq_num, body).write(&mut self.unsent);
                self.pending.insert(seq_num, (reply, answer));
            }
        }
    }

    /// The next number that nobody waits for. A number whose waiter gave up is free again once all others were used.
    fn free_seq_num(&mut self) -> Option<u16> {
        for _ in FIRST_SEQ_NUM..=u16::MAX {
            let seq_num = self.next_seq_num;
            self.next_seq_num = seq_num.checked_add(1).unwrap_or(FIRST_SEQ_NUM);
            if self
                .pending
                .get(&seq_num)
                .is_none_or(|(_, answer)| answer.is_closed())
            {
                return Some(seq_num);
            }
        }
        None
    }

    /// Every handle is gone: what they still wanted sent is sent, as far as the socket takes it at once.
    async fn leave(&mut self) -> CloseReason {
        let flushing = async {
            self.writer.write_all_buf(&mut self.unsent).await?;
            self.writer.shutdown().await
        };
        drop(tokio::time::timeout(Duration::from_secs(1), flushing).await);
        CloseReason::Logout
    }
}

/// The command that answers `Q`.
pub(super) fn reply_id<Q: Request>() -> CommandId
where
    Q::Reply: Body,
{
    <Q::Reply as Body>::ID
}
