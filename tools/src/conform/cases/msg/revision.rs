//! Messages that are recalled and edited.

use bytes::Bytes;
use proto::capability;
use proto::im::base_define::{ClientType, MsgInfo};
use proto::im::ext::message::{ImEditReq, ImMessageRevised, ImRecallReq, ImReviseRsp, ImSyncReq};
use proto::text as cipher;

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, Who};
use crate::conform::device::Device;
use crate::conform::expect::{fail, holds, same};

cases! {
    /// A recalled message is one with that mark, for both and wherever it is read; the devices of both are told, but not the one that did it.
    "ferrotalk/recall" recall in Revisions {
        commands: [ImRecallReq],
        needs: [Ferrotalk],
    }
    /// An edited one has the new text and that mark.
    "ferrotalk/edit" edit in Revisions {
        commands: [ImEditReq],
        needs: [Ferrotalk],
    }
    /// Either twice is as once.
    "ferrotalk/revise-twice" twice in Revisions {
        commands: [ImRecallReq, ImEditReq],
        needs: [Ferrotalk],
    }
    /// What is somebody else's, is not there, or was recalled stays as it is; the answer has the reason.
    "ferrotalk/revise-refusals" refusals in Revisions {
        commands: [ImRecallReq, ImEditReq],
        needs: [Ferrotalk],
    }
    /// A client that did not announce it is told nothing, and finds a text in place of a recalled message, in history and in its lists.
    "ferrotalk/revise-unannounced" unannounced in Revisions {
        commands: [ImRecallReq, ImSyncReq],
        needs: [Ferrotalk],
    }
    /// The creator of a group recalls what others wrote in it, and edits nothing; its members are told.
    "ferrotalk/recall-in-a-group" in_a_group in Revisions {
        commands: [ImRecallReq, ImEditReq],
        needs: [Ferrotalk],
    }
    /// A device that was away learns which messages changed.
    "ferrotalk/revise-sync" in_sync in Revisions {
        commands: [ImRecallReq, ImSyncReq],
        needs: [Ferrotalk],
    }
}

const EDITED: u32 = 1;
const RECALLED: u32 = 2;

async fn able(ctx: &Ctx, who: Who, kind: ClientType, server: usize) -> Outcome<Device> {
    let mut device = ctx.connect(server).await?;
    let mut request = ctx.login_request(who, kind as i32);
    request.capabilities = Some(capability::REVISIONS | capability::SYNC);
    let answer = device.log_in(&request).await?;
    same("result_code of the login", answer.result_code, 0)?;
    let wanted = capability::REVISIONS | capability::SYNC;
    same("what is granted", answer.capabilities(), wanted)?;
    Ok(device)
}

/// Alice at one msg_server, Bob at another one if there are two.
async fn two(ctx: &Ctx) -> Outcome<(Device, Device)> {
    let alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    Ok((alice, bob))
}

/// The message as it is then, or the reason.
type Revised = Result<MsgInfo, String>;

fn revised(device: &Device, answer: ImReviseRsp) -> Outcome<Revised> {
    same("user_id", answer.user_id, device.id)?;
    match (answer.result_code, answer.message) {
        (0, Some(message)) => Ok(Ok(message)),
        (1, None) => match answer.reason {
            Some(reason) => Ok(Err(reason)),
            None => fail("a reason", "none"),
        },
        (code, message) => fail(
            "code 0 with a message, or 1",
            format!("{code}, {message:?}"),
        ),
    }
}

impl Device {
    async fn recalls(&mut self, of: impl Into<Conversation>, msg_id: u32) -> Outcome<Revised> {
        let of = of.into();
        let request = ImRecallReq {
            session_type: of.session_type(),
            session_id: of.id(),
            msg_id,
            ..Default::default()
        };
        let answer = self.ask(&request).await?;
        revised(self, answer)
    }

