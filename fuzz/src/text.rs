//! The cipher of texts: nothing that comes from elsewhere breaks it, and what it wrote it reads.

use proto::text::{DEFAULT_KEY, decrypt, encrypt};

/// Takes the input for a text of another client, and for one of ours.
pub fn run(data: &[u8]) {
    if let Some(text) = decrypt(data, DEFAULT_KEY) {
        assert!(text.len() <= data.len());
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let sealed = encrypt(text, DEFAULT_KEY);
        let opened = decrypt(sealed.as_bytes(), DEFAULT_KEY);
        // Zeros at the end of a text cannot be told from those that fill the last block.
        assert_eq!(
            opened.as_deref().map(|text| text.trim_end_matches('\0')),
            Some(text.trim_end_matches('\0'))
        );
    }
}
