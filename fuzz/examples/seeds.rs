//! Writes the corpora that the targets begin with, from the golden frames.

use std::fs;
use std::path::Path;

use ferrotalk_fuzz::seeds;
use proto::{CommandId, commands};

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in ["decoder", "body", "text", "session"] {
        fs::create_dir_all(corpus.join(target))?;
    }
    let frames = seeds::frames();
    for (number, frame) in frames.iter().enumerate() {
        let name = format!("golden-{number}");
        let (head, body) = frame.split_at(16);
        let id = CommandId(u16::from_be_bytes([head[10], head[11]]));
        let which = commands::all()
            .position(|row| row.id == id)
            .unwrap_or_default() as u8;
        fs::write(
            corpus.join("decoder").join(&name),
            [&[3, 1, 7], frame.as_slice()].concat(),
        )?;
        fs::write(corpus.join("body").join(&name), [&[which], body].concat())?;
        // In a session: log in, then the frame.
        let body = &body[..body.len().min(200)];
        let session = [&[0, 4, 3, 0, 0, 1, 16, body.len() as u8 + 1, which], body].concat();
        fs::write(corpus.join("session").join(&name), session)?;
    }
    fs::write(
        corpus.join("decoder").join("golden"),
        [&[3, 2, 1, 9], frames.concat().as_slice()].concat(),
    )?;
    let sealed = proto::text::encrypt("hello", proto::text::DEFAULT_KEY);
    fs::write(corpus.join("text").join("sealed"), sealed)?;
    Ok(())
}
