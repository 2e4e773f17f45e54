//! Finding a msg_server.

use proto::im::login::ImMsgServReq;
use serde_json::Value;

use crate::client::{Target, get, lookup};
use crate::conform::case::{Outcome, cases};
use crate::conform::ctx::Ctx;
use crate::conform::expect::{fail, holds, same};

cases! {
    /// login_server names a msg_server in JSON: code 0 as a number, the port as text, two addresses, and texts that
    /// may be empty.
    "login/http-fields" http_fields in Finding {
        commands: [],
        needs: [LoginServer],
    }
    /// Every path that begins with /msg_server is the question.
    "login/http-longer-path" http_longer_path in Finding {
        commands: [],
        needs: [LoginServer],
    }
    /// Any other path is no question.
    "login/http-other-path" http_other_path in Finding {
        commands: [],
        needs: [LoginServer],
    }
    /// The same question as a frame is answered with the same number, and the connection is closed.
    "login/packet-port" packet_port in Finding {
        commands: [ImMsgServReq],
        defects: [1],
        needs: [PacketPort],
    }
}

/// What login_server answers at a path, as JSON.
async fn ask(ctx: &Ctx, target: &Target) -> Outcome<Value> {
    match get(target, ctx.deadline()).await {
        Ok(response) if response.status == 200 => {
            let parsed = serde_json::from_slice(&response.body);
            parsed.or_else(|error| fail("a JSON object", error.to_string()))
        }
        Ok(response) => fail("status 200", format!("status {}", response.status)),
        Err(error) => fail("an answer", error.to_string()),
    }
}

async fn http_fields(ctx: &Ctx) -> Outcome {
    let answer = ask(ctx, &lookup(ctx.login_server()?.clone())).await?;
    same("code", &answer["code"], &Value::from(0))?;
    let port = answer["port"]
        .as_str()
        .and_then(|port| port.parse::<u16>().ok());
    holds(
        "port as a text with a number",
        port.is_some(),
        &answer["port"],
    )?;
    for key in ["priorIP", "backupIP"] {
        let address = answer[key].as_str().is_some_and(|text| !text.is_empty());
        holds(&format!("{key} as a text"), address, &answer[key])?;
    }
    for key in ["msg", "msfsPrior", "msfsBackup", "discovery"] {
        holds(
            &format!("{key} as a text"),
            answer[key].is_string(),
            &answer[key],
        )?;
    }
    Ok(())
}

async fn http_longer_path(ctx: &Ctx) -> Outcome {
    let mut target = lookup(ctx.login_server()?.clone());
    target.path.push_str("xyz?a=b");
    let answer = ask(ctx, &target).await?;
    same("code", &answer["code"], &Value::from(0))
}

async fn http_other_path(ctx: &Ctx) -> Outcome {
    let target = ctx.login_server()?.clone().with_path("/elsewhere");
    match get(&target, ctx.deadline()).await {
        Ok(response) => holds("no success", response.status != 200, response.status),
        // The original closes without an answer.
        Err(_) => Ok(()),
    }
}

async fn packet_port(ctx: &Ctx) -> Outcome {
    let mut link = ctx.open(ctx.packet_port()?).await?;
    let answer = link.ask(&ImMsgServReq {}).await?;
    same("result_code", answer.result_code, 0)?;
    let host = answer
        .prior_ip
        .as_ref()
        .is_some_and(|host| !host.is_empty());
    holds("a prior_ip", host, &answer)?;
    holds("a port", answer.port.is_some_and(|port| port != 0), &answer)?;
    link.closes("the connection closed behind the answer").await
}
