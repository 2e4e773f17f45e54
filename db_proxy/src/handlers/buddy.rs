//! Service 2: users and recent sessions.

pub(super) mod contacts;

use std::sync::Arc;

use im_base::dispatch::HandlerError;
use proto::ids::UserId;
use proto::im::base_define::{
    ContactSessionInfo, DepartInfo, DepartmentStatusType, SessionStatusType, UserInfo,
};
use proto::im::buddy::{
    ImAllUserReq, ImAllUserRsp, ImChangeAvatarReq, ImChangeAvatarRsp, ImChangeSignInfoReq,
    ImChangeSignInfoRsp, ImDepartmentReq, ImDepartmentRsp, ImRecentContactSessionReq,
    ImRecentContactSessionRsp, ImRemoveSessionReq, ImRemoveSessionRsp, ImUsersInfoReq,
    ImUsersInfoRsp,
};
use proto::im::ext::buddy::{ImChangeProfileReq, ImChangeProfileRsp};

use super::msg::{counterpart, session, shown_in_list, shown_type, user_id};
use super::{store_failed, write_failed};
use crate::logic::user::ChangeError;
use crate::server::{ANSWER_BYTES, DbProxy};
use crate::store::{Department, ProfileChange, RecentConversation, UnixMillis, User, UserCursor};

pub(super) async fn recent_sessions(
    proxy: Arc<DbProxy>,
    request: ImRecentContactSessionReq,
) -> Result<ImRecentContactSessionRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let recent = proxy
        .messages
        .recent(user, request.latest_update_time)
        .await;
    let recent = recent.map_err(|error| store_failed(&error))?;
    Ok(ImRecentContactSessionRsp {
        user_id: request.user_id,
        contact_session_list: recent.into_iter().map(contact_session).collect(),
        attach_data: request.attach_data,
    })
}

fn contact_session(recent: RecentConversation) -> ContactSessionInfo {
    let (session_type, session_id) = session(recent.with);
    ContactSessionInfo {
        session_id,
        session_type,
        session_status: SessionStatusType::SessionStatusOk as i32,
        updated_time: recent.last_active_at.seconds(),
        latest_msg_id: recent.latest.id.get(),
        latest_msg_data: shown_in_list(&recent.latest),
        latest_msg_type: shown_type(&recent.latest),
        latest_msg_from_user_id: recent.latest.sender.get(),
    }
}

pub(super) async fn users_info(
    proxy: Arc<DbProxy>,
    request: ImUsersInfoReq,
) -> Result<ImUsersInfoRsp, HandlerError> {
    let ids: Vec<UserId> = request
        .user_id_list
        .iter()
        .copied()
        .filter_map(UserId::new)
        .collect();
    let mut users = proxy
        .users
        .profiles(&ids)
        .await
        .map_err(|error| store_failed(&error))?;
    users.truncate(fitting(&users));
    Ok(ImUsersInfoRsp {
        user_id: request.user_id,
        user_info_list: users.into_iter().map(user_info).collect(),
        attach_data: request.attach_data,
    })
}

/// How many of these users fit into one answer; at least one.
fn fitting(users: &[User]) -> usize {
    let mut bytes = 0;
    let too_many = users.iter().position(|user| {
        let profile = &user.profile;
        let details = [
            &profile.name,
            &profile.nick_name,
            &profile.avatar_url,
            &profile.email,
            &profile.tel,
            &profile.domain,
            &profile.sign_info,
        ];
        // A tag and a length for each, and some for the numbers.
        bytes += 48 + details.iter().map(|detail| detail.len()).sum::<usize>();
        bytes > ANSWER_BYTES
    });
    too_many.unwrap_or(users.len()).max(1)
}

pub(super) async fn remove_session(
    proxy: Arc<DbProxy>,
    request: ImRemoveSessionReq,
) -> Result<ImRemoveSessionRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let removed = match counterpart(request.session_type, request.session_id)? {
        Some(with) => {
            let hidden = proxy.messages.hide(user, with).await;
            hidden.map_err(|error| write_failed(&error))?
        }
        None => return Err(HandlerError::Refused("bad_session_id")),
    };
    Ok(ImRemoveSessionRsp {
        user_id: request.user_id,
        result_code: u32::from(!removed),
        session_type: request.session_type,
        session_id: request.session_id,
        attach_data: request.attach_data,
    })
}

