//! Service 6: signals from client to client.

use proto::im::switch_service::Imp2pCmdMsg;

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::expect::same;

cases! {
    /// A signal reaches the receiver's devices and the sender's other one, on whatever msg_server, as it was sent.
    "signal/reaches-all-devices" reaches_all_devices in Signals {
        commands: [Imp2pCmdMsg],
    }
    /// It has number 0 there.
    "signal/number-zero" number_zero in SequenceNumbers {
        commands: [Imp2pCmdMsg],
        defects: [70],
    }
    /// The sender is whoever is logged in, whatever the request says.
    "signal/sender-is-the-session" sender_is_the_session in Fields {
        commands: [Imp2pCmdMsg],
        defects: [44],
    }
    /// It comes neither back nor to anybody else, and once.
    "signal/nobody-else" nobody_else in Signals {
        commands: [Imp2pCmdMsg],
    }
}

/// A signal as stock clients send it, with a word of its own.
fn signal(ctx: &Ctx, to_user_id: u32) -> Imp2pCmdMsg {
    let word = ctx.word();
    Imp2pCmdMsg {
        from_user_id: 0,
        to_user_id,
        cmd_msg_data: format!(r#"{{"service_id":2,"cmd_id":131073,"content":"{word}"}}"#),
    }
}

async fn reaches_all_devices(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut alice_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut bob_phone = ctx.phone(BOB).await?;
    let sent = Imp2pCmdMsg {
        from_user_id: alice.id,
        ..signal(ctx, bob.id)
    };
    let seq_num = alice.seq_num();
    alice.tell(&sent, seq_num).await?;
    for device in [&mut bob, &mut bob_phone, &mut alice_phone] {
        let fits = |came: &Imp2pCmdMsg| came.cmd_msg_data == sent.cmd_msg_data;
        same("signal", &device.push("the signal", fits).await?, &sent)?;
    }
    Ok(())
}

async fn number_zero(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut near = ctx.desktop(CAROL).await?;
    let mut far = ctx.desktop(BOB).await?;
    for device in [&mut near, &mut far] {
        let sent = signal(ctx, device.id);
        let seq_num = alice.seq_num();
        alice.tell(&sent, seq_num).await?;
        let fits = |came: &Imp2pCmdMsg| came.cmd_msg_data == sent.cmd_msg_data;
        let (pdu, _) = device.frame("the signal", fits).await?;
        same("seq_num of a signal", pdu.seq_num(), 0)?;
    }
    Ok(())
}

async fn sender_is_the_session(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    for claimed in [0, ctx.id(CAROL)] {
        let sent = Imp2pCmdMsg {
            from_user_id: claimed,
            ..signal(ctx, bob.id)
        };
        alice.tell(&sent, 0).await?;
        let fits = |came: &Imp2pCmdMsg| came.cmd_msg_data == sent.cmd_msg_data;
        let came = bob.push("the signal", fits).await?;
        same("from_user_id", came.from_user_id, alice.id)?;
    }
    Ok(())
}

async fn nobody_else(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut carol = ctx.desktop(CAROL).await?;
    let (to_bob, next) = (signal(ctx, bob.id), signal(ctx, bob.id));
    let to_carol = signal(ctx, carol.id);
    for sent in [&to_bob, &next, &to_carol] {
        alice.tell(sent, 0).await?;
    }
    let is = |wanted: &Imp2pCmdMsg| {
        let data = wanted.cmd_msg_data.clone();
        move |came: &Imp2pCmdMsg| came.cmd_msg_data == data
    };
    bob.push("the signal", is(&to_bob)).await?;
    bob.push("the signal behind it", is(&next)).await?;
    bob.none("the signal once", is(&to_bob)).await?;
    carol.push("the signal", is(&to_carol)).await?;
    carol
        .none("nothing of others' signals", is(&to_bob))
        .await?;
    alice
        .none("no copy for the sending connection", is(&to_bob))
        .await
}
