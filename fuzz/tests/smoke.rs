//! Every target runs, on the golden frames and on random inputs.

use ferrotalk_fuzz::{body, decoder, seeds, session, text};
use proptest::prelude::*;
use proto::commands;

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn decoder_and_body_and_text(data in prop::collection::vec(any::<u8>(), 0..600)) {
        decoder::run(&data);
        body::run(&data);
        text::run(&data);
    }

    #[test]
    fn texts(text in "\\PC{0,80}") {
        text::run(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sessions(data in prop::collection::vec(any::<u8>(), 0..300)) {
        session::run(&data);
    }
}

#[test]
fn golden_frames_in_every_split() {
    let stream = seeds::frames().concat();
    for size in 1..=255 {
        let mut data = vec![3, 1, size];
        data.extend_from_slice(&stream);
        decoder::run(&data);
    }
}

#[test]
fn golden_bodies_for_every_command() {
    for frame in seeds::frames() {
        for which in 0..commands::all().count() as u8 {
            let mut data = vec![which];
            data.extend_from_slice(&frame[16..]);
            body::run(&data);
        }
    }
}

/// A user logs in at a desktop and a phone and does everything that there is, with a database in every mood.
#[test]
fn a_session_of_every_command() {
    for mood in [0, 1, 0x55, 0x80, 0xaa, 0xff] {
        for frame in seeds::frames() {
            let mut data = vec![mood, 4, 3, 0, 0, 1, 5, 3, 0, 2, 0xff];
            for which in 0..commands::all().count() as u8 {
                let body = &frame[16..frame.len().min(16 + 200)];
                data.extend_from_slice(&[16, body.len() as u8 + 1, which]);
                data.extend_from_slice(body);
            }
            session::run(&data);
        }
    }
}
