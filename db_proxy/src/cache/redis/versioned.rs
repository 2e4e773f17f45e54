//! Copies that know how new they are: twenty digits, then the contents.

use std::sync::LazyLock;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{RedisResult, Script, pipe};

/// Digits of a version: as many as a u64 may have, so that texts compare as numbers do.
const DIGITS: usize = 20;

/// Keeps each copy unless a newer one is there. Whatever is no copy gives way, and so does one that would stay for good.
static PUT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local digits = '^' .. string.rep('%d', 20)
         for i, key in ipairs(KEYS) do
             local new = ARGV[i + 1]
             local kept = redis.pcall('GETRANGE', key, 0, 19)
             if type(kept) ~= 'string' or not string.find(kept, digits)
                 or redis.call('PTTL', key) < 0 or kept <= string.sub(new, 1, 20) then
                 redis.call('SET', key, new, 'PX', ARGV[1])
             end
         end
         return #KEYS",
    )
});

/// A copy as it is kept.
pub(super) fn encode(version: u64, contents: &[u8]) -> Vec<u8> {
    let mut copy = format!("{version:020}").into_bytes();
    copy.extend_from_slice(contents);
    copy
}

/// Version and contents; `None` for what is no copy.
pub(super) fn decode(copy: &[u8]) -> Option<(u64, &[u8])> {
    let (version, contents) = copy.split_at_checked(DIGITS)?;
    if !version.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let version = std::str::from_utf8(version).ok()?.parse().ok()?;
    Some((version, contents))
}

/// Keeps copies for `lifetime_ms`; of two under a key the later one stays.
pub(super) async fn put(
    connection: &mut MultiplexedConnection,
    copies: &[(String, Vec<u8>)],
    lifetime_ms: u64,
) -> RedisResult<()> {
    let mut call = PUT.prepare_invoke();
    call.arg(lifetime_ms);
    for (key, copy) in copies {
        call.key(key).arg(copy.as_slice());
    }
    call.invoke_async(connection).await
}

/// For so long nothing is kept after a change of which nobody knows the outcome: longer than anybody holds what he has read
/// of the store before he puts it here.
const BARRED_MS: u64 = 10_000;

/// Forgets copies, and lets nobody who read the store before put one back. What bars the way is no copy, and later than any.
pub(super) async fn bar(
    connection: &mut MultiplexedConnection,
    keys: &[String],
) -> RedisResult<()> {
    let mut bar = pipe();
    for key in keys {
        let latest = "9".repeat(DIGITS);
        bar.cmd("SET")
            .arg(key)
            .arg(latest)
            .arg("PX")
            .arg(BARRED_MS)
            .ignore();
    }
    bar.query_async(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_written_and_compare_as_texts() {
        let copies = [0, 9, 10, u64::MAX].map(|version| encode(version, b"x"));
        assert!(copies.is_sorted());
        assert_eq!(decode(&copies[3]), Some((u64::MAX, &b"x"[..])));
        assert_eq!(decode(&encode(7, b"")), Some((7, &b""[..])));
        for garbage in [
            &b""[..],
            b"1",
            b"99999999999999999999",
            b"+0000000000000000001",
            b"99999999999999999999",
        ] {
            assert_eq!(decode(garbage), None);
        }
    }
}
