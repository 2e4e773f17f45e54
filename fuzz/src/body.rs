//! A body of any command: what can be read can be written, and is then read as the same.

use bytes::Bytes;
use proto::command::Visitor;
use proto::ids::UserId;
use proto::{Body, CommandId, Pdu, commands};

/// Takes the first byte for a command of the table, and the rest for its body.
pub fn run(data: &[u8]) {
    let Some((which, body)) = data.split_first() else {
        return;
    };
    let count = commands::all().count();
    let command = commands::all().nth(usize::from(*which) % count);
    if let Some(command) = command {
        commands::visit(
            command.id,
            Reads {
                id: command.id,
                body,
            },
        );
    }
}

struct Reads<'a> {
    id: CommandId,
    body: &'a [u8],
}

impl Visitor for Reads<'_> {
    type Output = ();

    fn visit<M: Body>(self) {
        let pdu = Pdu::from_body(self.id, 7, Bytes::copy_from_slice(self.body));
        let Ok(mut message) = pdu.decode::<M>() else {
            return;
        };
        let again = Pdu::new(&message, 7);
        assert_eq!(again.decode::<M>().as_ref(), Ok(&message));
        // What was written by us is written the same way for ever.
        assert_eq!(Pdu::new(&again.decode::<M>().expect("just read"), 7), again);
        if let Some(user) = UserId::new(77) {
            message.claim(user);
        }
        message.detach();
        assert_eq!(message.detach(), None);
        assert!(Pdu::new(&message, 0).decode::<M>().is_ok());
    }
}
