//! Groups.

use proto::im::base_define::{GroupInfo, GroupModifyType, GroupType, GroupVersionInfo};
use proto::im::group::{
    ImGroupChangeMemberReq, ImGroupChangeMemberRsp, ImGroupCreateReq, ImGroupCreateRsp,
    ImGroupInfoListReq, ImGroupShieldReq,
};

use super::Device;
use crate::client::Conversation;
use crate::conform::case::Outcome;
use crate::conform::expect::{fail, same};

/// A request for a temporary group.
pub(crate) fn group_of(name: &str, member_id_list: Vec<u32>) -> ImGroupCreateReq {
    ImGroupCreateReq {
        group_type: GroupType::Tmp as i32,
        group_name: name.to_owned(),
        member_id_list,
        ..Default::default()
    }
}

impl Device {
    /// Makes a temporary group of exactly these members.
    pub(crate) async fn makes_group(&mut self, members: &[u32]) -> Outcome<Conversation> {
        let answer = self.creates(&group_of("conform", members.to_vec())).await?;
        let mut wanted = members.to_vec();
        wanted.sort_unstable();
        let mut came = answer.user_id_list;
        came.sort_unstable();
        same("members of the new group", came, wanted)?;
        match answer.group_id {
            Some(id) if id != 0 => Ok(Conversation::Group(id)),
            other => fail("a group_id", format!("{other:?}")),
        }
    }

    /// Makes a group; fails if it is refused.
    pub(crate) async fn creates(
        &mut self,
        request: &ImGroupCreateReq,
    ) -> Outcome<ImGroupCreateRsp> {
        let answer = self.ask(request).await?;
        same("user_id", answer.user_id, self.id)?;
        same("result_code of making a group", answer.result_code, 0)?;
        same("group_name", &answer.group_name, &request.group_name)?;
        Ok(answer)
    }

    /// Adds or removes members; gives the answer, whatever it is.
    pub(crate) async fn changes(
        &mut self,
        group: Conversation,
        change: GroupModifyType,
        members: &[u32],
    ) -> Outcome<ImGroupChangeMemberRsp> {
        let request = ImGroupChangeMemberReq {
            user_id: self.claimed(),
            change_type: change as i32,
            group_id: group.id(),
            member_id_list: members.to_vec(),
            ..Default::default()
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        same("change_type", answer.change_type, request.change_type)?;
        same("group_id", answer.group_id, request.group_id)?;
        Ok(answer)
    }

    /// Adds members; fails if that is refused.
    pub(crate) async fn adds(
        &mut self,
        group: Conversation,
        members: &[u32],
    ) -> Outcome<ImGroupChangeMemberRsp> {
        let answer = self.changes(group, GroupModifyType::Add, members).await?;
        same("result_code of adding", answer.result_code, 0)?;
        Ok(answer)
    }

    /// Removes members; fails if that is refused.
    pub(crate) async fn expels(
        &mut self,
        group: Conversation,
        members: &[u32],
    ) -> Outcome<ImGroupChangeMemberRsp> {
        let answer = self.changes(group, GroupModifyType::Del, members).await?;
        same("result_code of removing", answer.result_code, 0)?;
        Ok(answer)
    }

    /// What the server says about a group whose version is above `version`.
    pub(crate) async fn group_info(
        &mut self,
        group: Conversation,
        version: u32,
    ) -> Outcome<Option<GroupInfo>> {
        let wanted = GroupVersionInfo {
            group_id: group.id(),
            version,
        };
        let request = ImGroupInfoListReq {
            user_id: self.claimed(),
            group_version_list: vec![wanted],
            ..Default::default()
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        Ok(answer
            .group_info_list
            .into_iter()
            .find(|info| info.group_id == group.id()))
    }

    /// As [`group_info`](Self::group_info), for a group that one is in.
    pub(crate) async fn own_group(&mut self, group: Conversation) -> Outcome<GroupInfo> {
        match self.group_info(group, 0).await? {
            Some(info) => Ok(info),
            None => fail(
                "the group's info for a member, version 0",
                "not in the answer",
            ),
        }
    }

    /// Mutes a group or not; gives the result_code.
    pub(crate) async fn shields(
        &mut self,
        group: Conversation,
        shield_status: u32,
    ) -> Outcome<u32> {
        let request = ImGroupShieldReq {
            user_id: self.claimed(),
            group_id: group.id(),
            shield_status,
            attach_data: None,
        };
        let answer = self.ask(&request).await?;
        same("user_id", answer.user_id, self.id)?;
        same("group_id", answer.group_id, request.group_id)?;
        Ok(answer.result_code)
    }
}
