//! What a client is told about its resume token.

use bytes::Bytes;
use im_base::testkit::TestPeer;
use proto::capability;
use proto::im::base_define::{ClientType, UserStatType};
use proto::im::login::{ImLoginReq, ImLoginRes};
use tokio::net::TcpStream;

use crate::bed::Bed;

/// Who was let in by a token and is given no other keeps the one he has.
#[tokio::test]
async fn a_token_that_is_not_exchanged_is_granted_still() {
    let bed = Bed::new().await;
    let token = Bytes::from(vec![7; 32]);
    for (shown, granted) in [(Some(token), capability::RESUME), (None, 0)] {
        let stream = TcpStream::connect(bed.clients).await.unwrap();
        let mut client = TestPeer::new(stream);
        let request = ImLoginReq {
            user_name: "9".to_owned(),
            password: String::new(),
            online_status: UserStatType::UserStatusOnline as i32,
            client_type: ClientType::Windows as i32,
            capabilities: Some(capability::RESUME),
            resume_token: shown,
            ..Default::default()
        };
        client.send(&request, 1).await;
        let (answer, _) = client.expect::<ImLoginRes>().await;
        assert_eq!(answer.result_code, 0);
        assert_eq!(answer.capabilities, Some(granted));
        assert_eq!(answer.resume_token, None);
    }
    bed.end().await;
}
