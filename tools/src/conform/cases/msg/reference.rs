//! Messages that mention users and answer others.

use proto::capability;
use proto::im::base_define::{ClientType, MsgInfo};
use proto::im::ext::message::{ImRecallReq, ImSyncReq};
use proto::im::ext::other::ImNak;
use proto::im::message::{ImGetMsgByIdReq, ImGetMsgListReq, ImMsgData};

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, Who};
use crate::conform::device::Device;
use crate::conform::device::chat::text;
use crate::conform::expect::{fail, holds, same};

cases! {
    /// A message that mentions members and answers another one is delivered so, and is in history and by id so; whoever is named twice is named once.
    "ferrotalk/mention-and-answer" mention_and_answer in References {
        commands: [ImMsgData, ImGetMsgListReq, ImGetMsgByIdReq],
        needs: [Ferrotalk],
    }
    /// A client that did not announce it gets the message without that, in whatever way.
    "ferrotalk/references-unannounced" unannounced in References {
        commands: [ImMsgData, ImGetMsgListReq, ImSyncReq],
        needs: [Ferrotalk],
    }
    /// A message sent again refers to what it did the first time.
    "ferrotalk/references-resent" resent in References {
        commands: [ImMsgData],
        needs: [Ferrotalk],
    }
    /// More than 50 mentioned, somebody who is not in the group, and a mention outside a group are refused, with the reason.
    "ferrotalk/mention-refusals" mention_refusals in References {
        commands: [ImMsgData],
        needs: [Ferrotalk],
    }
    /// The creator of a group mentions everybody; another member is refused.
    "ferrotalk/mention-everybody" everybody in References {
        commands: [ImMsgData],
        needs: [Ferrotalk],
    }
    /// An answer to a message that is not there, or that its sender does not see, is refused.
    "ferrotalk/answer-refusals" answer_refusals in References {
        commands: [ImMsgData],
        needs: [Ferrotalk],
    }
    /// A recalled message refers to nothing.
    "ferrotalk/references-recalled" recalled in References {
        commands: [ImRecallReq],
        needs: [Ferrotalk],
    }
    /// A device that was away learns in which message it was mentioned that is not read yet.
    "ferrotalk/mention-in-sync" in_sync in References {
        commands: [ImSyncReq],
        needs: [Ferrotalk],
    }
}

/// A device that understands references, and is told reasons.
async fn able(ctx: &Ctx, who: Who, kind: ClientType, server: usize) -> Outcome<Device> {
    let wanted = capability::REFERENCES | capability::NAK;
    ctx.login_announcing(who, kind, server, wanted).await
}

/// A group of Alice, who made it, and Bob; she at one msg_server, he at another one if there are two.
async fn group(ctx: &Ctx) -> Outcome<(Device, Device, Conversation)> {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    Ok((alice, bob, group))
}

/// A text that mentions these users, and answers that message unless it is 0.
fn naming(ctx: &Ctx, to: impl Into<Conversation>, mentioned: &[u32], answers: u32) -> ImMsgData {
    ImMsgData {
        mention_user_id: mentioned.to_vec(),
        reply_to_msg_id: (answers > 0).then_some(answers),
        ..text(to, &ctx.text())
    }
}

/// Whom a message mentions, whether everybody, and which one it answers.
type Referred = (Vec<u32>, Option<bool>, Option<u32>);

fn of_delivery(message: ImMsgData) -> Referred {
    let everybody = message.mention_all;
    (message.mention_user_id, everybody, message.reply_to_msg_id)
}

fn of_info(message: MsgInfo) -> Referred {
    let everybody = message.mention_all;
    (message.mention_user_id, everybody, message.reply_to_msg_id)
}

impl Device {
    /// The reason for which a message is not taken.
    async fn refusal(&mut self, message: &ImMsgData) -> Outcome<String> {
        let seq_num = self.seq_num();
        self.tell(message, seq_num).await?;
        let nak = self.find("IMNak", |pdu| {
            let nak = pdu.decode::<ImNak>().ok();
            let nak = nak.filter(|_| pdu.seq_num() == seq_num);
            nak.map(Ok)
        });
        Ok(nak.await?.reason)
    }

    /// The message with that number, in the history and by its number.
    async fn finds_referred(&mut self, of: Conversation, id: u32) -> Outcome<Referred> {
        let found = self.by_id(of, vec![id]).await?.into_iter().next();
        let history = self.history(of, id, 1).await?.into_iter().next();
        same("the history's", &history, &found)?;
        match found {
            Some(found) => Ok(of_info(found)),
            None => fail(format!("message {id}"), "none"),
        }
    }
}

async fn mention_and_answer(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = group(ctx).await?;
    let mut phone = able(ctx, ALICE, ClientType::Ios, 1).await?;
    let first = alice.says(group, &ctx.text()).await?;
    let message = naming(ctx, group, &[bob.id, alice.id, bob.id], first);
    let id = bob.stores(&message).await?.msg_id;
    let mut both = vec![alice.id, bob.id];
    both.sort_unstable();
    let wanted = (both, None, Some(first));
    for device in [&mut alice, &mut phone] {
        let delivered = device.hears(&message.msg_data).await?;
        same("what is delivered", of_delivery(delivered), wanted.clone())?;
        let found = device.finds_referred(group, id).await?;
        same("what is found", found, wanted.clone())?;
    }
    let answer = naming(ctx, alice.id, &[], bob.says(alice.id, &ctx.text()).await?);
    bob.stores(&answer).await?;
    let wanted = (vec![], None, answer.reply_to_msg_id);
    let delivered = alice.hears(&answer.msg_data).await?;
    same("an answer to a user", of_delivery(delivered), wanted)
}

