//! Plays a script on a port, and takes note of what came of it.

mod connection;
mod ids;
mod seen;
mod unwrap;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use proto::im::base_define::UserStatType;
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::{Body, Pdu};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::dialect::Dialect;
use super::grammar::websocket_frame;
use super::script::{Part, Script, Step};
use super::target::Target;
use crate::client::Socket;
use connection::Connection;
use ids::Ids;
pub(super) use seen::{Ending, Mark, Seen};

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long the answer to a login is waited for. There is none on a connection that is out of step.
const LOGIN: Duration = Duration::from_millis(700);

/// How long the other side has to say its last words when a script is over.
const FAREWELL: Duration = Duration::from_millis(15);

/// What is not written after this is not written at all: one slow writer is not to hold a round up.
const WRITES: Duration = Duration::from_secs(3);

/// A script that takes longer is ended.
const LONGEST_SCRIPT: Duration = Duration::from_secs(30);

/// A user that scripts log in as.
#[derive(Clone)]
pub(super) struct User {
    pub(super) name: String,
    /// What is sent in the password's place.
    pub(super) digest: String,
}

/// Without the digest.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// What scripts need and do not hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    /// Who logs in.
    pub(super) users: Vec<User>,
    /// What is written where a script says [`PLACE_OF_KEY`].
    pub(super) api_key: Option<ApiKey>,
}

/// The key of back offices.
#[derive(Clone)]
pub(super) struct ApiKey(pub(super) String);

/// Without the key.
impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ApiKey")
    }
}

/// Stands in scripts for the key of back offices.
pub(super) const PLACE_OF_KEY: &[u8] = b"@THE-API-KEY@";

/// Plays scripts on one port. Several may be played at once, in one task.
#[derive(Debug)]
pub(super) struct Player {
    target: Target,
    secrets: Secrets,
    ids: Ids,
    /// How many connections are open at most.
    connections: Semaphore,
    pace: Pace,
}

/// Frames in a second, over all connections.
#[derive(Debug)]
struct Pace {
    gap: Option<Duration>,
    next: Cell<Instant>,
}

impl Pace {
    /// Waits until the next frame may leave.
    async fn wait(&self) {
        if let Some(gap) = self.gap {
            let at = self.next.get().max(Instant::now());
            self.next.set(at + gap);
            sleep_until(at).await;
        }
    }
}

/// The open connections of a script.
struct Stage<'a> {
    dialect: Dialect,
    open: BTreeMap<u8, (Connection, SemaphorePermit<'a>)>,
    seen: Seen,
}

impl Player {
    /// For a target that is permitted. `rate` is in frames a second, 0 without a limit.
    pub(super) fn new(target: Target, secrets: Secrets, connections: u32, rate: u32) -> Self {
        let gap = (rate > 0).then(|| Duration::from_secs(1) / rate);
        Self {
            target,
            secrets,
            ids: Ids::default(),
            connections: Semaphore::new(connections as usize),
            pace: Pace {
                gap,
                next: Cell::new(Instant::now()),
            },
        }
    }

    /// Plays a script, 30 s at most. Nothing of it is open afterwards.
    pub(super) async fn play(&self, script: &Script) -> Seen {
        let mut stage = Stage {
            dialect: script.dialect,
            open: BTreeMap::new(),
            seen: Seen::default(),
        };
        let playing = async {
            for step in &script.steps {
                self.step(&mut stage, step).await;
            }
            for on in stage.open.keys().copied().collect::<Vec<_>>() {
                self.farewell(&mut stage, on).await;
            }
        };
        // What is still open after that is closed by the drop of the stage.
        drop(timeout(LONGEST_SCRIPT, playing).await);
        stage.seen
    }

