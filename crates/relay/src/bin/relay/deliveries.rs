//! Deliveries: each queued message is sent on the device's WebSocket, again after each connection, until acknowledged.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use tokio::sync::Notify;
use tokio::time::{Instant, interval, sleep_until, timeout};
use waxseal_relay::ErrorCode;

use crate::errors::Refusal;
use crate::extract::Device;
use crate::messages;
use crate::relay::{Account, Relay, now};

/// Most deliveries under way that the device has not acknowledged.
const WINDOW: usize = 64;

/// A device that says nothing for so long is gone; pings ask it three times.
const IDLE: Duration = Duration::from_secs(60);
const PING: Duration = Duration::from_secs(20);

/// Longest time in which a device takes one frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Frames other than acknowledgements that a device may send between two pings.
const MAX_OTHER_FRAMES: u32 = 20;

/// The devices that are connected: one connection each.
#[derive(Default)]
pub struct Live(Mutex<HashMap<i64, Arc<Connected>>>);

#[derive(Default)]
struct Connected {
    message_queued: Notify,
    taken_over: Notify,
}

impl Live {
    /// Tells a device's connection, if there is one, that a message was queued.
    pub fn wake(&self, account: i64) {
        let live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connected) = live.get(&account) {
            connected.message_queued.notify_one();
        }
    }

    /// The newest connection is the device's; an older one of a network it left may not know that it is dead.
    fn enter(&self, account: i64) -> Arc<Connected> {
        let connected = Arc::new(Connected::default());
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(older) = live.insert(account, connected.clone()) {
            older.taken_over.notify_one();
        }
        connected
    }

    fn leave(&self, account: i64, connected: &Arc<Connected>) {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if live
            .get(&account)
            .is_some_and(|live| Arc::ptr_eq(live, connected))
        {
            live.remove(&account);
        }
    }
}

pub async fn connect(
    State(relay): State<Arc<Relay>>,
    device: Device,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|_| ErrorCode::Malformed)?;
    relay.limits.connection(&device.account.me.account)?;
    let room = relay.sockets.clone().try_acquire_owned();
    let room = room.map_err(|_| Refusal::retry_after(ErrorCode::Busy, 5))?;
    let upgrade = upgrade
        .max_message_size(64)
        .max_frame_size(64)
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20);
    Ok(upgrade.on_upgrade(async move |mut socket| {
        let connected = relay.live.enter(device.account.id);
        let left_ms = device.expires_at_ms.saturating_sub(now().as_millis());
        let mut connection = Connection {
            relay: &relay,
            account: &device.account,
            connected: &connected,
            expires: Instant::now() + Duration::from_millis(left_ms),
            socket: &mut socket,
            sent_up_to: 0,
            in_window: BTreeSet::new(),
            kept: BTreeSet::new(),
            acknowledged: Vec::new(),
        };
        let why = connection.run().await;
        relay.live.leave(device.account.id, &connected);
        if let Some((code, reason)) = why.close_frame() {
            let reason = reason.into();
            let close = Message::Close(Some(CloseFrame { code, reason }));
            let _ = timeout(GOODBYE_TIMEOUT, socket.send(close)).await;
        }
        drop(room);
    }))
}

/// Why a connection ends.
enum End {
    /// The device left, or cannot be reached.
    Gone,
    Stopping,
    TakenOver,
    TokenExpired,
    /// The device sent something else than acknowledgements of what it was sent.
    BrokeRules,
    /// The database failed.
    Failed,
}

impl End {
    fn close_frame(&self) -> Option<(u16, &'static str)> {
        Some(match self {
            Self::Gone => return None,
            Self::Stopping => (1001, "the relay stops"),
            Self::BrokeRules => (
                1008,
                "not an acknowledgement of a delivery on this connection",
            ),
            Self::Failed => (1011, "the relay failed"),
            Self::TakenOver => (4001, "another connection of this device took over"),
            Self::TokenExpired => (4002, "the token expired"),
        })
    }
}

struct Connection<'a> {
    relay: &'a Relay,
    account: &'a Account,
    connected: &'a Connected,
    expires: Instant,
    socket: &'a mut WebSocket,
    sent_up_to: i64,
    /// Sent on this connection: those in the window, and those the device cannot decide on now.
    in_window: BTreeSet<i64>,
    kept: BTreeSet<i64>,
    acknowledged: Vec<i64>,
}

