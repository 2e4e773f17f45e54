//! What the sender and everybody else gets of a message.

use bytes::Bytes;
use proto::im::message::{ImMsgData, ImMsgDataAck};
use proto::text as cipher;

use crate::client::Conversation;
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::chat::{is_push, text};
use crate::conform::expect::{holds, same};

cases! {
    /// The acknowledgement has the request's number, the sender, the receiver, the id and session type 1.
    "msg/ack-fields" ack_fields in Messages {
        commands: [ImMsgData],
    }
    /// A message reaches both devices of the receiver and the sender's other device, on whatever msg_server they are.
    "msg/reaches-all-devices" reaches_all_devices in Messages {
        commands: [ImMsgData],
    }
    /// It does not come back on the connection that sent it.
    "msg/not-to-the-sender" not_to_the_sender in Messages {
        commands: [ImMsgData],
    }
    /// It has number 0, on whatever msg_server the receiver is: another number could be taken for an answer.
    "msg/number-zero" number_zero in SequenceNumbers {
        commands: [ImMsgData],
        defects: [70],
    }
    /// The notes that servers make for themselves (attach_data) are not in it.
    "msg/no-attach-data" no_attach_data in Fields {
        commands: [ImMsgData],
        defects: [71],
    }
    /// It comes once on each device.
    "msg/once" once in Messages {
        commands: [ImMsgData],
    }
    /// Nobody else gets it.
    "msg/nobody-else" nobody_else in Messages {
        commands: [ImMsgData],
    }
    /// The sender is whoever is logged in, whatever the request says.
    "msg/sender-is-the-session" sender_is_the_session in Fields {
        commands: [ImMsgData],
    }
    /// The id and the time in the request are ignored.
    "msg/id-and-time-are-the-servers" id_and_time_are_the_servers in Messages {
        commands: [ImMsgData],
    }
    /// attach_data in the request reaches nobody.
    "msg/attach-data-is-cleared" attach_data_is_cleared in Fields {
        commands: [ImMsgData],
    }
    /// Texts are passed on as they are, also with a length at the end that is too large or has one byte only.
    "msg/odd-texts" odd_texts in MessageText {
        commands: [ImMsgData],
    }
    /// An acknowledgement by the receiver is taken, whatever is in it.
    "msg/receiver-acks" receiver_acks in Messages {
        commands: [ImMsgDataAck, ImMsgData],
    }
}

async fn ack_fields(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let ack = alice.stores(&text(ctx.id(BOB), &ctx.text())).await?;
    same("user_id", ack.user_id, alice.id)?;
    same("session_id", ack.session_id, ctx.id(BOB))?;
    same("session_type", ack.session_type, 1)
}

async fn reaches_all_devices(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut alice_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut bob_phone = ctx.phone(BOB).await?;
    let data = ctx.text();
    let id = alice.says(bob.id, &data).await?;
    for device in [&mut bob, &mut bob_phone, &mut alice_phone] {
        let message = device.hears(&data).await?;
        same("msg_id", message.msg_id, id)?;
        same("from_user_id", message.from_user_id, ctx.id(ALICE))?;
        same("to_session_id", message.to_session_id, ctx.id(BOB))?;
        same("msg_type", message.msg_type, 1)?;
        holds("a create_time", message.create_time > 0, &message)?;
    }
    Ok(())
}

async fn not_to_the_sender(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut alice_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let data = ctx.text();
    alice.says(bob.id, &data).await?;
    bob.hears(&data).await?;
    alice_phone.hears(&data).await?;
    alice
        .heard_nothing("no copy for the sending connection", &data)
        .await
}

async fn number_zero(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut alice_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut bob_phone = ctx.phone(BOB).await?;
    let data = ctx.text();
    alice.says(bob.id, &data).await?;
    for device in [&mut bob, &mut bob_phone, &mut alice_phone] {
        let (pdu, _) = device.delivery(&data).await?;
        same("seq_num of a delivered message", pdu.seq_num(), 0)?;
    }
    Ok(())
}

