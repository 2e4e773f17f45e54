//! Service 6: signals from client to client.

use std::time::Duration;

use proto::im::switch_service::Imp2pCmdMsg;
use tokio::time::Instant;

use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::{ALICE, BOB, CAROL, Ctx};
use crate::conform::device::Device;
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

/// How long one signal has to arrive, before another one is tried.
const TRY: Duration = Duration::from_millis(300);

/// Waits until signals arrive. They are neither kept nor acknowledged: one that is sent before the servers have told each
/// other of a login is lost.
async fn in_reach(ctx: &Ctx, from: &mut Device, to: u32, devices: &mut [&mut Device]) -> Outcome {
    let end = Instant::now() + ctx.deadline();
    for device in devices {
        loop {
            let probe = signal(ctx, to);
            from.tell(&probe, 0).await?;
            let came = device.find_within(TRY, "a signal", |pdu| {
                let came: Imp2pCmdMsg = pdu.decode().ok()?;
                (came.cmd_msg_data == probe.cmd_msg_data).then_some(Ok(()))
            });
            match came.await {
                Err(_) if Instant::now() < end => {}
                outcome => {
                    outcome?;
                    break;
                }
            }
        }
    }
    Ok(())
}

async fn reaches_all_devices(ctx: &Ctx) -> Outcome {
    let mut alice = ctx.desktop(ALICE).await?;
    let mut alice_phone = ctx.phone(ALICE).await?;
    let mut bob = ctx.desktop(BOB).await?;
    let mut bob_phone = ctx.phone(BOB).await?;
    let devices = &mut [&mut bob, &mut bob_phone, &mut alice_phone];
    let to = devices[0].id;
    in_reach(ctx, &mut alice, to, devices).await?;
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
        let to = device.id;
        in_reach(ctx, &mut alice, to, &mut [&mut *device]).await?;
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
    let to = bob.id;
    in_reach(ctx, &mut alice, to, &mut [&mut bob]).await?;
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
    for device in [&mut bob, &mut carol] {
        let to = device.id;
        in_reach(ctx, &mut alice, to, &mut [&mut *device]).await?;
    }
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
