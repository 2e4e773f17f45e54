//! Who is typing.

use proto::capability;
use proto::im::base_define::ClientType;
use proto::im::ext::buddy::ImBlockReq;
use proto::im::ext::group::ImGroupMemberSetReq;
use proto::im::ext::message::{ImTyping, ImTypingReq};
use proto::im::ext::other::ImNak;
use proto::im::switch_service::Imp2pCmdMsg;

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx, DAVE, Who};
use crate::conform::device::Device;
use crate::conform::device::group_steps::done;
use crate::conform::expect::same;

cases! {
    /// That somebody begins and ceases to write reaches the other one's devices that understand it, with number 0, and not his own.
    "ferrotalk/typing" typing in Typing {
        commands: [ImTypingReq],
        needs: [Ferrotalk],
    }
    /// Said again within two seconds it is not told again; an end is.
    "ferrotalk/typing-again" again in Typing {
        commands: [ImTypingReq],
        needs: [Ferrotalk],
    }
    /// In a group the other members are told, and nobody else.
    "ferrotalk/typing-in-a-group" in_a_group in Typing {
        commands: [ImTypingReq],
        needs: [Ferrotalk],
    }
    /// Where one may not write, one does not type: the reason is told.
    "ferrotalk/typing-refusals" refusals in Typing {
        commands: [ImTypingReq, ImGroupMemberSetReq],
        needs: [Ferrotalk],
    }
    /// Who is blocked types unseen, and his signals do not come; nothing tells him so.
    "ferrotalk/typing-blocked" blocked in Typing {
        commands: [ImTypingReq, Imp2pCmdMsg],
        needs: [Ferrotalk],
    }
}

async fn able(ctx: &Ctx, who: Who, kind: ClientType, server: usize) -> Outcome<Device> {
    let wanted = capability::TYPING | capability::NAK;
    ctx.login_announcing(who, kind, server, wanted).await
}

impl Device {
    async fn types(&mut self, to: impl Into<Conversation>, typing: bool) -> Outcome<u16> {
        let to = to.into();
        let request = ImTypingReq {
            user_id: 0,
            session_type: to.session_type(),
            session_id: to.id(),
            typing,
        };
        let seq_num = self.seq_num();
        self.tell(&request, seq_num).await?;
        Ok(seq_num)
    }

    /// The next notice that somebody types or ceases to.
    async fn sees_typing(
        &mut self,
        from: u32,
        to: impl Into<Conversation>,
        typing: bool,
    ) -> Outcome {
        let to = to.into();
        let (frame, notice) = self.frame("IMTyping", |_: &ImTyping| true).await?;
        same("number of the notice", frame.seq_num(), 0)?;
        let wanted = ImTyping {
            user_id: from,
            session_type: to.session_type(),
            to_session_id: to.id(),
            typing,
        };
        same("the notice", notice, wanted)
    }

    async fn types_in_vain(&mut self, to: impl Into<Conversation>, reason: &str) -> Outcome {
        let seq_num = self.types(to, true).await?;
        let nak = self.find("IMNak", |pdu| {
            let nak = pdu.decode::<ImNak>().ok();
            nak.filter(|_| pdu.seq_num() == seq_num).map(Ok)
        });
        same("the reason", nak.await?.reason, reason)
    }
}

async fn typing(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut phone = able(ctx, ALICE, ClientType::Ios, 1).await?;
    let mut bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    let mut stock = ctx.login(BOB, ClientType::Ios, 0).await?;
    for typing in [true, false] {
        alice.types(bob.id, typing).await?;
        let to = bob.id;
        bob.sees_typing(alice.id, to, typing).await?;
    }
    let text = ctx.text();
    alice.says(bob.id, &text).await?;
    for device in [&mut phone, &mut stock] {
        device.hears(&text).await?;
        device.none("no notice", |_: &ImTyping| true).await?;
    }
    Ok(())
}

