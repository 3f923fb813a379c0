//! Connections. Their number is bounded: when it is reached, the connection that has been quiet for
//! longest is closed to make room for a new one.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};
use tower::ServiceExt;

use crate::network::network;

/// Maximum time for a TLS handshake. Slow networks need three seconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of unfinished TLS handshakes of one address. A further one takes the place of the
/// oldest.
const MAX_HANDSHAKES_OF_ONE: usize = 256;

/// Maximum time for the head of a request, and between two requests on a connection. Clients close
/// their idle connections sooner.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time that a connection gets to finish its request once the relay stops.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum length in bytes of the head of a request.
const MAX_HEAD_LEN: usize = 16 << 10;

/// A signal that becomes true when the relay is told to stop.
#[derive(Clone)]
pub struct Stopping(pub watch::Receiver<bool>);

impl Stopping {
    pub async fn wait(&mut self) {
        // An error means that the main task is gone, so the relay is stopping too.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// The signal that a connection must leave.
#[derive(Clone, Default)]
pub struct Leave(Arc<Notify>);

impl Leave {
    /// Has the connection closed, whatever it does.
    pub fn leave(&self) {
        self.0.notify_one();
    }

    /// Waits until the connection must leave.
    pub async fn left(&self) {
        self.0.notified().await;
    }
}

/// Accepts connections until the relay stops. Each connection then has [`FINISH_TIMEOUT`] to finish
/// its current request.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<watch::Receiver<Arc<ServerConfig>>>,
    max_connections: usize,
    mut stopping: Stopping,
) {
    let connections = Arc::new(Connections::new(max_connections));
    let handshakes = Arc::<Handshakes>::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.wait() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let _ = stream.set_nodelay(true);
                let slot = connections.enter();
                let (router, stopping) = (router.clone(), stopping.clone());
                let shaking = tls.as_ref().map(|tls| {
                    let acceptor = TlsAcceptor::from(tls.borrow().clone());
                    (acceptor, handshakes.enter(network(peer.ip())))
                });
                tokio::spawn(async move {
                    let Some((acceptor, handshake)) = shaking else {
                        return connection(stream, peer, router, slot, stopping).await;
                    };
                    let accept = acceptor.accept(stream);
                    let shaken = shake_hands(accept, handshake, &slot, stopping.clone()).await;
                    if let Some(stream) = shaken {
                        connection(stream, peer, router, slot, stopping).await;
                    }
                });
            }
            // The process has probably run out of file descriptors. Connections that end will free
            // some.
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Finishes a TLS handshake, unless it takes too long or a newer connection needs its place.
async fn shake_hands(
    accept: Accept<TcpStream>,
    handshake: Handshake,
    slot: &Slot,
    mut stopping: Stopping,
) -> Option<TlsStream<TcpStream>> {
    let shaken = tokio::select! {
        shaken = accept => shaken,
        () = tokio::time::sleep(HANDSHAKE_TIMEOUT) => return None,
        () = handshake.make_room() => return None,
        () = slot.make_room() => return None,
        () = stopping.wait() => return None,
    };
    shaken
        .inspect_err(|error| tracing::debug!(%error, "TLS handshake failed"))
        .ok()
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    slot: Slot,
    mut stopping: Stopping,
) {
    let slot = &slot;
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(slot.make_room.clone());
        let answer = router.clone().oneshot(request);
        async move {
            let response: Result<Response, Infallible> = answer.await;
            slot.answered();
            response
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD_LEN)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = slot.make_room() => return,
        () = stopping.wait() => {
            connection.as_mut().graceful_shutdown();
            let finished = tokio::time::timeout(FINISH_TIMEOUT, connection).await;
            finished.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection failed");
    }
}

/// The open connections, ordered by when each was opened or last got an answer.
///
/// An attacker may open thousands of connections that send nothing. When no place is left, each new
/// connection takes the place of the oldest one. An honest connection gets its answer long before
/// it is the oldest.
struct Connections {
    max: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    by_turn: BTreeMap<u64, Leave>,
    next_turn: u64,
}

impl Connections {
    fn new(max: usize) -> Self {
        Self {
            max,
            open: Mutex::default(),
        }
    }

