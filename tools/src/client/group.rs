//! Groups: making, changing, looking at them.

use proto::im::base_define::{GroupInfo, GroupModifyType, GroupType, GroupVersionInfo};
use proto::im::group::{
    ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupCreateReq, ImGroupInfoListReq,
    ImGroupShieldReq, ImNormalGroupListReq,
};

use super::error::RequestError;
use super::session::Session;

impl Session {
    /// Makes a temporary group of these users and gives its number; `None` when the server refuses. Name oneself to be
    /// in it.
    pub async fn create_group(
        &self,
        name: &str,
        members: Vec<u32>,
    ) -> Result<Option<u32>, RequestError> {
        let reply = self
            .request(ImGroupCreateReq {
                user_id: self.user_id(),
                group_type: GroupType::Tmp as i32,
                group_name: name.to_owned(),
                member_id_list: members,
                ..Default::default()
            })
            .await?;
        Ok(reply.group_id.filter(|_| reply.result_code == 0))
    }

    /// Adds members to a group. `result_code` of the answer is 0 when it is done.
    pub async fn add_members(
        &self,
        group: u32,
        users: Vec<u32>,
    ) -> Result<ImGroupChangeMemberRsp, RequestError> {
        self.change_members(group, GroupModifyType::Add, users)
            .await
    }

    /// Takes members out of a group. `result_code` of the answer is 0 when it is done.
    pub async fn remove_members(
        &self,
        group: u32,
        users: Vec<u32>,
    ) -> Result<ImGroupChangeMemberRsp, RequestError> {
        self.change_members(group, GroupModifyType::Del, users)
            .await
    }

    async fn change_members(
        &self,
        group: u32,
        change: GroupModifyType,
        users: Vec<u32>,
    ) -> Result<ImGroupChangeMemberRsp, RequestError> {
        self.request(ImGroupChangeMemberReq {
            user_id: self.user_id(),
            change_type: change as i32,
            group_id: group,
            member_id_list: users,
            ..Default::default()
        })
        .await
    }

    /// The named groups as far as one is in them. Of very many this is the first part; the others are
    /// [`Event::Other`](super::Event::Other).
    pub async fn groups_info(&self, groups: Vec<u32>) -> Result<Vec<GroupInfo>, RequestError> {
        let ask = |group_id| GroupVersionInfo {
            group_id,
            version: 0,
        };
        let reply = self
            .request(ImGroupInfoListReq {
                user_id: self.user_id(),
                group_version_list: groups.into_iter().map(ask).collect(),
                attach_data: None,
            })
            .await?;
        Ok(reply.group_info_list)
    }

    /// The permanent groups one is in, with their versions.
    pub async fn normal_groups(&self) -> Result<Vec<GroupVersionInfo>, RequestError> {
        let reply = self
            .request(ImNormalGroupListReq {
                user_id: self.user_id(),
                attach_data: None,
            })
            .await?;
        Ok(reply.group_version_list)
    }

    /// Mutes a group or not; false when the server refuses.
    pub async fn mute_group(&self, group: u32, muted: bool) -> Result<bool, RequestError> {
        let reply = self
            .request(ImGroupShieldReq {
                user_id: self.user_id(),
                group_id: group,
                shield_status: muted.into(),
                attach_data: None,
            })
            .await?;
        Ok(reply.result_code == 0)
    }
}
