//! The question of stock clients over HTTP (PROTOCOL.md, "Finding a msg_server").

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::config::AnnounceConfig;
use crate::directory::{Address, Directory, Nobody};
use crate::handlers::login;

/// Every path that begins with this is the question.
const PATH: &str = "/msg_server";

/// What the answers are made from.
struct Desk {
    directory: Arc<Directory>,
    announce: AnnounceConfig,
}

/// The answer that names a msg_server. Fields are in alphabetical order, as clients have always got them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    #[serde(rename = "backupIP")]
    backup_ip: &'a str,
    code: u8,
    discovery: &'a str,
    msfs_backup: &'a str,
    msfs_prior: &'a str,
    msg: &'a str,
    /// As text: clients read a text here.
    port: String,
    #[serde(rename = "priorIP")]
    prior_ip: &'a str,
    /// Not there where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_port: Option<String>,
}

/// The answer that names none.
#[derive(Serialize)]
struct NotFound {
    code: u8,
    msg: &'static str,
}

/// Answers every path: any method, query, headers and body, of which none is looked at.
pub fn router(directory: Arc<Directory>, announce: AnnounceConfig) -> Router {
    Router::new().fallback(answer).with_state(Arc::new(Desk {
        directory,
        announce,
    }))
}

async fn answer(State(desk): State<Arc<Desk>>, uri: Uri) -> Response {
    if !uri.path().starts_with(PATH) {
        let hint = format!("nothing is here; ask for {PATH}\n");
        return (StatusCode::NOT_FOUND, hint).into_response();
    }
    let body = match login::choose(&desk.directory, "http") {
        Ok(address) => found(&address, &desk.announce),
        Err(Nobody::Registered) => not_found(1, "没有msg_server"),
        Err(Nobody::Free) => not_found(2, "负载过高"),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html;charset=utf-8"),
        (header::CONNECTION, "close"),
    ];
    (headers, body).into_response()
}

fn found(address: &Address, announce: &AnnounceConfig) -> String {
    pretty(&Found {
        backup_ip: &address.ip2,
        code: 0,
        discovery: &announce.discovery,
        msfs_backup: &announce.msfs,
        msfs_prior: &announce.msfs,
        msg: "",
        port: address.port.to_string(),
        prior_ip: &address.ip1,
        tls_port: (address.tls_port != 0).then(|| address.tls_port.to_string()),
    })
}

fn not_found(code: u8, msg: &'static str) -> String {
    pretty(&NotFound { code, msg })
}

fn pretty(answer: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(answer).expect("made of texts and small numbers");
    text.push('\n');
    text
}