    /// Returns a place for a new connection. If all are taken, the oldest connection must leave.
    fn enter(self: &Arc<Self>) -> Slot {
        let make_room = Leave::default();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.by_turn.len() >= self.max
            && let Some((_, oldest)) = open.by_turn.pop_first()
        {
            oldest.leave();
        }
        let turn = open.last(make_room.clone());
        Slot {
            connections: self.clone(),
            turn: Mutex::new(turn),
            make_room,
        }
    }
}

impl Open {
    fn last(&mut self, make_room: Leave) -> u64 {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.by_turn.insert(turn, make_room);
        turn
    }
}

/// A connection's place, given back when the connection ends.
struct Slot {
    connections: Arc<Connections>,
    turn: Mutex<u64>,
    make_room: Leave,
}

impl Slot {
    /// Waits until a newer connection needs this place.
    async fn make_room(&self) {
        self.make_room.left().await;
    }

    /// Makes the connection the newest again, because it got an answer.
    fn answered(&self) {
        let mut open = self.lock();
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if open.by_turn.remove(&turn).is_some() {
            *turn = open.last(self.make_room.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        let open = self.connections.open.lock();
        open.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let turn = *self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.lock().by_turn.remove(&turn);
    }
}

/// The unfinished TLS handshakes of each address.
///
/// An attacker may begin handshakes and not finish them. Those of one address take only each
/// other's places. An honest handshake is over long before it is the oldest.
#[derive(Default)]
struct Handshakes(Mutex<HashMap<IpAddr, Arc<Connections>>>);

impl Handshakes {
    fn enter(self: &Arc<Self>, address: IpAddr) -> Handshake {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = all
            .entry(address)
            .or_insert_with(|| Arc::new(Connections::new(MAX_HANDSHAKES_OF_ONE)));
        Handshake {
            all: self.clone(),
            address,
            slot: Some(of_one.enter()),
        }
    }
}

/// The place of an unfinished handshake, given back when the handshake ends.
struct Handshake {
    all: Arc<Handshakes>,
    address: IpAddr,
    slot: Option<Slot>,
}

impl Handshake {
    /// Waits until a newer handshake of the same address needs this place.
    async fn make_room(&self) {
        match &self.slot {
            Some(slot) => slot.make_room().await,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.slot = None;
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Each slot refers to the table of its address. The last one removes the table.
        if all
            .get(&self.address)
            .is_some_and(|of_one| Arc::strong_count(of_one) == 1)
        {
            all.remove(&self.address);
        }
    }
}

/// Serves one connection of a test.
#[cfg(test)]
pub async fn serve_one(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    stopping: Stopping,
) {
    let (slot, peer) = (Arc::new(Connections::new(1)).enter(), ([192, 0, 2, 1], 1));
    connection(stream, peer.into(), router, slot, stopping).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_asked(slot: &Slot) -> bool {
        let mut asked = std::pin::pin!(slot.make_room());
        let waker = std::task::Waker::noop();
        asked
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker))
            .is_ready()
    }

    #[test]
    fn the_connection_that_was_quiet_longest_makes_room() {
        let connections = Arc::new(Connections::new(2));
        let (first, second) = (connections.enter(), connections.enter());
        first.answered();
        let third = connections.enter(); // The second has been quiet for longest.
        assert!(!is_asked(&first) && is_asked(&second) && !is_asked(&third));

        // The second connection was asked to leave. An answer no longer makes it the newest one,
        // and its end does not free the place of another connection.
        second.answered();
        drop(second);
        assert_eq!(connections.open.lock().unwrap().by_turn.len(), 2);
        drop((first, third));
        assert!(connections.open.lock().unwrap().by_turn.is_empty());
    }

    #[test]
    fn unfinished_handshakes_of_one_address_take_only_each_others_places() {
        let handshakes = Arc::<Handshakes>::default();
        let [one, other] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);
        let mut of_one: Vec<_> = (0..=MAX_HANDSHAKES_OF_ONE)
            .map(|_| handshakes.enter(one))
            .collect();
        let of_other = handshakes.enter(other);
        let asked = |handshake: &Handshake| is_asked(handshake.slot.as_ref().unwrap());
        assert!(asked(&of_one[0]) && !asked(&of_one[1]) && !asked(&of_other));
        let last = of_one.pop();
        drop(of_one);
        assert_eq!(handshakes.0.lock().unwrap().len(), 2);
        drop((last, of_other));
        assert!(handshakes.0.lock().unwrap().is_empty());
    }
}
