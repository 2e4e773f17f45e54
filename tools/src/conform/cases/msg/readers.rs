//! How far others have read.

use proto::capability;
use proto::im::base_define::ClientType;
use proto::im::ext::buddy::ImBlockReq;
use proto::im::ext::message::{ImReadBy, ImReadersReq};
use proto::im::ext::other::ImNak;
use proto::im::message::ImMsgDataReadAck;

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, DAVE, Who};
use crate::conform::device::Device;
use crate::conform::expect::{holds, same};

cases! {
    /// What is read on a device that announced it the other one sees: at once, and when he asks.
    "ferrotalk/read-by" read_by in Readers {
        commands: [ImMsgDataReadAck, ImReadersReq],
        needs: [Ferrotalk],
    }
    /// What is read on any other device nobody else sees, and such a device sees nothing.
    "ferrotalk/read-by-unannounced" unannounced in Readers {
        commands: [ImMsgDataReadAck, ImReadersReq],
        needs: [Ferrotalk],
    }
    /// In a group each member sees the others.
    "ferrotalk/read-by-in-a-group" in_a_group in Readers {
        commands: [ImMsgDataReadAck, ImReadersReq],
        needs: [Ferrotalk],
    }
    /// Who is blocked sees nothing new.
    "ferrotalk/read-by-blocked" blocked in Readers {
        commands: [ImMsgDataReadAck, ImReadersReq],
        needs: [Ferrotalk],
    }
    /// Of a group that one is not in, and of nobody, nothing is told but the reason.
    "ferrotalk/readers-refusals" refusals in Readers {
        commands: [ImReadersReq],
        needs: [Ferrotalk],
    }
}

async fn able(ctx: &Ctx, who: Who, kind: ClientType, server: usize) -> Outcome<Device> {
    let wanted = capability::READERS | capability::NAK;
    ctx.login_announcing(who, kind, server, wanted).await
}

fn readers_of(of: impl Into<Conversation>) -> ImReadersReq {
    let of = of.into();
    ImReadersReq {
        session_type: of.session_type(),
        session_id: of.id(),
        ..Default::default()
    }
}

impl Device {
    /// The others of a conversation and how far they have read.
    async fn readers(&mut self, of: impl Into<Conversation>) -> Outcome<Vec<(u32, u32)>> {
        let answer = self.ask(&readers_of(of)).await?;
        same("user_id", answer.user_id, self.id)?;
        same("result_code", answer.result_code, 0)?;
        let readers = answer.reader.into_iter();
        Ok(readers
            .map(|reader| (reader.user_id, reader.msg_id))
            .collect())
    }

    async fn sees_read(&mut self, by: u32, of: impl Into<Conversation>, msg_id: u32) -> Outcome {
        let of = of.into();
        let fits = |notice: &ImReadBy| notice.msg_id == msg_id;
        let (frame, notice) = self.frame("IMReadBy", fits).await?;
        same("number of the notice", frame.seq_num(), 0)?;
        let wanted = ImReadBy {
            user_id: by,
            session_type: of.session_type(),
            to_session_id: of.id(),
            msg_id,
        };
        same("the notice", notice, wanted)
    }

    async fn asks_in_vain(&mut self, of: impl Into<Conversation>, reason: &str) -> Outcome {
        let seq_num = self.seq_num();
        self.tell(&readers_of(of), seq_num).await?;
        let nak = self.find("IMNak", |pdu| {
            let nak = pdu.decode::<ImNak>().ok();
            nak.filter(|_| pdu.seq_num() == seq_num).map(Ok)
        });
        same("the reason", nak.await?.reason, reason)
    }
}

async fn read_by(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    let mut phone = able(ctx, BOB, ClientType::Ios, 0).await?;
    let first = alice.says(bob.id, &ctx.text()).await?;
    let second = alice.says(bob.id, &ctx.text()).await?;
    bob.reads(alice.id, first).await?;
    alice.sees_read(bob.id, alice.id, first).await?;
    same("Bob", alice.readers(bob.id).await?, [(bob.id, first)])?;
    // 0 is everything
    bob.reads(alice.id, 0).await?;
    alice.sees_read(bob.id, alice.id, second).await?;
    same("Bob", alice.readers(bob.id).await?, [(bob.id, second)])?;
    phone
        .none("nothing to the reader", |_: &ImReadBy| true)
        .await
}

async fn unannounced(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut carol = ctx
        .login_announcing(CAROL, ClientType::Windows, 1, capability::NAK)
        .await?;
    let before = alice.readers(carol.id).await?;
    let id = alice.says(carol.id, &ctx.text()).await?;
    carol.reads(alice.id, id).await?;
    carol.fence().await?;
    same("Carol", alice.readers(carol.id).await?, before)?;
    alice.none("no notice", |_: &ImReadBy| true).await?;
    let of = alice.id;
    carol.asks_in_vain(of, "shows_nothing").await
}

async fn in_a_group(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    let mut carol = able(ctx, CAROL, ClientType::Windows, 1).await?;
    let group = alice.makes_group(&[alice.id, bob.id, carol.id]).await?;
    let text = ctx.text();
    let id = alice.says(group, &text).await?;
    for device in [&mut bob, &mut carol] {
        device.hears(&text).await?;
    }
    bob.reads(group, id).await?;
    for device in [&mut alice, &mut carol] {
        device.sees_read(bob.id, group, id).await?;
        same("Bob", device.readers(group).await?, [(bob.id, id)])?;
    }
    let others = bob.readers(group).await?;
    holds("of others nothing", others.is_empty(), others)
}

async fn blocked(ctx: &Ctx) -> Outcome {
    let mut carol = able(ctx, CAROL, ClientType::Windows, 0).await?;
    let mut dave = able(ctx, DAVE, ClientType::Windows, 1).await?;
    let first = dave.says(carol.id, &ctx.text()).await?;
    carol.reads(dave.id, first).await?;
    dave.sees_read(carol.id, dave.id, first).await?;
    let block = |blocked| ImBlockReq {
        other_user_id: dave.id,
        blocked,
        ..Default::default()
    };
    let (block, unblock) = (block(true), block(false));
    same("result_code", carol.ask(&block).await?.result_code, 0)?;
    dave.says(carol.id, &ctx.text()).await?;
    let own = carol.says(dave.id, &ctx.text()).await?;
    carol.reads(dave.id, own).await?;
    carol.fence().await?;
    let seen = dave.readers(carol.id).await?;
    dave.none("no notice", |notice: &ImReadBy| notice.msg_id > first)
        .await?;
    same("result_code", carol.ask(&unblock).await?.result_code, 0)?;
    same("Carol", seen, [(carol.id, first)])?;
    carol.reads(dave.id, own).await?;
    dave.sees_read(carol.id, dave.id, own).await
}

async fn refusals(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut carol = able(ctx, CAROL, ClientType::Windows, 0).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    carol.asks_in_vain(group, "not_a_member").await?;
    let nowhere = Conversation::Group(ctx.nobody());
    carol.asks_in_vain(nowhere, "no_such_group").await?;
    carol.asks_in_vain(0, "no_receiver").await
}
