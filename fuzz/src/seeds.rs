//! Inputs to begin with, from the golden frames.

/// The golden frames, byte for byte.
pub fn frames() -> Vec<Vec<u8>> {
    [
        include_str!("../../proto/testdata/file_has_offline_req.hex"),
        include_str!("../../proto/testdata/group_create_req.hex"),
        include_str!("../../proto/testdata/heartbeat.hex"),
        include_str!("../../proto/testdata/login_req.hex"),
        include_str!("../../proto/testdata/msg_data.hex"),
        include_str!("../../proto/testdata/msg_data_ack.hex"),
        include_str!("../../proto/testdata/p2p_cmd.hex"),
        include_str!("../../proto/testdata/server_kick_user.hex"),
        include_str!("../../proto/testdata/user_stat_notify.hex"),
        include_str!("../../proto/testdata/users_info_rsp.hex"),
    ]
    .into_iter()
    .map(unhex)
    .collect()
}

/// Hex digits; white space is nothing, `#` begins a comment.
fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .lines()
        .filter_map(|line| line.split('#').next())
        .flat_map(str::chars)
        .filter_map(|c| c.to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}
