//! From a connection to a session.

use std::fmt::Write;
use std::time::Duration;

use md5::{Digest, Md5};
use proto::device::DeviceType;
use proto::im::base_define::{ClientType, UserStatType};
use proto::im::login::{ImLoginReq, ImLoginRes};
use proto::{Body, CommandId, Pdu, capability};
use tokio::time::Instant;

use super::address::Address;
use super::connection::Connection;
use super::error::{CloseReason, ConnectError, LoginError};
use super::event::Events;
use super::session::Session;
use super::wire;

/// The login's own number. Windows clients take everything numbered 1 for a login's answer, so nothing else has it.
const LOGIN_SEQ_NUM: u16 = 1;

/// How long the answer to a login may take.
const LOGIN_DEADLINE: Duration = Duration::from_secs(10);

/// What to log in as: one session per user and class (desktop, phone) can be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Device {
    /// A desktop.
    #[default]
    Windows,
    /// A desktop.
    Mac,
    /// A phone.
    Ios,
    /// A phone.
    Android,
}

impl From<Device> for DeviceType {
    fn from(device: Device) -> Self {
        let raw = match device {
            Device::Windows => ClientType::Windows,
            Device::Mac => ClientType::Mac,
            Device::Ios => ClientType::Ios,
            Device::Android => ClientType::Android,
        };
        Self::parse(raw as i32).expect("the base protocol's own types are known")
    }
}

/// What others are told about one's presence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// At the device.
    #[default]
    Online,
    /// Connected, but away.
    Away,
}

/// A connection to a msg_server on which nobody is logged in yet; due within 15 s of connecting.
#[derive(Debug)]
pub struct Client {
    pub(super) connection: Connection,
}

impl Client {
    /// Connects to the first address that accepts; each has 5 s.
    pub async fn connect(address: &Address) -> Result<Self, ConnectError> {
        Ok(Self::on(Connection::connect(address).await?))
    }

    /// Takes a raw connection over.
    pub fn on(connection: Connection) -> Self {
        Self { connection }
    }

    /// Logs in with a plain password, of which only the digest is sent. Takes 10 s at most.
    ///
    /// The session lives until its last handle is dropped, whether or not somebody reads the events.
    pub async fn login(
        self,
        user: &str,
        password: &str,
        device: impl Into<DeviceType>,
        status: Status,
    ) -> Result<(Session, Events), LoginError> {
        let request = login_request(user, password, device.into(), status);
        self.login_with(request).await
    }

    /// Logs in with a request of one's own making.
    pub async fn login_with(
        mut self,
        request: ImLoginReq,
    ) -> Result<(Session, Events), LoginError> {
        let shows_token = request.resume_token.is_some();
        let announced = request.capabilities();
        let wants_token = announced & capability::RESUME != 0;
        self.connection
            .send_message(&request, LOGIN_SEQ_NUM)
            .await
            .map_err(|error| LoginError::Closed(CloseReason::Io(error.to_string())))?;
        let (answer, early) = self.answer().await?;
        if answer.result_code != 0 {
            return Err(LoginError::Refused {
                code: answer.result_code,
                message: answer.result_string.unwrap_or_default(),
                resume_refused: shows_token.then_some(answer.resume_refused.unwrap_or_default()),
            });
        }
        let profile = answer.user_info.ok_or(LoginError::NoProfile)?;
        let token = answer.resume_token.filter(|_| wants_token);
        let granted = answer.capabilities.unwrap_or_default() & announced;
        Ok(wire::start(
            self.connection,
            profile,
            (token, granted),
            early,
        ))
    }

    /// The login's answer, and what was pushed before it.
    async fn answer(&mut self) -> Result<(ImLoginRes, Vec<Pdu>), LoginError> {
        let (answer, early) = self.answer_to(ImLoginRes::ID).await?;
        Ok((answer.decode()?, early))
    }

    /// The next frame of this command, and what came before it.
    pub(super) async fn answer_to(
        &mut self,
        command: CommandId,
    ) -> Result<(Pdu, Vec<Pdu>), LoginError> {
        let deadline = Instant::now() + LOGIN_DEADLINE;
        let mut early = Vec::new();
        loop {
            let pdu = tokio::time::timeout_at(deadline, self.connection.next())
                .await
                .map_err(|_| LoginError::Deadline(LOGIN_DEADLINE))?
                .map_err(LoginError::Closed)?;
            if pdu.command() == command {
                return Ok((pdu, early));
            }
            early.push(pdu);
        }
    }
}

/// What a stock client sends.
pub(super) fn login_request(
    user: &str,
    password: &str,
    device: DeviceType,
    status: Status,
) -> ImLoginReq {
    let status = match status {
        Status::Online => UserStatType::UserStatusOnline,
        Status::Away => UserStatType::UserStatusLeave,
    };
    ImLoginReq {
        user_name: user.to_owned(),
        password: password_digest(password),
        online_status: status as i32,
        client_type: device.raw(),
        client_version: Some(concat!("ferrotalk/", env!("CARGO_PKG_VERSION")).to_owned()),
        ..Default::default()
    }
}

/// What is sent in a password's place: its MD5 in lower-case hex, as every client of the protocol does.
pub fn password_digest(password: &str) -> String {
    let mut hex = String::with_capacity(32);
    for byte in Md5::digest(password.as_bytes()) {
        write!(hex, "{byte:02x}").expect("a string takes everything");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_what_stock_clients_send() {
        assert_eq!(
            password_digest("123456"),
            "e10adc3949ba59abbe56e057f20f883e"
        );
    }
}