async fn unannounced(ctx: &Ctx) -> Outcome {
    let (mut alice, bob, group) = group(ctx).await?;
    let mut phone = ctx.login(BOB, ClientType::Ios, 1).await?;
    let first = alice.says(group, &ctx.text()).await?;
    let message = naming(ctx, group, &[bob.id], first);
    let id = alice.stores(&message).await?.msg_id;
    let nothing: Referred = (vec![], None, None);
    let delivered = phone.hears(&message.msg_data).await?;
    same("what is delivered", of_delivery(delivered), nothing.clone())?;
    let found = phone.finds_referred(group, id).await?;
    same("what is found", found, nothing.clone())?;
    let answer = phone.ask(&ImSyncReq::default()).await?;
    for conversation in answer.conversation {
        same("no mention", conversation.mentioned_msg_id, None)?;
        for message in conversation.msg_list {
            same("what sync has", of_info(message), nothing.clone())?;
        }
    }
    Ok(())
}

async fn resent(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = group(ctx).await?;
    let message = ImMsgData {
        client_msg_id: Some(ctx.word().into()),
        ..naming(ctx, group, &[bob.id], 0)
    };
    let id = alice.stores(&message).await?.msg_id;
    let other = ImMsgData {
        mention_user_id: vec![],
        mention_all: Some(true),
        ..message.clone()
    };
    for again in [&message, &other] {
        same("its id", alice.stores(again).await?.msg_id, id)?;
    }
    let wanted = (vec![bob.id], None, None);
    let found = bob.finds_referred(group, id).await?;
    same("what it refers to", found, wanted)
}

async fn mention_refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, bob, group) = group(ctx).await?;
    let many: Vec<u32> = (1..=51).collect();
    let carol = ctx.id(CAROL);
    for (mentioned, reason) in [
        (&many[..], "too_many_mentions"),
        (&[bob.id, carol], "mentions_no_member"),
        (&[ctx.nobody()], "mentions_no_member"),
        (&[0], "mentions_no_member"),
    ] {
        let refusal = alice.refusal(&naming(ctx, group, mentioned, 0)).await?;
        same("the reason", refusal, reason)?;
    }
    let to_bob = naming(ctx, bob.id, &[bob.id], 0);
    let all = ImMsgData {
        mention_all: Some(true),
        ..text(bob.id, &ctx.text())
    };
    for message in [to_bob, all] {
        let refusal = alice.refusal(&message).await?;
        same("the reason", refusal, "mentions_in_no_group")?;
    }
    let next = alice.says(group, &ctx.text()).await?;
    same("no number was used", next, 1)
}

async fn everybody(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = group(ctx).await?;
    let all = |data| ImMsgData {
        mention_all: Some(true),
        ..text(group, &data)
    };
    let refusal = bob.refusal(&all(ctx.text())).await?;
    same("the reason", refusal, "not_permitted")?;
    let message = all(ctx.text());
    alice.stores(&message).await?;
    let delivered = bob.hears(&message.msg_data).await?;
    let wanted = (vec![], Some(true), None);
    same("what is delivered", of_delivery(delivered), wanted)
}

async fn answer_refusals(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = group(ctx).await?;
    let first = alice.says(group, &ctx.text()).await?;
    for answers in [first + 1, u32::MAX] {
        let refusal = bob.refusal(&naming(ctx, group, &[], answers)).await?;
        same("one that is not there", refusal, "no_such_message")?;
    }
    let mut carol = able(ctx, CAROL, ClientType::Windows, 1).await?;
    alice.adds(group, &[carol.id]).await?;
    let refusal = carol.refusal(&naming(ctx, group, &[], first)).await?;
    same("one of before she came", refusal, "no_such_message")?;
    let own = carol.says(group, &ctx.text()).await?;
    carol.stores(&naming(ctx, group, &[], own)).await?;
    Ok(())
}

async fn recalled(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = group(ctx).await?;
    let id = alice.stores(&naming(ctx, group, &[bob.id], 0)).await?;
    let request = ImRecallReq {
        session_type: group.session_type(),
        session_id: group.id(),
        msg_id: id.msg_id,
        ..Default::default()
    };
    let answer = alice.ask(&request).await?;
    same("result_code", answer.result_code, 0)?;
    let found = bob.finds_referred(group, id.msg_id).await?;
    same("what it refers to", found, (vec![], None, None))
}

async fn in_sync(ctx: &Ctx) -> Outcome {
    let (mut alice, mut bob, group) = group(ctx).await?;
    let mentioned = async |bob: &mut Device| {
        let mut request = ImSyncReq::default();
        loop {
            let answer = bob.ask(&request).await?;
            same("result_code", answer.result_code, 0)?;
            let of = |told: &&_| {
                let told: &proto::im::ext::message::SyncConversation = told;
                told.session_type == group.session_type() && told.session_id == group.id()
            };
            if let Some(told) = answer.conversation.iter().find(of) {
                return Ok(told.mentioned_msg_id);
            }
            holds("a page with the group", answer.more(), &answer)?;
            request.cursor = answer.cursor;
        }
    };
    let id = alice
        .stores(&naming(ctx, group, &[bob.id], 0))
        .await?
        .msg_id;
    alice.stores(&naming(ctx, group, &[alice.id], id)).await?;
    same("the mention", mentioned(&mut bob).await?, Some(id))?;
    bob.reads(group, id).await?;
    bob.fence().await?;
    same("none unread", mentioned(&mut bob).await?, None)
}
