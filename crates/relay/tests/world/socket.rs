//! A WebSocket for deliveries without the client library, to send what no client would send.

use std::net::TcpStream;

use tungstenite::client::{ClientRequestBuilder, client};
use tungstenite::{Message, WebSocket};
use waxseal_interface::{AskedRequest, FrameMacs, NONCE_HEADER};
use waxseal_reporting::relay::{DeliveryKey, RequestNonce};

use super::{SOON, World};

pub struct Socket {
    pub socket: WebSocket<TcpStream>,
    /// The device's side.
    pub macs: FrameMacs,
}

impl Socket {
    /// Connects with this token. The frames are authenticated with this key, whether or not it is
    /// that of the token's device.
    pub fn connect(world: &World, token: &str, key: &DeliveryKey) -> Self {
        let stream = TcpStream::connect(world.address()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
        let uri = format!("ws://{}/v1/deliveries", world.address());
        let asked = AskedRequest::new("GET", "/v1/deliveries", b"", &mut rand::rng());
        let mut request = ClientRequestBuilder::new(uri.parse().unwrap())
            .with_header("authorization", format!("Bearer {token}"));
        for (name, value) in asked.headers() {
            request = request.with_header(name, value);
        }
        let (socket, answer) = client(request, stream).unwrap();
        let nonce = answer.headers()[NONCE_HEADER].to_str().unwrap();
        let nonce = nonce_of(nonce);
        let macs = FrameMacs::of_device(key, &asked, &nonce);
        Self { socket, macs }
    }

    /// The number of the next delivery.
    pub fn next_id(&mut self) -> u64 {
        loop {
            if let Message::Binary(frame) = self.socket.read().unwrap() {
                assert_eq!(frame[0], 1, "a delivery");
                return u64::from_be_bytes(frame[1..9].try_into().unwrap());
            }
        }
    }

    /// A frame that acknowledges a delivery, the next one of this connection.
    pub fn acknowledgement(&mut self, id: u64) -> Vec<u8> {
        self.macs.seal([&[1], id.to_be_bytes().as_slice()].concat())
    }

    pub fn send(&mut self, frame: Vec<u8>) {
        self.socket.send(Message::Binary(frame.into())).unwrap();
    }

    /// Waits until the relay closes the connection. Returns the close code.
    pub fn close_code(mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.socket.read().unwrap() {
                return frame.unwrap().code.into();
            }
        }
    }
}

fn nonce_of(header: &str) -> RequestNonce {
    use base64::Engine;
    let nonce = base64::engine::general_purpose::STANDARD.decode(header);
    RequestNonce::from_bytes(nonce.unwrap().try_into().unwrap())
}
