//! Friends: asking, answering, blocking, and who they are.

use super::command::Step;
use super::reasons;
use super::talk::Talk;

impl Talk {
    /// Takes a step; false when the one who is named is not known and `last_chance` is still to come.
    pub(super) async fn befriend(&mut self, step: Step, name: &str, last_chance: bool) -> bool {
        let Some(user) = self.people.find(name) else {
            if last_chance {
                self.fail(&format!("nobody is called {name}; /users lists the names"));
            }
            return last_chance;
        };
        let messenger = &self.messenger;
        let freed = step == Step::Block(false);
        let taken = match step {
            Step::Ask(greeting) => messenger.ask_to_be_friends(user, &greeting).await,
            Step::Answer(accept) => messenger.answer_request(user, accept).await,
            Step::Remove => messenger.remove_friend(user).await,
            Step::Block(blocked) => messenger.block(user, blocked).await,
        };
        match taken {
            Ok(contact) => {
                self.view.contact(&self.people, &contact);
                if freed {
                    let name = self.people.name(user);
                    let text = format!("{name} is not blocked");
                    self.view.note("unblocked", &text);
                }
                self.people.learn_contact(contact);
            }
            Err(error) => {
                let why = reasons::contact(&error, name);
                self.fail(&format!("nothing changed: {why}"));
            }
        }
        true
    }

    pub(super) fn list_friends(&mut self) {
        let contacts: Vec<_> = self.people.contacts().cloned().collect();
        if contacts.is_empty() {
            let text = "no friends yet; /friend add NAME asks somebody";
            self.view.note("friends", text);
        }
        for contact in contacts {
            self.view.contact(&self.people, &contact);
        }
    }
}
