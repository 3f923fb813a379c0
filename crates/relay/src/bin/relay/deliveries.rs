//! Deliveries: sends the queued messages on the device's WebSocket. A message is sent again on each
//! new connection until the device acknowledges it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::{Instant, interval, sleep_until, timeout};
use waxseal_interface::{
    Answer, AskedRequest, ErrorCode, Event, FrameMacs, NONCE_HEADER, QUEUE_EXPIRED_ID,
    READS_TOKENS_HEADER,
};
use waxseal_relay::system_rng;
use waxseal_reporting::relay::RequestNonce;

use crate::connected::ConnectedDevice;
use crate::errors::Refusal;
use crate::extract::Caller;
use crate::state::{Device, Relay};
use crate::store::news::News;
use crate::store::queue;
use crate::strangers;

/// Maximum number of deliveries that are sent and not yet acknowledged.
const WINDOW: usize = 64;

/// A device that sends nothing for this long counts as gone. The relay has pinged it three times by
/// then.
const IDLE: Duration = Duration::from_secs(60);
const PING: Duration = Duration::from_secs(20);

/// Maximum time in which a device must accept one frame.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of pings and pongs that a device may send between two pings of the relay.
const MAX_OTHER_FRAMES: u32 = 20;

pub async fn connect(
    State(relay): State<Arc<Relay>>,
    caller: Caller,
    asked: Option<Extension<AskedRequest>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|_| ErrorCode::Malformed)?;
    let Extension(asked) = asked.ok_or(ErrorCode::Malformed)?;
    let Caller {
        device,
        expires_at_ms,
    } = caller;
    relay.limits.websocket(&device.me.account)?;
    let room = relay.sockets.clone().try_acquire_owned();
    let room = room.map_err(|_| Refusal::retry_after(ErrorCode::Busy, 5))?;
    let upgrade = upgrade
        .max_message_size(64)
        .max_frame_size(64)
        .read_buffer_size(4 << 10)
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20);
    // CHK-615: a device gets tokens only if it says that it reads them. An older device would end
    // the connection.
    let reads_tokens = headers
        .get(READS_TOKENS_HEADER)
        .is_some_and(|value| value == "1");
    // Before the device has an answer, after which it may connect again.
    let number = relay.store.next_connection(device.id).await?;
    let nonce = RequestNonce::generate(&mut system_rng());
    let header = [(NONCE_HEADER, STANDARD.encode(nonce.as_bytes()))];
    let upgraded = upgrade.on_upgrade(async move |mut socket| {
        let connected = relay.connected.enter(device.clone(), number);
        let left_ms = expires_at_ms.saturating_sub(relay.now().as_millis());
        let mut connection = Connection {
            relay: &relay,
            device: &device,
            connected: &connected,
            expires: Instant::now() + Duration::from_millis(left_ms),
            socket: &mut socket,
            macs: FrameMacs::of_relay(&device.delivery_key, &asked, &nonce),
            reads_tokens,
            sent_up_to: 0,
            in_window: BTreeSet::new(),
            kept: BTreeSet::new(),
            acknowledged: Vec::new(),
            told_lost: None,
            known_lost: None,
        };
        // The delivery key may have been replaced, or the device removed, since the request was
        // authenticated.
        let why = match relay.device(&device.me).await {
            Ok(Some(present)) if present.is_unchanged(&device) => {
                let device = device.id;
                relay.store.tell(News::Connected { device, number });
                connection.run().await
            }
            Ok(_) => End::TakenOver,
            Err(_) => End::Failed,
        };
        relay.connected.leave(&connected);
        if let Some((code, reason)) = why.close_frame() {
            let reason = reason.into();
            let close = Message::Close(Some(CloseFrame { code, reason }));
            let _ = timeout(GOODBYE_TIMEOUT, socket.send(close)).await;
        }
        if !matches!(why, End::TakenOver | End::Stopping) {
            relay.store.end_connection(device.id, number);
        }
        drop(room);
    });
    Ok((header, upgraded).into_response())
}