async fn again(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut carol = able(ctx, CAROL, ClientType::Windows, 1).await?;
    let to = carol.id;
    alice.types(to, true).await?;
    carol.sees_typing(alice.id, to, true).await?;
    for typing in [true, true, false, false] {
        alice.types(to, typing).await?;
    }
    carol.sees_typing(alice.id, to, false).await?;
    let text = ctx.text();
    alice.says(to, &text).await?;
    carol.hears(&text).await?;
    carol.none("no further notice", |_: &ImTyping| true).await
}

async fn in_a_group(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut phone = able(ctx, ALICE, ClientType::Ios, 1).await?;
    let mut bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    let mut carol = able(ctx, CAROL, ClientType::Windows, 1).await?;
    let group = alice.makes_group(&[alice.id, bob.id]).await?;
    // that Bob is in it his server learns by this
    let text = ctx.text();
    alice.says(group, &text).await?;
    bob.hears(&text).await?;
    alice.types(group, true).await?;
    bob.sees_typing(alice.id, group, true).await?;
    let text = ctx.text();
    alice.says(carol.id, &text).await?;
    for device in [&mut carol, &mut phone] {
        device.hears(&text).await?;
        device.none("no notice", |_: &ImTyping| true).await?;
    }
    Ok(())
}

async fn refusals(ctx: &Ctx) -> Outcome {
    let mut alice = able(ctx, ALICE, ClientType::Windows, 0).await?;
    let mut carol = able(ctx, CAROL, ClientType::Windows, 0).await?;
    let group = alice.makes_group(&[alice.id, ctx.id(BOB)]).await?;
    carol.types_in_vain(group, "not_a_member").await?;
    let nowhere = Conversation::Group(ctx.nobody());
    carol.types_in_vain(nowhere, "no_such_group").await?;
    carol.types_in_vain(ctx.nobody(), "no_such_user").await?;
    carol.types_in_vain(0, "no_receiver").await?;
    let oneself = carol.id;
    carol.types_in_vain(oneself, "to_oneself").await?;
    let mut bob = able(ctx, BOB, ClientType::Windows, 1).await?;
    let muted = ImGroupMemberSetReq {
        muted_seconds: Some(600),
        ..Default::default()
    };
    done(alice.sets_member(group, bob.id, muted).await?)?;
    bob.types_in_vain(group, "muted").await
}

async fn blocked(ctx: &Ctx) -> Outcome {
    let mut carol = able(ctx, CAROL, ClientType::Windows, 0).await?;
    let mut dave = able(ctx, DAVE, ClientType::Windows, 1).await?;
    let mut phone = able(ctx, DAVE, ClientType::Ios, 0).await?;
    let block = |blocked| ImBlockReq {
        other_user_id: dave.id,
        blocked,
        ..Default::default()
    };
    let (block, unblock) = (block(true), block(false));
    same("result_code", carol.ask(&block).await?.result_code, 0)?;
    let signal = Imp2pCmdMsg {
        from_user_id: dave.id,
        to_user_id: carol.id,
        cmd_msg_data: ctx.word(),
    };
    dave.types(carol.id, true).await?;
    let next = dave.seq_num();
    dave.tell(&signal, next).await?;
    // his own devices have it, as ever
    let fits = |came: &Imp2pCmdMsg| came.cmd_msg_data == signal.cmd_msg_data;
    same(
        "the signal",
        &phone.push("the signal", fits).await?,
        &signal,
    )?;
    let group = dave.makes_group(&[dave.id, carol.id]).await?;
    let text = ctx.text();
    dave.says(group, &text).await?;
    carol.hears(&text).await?;
    carol.none("no notice", |_: &ImTyping| true).await?;
    carol.none("no signal", |_: &Imp2pCmdMsg| true).await?;
    dave.none("no refusal", |_: &ImNak| true).await?;
    same("result_code", carol.ask(&unblock).await?.result_code, 0)
}
