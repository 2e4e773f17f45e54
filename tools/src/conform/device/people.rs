//! Profiles.

use proto::im::base_define::UserInfo;
use proto::im::buddy::{ImChangeAvatarReq, ImChangeSignInfoReq, ImUsersInfoReq};

use super::Device;
use crate::conform::case::Outcome;
use crate::conform::expect::{fail, same};

impl Device {
    /// The profile of somebody who exists.
    pub(crate) async fn profile_of(&mut self, user_id: u32) -> Outcome<UserInfo> {
        let request = ImUsersInfoReq {
            user_id: self.claimed(),
            user_id_list: vec![user_id],
            attach_data: None,
        };
        let mut answer = self.ask(&request).await?;
        match answer.user_info_list.pop() {
            Some(user) if user.user_id == user_id => Ok(user),
            other => fail(
                format!("the profile of user {user_id}"),
                format!("{other:?}"),
            ),
        }
    }

    /// Changes the own signature; gives the result_code.
    pub(crate) async fn signs(&mut self, sign_info: &str) -> Outcome<u32> {
        let request = ImChangeSignInfoReq {
            user_id: self.claimed(),
            sign_info: sign_info.to_owned(),
            attach_data: None,
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        if answer.result_code == 0 {
            same("sign_info", answer.sign_info.as_deref(), Some(sign_info))?;
        }
        Ok(answer.result_code)
    }

    /// Changes the own avatar; gives the result_code.
    pub(crate) async fn shows(&mut self, avatar_url: &str) -> Outcome<u32> {
        let request = ImChangeAvatarReq {
            user_id: self.claimed(),
            avatar_url: avatar_url.to_owned(),
            attach_data: None,
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        Ok(answer.result_code)
    }
}