    async fn edits(
        &mut self,
        of: impl Into<Conversation>,
        msg_id: u32,
        msg_data: &Bytes,
    ) -> Outcome<Revised> {
        let of = of.into();
        let request = ImEditReq {
            session_type: of.session_type(),
            session_id: of.id(),
            msg_id,
            msg_data: msg_data.clone(),
            ..Default::default()
        };
        let answer = self.ask(&request).await?;
        revised(self, answer)
    }

    /// The notice that a message changed.
    async fn sees_revised(&mut self, msg_id: u32, revision: u32) -> Outcome<ImMessageRevised> {
        let fits = |notice: &ImMessageRevised| {
            notice.message.msg_id == msg_id && notice.message.revision() == revision
        };
        let (frame, notice) = self.frame("IMMessageRevised", fits).await?;
        same("number of the notice", frame.seq_num(), 0)?;
        Ok(notice)
    }

    async fn finds(&mut self, of: impl Into<Conversation>, msg_id: u32) -> Outcome<MsgInfo> {
        let found = self.by_id(of, vec![msg_id]).await?;
        match found.into_iter().next() {
            Some(message) => Ok(message),
            None => fail(format!("message {msg_id}"), "none"),
        }
    }
}

fn readable(message: &MsgInfo) -> Outcome<String> {
    match cipher::decrypt(&message.msg_data, cipher::DEFAULT_KEY) {
        Some(text) => Ok(text),
        None => fail("a text that can be deciphered", format!("{message:?}")),
    }
}

async fn recall(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = two(ctx).await?;
    let mut phone = able(ctx, ALICE, ClientType::Ios, 1).await?;
    let (text, to) = (ctx.text(), bob.id);
    let id = alice.says(to, &text).await?;
    bob.hears(&text).await?;
    let message = match alice.recalls(to, id).await? {
        Ok(message) => message,
        Err(reason) => return fail("it is recalled", reason),
    };
    same("revision", message.revision(), RECALLED)?;
    holds("nothing of the text", message.msg_data != text, &message)?;
    let notice = bob.sees_revised(id, RECALLED).await?;
    same("who", notice.user_id, alice.id)?;
    same("to_session_id", notice.to_session_id, to)?;
    same("the message", &notice.message, &message)?;
    phone.sees_revised(id, RECALLED).await?;
    alice
        .none("no notice to who did it", |_: &ImMessageRevised| true)
        .await?;
    let of = alice.id;
    same("what Bob finds", &bob.finds(of, id).await?, &message)?;
    let history = bob.history(of, id, 1).await?;
    same("his history", history.first(), Some(&message))
}

async fn edit(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = two(ctx).await?;
    let (text, new) = (ctx.text(), ctx.text());
    let id = alice.says(bob.id, &text).await?;
    let before = bob.finds(alice.id, id).await?;
    let message = match alice.edits(bob.id, id, &new).await? {
        Ok(message) => message,
        Err(reason) => return fail("it is edited", reason),
    };
    let wanted = MsgInfo {
        msg_data: new,
        revision: Some(EDITED),
        ..before
    };
    same("the message", &message, &wanted)?;
    let notice = bob.sees_revised(id, EDITED).await?;
    same("the notice's", &notice.message, &wanted)?;
    same("what Bob finds", &bob.finds(alice.id, id).await?, &wanted)
}

async fn twice(ctx: &Ctx) -> Outcome {
    let (mut alice, bob) = two(ctx).await?;
    let (text, new) = (ctx.text(), ctx.text());
    let id = alice.says(bob.id, &text).await?;
    for _ in 0..2 {
        let edited = alice.edits(bob.id, id, &new).await?;
        same(
            "its text",
            edited.map(|message| message.msg_data),
            Ok(new.clone()),
        )?;
    }
    for _ in 0..2 {
        let recalled = alice.recalls(bob.id, id).await?;
        same(
            "its mark",
            recalled.map(|message| message.revision()),
            Ok(RECALLED),
        )?;
    }
    Ok(())
}