/// Why a connection ends.
enum End {
    /// The device left or cannot be reached.
    Gone,
    Stopping,
    /// The device has a newer connection or another delivery key, or was removed.
    TakenOver,
    TokenExpired,
    /// The device sent too many pings and pongs, or a frame that it may not send here. It may send
    /// answers to deliveries of this connection, pings, pongs and close frames.
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
            Self::TakenOver => (
                4001,
                "another connection or delivery key took over, or the device was removed",
            ),
            Self::TokenExpired => (4002, "the token expired"),
        })
    }
}

/// One device's connection. After a delivery is sent, it waits in the window until the device
/// acknowledges it or puts it off. The window is the set of sent deliveries without an answer.
struct Connection<'a> {
    relay: &'a Relay,
    device: &'a Device,
    connected: &'a ConnectedDevice,
    expires: Instant,
    socket: &'a mut WebSocket,
    macs: FrameMacs,
    /// Whether the device reads deliveries with tokens.
    reads_tokens: bool,
    sent_up_to: i64,
    /// The deliveries that were sent on this connection and have no answer so far.
    in_window: BTreeSet<i64>,
    /// The deliveries that the device put off. It may still acknowledge them on this connection.
    kept: BTreeSet<i64>,
    /// The deliveries that are acknowledged, but not yet deleted from the queue.
    acknowledged: Vec<i64>,
    /// Between which times messages were dropped, as the device was told and has not acknowledged.
    told_lost: Option<(u64, u64)>,
    /// The same, once the device has acknowledged it and before the relay has forgotten it.
    known_lost: Option<(u64, u64)>,
}

