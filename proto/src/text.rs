//! The cipher that stock clients put around the text of messages (PROTOCOL.md, "Message text").
//!
//! Servers pass the field on unread; this is for clients, and for whoever has to look into a message. It hides
//! nothing from anybody who has a client: the key is the same everywhere.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyInit};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The key that is compiled into stock clients.
pub const DEFAULT_KEY: &[u8; 32] = b"12345678901234567890123456789012";

const BLOCK: usize = 16;
const TRAILER: usize = 4;

/// Encrypts a text: zero-filled blocks of AES-256-ECB with the text's length in the last four bytes, in base64.
pub fn encrypt(text: &str, key: &[u8; 32]) -> String {
    let mut buffer = text.as_bytes().to_vec();
    let length = buffer.len();
    buffer.resize((length + TRAILER).div_ceil(BLOCK) * BLOCK, 0);
    let end = buffer.len();
    buffer[end - TRAILER..].copy_from_slice(&(length as u32).to_be_bytes());
    let sealed = ecb::Encryptor::<Aes256>::new(key.into()).encrypt_padded_vec::<NoPadding>(&buffer);
    STANDARD.encode(sealed)
}

/// Decrypts what [`encrypt`] or a client of another make wrote; `None` if it is no such text.
///
/// Tolerates what is seen from other clients: a length that counts too much (clamped, trailing zeros dropped) and a
/// length of one byte only (the text's length modulo 256).
pub fn decrypt(data: &[u8], key: &[u8; 32]) -> Option<String> {
    let compact: Vec<u8> = data
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let sealed = STANDARD.decode(compact).ok()?;
    if sealed.is_empty() || !sealed.len().is_multiple_of(BLOCK) {
        return None;
    }
    let plain = ecb::Decryptor::<Aes256>::new(key.into())
        .decrypt_padded_vec::<NoPadding>(&sealed)
        .ok()?;
    let announced = u32::from_be_bytes(*plain.last_chunk::<TRAILER>()?) as usize;
    let text = without_zeros(plain.get(..plain.len() - TRAILER)?);
    let length = if announced < text.len() && (text.len() - announced).is_multiple_of(256) {
        text.len()
    } else {
        announced.min(text.len())
    };
    String::from_utf8(text[..length].to_vec()).ok()
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    &bytes[..end]
}
