//! Groups, made and changed by the system: user 0, who may do everything.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use proto::im::base_define::{GroupModifyType, GroupType};
use proto::im::group::{ImGroupChangeMemberReq, ImGroupCreateReq};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::answer::{Refusal, Refused, answer};
use super::key;
use crate::handlers::group::{change_as_system, create_as_system};

const NOT_CREATED: u32 = 11;
const NOT_CHANGED: u32 = 12;

/// A group to be made. Nobody is told; its members see it at their next look at their groups, or with its first message.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct CreateGroup {
    /// The key, if no header carries it.
    #[serde(rename = "app_key")]
    _app_key: Option<String>,
    /// May be empty.
    group_avatar: String,
    /// Not empty.
    #[schema(example = "staff")]
    group_name: String,
    /// 1 normal: only its creator, here the system, changes its members. 2 temporary.
    #[schema(minimum = 1, maximum = 2, example = 1)]
    group_type: i32,
    /// Any number. It has no meaning: the system is the creator.
    #[serde(rename = "req_user_id")]
    _req_user_id: i64,
    /// The members, at least one.
    #[schema(value_type = Vec<i64>, example = json!([1, 2]))]
    user_id_list: Vec<u32>,
}

/// A group was made.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GroupCreated {
    /// 0.
    #[schema(minimum = 0, maximum = 0)]
    error_code: u32,
    error_msg: &'static str,
    /// The group.
    #[schema(value_type = i64, minimum = 1, maximum = 4294967295i64)]
    group_id: u32,
}

/// Members to be added or removed. Members and those who are removed are told.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct ChangeMembers {
    /// The key, if no header carries it.
    #[serde(rename = "app_key")]
    _app_key: Option<String>,
    /// The group.
    #[schema(value_type = i64, minimum = 1, maximum = 4294967295i64, example = 1)]
    group_id: u32,
    /// 1 adds, 2 removes.
    #[schema(minimum = 1, maximum = 2, example = 1)]
    modify_type: i32,
    /// Any number. It has no meaning: the system makes the change.
    #[serde(rename = "req_user_id")]
    _req_user_id: i64,
    /// Those to be added or removed, at least one.
    #[schema(value_type = Vec<i64>, example = json!([3]))]
    user_id_list: Vec<u32>,
}

/// Members were added or removed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MembersChanged {
    /// 0.
    #[schema(minimum = 0, maximum = 0)]
    error_code: u32,
    error_msg: &'static str,
}

/// Make a group
#[utoipa::path(
    post,
    path = "/query/CreateGroup",
    tag = "groups",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 60 visible ASCII characters of the caller's \
        choice: the same again within a minute is carried out once and answered as the first time")),
    operation_id = "CreateGroup",
    request_body = CreateGroup,
    responses(
        (status = 200, description = "The group is made", body = GroupCreated),
        (status = 400, description = "No JSON, or a field is missing or not good", body = Refused),
        (status = 401, description = "No key, or a wrong one", body = Refused),
        (status = 413, description = "More than 1 MiB", body = Refused),
        (status = 422, description = "The group could not be made", body = Refused),
        (status = 408, description = "The body did not arrive in time", body = Refused),
        (status = 503, description = "No answer from the database: not known whether it was carried out", body = Refused),
    ),
)]
pub(super) async fn create(State(api): State<Arc<Api>>, request: Request) -> Response {
    answer("CreateGroup", try_create(&api, request).await)
}

async fn try_create(api: &Api, request: Request) -> Result<GroupCreated, Refusal> {
    const WORDS: &str = "the group could not be created";
    let request_key = key::of_request(request.headers())?;
    let asked: CreateGroup = api.read(request).await?;
    let group_type = match asked.group_type {
        1 => GroupType::Normal,
        2 => GroupType::Tmp,
        _ => return Err(Refusal::bad("group_type: 1 is normal, 2 is temporary")),
    };
    let not_created = |reason, words| Refusal::not_done(NOT_CREATED, reason, words).without_group();
    if asked.group_name.is_empty() {
        return Err(not_created("bad_field", "a group needs a name"));
    }
    if asked.user_id_list.is_empty() {
        return Err(not_created("bad_field", "a group needs a member"));
    }
    let request = ImGroupCreateReq {
        user_id: 0,
        group_type: group_type as i32,
        group_name: asked.group_name,
        group_avatar: asked.group_avatar,
        member_id_list: asked.user_id_list,
        request_key,
        ..Default::default()
    };
    let server = api.server.clone();
    let work = async move { create_as_system(&server, request).await };
    let created = api.carry_out(work).await;
    let created = created
        .map_err(|error| Refusal::from_handler(error, NOT_CREATED, WORDS).without_group())?;
    match created.group_id {
        Some(group_id) if created.result_code == 0 => Ok(GroupCreated {
            error_code: 0,
            error_msg: "success",
            group_id,
        }),
        _ => Err(not_created("refused", WORDS)),
    }
}

/// Add members to a group, or remove them
#[utoipa::path(
    post,
    path = "/query/ChangeMembers",
    tag = "groups",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 60 visible ASCII characters of the caller's \
        choice: the same again within a minute is carried out once and answered as the first time")),
    operation_id = "ChangeMembers",
    request_body = ChangeMembers,
    responses(
        (status = 200, description = "The members are changed", body = MembersChanged),
        (status = 400, description = "No JSON, or a field is missing or not good", body = Refused),
        (status = 401, description = "No key, or a wrong one", body = Refused),
        (status = 413, description = "More than 1 MiB", body = Refused),
        (status = 422, description = "The members could not be changed", body = Refused),
        (status = 408, description = "The body did not arrive in time", body = Refused),
        (status = 503, description = "No answer from the database: not known whether it was carried out", body = Refused),
    ),
)]
pub(super) async fn change_members(State(api): State<Arc<Api>>, request: Request) -> Response {
    answer("ChangeMembers", try_change_members(&api, request).await)
}

async fn try_change_members(api: &Api, request: Request) -> Result<MembersChanged, Refusal> {
    const WORDS: &str = "the members could not be changed";
    let request_key = key::of_request(request.headers())?;
    let asked: ChangeMembers = api.read(request).await?;
    let change_type = match asked.modify_type {
        1 => GroupModifyType::Add,
        2 => GroupModifyType::Del,
        _ => return Err(Refusal::bad("modify_type: 1 adds, 2 removes")),
    };
    let request = ImGroupChangeMemberReq {
        user_id: 0,
        change_type: change_type as i32,
        group_id: asked.group_id,
        member_id_list: asked.user_id_list,
        request_key,
        ..Default::default()
    };
    let server = api.server.clone();
    let work = async move { change_as_system(&server, request).await };
    let changed = api.carry_out(work).await;
    let changed = changed.map_err(|error| Refusal::from_handler(error, NOT_CHANGED, WORDS))?;
    if changed.result_code == 0 {
        Ok(MembersChanged {
            error_code: 0,
            error_msg: "success",
        })
    } else {
        Err(Refusal::not_done(NOT_CHANGED, "refused", WORDS))
    }
}