impl Connection<'_> {
    async fn run(&mut self) -> End {
        let mut stopping = self.relay.stopping.clone();
        let mut pings = interval(PING);
        let (mut heard_at, mut other_frames) = (Instant::now(), 0);
        let mut caught_up = false;
        loop {
            if self.acknowledged.len() >= WINDOW {
                match self.delete_acknowledged().await {
                    Ok(more) => caught_up &= !more,
                    Err(end) => return end,
                }
            }
            // Queued messages go out whenever half of the window is free.
            if !caught_up && self.in_window.len() <= WINDOW / 2 {
                match self.send_queued().await {
                    Ok(everything) => caught_up = everything,
                    Err(end) => return end,
                }
                continue;
            }
            let received = tokio::select! {
                biased;
                () = stopping.wait() => {
                    // What was acknowledged is not sent again after the restart.
                    let _ = self.delete_acknowledged().await;
                    return End::Stopping;
                }
                () = self.connected.taken_over.notified() => return End::TakenOver,
                () = sleep_until(self.expires) => return End::TokenExpired,
                received = self.socket.recv() => received,
                // This branch comes after `recv`, so it runs only when no more frames have
                // arrived.
                () = std::future::ready(()), if self.has_acknowledged() => {
                    match self.delete_acknowledged().await {
                        Ok(more) => caught_up &= !more,
                        Err(end) => return end,
                    }
                    continue;
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
                    match self.send_message(Message::Ping(Vec::new().into())).await {
                        Ok(()) => continue,
                        Err(end) => return end,
                    }
                }
            };
            heard_at = Instant::now();
            match received {
                Some(Ok(Message::Binary(frame))) => {
                    if self.take_answer(&frame).is_none() {
                        return End::BrokeRules;
                    }
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_)))
                    if other_frames < MAX_OTHER_FRAMES =>
                {
                    other_frames += 1;
                }
                Some(Ok(Message::Close(_))) => {
                    // Acknowledgements that arrived before the close frame count.
                    let _ = self.delete_acknowledged().await;
                    return End::Gone;
                }
                None | Some(Err(_)) => return End::Gone,
                Some(Ok(_)) => return End::BrokeRules,
            }
        }
    }

    /// Sends as many queued messages as the window of unanswered deliveries has room for. Returns
    /// `true` if these were all; the device has then been told so.
    async fn send_queued(&mut self) -> Result<bool, End> {
        let room = WINDOW.saturating_sub(self.in_window.len());
        let (store, device) = (&self.relay.store, self.device.id);
        let queued = queue::read_after(store, device, self.sent_up_to, room)
            .await
            .map_err(|_| End::Failed)?;
        // The device is told once at a time: it must acknowledge the earlier word first.
        if let (Some((from_ms, to_ms)), None) = (queued.lost, self.told_lost) {
            self.send(&Event::QueueExpired { from_ms, to_ms }).await?;
            self.told_lost = queued.lost;
        }
        for (id, stamped) in queued.messages {
            // The relay vouches for the message only now, under the device's present key.
            let delivery = stamped.deliver(&self.device.delivery_key).encode();
            let me = &self.device.me.account;
            let accepting = stamped.accepting().filter(|_| self.reads_tokens);
            let contact = accepting.and_then(|by| strangers::token_for(self.relay, me, by));
            let number = u64::try_from(id).map_err(|_| End::Failed)?;
            self.send(&Event::Delivery {
                id: number,
                contact,
                delivery,
            })
            .await?;
            self.sent_up_to = id;
            self.connected.sent_up_to.store(id, Ordering::Relaxed);
            self.in_window.insert(id);
        }
        if queued.all {
            self.send(&Event::CaughtUp).await?;
        }
        Ok(queued.all)
    }

    /// Takes the device's answer to a delivery. Returns `None` for anything else: a frame that the
    /// device did not make, and an answer to a delivery that has none to get on this connection.
    fn take_answer(&mut self, frame: &[u8]) -> Option<()> {
        match Answer::decode(self.macs.open(frame)?)? {
            Answer::Acknowledged {
                id: QUEUE_EXPIRED_ID,
            } => self.known_lost = Some(self.told_lost?),
            Answer::Acknowledged { id } => {
                let id = i64::try_from(id).ok()?;
                if !self.in_window.remove(&id) && !self.kept.remove(&id) {
                    return None;
                }
                self.acknowledged.push(id);
            }
            Answer::PutOff { id } => {
                let id = i64::try_from(id).ok()?;
                if !self.in_window.remove(&id) {
                    return None;
                }
                self.kept.insert(id);
            }
        }
        Some(())
    }

    fn has_acknowledged(&self) -> bool {
        !self.acknowledged.is_empty() || self.known_lost.is_some()
    }

    /// Deletes all acknowledged deliveries from the queue in one job, and forgets the dropped
    /// messages that the device knows of. Returns `true` if it must be told of more.
    async fn delete_acknowledged(&mut self) -> Result<bool, End> {
        let ids = std::mem::take(&mut self.acknowledged);
        let (known, count) = (self.known_lost.take(), ids.len());
        let more = queue::acknowledge(&self.relay.store, self.device.id, ids, known)
            .await
            .map_err(|_| End::Failed)?;
        self.relay.counts.deliver(count);
        if known.is_some() {
            self.told_lost = None;
        }
        Ok(more)
    }

    async fn send(&mut self, event: &Event) -> Result<(), End> {
        let frame = self.macs.seal(event.encode());
        self.send_message(Message::Binary(frame.into())).await
    }

    /// Sends one frame. Gives up if the device does not read it in time, or connects again
    /// meanwhile.
    async fn send_message(&mut self, message: Message) -> Result<(), End> {
        tokio::select! {
            () = self.connected.taken_over.notified() => Err(End::TakenOver),
            sent = timeout(SEND_TIMEOUT, self.socket.send(message)) => match sent {
                Ok(Ok(())) => Ok(()),
                _ => Err(End::Gone),
            }
        }
    }
}