async fn refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = two(ctx).await?;
    let text = ctx.text();
    let id = alice.says(bob.id, &text).await?;
    let refused = |outcome: Revised| outcome.map(|_| ());
    let theirs = bob.recalls(alice.id, id).await?;
    same("another's", refused(theirs), Err("not_the_sender".into()))?;
    let theirs = bob.edits(alice.id, id, &text).await?;
    same("another's", refused(theirs), Err("not_the_sender".into()))?;
    let none = alice.recalls(bob.id, id + 1_000_000).await?;
    same("no message", refused(none), Err("no_such_message".into()))?;
    let nowhere = alice.recalls(Conversation::Group(u32::MAX), id).await?;
    same("no group", refused(nowhere), Err("no_such_message".into()))?;
    let empty = alice.edits(bob.id, id, &Bytes::new()).await?;
    same("no text", refused(empty), Err("empty".into()))?;
    same(
        "it is as it was",
        bob.finds(alice.id, id).await?.msg_data,
        text.clone(),
    )?;
    let gone = alice.recalls(bob.id, id).await?;
    holds("it is recalled", gone.is_ok(), gone)?;
    let back = alice.edits(bob.id, id, &text).await?;
    same("a recalled one", refused(back), Err("recalled".into()))
}

async fn unannounced(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut bob = ctx.login(BOB, ClientType::Windows, 1).await?;
    let text = ctx.text();
    let id = alice.says(bob.id, &text).await?;
    bob.hears(&text).await?;
    let gone = alice.recalls(bob.id, id).await?;
    holds("it is recalled", gone.is_ok(), gone)?;
    let found = bob.finds(alice.id, id).await?;
    same("no mark", found.revision, None)?;
    holds("a text in its place", !readable(&found)?.is_empty(), &found)?;
    holds("not what it was", found.msg_data != text, &found)?;
    let recent = bob.recent_of(alice.id).await?;
    let shown = recent.map(|recent| recent.latest_msg_data);
    same("the list's", shown, Some(found.msg_data))?;
    let answer = bob.ask(&ImSyncReq::default()).await?;
    holds(
        "no revised messages",
        answer.revised.is_empty(),
        &answer.revised,
    )?;
    bob.none("no notice", |_: &ImMessageRevised| true).await
}

async fn in_a_group(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = two(ctx).await?;
    let members = [alice.id, bob.id, ctx.id(CAROL)];
    let group = alice.makes_group(&members).await?;
    let mut carol = able(ctx, CAROL, ClientType::Windows, 1).await?;
    let text = ctx.text();
    let id = bob.says(group, &text).await?;
    carol.hears(&text).await?;
    let no = carol.recalls(group, id).await?;
    same(
        "another member",
        no.map(|_| ()),
        Err("not_the_sender".into()),
    )?;
    let no = alice.edits(group, id, &ctx.text()).await?;
    same(
        "its creator edits",
        no.map(|_| ()),
        Err("not_the_sender".into()),
    )?;
    let recalled = alice.recalls(group, id).await?;
    holds("its creator recalls", recalled.is_ok(), recalled)?;
    let notice = carol.sees_revised(id, RECALLED).await?;
    same("who", notice.user_id, alice.id)?;
    same("whose", notice.message.from_session_id, bob.id)?;
    same("session_type", notice.session_type, group.session_type())?;
    same("to_session_id", notice.to_session_id, group.id())
}

async fn in_sync(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob) = two(ctx).await?;
    let text = ctx.text();
    let id = alice.says(bob.id, &text).await?;
    let mut request = ImSyncReq::default();
    loop {
        let answer = bob.ask(&request).await?;
        same("result_code", answer.result_code, 0)?;
        request.cursor = answer.cursor.clone();
        if !answer.more() {
            break;
        }
    }
    let to = bob.id;
    bob.leave().await?;
    let gone = alice.recalls(to, id).await?;
    holds("it is recalled", gone.is_ok(), gone)?;
    let mut bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    let answer = bob.ask(&request).await?;
    let has = answer
        .revised
        .iter()
        .any(|revised| revised.session_id == alice.id && revised.msg_id.contains(&id));
    holds("the message among the revised", has, &answer.revised)
}
