//! The handle of a logged-in connection.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proto::im::base_define::UserInfo;
use proto::im::ext::other::ImNak;
use proto::{Body, CommandId, Pdu, Request};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::error::{CloseReason, RequestError};
use super::event::reason;
use super::wire::{Job, reply_id};

/// How long an answer may take, as with stock clients on Android.
const DEADLINE: Duration = Duration::from_secs(8);

/// A logged-in connection. Clones are the same session; it ends when the last one is dropped.
#[derive(Clone)]
pub struct Session {
    jobs: mpsc::Sender<Job>,
    closed: watch::Receiver<Option<CloseReason>>,
    profile: Arc<UserInfo>,
    resume_token: Option<Bytes>,
    granted: u64,
    deadline: Duration,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("user_id", &self.user_id())
            .field("closed", &self.closed())
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(
        jobs: mpsc::Sender<Job>,
        closed: watch::Receiver<Option<CloseReason>>,
        profile: Arc<UserInfo>,
        resume_token: Option<Bytes>,
        granted: u64,
    ) -> Self {
        Self {
            jobs,
            closed,
            profile,
            resume_token,
            granted,
            deadline: DEADLINE,
        }
    }

    /// The same session; requests made through this handle wait for `deadline` instead of 8 s.
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// How long requests through this handle wait.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The user's number.
    pub fn user_id(&self) -> u32 {
        self.profile.user_id
    }

    /// The user's profile as of the login.
    pub fn profile(&self) -> &UserInfo {
        &self.profile
    }

    /// What the next login may show instead of the password, if it was asked for and given.
    pub fn resume_token(&self) -> Option<&Bytes> {
        self.resume_token.as_ref()
    }

    /// The extensions that were announced and the server granted, see [`proto::capability`].
    pub fn granted(&self) -> u64 {
        self.granted
    }

    /// Why the session is over; `None` while it stands.
    pub fn closed(&self) -> Option<CloseReason> {
        self.closed.borrow().clone()
    }

    /// Waits until the session is over. Cancel-safe.
    pub async fn wait_closed(&self) -> CloseReason {
        let mut closed = self.closed.clone();
        // An error means that the task is gone, which sets the reason first.
        drop(closed.wait_for(Option::is_some).await);
        reason(&closed)
    }

    /// Sends a request and waits for its answer, 8 s at most.
    ///
    /// Dropping it is safe; the request may have been sent, and its answer is thrown away.
    pub async fn request<Q: Request>(&self, request: Q) -> Result<Q::Reply, RequestError>
    where
        Q::Reply: Body,
    {
        self.start(request).await?.reply().await
    }

    /// Queues a request; its answer is waited for separately. Requests leave in the order of these calls.
    pub async fn start<Q: Request>(&self, request: Q) -> Result<Waiting<Q::Reply>, RequestError>
    where
        Q::Reply: Body,
    {
        let (answer, received) = oneshot::channel();
        let job = Job::Ask {
            command: Q::ID,
            body: Bytes::from(request.encode_to_vec()),
            reply: reply_id::<Q>(),
            answer,
        };
        self.enqueue(job).await?;
        Ok(Waiting {
            command: Q::ID,
            received,
            closed: self.closed.clone(),
            due: Instant::now() + self.deadline,
            after: self.deadline,
            reply: PhantomData,
        })
    }

    /// Sends something that nothing answers.
    pub async fn tell<M: Body>(&self, message: &M) -> Result<(), RequestError> {
        self.enqueue(Job::Tell(Pdu::new(message, 0))).await
    }

    async fn enqueue(&self, job: Job) -> Result<(), RequestError> {
        let queued = self.jobs.send(job).await;
        queued.map_err(|_| RequestError::Closed(reason(&self.closed)))
    }
}

/// A request on its way.
#[derive(Debug)]
#[must_use = "an answer that nobody waits for is thrown away"]
pub struct Waiting<R> {
    command: CommandId,
    received: oneshot::Receiver<Result<Pdu, RequestError>>,
    closed: watch::Receiver<Option<CloseReason>>,
    due: Instant,
    after: Duration,
    reply: PhantomData<fn() -> R>,
}

impl<R: Body> Waiting<R> {
    /// The answer. A connection that closes ends the waiting at once.
    pub async fn reply(self) -> Result<R, RequestError> {
        let command = self.command;
        let pdu = match tokio::time::timeout_at(self.due, self.received).await {
            Ok(Ok(answered)) => answered?,
            Ok(Err(_dropped)) => return Err(RequestError::Closed(reason(&self.closed))),
            Err(_late) => {
                return Err(RequestError::Deadline {
                    command,
                    after: self.after,
                });
            }
        };
        let decode = |source| RequestError::Decode { command, source };
        if pdu.command() == ImNak::ID {
            let nak: ImNak = pdu.decode().map_err(decode)?;
            return Err(RequestError::Nak {
                command,
                reason: nak.reason,
                retry_after: nak
                    .retry_after_ms
                    .map(|millis| Duration::from_millis(millis.into())),
            });
        }
        pdu.decode().map_err(decode)
    }
}