async fn no_attach_data(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut alice_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut bob_phone = ctx.phone(BOB).await?;
    let data = ctx.text();
    alice.says(bob.id, &data).await?;
    for device in [&mut bob, &mut bob_phone, &mut alice_phone] {
        let (_, message) = device.delivery(&data).await?;
        holds("no attach_data", message.attach_data.is_none(), &message)?;
    }
    Ok(())
}

async fn once(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut alice_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let (data, next) = (ctx.text(), ctx.text());
    alice.says(bob.id, &data).await?;
    alice.says(bob.id, &next).await?;
    for device in [&mut bob, &mut alice_phone] {
        device.hears(&data).await?;
        // A copy would have come before what was sent behind it.
        device.hears(&next).await?;
        device.heard_nothing("the message once", &data).await?;
    }
    Ok(())
}

async fn nobody_else(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let (data, hers) = (ctx.text(), ctx.text());
    alice.says(bob.id, &data).await?;
    bob.hears(&data).await?;
    alice.says(carol.id, &hers).await?;
    carol.hears(&hers).await?;
    carol
        .heard_nothing("nothing of others' messages", &data)
        .await
}

async fn sender_is_the_session(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let data = ctx.text();
    let forged = ImMsgData {
        from_user_id: ctx.id(CAROL),
        ..text(bob.id, &data)
    };
    let ack = alice.stores(&forged).await?;
    same("user_id of the acknowledgement", ack.user_id, alice.id)?;
    same(
        "from_user_id",
        bob.hears(&data).await?.from_user_id,
        alice.id,
    )
}

async fn id_and_time_are_the_servers(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let before = alice.says(bob.id, &ctx.text()).await?;
    let data = ctx.text();
    let message = ImMsgData {
        msg_id: 1_000_000,
        create_time: 1,
        ..text(bob.id, &data)
    };
    same("msg_id", alice.stores(&message).await?.msg_id, before + 1)?;
    let delivered = bob.hears(&data).await?;
    same("msg_id delivered", delivered.msg_id, before + 1)?;
    holds(
        "the server's create_time",
        delivered.create_time > 1,
        &delivered,
    )
}

async fn attach_data_is_cleared(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let data = ctx.text();
    let message = ImMsgData {
        attach_data: Some(Bytes::from_static(b"for whom?")),
        ..text(bob.id, &data)
    };
    alice.stores(&message).await?;
    let (pdu, delivered) = bob.delivery(&data).await?;
    is_push(&pdu, &delivered)
}

async fn odd_texts(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let peer = Conversation::User(bob.id);
    let long = cipher::encrypt(&format!("{:x<300}", ctx.word()), cipher::DEFAULT_KEY);
    for data in [
        // No multiple of a block, no base64, another alphabet, one block more than needed.
        Bytes::from(ctx.word()),
        Bytes::from(format!("{} \0\u{1}\u{7f}", ctx.word())),
        Bytes::from(format!("{}=语音", ctx.word())),
        Bytes::from(format!("{long}{long}")),
    ] {
        let id = alice.says(peer, &data).await?;
        bob.hears(&data).await?;
        let stored = alice.history(peer, id, 1).await?;
        let came = stored.first().map(|message| &message.msg_data);
        same("msg_data in the history", came, Some(&data))?;
    }
    Ok(())
}

async fn receiver_acks(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let data = ctx.text();
    let msg_id = alice.says(bob.id, &data).await?;
    bob.hears(&data).await?;
    for session_id in [alice.id, bob.id, 0] {
        let ack = ImMsgDataAck {
            user_id: bob.id,
            session_id,
            msg_id,
            session_type: 1,
        };
        bob.tell(&ack, 0).await?;
        bob.fence().await?;
    }
    Ok(())
}
