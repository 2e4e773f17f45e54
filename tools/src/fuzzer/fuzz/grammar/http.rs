//! Requests of HTTP, right and wrong.

use fastrand::Rng;

use super::{Grammar, crowd};
use crate::fuzzer::fuzz::play::PLACE_OF_KEY;
use crate::fuzzer::fuzz::script::{Part, Step};

const METHODS: [&str; 9] = [
    "GET", "POST", "PUT", "HEAD", "OPTIONS", "CONNECT", "TRACE", "get", "G\0T",
];

/// What Ferrotalk's and TeamTalk's ports answer to, and what they do not.
const PATHS: [&str; 20] = [
    "/",
    "/msg_server",
    "/msg_server?a=b",
    "/healthz",
    "/readyz",
    "/metrics",
    "/trace",
    "/trace/1/2",
    "/openapi.json",
    "/query/CreateGroup",
    "/query/ChangeMembers",
    "/query/SendMessage",
    "/query/GetUserInfo",
    "/api/users",
    "*",
    "http://other.example/msg_server",
    "//..//..//etc/passwd",
    "/%00%ff%zz",
    "/msg_server#x",
    "?",
];

const HEADERS: [&str; 16] = [
    "Host: 127.0.0.1",
    "Host:",
    "Connection: close",
    "Connection: keep-alive",
    "Expect: 100-continue",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked, chunked",
    "Content-Length: 0",
    "Content-Length: 18446744073709551616",
    "Content-Length: -1",
    "Content-Length: 5, 6",
    "Content-Type: application/json",
    "Authorization: Bearer \u{fc}",
    "Upgrade: websocket",
    " folded: x",
    ": no name",
];

const BODIES: [&str; 10] = [
    "{}",
    "[]",
    "null",
    "{\"app_key\":\"x\",\"req_user_id\":1}",
    "{\"app_key\":1,\"req_user_id\":\"1\",\"user_id_list\":[1,2,-1,4294967296,1e99]}",
    "{\"group_name\":\"\u{1f980}\",\"group_type\":1,\"group_avatar\":\"\",\"user_id_list\":[]}",
    "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":",
    "0\r\n\r\n",
    "5\r\nhello\r\nffffffffffffffff\r\n",
    "\u{feff}{\"a\":\"\\ud800\"}",
];

pub(super) fn steps(rng: &mut Rng, grammar: &Grammar) -> Vec<Step> {
    if rng.u8(..40) == 0 {
        return crowd(rng, grammar);
    }
    let on = 0;
    let mut parts: Vec<Part> = (0..rng.usize(1..5))
        .map(|_| Part::plain(request(rng)))
        .collect();
    if rng.u8(..4) == 0
        && let Some(part) = parts.last_mut()
    {
        part.bytes
            .0
            .truncate(rng.usize(..part.bytes.0.len().max(1)));
    }
    let slow = rng.u8(..8) == 0;
    let size: usize = parts.iter().map(|part| part.bytes.0.len()).sum();
    let mut steps = vec![
        Step::Open {
            on,
            narrow: rng.u8(..8) == 0,
        },
        Step::Write {
            on,
            parts,
            times: if !slow && rng.u8(..10) == 0 && size < 2_000 {
                rng.u32(1..200)
            } else {
                1
            },
            piece: if slow { 1 + size / 100 } else { 0 },
            gap_ms: u64::from(slow),
        },
    ];
    steps.push(match rng.u8(..6) {
        0 => Step::Reset { on },
        1 => Step::HalfClose { on },
        2 => Step::Pause { ms: rng.u64(..100) },
        _ => Step::Read { on, ms: 40 },
    });
    steps.push(Step::Read { on, ms: 40 });
    steps
}

/// Bytes that matter in JSON, and one that cannot be in it.
const ODD: &[u8] = b"0-9\"{}[],:.eE \xff\\";

/// What a right back office sends.
const OFFICE: [(&str, &str); 4] = [
    (
        "/query/CreateGroup",
        "{\"req_user_id\":0,\"group_name\":\"x\",\"group_type\":1,\"group_avatar\":\"\",\"user_id_list\":[1,2,3]}",
    ),
    (
        "/query/ChangeMembers",
        "{\"req_user_id\":0,\"group_id\":1,\"modify_type\":1,\"user_id_list\":[4,5]}",
    ),
    (
        "/query/ChangeMembers",
        "{\"req_user_id\":0,\"group_id\":1,\"modify_type\":2,\"user_id_list\":[4,5]}",
    ),
    (
        "/query/CreateGroup",
        "{\"req_user_id\":1e400,\"group_name\":\"\",\"group_type\":9,\"group_avatar\":7,\"user_id_list\":[null]}",
    ),
];

fn request(rng: &mut Rng) -> Vec<u8> {
    match rng.u8(..6) {
        0 => wild(rng),
        1 => {
            let (path, body) = OFFICE[rng.usize(..OFFICE.len())];
            let mut body = body.as_bytes().to_vec();
            for _ in 0..rng.usize(..3) {
                let at = rng.usize(..body.len());
                body[at] = ODD[rng.usize(..ODD.len())];
            }
            let key = String::from_utf8_lossy(PLACE_OF_KEY);
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            [head.into_bytes(), body].concat()
        }
        2 | 3 => format!(
            "GET {} HTTP/1.1\r\nHost: a\r\n\r\n",
            PATHS[rng.usize(..PATHS.len())]
        )
        .into_bytes(),
        _ => odd(rng),
    }
}

/// Bytes that are no request at all.
fn wild(rng: &mut Rng) -> Vec<u8> {
    (0..rng.usize(1..300)).map(|_| rng.u8(..)).collect()
}

fn odd(rng: &mut Rng) -> Vec<u8> {
    let method = METHODS[if rng.bool() {
        rng.usize(..2)
    } else {
        rng.usize(..METHODS.len())
    }];
    let path = PATHS[rng.usize(..PATHS.len())];
    let version = ["HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "HTP", ""]
        [rng.usize(..6).min(rng.usize(..6))];
    let body = BODIES[rng.usize(..BODIES.len())];
    let mut out = format!("{method} {path} {version}\r\n").into_bytes();
    for _ in 0..rng.usize(..6) {
        let header = HEADERS[rng.usize(..HEADERS.len())];
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    let has_body = method == "POST" || rng.u8(..4) == 0;
    if has_body && rng.u8(..4) > 0 {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    match rng.u8(..16) {
        0 => out.extend(format!("X: {}\r\n", "x".repeat(rng.usize(1..20_000))).bytes()),
        1 => (0..rng.usize(1..2_000)).for_each(|_| out.extend_from_slice(b"A: b\r\n")),
        2 => out.extend((0..rng.usize(1..60)).map(|_| rng.u8(..))),
        _ => {}
    }
    out.extend_from_slice(b"\r\n");
    if has_body {
        out.extend_from_slice(body.as_bytes());
    }
    if rng.u8(..8) == 0 {
        for _ in 0..rng.usize(1..6) {
            let at = rng.usize(..out.len());
            out[at] = rng.u8(..);
        }
    }
    out
}
