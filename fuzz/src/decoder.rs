//! Frames come out the same however the stream is cut, and limits hold.

use proto::{Decoder, FrameError, Pdu};

/// The smallest and the largest limit that is tried, in bytes.
const LIMITS: [u32; 4] = [16, 64, 4 * 1024, 400 * 1024];

/// Takes the first byte for the limit, the second for the number of chunk sizes, then the sizes, and the rest for a stream.
pub fn run(data: &[u8]) {
    let Some((&[limit, count], rest)) = data.split_first_chunk() else {
        return;
    };
    let max = LIMITS[usize::from(limit) % LIMITS.len()];
    let Some((sizes, stream)) = rest.split_at_checked(usize::from(count % 16)) else {
        return;
    };
    let whole = decode(max, stream, &[usize::MAX]);
    let sizes: Vec<usize> = sizes.iter().map(|size| usize::from(*size).max(1)).collect();
    let sizes = if sizes.is_empty() { vec![1] } else { sizes };
    assert_eq!(decode(max, stream, &sizes), whole);
    written_again_it_is_the_same(stream, &whole.0);
}

/// All frames, and how it ended.
fn decode(max: u32, stream: &[u8], sizes: &[usize]) -> (Vec<Pdu>, Option<FrameError>) {
    let mut decoder = Decoder::new(max);
    let mut frames = Vec::new();
    let mut rest = stream;
    for size in sizes.iter().cycle() {
        let (chunk, behind) = rest.split_at((*size).min(rest.len()));
        decoder.extend(chunk);
        loop {
            match decoder.next_pdu() {
                Ok(Some(pdu)) => {
                    assert!(pdu.frame_len() <= max as usize);
                    assert_eq!(pdu.header.length as usize, pdu.frame_len());
                    frames.push(pdu);
                }
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        // What waits is less than one frame.
        assert!(decoder.buffered() < max.max(16) as usize);
        rest = behind;
        if rest.is_empty() {
            return (frames, None);
        }
    }
    (frames, None)
}

fn written_again_it_is_the_same(stream: &[u8], frames: &[Pdu]) {
    let mut written = Vec::new();
    for pdu in frames {
        pdu.write(&mut written);
    }
    assert_eq!(written, stream[..written.len()]);
}