    async fn step<'a>(&'a self, stage: &mut Stage<'a>, step: &Step) {
        match step {
            Step::Open { on, narrow } => self.open(stage, *on, *narrow).await,
            Step::Login { on, user, device } => self.login(stage, *on, *user, *device).await,
            Step::Write {
                on,
                parts,
                times,
                piece,
                gap_ms,
            } => {
                let end = Instant::now() + WRITES;
                for _ in 0..*times {
                    let written = self.write(stage, *on, parts, *piece, *gap_ms).await;
                    if !written || Instant::now() >= end {
                        return;
                    }
                }
            }
            Step::Read { on, ms } => {
                self.read(stage, *on, Duration::from_millis(*ms), |_| false)
                    .await;
            }
            Step::Pause { ms } => sleep(Duration::from_millis(*ms)).await,
            Step::HalfClose { on } => {
                if let Some((connection, _)) = stage.open.get_mut(on) {
                    connection.half_close().await;
                }
            }
            Step::Close { on } => self.farewell(stage, *on).await,
            Step::Reset { on } => {
                if let Some((connection, _)) = stage.open.remove(on) {
                    connection.reset();
                    stage.seen.end(Ending::Ours);
                }
            }
            Step::Crowd { count, ms } => self.crowd(stage, *count, *ms).await,
        }
    }

    async fn open<'a>(&'a self, stage: &mut Stage<'a>, on: u8, narrow: bool) {
        self.farewell(stage, on).await;
        let Ok(permit) = self.connections.try_acquire() else {
            stage.seen.end(Ending::OverLimit);
            return;
        };
        match timeout(CONNECT, connection::dial(&self.target, narrow)).await {
            Ok(Ok(stream)) => {
                stage.seen.connections += 1;
                let connection = Connection::new(stream, stage.dialect);
                stage.open.insert(on, (connection, permit));
            }
            Ok(Err(_)) | Err(_) => stage.seen.end(Ending::NotAccepted),
        }
    }

    async fn crowd(&self, stage: &mut Stage<'_>, count: u32, ms: u64) {
        let count = count.min(self.connections.available_permits() as u32);
        let Ok(_permit) = self.connections.try_acquire_many(count) else {
            return;
        };
        let mut crowd: Vec<Socket> = Vec::new();
        for _ in 0..count {
            match timeout(CONNECT, connection::dial(&self.target, false)).await {
                Ok(Ok(stream)) => crowd.push(stream),
                _ => break,
            }
        }
        stage.seen.connections += crowd.len() as u64;
        sleep(Duration::from_millis(ms)).await;
    }

    /// Whether there is a connection yet to write on.
    async fn write(
        &self,
        stage: &mut Stage<'_>,
        on: u8,
        parts: &[Part],
        piece: usize,
        gap_ms: u64,
    ) -> bool {
        let mut bytes = Vec::new();
        for part in parts {
            self.pace.wait().await;
            let begin = bytes.len();
            bytes.extend_from_slice(&part.bytes.0);
            for place in &part.ids {
                self.ids.put(&mut bytes[begin..], *place);
            }
            stage.seen.frames_sent += 1;
        }
        if let (Dialect::Http, Some(key)) = (stage.dialect, &self.secrets.api_key) {
            bytes = with_key(&bytes, key);
        }
        self.write_bytes(stage, on, &bytes, piece, gap_ms).await
    }

    async fn write_bytes(
        &self,
        stage: &mut Stage<'_>,
        on: u8,
        bytes: &[u8],
        piece: usize,
        gap_ms: u64,
    ) -> bool {
        let Some((connection, _)) = stage.open.get_mut(&on) else {
            return false;
        };
        let end = Instant::now() + WRITES;
        let size = if piece == 0 {
            bytes.len().max(1)
        } else {
            piece
        };
        for chunk in bytes.chunks(size) {
            match connection.write(chunk).await {
                Ok(()) => stage.seen.bytes_sent += chunk.len() as u64,
                Err(Some(ending)) => {
                    stage.seen.end(ending);
                    stage.open.remove(&on);
                    return false;
                }
                // The other side is gone; what it said before may still be there to read.
                Err(None) => return false,
            }
            if gap_ms > 0 {
                sleep(Duration::from_millis(gap_ms)).await;
            }
            if Instant::now() >= end {
                return false;
            }
        }
        true
    }

    async fn login(&self, stage: &mut Stage<'_>, on: u8, user: usize, device: i32) {
        let users = &self.secrets.users;
        let Some(user) = users.get(user % users.len().max(1)) else {
            return;
        };
        let request = ImLoginReq {
            user_name: user.name.clone(),
            password: user.digest.clone(),
            online_status: UserStatType::UserStatusOnline as i32,
            client_type: device,
            client_version: Some("pdu-fuzzer".into()),
            ..Default::default()
        };
        let mut frame = Pdu::new(&request, 1).to_frame().to_vec();
        if stage.dialect == Dialect::Websocket {
            frame = websocket_frame(0x82, &frame);
        }
        stage.seen.frames_sent += 1;
        if self.write_bytes(stage, on, &frame, 0, 0).await {
            let answered =
                |mark: &Mark| matches!(mark, Mark::Login(_) | Mark::Reply(ImLoginRes::ID));
            self.read(stage, on, LOGIN, answered).await;
        }
    }

    /// Reads until `enough`, a lull, or so long.
    async fn read(
        &self,
        stage: &mut Stage<'_>,
        on: u8,
        most: Duration,
        enough: impl Fn(&Mark) -> bool,
    ) {
        let Some((connection, _)) = stage.open.get_mut(&on) else {
            return;
        };
        let ended = connection
            .read(&mut stage.seen, &self.ids, most, enough)
            .await;
        if let Some(ending) = ended {
            stage.seen.end(ending);
            stage.open.remove(&on);
        }
    }

    /// Says that nothing more comes, hears the last words, and closes.
    async fn farewell(&self, stage: &mut Stage<'_>, on: u8) {
        if let Some((connection, _)) = stage.open.get_mut(&on) {
            connection.half_close().await;
            self.read(stage, on, FAREWELL, |_| false).await;
        }
        if let Some((connection, _)) = stage.open.remove(&on) {
            connection.reset();
            stage.seen.end(Ending::Ours);
        }
    }
}

/// The bytes with the key in its places.
fn with_key(mut bytes: &[u8], key: &ApiKey) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    while let Some(at) = bytes
        .windows(PLACE_OF_KEY.len())
        .position(|window| window == PLACE_OF_KEY)
    {
        out.extend_from_slice(&bytes[..at]);
        out.extend_from_slice(key.0.as_bytes());
        bytes = &bytes[at + PLACE_OF_KEY.len()..];
    }
    out.extend_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_written_in_its_places_alone() {
        let key = ApiKey("secret".into());
        assert_eq!(
            with_key(b"a: @THE-API-KEY@\r\n@THE-API-KEY@", &key),
            b"a: secret\r\nsecret"
        );
        assert_eq!(with_key(b"@THE-API", &key), b"@THE-API");
    }
}
