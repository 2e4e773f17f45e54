//! What is stored of a voice message: its duration, and its sound if that can be had.

use bytes::{BufMut, Bytes, BytesMut};

use super::clips::{ClipError, MAX_SOUND};
use super::messages::Clip;
use super::talk::{Placed, RawMessage};
use super::{TeamTalk, TeamTalkError};

/// When so many sounds were missing and none was there, they are looked for in the wrong place.
const MISSED: u32 = 20;

impl TeamTalk {
    /// What is stored of a message, and for a voice message without its sound, why.
    pub(super) async fn body(
        &mut self,
        raw: &RawMessage,
        placed: &Placed,
    ) -> Result<(Bytes, Option<String>), TeamTalkError> {
        if !placed.kind.is_voice() {
            return Ok((raw.content.clone(), None));
        }
        let Some(clip) = &raw.clip else {
            let why = "IMAudio has no such clip".to_owned();
            return Ok((Bytes::copy_from_slice(&[0; 4]), Some(why)));
        };
        let mut body = BytesMut::with_capacity(4);
        body.put_u32(clip.duration);
        if !self.sounds {
            return Ok((body.freeze(), None));
        }
        let why = match self.sound(clip).await? {
            Ok(sound) => {
                body.extend_from_slice(&sound);
                None
            }
            Err(why) => Some(why),
        };
        Ok((body.freeze(), why))
    }

    /// A sound, or why a message is carried without it.
    async fn sound(&mut self, clip: &Clip) -> Result<Result<Bytes, String>, TeamTalkError> {
        if self.choices.without_sounds {
            return Ok(Err("as --without-sounds says".to_owned()));
        }
        let sound = match self.clips.fetch(&clip.path).await {
            Ok(sound) => sound,
            Err(ClipError::Away(why)) => return Err(TeamTalkError::Sounds { why }),
            Err(ClipError::Missing(why)) => {
                if let Some(missed) = &mut self.missed {
                    *missed += 1;
                    if *missed >= MISSED {
                        let why = format!("none of the first {MISSED} is there, the last: {why}");
                        return Err(TeamTalkError::Sounds { why });
                    }
                }
                return Ok(Err(why));
            }
        };
        self.missed = None;
        Ok(if sound.len() > MAX_SOUND {
            Err(format!("{} bytes are too many", sound.len()))
        } else if sound.is_empty() {
            Err("the file is empty".to_owned())
        } else if clip.size > 0 && sound.len() as i64 != clip.size {
            let (found, noted) = (sound.len(), clip.size);
            Err(format!("the file has {found} bytes instead of {noted}"))
        } else {
            Ok(sound)
        })
    }
}
