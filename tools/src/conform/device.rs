//! A user at a device: a connection with a session on it, and what a client does there.

pub(crate) mod chat;
pub(crate) mod group_steps;
pub(crate) mod groups;
mod people;

use std::ops::{Deref, DerefMut, Range};

use proto::im::login::{ImLoginReq, ImLoginRes, ImLogoutReq, ImLogoutRsp};
use proto::{Body, Pdu, Request};

use super::case::Outcome;
use super::ctx::{Leavers, leave};
use super::expect::fail;
use super::link::{Link, read};

/// The login's own number.
const LOGIN_SEQ_NUM: u16 = 1;

/// Each device begins somewhere in here, so that a number tells whose it is.
const FIRST_SEQ_NUMS: Range<u16> = 0x1000..0xe000;

/// A connection, and who is logged in on it. When it is dropped its session is ended before the next case.
pub(crate) struct Device {
    /// 0 while nobody is logged in.
    pub(crate) id: u32,
    /// Whom requests name as the one who asks, if it is somebody else.
    claims: Option<u32>,
    link: Option<Link>,
    /// Numbers of requests so far.
    issued: Range<u16>,
    leavers: Leavers,
}

impl Deref for Device {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.link.as_ref().expect("the link leaves in drop alone")
    }
}

impl DerefMut for Device {
    fn deref_mut(&mut self) -> &mut Link {
        self.link.as_mut().expect("the link leaves in drop alone")
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(link) = self.link.take()
            && self.id != 0
        {
            leave(&self.leavers, link);
        }
    }
}

impl Device {
    /// From now on its requests say that somebody else asks. The session is what it was.
    pub(crate) fn poses_as(&mut self, user_id: u32) {
        self.claims = Some(user_id);
    }

    /// Who asks, as its requests say.
    fn claimed(&self) -> u32 {
        self.claims.unwrap_or(self.id)
    }

    pub(super) fn new(link: Link, leavers: Leavers) -> Self {
        let first = fastrand::u16(FIRST_SEQ_NUMS);
        Self {
            id: 0,
            claims: None,
            link: Some(link),
            issued: first..first,
            leavers,
        }
    }

    /// A number that this connection has not used.
    pub(crate) fn seq_num(&mut self) -> u16 {
        self.issued.end += 1;
        self.issued.end - 1
    }

    /// Sends a login and waits for the answer, whatever it is.
    pub(crate) async fn log_in(&mut self, request: &ImLoginReq) -> Outcome<ImLoginRes> {
        self.tell(request, LOGIN_SEQ_NUM).await?;
        let (_, answer) = self.reply::<ImLoginReq>(LOGIN_SEQ_NUM).await?;
        if answer.result_code == 0 {
            match &answer.user_info {
                Some(user) => self.id = user.user_id,
                None => return fail("user_info in the answer to the login", "none"),
            }
        }
        Ok(answer)
    }

    /// Sends a request and waits for its answer: that command, with that number.
    pub(crate) async fn ask<Q>(&mut self, request: &Q) -> Outcome<Q::Reply>
    where
        Q: Request<Reply: Body>,
    {
        let seq_num = self.seq_num();
        self.tell(request, seq_num).await?;
        Ok(self.reply::<Q>(seq_num).await?.1)
    }

    /// Waits for the answer to an earlier request, with its frame. An answer whose number is that of no request is a
    /// failure.
    pub(crate) async fn reply<Q>(&mut self, seq_num: u16) -> Outcome<(Pdu, Q::Reply)>
    where
        Q: Request<Reply: Body>,
    {
        let wanted = <Q::Reply as Body>::ID;
        let expected = format!("{wanted} with seq_num {seq_num} in answer to {}", Q::ID);
        let (what, issued) = (expected.clone(), self.issued.clone());
        self.find(&expected, move |pdu| {
            if pdu.command() != wanted {
                return None;
            }
            if pdu.seq_num() == seq_num {
                return Some(match read::<Q::Reply>(pdu) {
                    Some(answer) => Ok((pdu.clone(), answer)),
                    None => fail(&what, "a body that is no such message"),
                });
            }
            let stray = !issued.contains(&pdu.seq_num());
            stray.then(|| fail(&what, format!("{wanted} with seq_num {}", pdu.seq_num())))
        })
        .await
    }

    /// Logs out, and waits until the connection is closed.
    pub(crate) async fn leave(&mut self) -> Outcome {
        self.id = 0;
        log_out(self).await
    }

    /// Hangs up without a word.
    pub(crate) fn hang_up(mut self) {
        self.id = 0;
    }
}

/// Logs out, and waits until the connection is closed.
pub(super) async fn log_out(link: &mut Link) -> Outcome {
    link.tell(&ImLogoutReq {}, u16::MAX).await?;
    link.push::<ImLogoutRsp>("an answer to the logout", |_| true)
        .await?;
    link.closes("the connection closed behind the logout").await
}
