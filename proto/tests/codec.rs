//! Frames: round trips, every truncation, every bad length, however the stream is cut.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use proptest::prelude::*;
use proto::header::{HEADER_LEN, Header};
use proto::{CommandId, Decoder, FrameError, Pdu};

fn decode_all(decoder: &mut Decoder) -> Result<Vec<Pdu>, FrameError> {
    let mut pdus = Vec::new();
    while let Some(pdu) = decoder.next_pdu()? {
        pdus.push(pdu);
    }
    Ok(pdus)
}

fn frame_with_length(length: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    Header {
        length,
        ..Header::new(CommandId(0x0701), 0, 0)
    }
    .write(&mut bytes);
    bytes
}

#[test]
fn lengths_below_the_header_are_refused() {
    for length in 0..HEADER_LEN as u32 {
        let mut decoder = Decoder::new(1024);
        decoder.extend(&frame_with_length(length));
        assert_eq!(decoder.next_pdu(), Err(FrameError::TooShort { length }));
    }
}

#[test]
fn a_bad_length_is_refused_before_the_header_is_complete() {
    let mut decoder = Decoder::new(1024);
    decoder.extend(&u32::MAX.to_be_bytes());
    assert_eq!(
        decoder.next_pdu(),
        Err(FrameError::TooLong {
            length: u32::MAX,
            max: 1024
        })
    );
}

#[test]
fn the_largest_frame_passes_and_one_byte_more_does_not() {
    let mut decoder = Decoder::new(64);
    let largest = Pdu::from_body(CommandId(0x0301), 1, Bytes::from(vec![7; 64 - HEADER_LEN]));
    decoder.extend(&largest.to_frame());
    assert_eq!(decoder.next_pdu(), Ok(Some(largest)));
    decoder.extend(&frame_with_length(65));
    assert_eq!(
        decoder.next_pdu(),
        Err(FrameError::TooLong {
            length: 65,
            max: 64
        })
    );
}

#[test]
fn unusual_header_fields_are_kept_as_they_came() {
    let header = Header {
        version: 6,
        flag: 9,
        service_id: 99,
        reserved: 0x30,
        ..Header::new(CommandId(0x0701), 4711, 0)
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    let mut decoder = Decoder::new(1024);
    decoder.extend(&bytes);
    let pdu = decoder.next_pdu().unwrap().unwrap();
    assert_eq!(pdu.header, header);
    assert_eq!(pdu.to_frame(), bytes);
}

#[test]
fn every_truncation_waits_for_more() {
    let frame = Pdu::from_body(CommandId(0x0301), 7, Bytes::from_static(b"some body")).to_frame();
    for cut in 0..frame.len() {
        let mut decoder = Decoder::new(1024);
        decoder.extend(&frame[..cut]);
        assert_eq!(decoder.next_pdu(), Ok(None), "after {cut} bytes");
        decoder.extend(&frame[cut..]);
        assert_eq!(decoder.next_pdu().unwrap().unwrap().body, "some body");
        assert_eq!(decoder.buffered(), 0);
    }
}

fn any_pdu() -> impl Strategy<Value = Pdu> {
    (
        any::<u16>(),
        any::<u16>(),
        proptest::collection::vec(any::<u8>(), 0..200),
    )
        .prop_map(|(command, seq_num, body)| {
            Pdu::from_body(CommandId(command), seq_num, Bytes::from(body))
        })
}

proptest! {
    #[test]
    fn frames_come_out_as_they_went_in_however_the_stream_is_cut(
        pdus in proptest::collection::vec(any_pdu(), 0..20),
        cuts in proptest::collection::vec(1usize..64, 1..50),
    ) {
        let mut stream = Vec::new();
        pdus.iter().for_each(|pdu| pdu.write(&mut stream));
        let mut decoder = Decoder::new(1024);
        let mut received = Vec::new();
        let mut rest = &stream[..];
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
            decoder.extend(now);
            received.extend(decode_all(&mut decoder).unwrap());
            rest = later;
        }
        prop_assert_eq!(received, pdus);
        prop_assert_eq!(decoder.buffered(), 0);
    }

    #[test]
    fn garbage_never_panics_and_never_grows_the_buffer_beyond_what_came(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let mut decoder = Decoder::new(1024);
        decoder.extend(&bytes);
        let _outcome = decode_all(&mut decoder);
        prop_assert!(decoder.buffered() <= bytes.len());
    }
}
