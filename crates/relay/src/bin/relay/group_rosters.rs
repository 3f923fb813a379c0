//! Rosters of fellow members, many in one answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use waxseal_interface::{AskRosters, ErrorCode, GroupRosters, account_name};
use waxseal_reporting::AccountId;

use crate::errors::Refusal;
use crate::extract::{Caller, GroupInPath, JsonBody};
use crate::limits::MAX_ROSTERS_BODY_LEN;
use crate::rosters;
use crate::state::Relay;
use crate::store::groups::Group;
use crate::store::{Connection, accounts, devices, members};

/// Hands out the newest rosters of members to a member.
pub async fn fetch(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    GroupInPath(id): GroupInPath,
    JsonBody(asked): JsonBody<AskRosters, MAX_ROSTERS_BODY_LEN>,
) -> Result<Json<GroupRosters>, Refusal> {
    let names = asked.names.iter().map(|name| account_name(name));
    let names: Vec<AccountId> = names
        .collect::<Result<_, _>>()
        .map_err(|_| ErrorCode::BadName)?;
    let device = caller.device;
    relay
        .limits
        .group_rosters(&device.me.account, names.len())?;
    let job = move |db: &Connection| {
        devices::check_present(db, device.id)?;
        let group = Group::find(db, &id)?.ok_or(ErrorCode::NoGroup)?;
        // CHK-477: only members get rosters, and only those of members.
        members::check(db, &group, device.account, &device.me.account)?;
        let mut found = Vec::new();
        for name in &names {
            if !group.log.state().is_member(name.as_str()) {
                continue;
            }
            let Some(account) = accounts::find(db, name.as_str())? else {
                continue;
            };
            let newest = devices::pinned(db, account)?;
            found.extend(newest.as_ref().map(rosters::encoded));
        }
        Ok(GroupRosters { rosters: found })
    };
    Ok(Json(relay.store.run(job).await?))
}
