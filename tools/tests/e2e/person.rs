//! A user at a device.

use std::ops::Deref;
use std::time::Duration;

use proto::im::group::ImGroupChangeMemberNotify;
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::{Body, Pdu};
use tools::client::{
    Account, Address, Client, Connection, Device, Event, Events, LoginError, Message, Outgoing,
    ReceiveError, Session, Status, password_digest,
};

use crate::world::{PASSWORD, SOON, soon};

/// A session and what it is told; requests are made on the person directly.
pub(crate) struct Person {
    pub(crate) session: Session,
    pub(crate) events: Events,
}

impl Deref for Person {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Person {
    /// Logs in at a msg_server.
    pub(crate) async fn at(address: &Address, user: &str, device: Device) -> Self {
        let tried = Self::try_at(address, user, PASSWORD, device).await;
        tried.unwrap_or_else(|error| panic!("login of {user}: {error}"))
    }

    /// As [`at`](Self::at), for a login that may fail.
    pub(crate) async fn try_at(
        address: &Address,
        user: &str,
        password: &str,
        device: Device,
    ) -> Result<Self, LoginError> {
        let client = Client::connect(address).await.unwrap();
        let login = client.login(user, password, device, Status::Online).await;
        login.map(|(session, events)| Self { session, events })
    }

    /// Logs in with a client that understands these extensions.
    pub(crate) async fn announcing(
        address: &Address,
        user: &str,
        device: Device,
        capabilities: u64,
    ) -> Self {
        let account = Account::new(user, PASSWORD, device, Status::Online);
        let account = account.announcing(capabilities);
        let (session, events) = account.enter(address).await.unwrap();
        assert_eq!(session.granted(), capabilities);
        Self { session, events }
    }

    /// The user's number.
    pub(crate) fn id(&self) -> u32 {
        self.session.user_id()
    }

    /// Sends a text and returns its number.
    pub(crate) async fn says(&self, to: u32, text: &str) -> u32 {
        match self.send(&Outgoing::text(to, text)).await {
            Ok(id) => id.get(),
            Err(error) => panic!("{text:?} to {to}: {error}"),
        }
    }

    /// The next event that `wanted` makes something of; those before it are dropped.
    pub(crate) async fn sees<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(Event) -> Option<T>,
    ) -> T {
        let seen = self.events.find(|event| match event {
            Event::Closed(reason) => panic!("closed ({reason}) while waiting for {what}"),
            Event::Lagged { lost } => panic!("{lost} events lost while waiting for {what}"),
            event => wanted(event),
        });
        match soon(what, seen).await {
            Some(seen) => seen,
            None => panic!("the session is over; no {what}"),
        }
    }

    /// The next message.
    pub(crate) async fn hears(&mut self) -> Message {
        self.sees("a message", |event| match event {
            Event::Message(message) => Some(message),
            _ => None,
        })
        .await
    }

    /// The next message's number, author and text.
    pub(crate) async fn reads(&mut self) -> (u32, u32, String) {
        let message = self.hears().await;
        (message.id, message.from, message.text().unwrap())
    }

    /// The next notice that somebody came (`true`) or went.
    pub(crate) async fn notices(&mut self) -> (u32, bool) {
        self.sees("a presence notice", |event| match event {
            Event::Presence { user_id, online } => Some((user_id, online)),
            _ => None,
        })
        .await
    }

    /// The next change of a group's members.
    pub(crate) async fn is_told(&mut self) -> ImGroupChangeMemberNotify {
        self.sees("a change of members", |event| match event {
            Event::GroupChanged(notice) => Some(notice),
            _ => None,
        })
        .await
    }

    /// The next frame of a type that has no event of its own.
    pub(crate) async fn is_sent<M: Body>(&mut self) -> M {
        self.sees(M::COMMAND.name, |event| match event {
            Event::Other(pdu) if pdu.command() == M::ID => Some(pdu.decode().unwrap()),
            _ => None,
        })
        .await
    }

    /// Everything that has come until now.
    pub(crate) async fn so_far(&mut self) -> Vec<Event> {
        // What was sent before the answer to this has come before it.
        self.ping().await.unwrap();
        let mut events = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout(Duration::ZERO, self.events.next()).await {
            events.push(event);
        }
        events
    }
}

/// A connection on which a test writes every frame itself.
pub(crate) struct Raw(pub(crate) Connection);

impl Raw {
    /// Not logged in yet.
    pub(crate) async fn connect(address: &Address) -> Self {
        Self(Connection::connect(address).await.unwrap())
    }

    /// Logged in.
    pub(crate) async fn at(address: &Address, user: &str, device: Device) -> (Self, ImLoginRes) {
        let mut raw = Self::connect(address).await;
        let answer: ImLoginRes = raw.ask(&login_request(user, PASSWORD, device), 1).await;
        assert_eq!(answer.result_code, 0, "{answer:?}");
        (raw, answer)
    }

    /// Sends a message in a frame with this number.
    pub(crate) async fn tell<M: Body>(&mut self, message: &M, seq_num: u16) {
        self.0.send_message(message, seq_num).await.unwrap();
    }

    /// Sends a request and waits for the answer of this type and number; frames before it are dropped.
    pub(crate) async fn ask<M: Body, R: Body>(&mut self, request: &M, seq_num: u16) -> R {
        self.tell(request, seq_num).await;
        self.answer(seq_num).await
    }

    /// Waits for an answer of this type and number; frames before it are dropped.
    pub(crate) async fn answer<R: Body>(&mut self, seq_num: u16) -> R {
        loop {
            let pdu = self.frame().await;
            if pdu.command() == R::ID && pdu.seq_num() == seq_num {
                return pdu.decode().unwrap();
            }
        }
    }

    /// The next frame.
    pub(crate) async fn frame(&mut self) -> Pdu {
        self.0.receive(SOON).await.unwrap()
    }

    /// The next frame of a type; others are dropped.
    pub(crate) async fn frame_of<M: Body>(&mut self) -> Pdu {
        loop {
            let pdu = self.frame().await;
            if pdu.command() == M::ID {
                return pdu;
            }
        }
    }

    /// Waits until the server closes; gives the frames that came before.
    pub(crate) async fn is_closed(&mut self) -> Vec<Pdu> {
        match self.0.expect_close(SOON).await {
            Ok(frames) => frames,
            Err(ReceiveError::Deadline(_)) => panic!("the server does not close"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A login that is refused for name or password.
pub(crate) async fn is_refused(at: &Address, user: &str, password: &str) {
    let tried = Person::try_at(at, user, password, Device::Windows).await;
    match tried {
        Err(LoginError::Refused { code: 6, .. }) => {}
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{user} was let in"),
    }
}

/// What a stock client sends to log in.
pub(crate) fn login_request(user: &str, password: &str, device: Device) -> ImLoginReq {
    ImLoginReq {
        user_name: user.to_owned(),
        password: password_digest(password),
        online_status: 1,
        client_type: proto::device::DeviceType::from(device).raw(),
        ..Default::default()
    }
}