impl Connection<'_> {
    async fn run(&mut self) -> End {
        let mut stopping = self.relay.stopping.clone();
        let mut pings = interval(PING);
        let (mut heard_at, mut other_frames) = (Instant::now(), 0);
        let mut caught_up = false;
        loop {
            if self.acknowledged.len() >= WINDOW
                && let Err(end) = self.forget_acknowledged().await
            {
                return end;
            }
            // What is queued goes out whenever half of the window is free.
            if !caught_up && self.in_window.len() <= WINDOW / 2 {
                match self.send_queued().await {
                    Ok(everything) => caught_up = everything,
                    Err(end) => return end,
                }
                continue;
            }
            let received = tokio::select! {
                biased;
                () = stopping.wait() => return End::Stopping,
                () = self.connected.taken_over.notified() => return End::TakenOver,
                () = sleep_until(self.expires) => return End::TokenExpired,
                received = self.socket.recv() => received,
                // No more frames have arrived.
                () = std::future::ready(()), if !self.acknowledged.is_empty() => {
                    match self.forget_acknowledged().await {
                        Ok(()) => continue,
                        Err(end) => return end,
                    }
                }
                () = self.connected.message_queued.notified() => {
                    caught_up = false;
                    continue;
                }
                _ = pings.tick() => {
                    other_frames = 0;
                    if heard_at.elapsed() > IDLE {
                        return End::Gone;
                    }
                    match self.send(Message::Ping(Vec::new().into())).await {
                        Ok(()) => continue,
                        Err(end) => return end,
                    }
                }
            };
            heard_at = Instant::now();
            match received {
                Some(Ok(Message::Binary(frame))) => {
                    if self.take(&frame).is_none() {
                        return End::BrokeRules;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_)))
                    if other_frames < MAX_OTHER_FRAMES =>
                {
                    other_frames += 1;
                }
                Some(Ok(Message::Close(_))) => {
                    // What was acknowledged before the goodbye counts.
                    let _ = self.forget_acknowledged().await;
                    return End::Gone;
                }
                None | Some(Err(_)) => return End::Gone,
                Some(Ok(_)) => return End::BrokeRules,
            }
        }
    }

    /// Sends what the window has room for; `true` when that was everything, and the device was told so.
    async fn send_queued(&mut self) -> Result<bool, End> {
        let room = WINDOW.saturating_sub(self.in_window.len());
        let (database, account) = (&self.relay.database, self.account.id);
        let (queued, all) = messages::queued_after(database, account, self.sent_up_to, room)
            .await
            .map_err(|_| End::Failed)?;
        for (id, delivery) in queued {
            let frame = [&id.to_be_bytes(), delivery.as_slice()].concat();
            self.send(Message::Binary(frame.into())).await?;
            self.sent_up_to = id;
            self.in_window.insert(id);
        }
        if all {
            self.send(Message::Text(r#"{"queued":0}"#.into())).await?;
        }
        Ok(all)
    }

    /// Takes `id`, an acknowledgement, or `id || 00`, its putting off; `None` for anything else.
    fn take(&mut self, frame: &[u8]) -> Option<()> {
        let (id, rest) = frame.split_first_chunk()?;
        let id = i64::from_be_bytes(*id);
        match rest {
            [] if self.in_window.remove(&id) || self.kept.remove(&id) => self.acknowledged.push(id),
            [0] if self.in_window.remove(&id) => {
                self.kept.insert(id);
            }
            _ => return None,
        }
        Some(())
    }

    /// Forgets in one go what was acknowledged.
    async fn forget_acknowledged(&mut self) -> Result<(), End> {
        let ids = std::mem::take(&mut self.acknowledged);
        messages::forget(&self.relay.database, self.account.id, ids)
            .await
            .map_err(|_| End::Failed)
    }

    /// A device that reads nothing does not hold its place against its own next connection.
    async fn send(&mut self, message: Message) -> Result<(), End> {
        tokio::select! {
            () = self.connected.taken_over.notified() => Err(End::TakenOver),
            sent = timeout(SEND_TIMEOUT, self.socket.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                _ => Err(End::Gone),
            }
        }
    }
}