/// A page of the address book. Each page carries the time up to which it goes, so it is right by itself.
pub(super) async fn all_users(
    proxy: Arc<DbProxy>,
    request: ImAllUserReq,
) -> Result<ImAllUserRsp, HandlerError> {
    let since = request.latest_update_time;
    let page = proxy.users.changed_since(since, cursor(&request)).await;
    let mut page = page.map_err(|error| store_failed(&error))?;
    let fitting = fitting(&page.users);
    if fitting < page.users.len() {
        page.users.truncate(fitting);
        page.next = page.users.last().map(User::cursor);
    }
    let seen = page.users.last().map(|user| user.updated_at.seconds());
    let next_time = page
        .next
        .map(|next| u64::try_from(next.updated_at.0).unwrap_or(0));
    Ok(ImAllUserRsp {
        user_id: request.user_id,
        latest_update_time: seen.map_or(since, |seen| seen.max(since)),
        user_list: page.users.into_iter().map(user_info).collect(),
        attach_data: request.attach_data,
        next_user_id: page.next.map(|next| next.id.get()),
        next_time_ms: next_time,
    })
}

fn cursor(request: &ImAllUserReq) -> Option<UserCursor> {
    let id = UserId::new(request.after_user_id?)?;
    let updated_at = UnixMillis(i64::try_from(request.after_time_ms?).ok()?);
    Some(UserCursor { updated_at, id })
}

pub(super) fn user_info(user: User) -> UserInfo {
    let profile = user.profile;
    UserInfo {
        user_id: user.id.get(),
        user_gender: profile.gender,
        user_nick_name: profile.nick_name,
        avatar_url: profile.avatar_url,
        department_id: profile.department_id,
        email: profile.email,
        user_real_name: profile.name,
        user_tel: profile.tel,
        user_domain: profile.domain,
        status: profile.status.0,
        sign_info: Some(profile.sign_info),
    }
}

/// Departments since a second, removed ones too, with the time to ask with next.
pub(super) async fn departments(
    proxy: Arc<DbProxy>,
    request: ImDepartmentReq,
) -> Result<ImDepartmentRsp, HandlerError> {
    let since = request.latest_update_time;
    let changed = proxy.departments.changed_since(since).await;
    let changed = changed.map_err(|error| store_failed(&error))?;
    Ok(ImDepartmentRsp {
        user_id: request.user_id,
        latest_update_time: changed.next_seconds,
        dept_list: changed.departments.into_iter().map(depart_info).collect(),
        attach_data: request.attach_data,
    })
}

pub(super) fn depart_info(department: Department) -> DepartInfo {
    let status = if department.removed {
        DepartmentStatusType::DeptStatusDelete
    } else {
        DepartmentStatusType::DeptStatusOk
    };
    DepartInfo {
        dept_id: department.id.0,
        priority: department.priority,
        dept_name: department.name,
        parent_dept_id: department.parent.0,
        dept_status: status as i32,
    }
}

pub(super) async fn change_avatar(
    proxy: Arc<DbProxy>,
    request: ImChangeAvatarReq,
) -> Result<ImChangeAvatarRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let change = ProfileChange {
        avatar_url: Some(request.avatar_url),
        ..ProfileChange::default()
    };
    let changed = proxy.users.change(user, &change).await;
    changed.map_err(|error| not_changed(&error))?;
    Ok(ImChangeAvatarRsp {
        user_id: request.user_id,
        result_code: 0,
        attach_data: request.attach_data,
    })
}

pub(super) async fn change_sign_info(
    proxy: Arc<DbProxy>,
    request: ImChangeSignInfoReq,
) -> Result<ImChangeSignInfoRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let change = ProfileChange {
        sign_info: Some(request.sign_info.clone()),
        ..ProfileChange::default()
    };
    let changed = proxy.users.change(user, &change).await;
    changed.map_err(|error| not_changed(&error))?;
    Ok(ImChangeSignInfoRsp {
        user_id: request.user_id,
        result_code: 0,
        sign_info: Some(request.sign_info),
        attach_data: request.attach_data,
    })
}

/// Several of the user's own details at once; those that are not named stay.
pub(super) async fn change_profile(
    proxy: Arc<DbProxy>,
    request: ImChangeProfileReq,
) -> Result<ImChangeProfileRsp, HandlerError> {
    let user = user_id(request.user_id)?;
    let change = ProfileChange {
        gender: request.gender,
        nick_name: request.nick,
        avatar_url: request.avatar,
        sign_info: request.sign_info,
        email: request.email,
        tel: request.tel,
        ..ProfileChange::default()
    };
    let is_blank = |nick: &String| nick.trim().is_empty();
    if change == ProfileChange::default() || change.nick_name.as_ref().is_some_and(is_blank) {
        return Err(HandlerError::Refused("empty"));
    }
    let changed = proxy.users.change(user, &change).await;
    let changed = changed.map_err(|error| not_changed(&error))?;
    Ok(ImChangeProfileRsp {
        user_id: request.user_id,
        result_code: 0,
        reason: None,
        user: Some(user_info(changed)),
        attach_data: request.attach_data,
    })
}

fn not_changed(error: &ChangeError) -> HandlerError {
    match error {
        ChangeError::Store(error) => store_failed(error),
        error => HandlerError::Refused(error.reason()),
    }
}
