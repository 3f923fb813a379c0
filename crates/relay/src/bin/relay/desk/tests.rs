mod notices;
mod reports;
mod small;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use waxseal_interface::ErrorCode;

use self::small::SmallDesk;
use super::*;
use crate::fixture::{World, caller, device, report, send};
use crate::state::Device;

const NOW: u64 = 21_000 * 86_400_000;

/// A desk, and a relay that knows it.
struct AtDesk {
    /// Has the folder of the relay.
    _world: World,
    small: SmallDesk,
    relay: Arc<Relay>,
}

impl AtDesk {
    async fn new() -> Self {
        let mut world = World::at(NOW);
        let (small, setup) = SmallDesk::start().await;
        world.desk = Some(setup);
        let relay = world.open().await;
        small.with(|state| state.relay_key = relay.card.relay_key);
        Self {
            _world: world,
            small,
            relay,
        }
    }

    /// Alice, Bob and Carol, of whom Alice and Bob know each other.
    async fn devices(&self) -> [Arc<Device>; 3] {
        let relay = &self.relay;
        [
            device(relay, "alice").await,
            device(relay, "bob").await,
            device(relay, "carol").await,
        ]
    }
}

async fn body_of(answered: Result<impl IntoResponse, Refusal>) -> Result<Vec<u8>, ErrorCode> {
    let body = answered.map_err(|refusal| refusal.code)?;
    let body = body.into_response().into_body();
    Ok(axum::body::to_bytes(body, usize::MAX)
        .await
        .unwrap()
        .to_vec())
}

async fn promise_for(
    relay: &Arc<Relay>,
    device: &Arc<Device>,
    report_id: &str,
) -> Result<Vec<u8>, ErrorCode> {
    let path = Path(report_id.to_owned());
    body_of(promise_of_report(State(relay.clone()), caller(device), path).await).await
}

async fn receipt_for(
    relay: &Arc<Relay>,
    device: &Arc<Device>,
    report_id: &str,
) -> Result<Vec<u8>, ErrorCode> {
    let path = Path(report_id.to_owned());
    body_of(report_receipt(State(relay.clone()), caller(device), path).await).await
}
