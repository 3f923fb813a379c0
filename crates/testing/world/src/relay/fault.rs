//! Faults on the way to the relay and back, and answers that a hostile relay makes up.

use waxseal_interface::{
    ContactHeaders, ErrorBody, HttpAnswer, HttpRequest, MAC_HEADER, SIGNATURE_HEADER,
};

use super::{IntoBody, Relay};

/// What was asked of the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How many requests there were before.
    pub number: usize,
    /// The HTTP method.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// What the device says of the recipient of a message.
    pub contact: ContactHeaders,
}

impl Asked {
    /// Whether the request is one of this method and of a path that begins like this.
    #[must_use]
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.method == method && self.path.starts_with(path)
    }
}

/// What goes wrong with one request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The request does not reach the relay.
    RequestLost,
    /// The relay does what was asked, and the answer is lost.
    AnswerLost,
    /// The relay does what was asked, and someone changes the body of its answer. An empty body
    /// gets a byte.
    AnswerAltered,
    /// The relay does what was asked, and only half of the body of its answer arrives.
    AnswerCut,
    /// The relay does what was asked, and someone changes the MAC or the signature of its answer.
    WrongMac,
    /// The relay does what was asked, and someone sends the answer to the request before instead.
    OtherAnswer,
    /// The relay refuses, and does nothing.
    Refused(ErrorBody),
    /// The relay answers this, authenticated, and does nothing.
    Answered {
        /// The status.
        status: u16,
        /// The body.
        body: Vec<u8>,
        /// Further headers.
        headers: Vec<(String, String)>,
    },
}

impl From<waxseal_interface::ErrorCode> for Fault {
    fn from(code: waxseal_interface::ErrorCode) -> Self {
        Self::Refused(*code.into_body())
    }
}

impl Relay {
    /// Has this function decide what goes wrong, in place of any before.
    pub fn fail(&mut self, faults: impl FnMut(&Asked) -> Option<Fault> + 'static) {
        self.faults = Some(Box::new(faults));
    }

    /// Nothing goes wrong any more.
    pub fn work(&mut self) {
        self.faults = None;
    }

    /// Sends a request to the relay, unless a fault hits it. `None` if no answer comes back.
    pub fn send(&mut self, request: &HttpRequest) -> Option<HttpAnswer> {
        self.on_the_way(request, |relay| (relay.call(request), None))
            .0
    }

    /// Asks the relay for a connection, as [`send`](Self::send) does.
    pub fn open(&mut self, request: &HttpRequest) -> (Option<HttpAnswer>, Option<u64>) {
        self.on_the_way(request, |relay| relay.connect(request))
    }

    fn on_the_way(
        &mut self,
        request: &HttpRequest,
        call: impl FnOnce(&mut Self) -> (HttpAnswer, Option<u64>),
    ) -> (Option<HttpAnswer>, Option<u64>) {
        let asked = Asked {
            number: self.asked.len(),
            method: request.method,
            path: request.path.clone(),
            contact: ContactHeaders::read(|name| super::header(request, name)),
        };
        let fault = self.faults.as_mut().and_then(|faults| faults(&asked));
        self.asked.push(asked);
        match fault {
            Some(Fault::RequestLost) => {
                self.lost.push(request.clone());
                return (None, None);
            }
            Some(Fault::Refused(body)) => {
                return (Some(self.says(request, Err(Box::new(body)))), None);
            }
            Some(Fault::Answered {
                status,
                body,
                headers,
            }) => {
                // A hostile relay may well open the connection that it says it opens.
                let connection = if status == 101 { call(self).1 } else { None };
                return (
                    Some(self.says(request, Ok((status, body, headers)))),
                    connection,
                );
            }
            _ => {}
        }
        let (mut answer, connection) = call(self);
        let before = self.last_answer.replace(answer.clone());
        match fault {
            None => return (Some(answer), connection),
            Some(Fault::AnswerAltered) => match answer.body.first_mut() {
                Some(first) => *first ^= 1,
                None => answer.body.push(b' '),
            },
            Some(Fault::AnswerCut) => answer.body.truncate(answer.body.len() / 2),
            Some(Fault::WrongMac) => {
                for (name, value) in &mut answer.headers {
                    if name == MAC_HEADER || name == SIGNATURE_HEADER {
                        let changed = if value.starts_with('A') { "B" } else { "A" };
                        value.replace_range(..1, changed);
                    }
                }
            }
            Some(Fault::OtherAnswer) => match before {
                Some(before) => answer = before,
                None => return (None, None),
            },
            Some(_) => return (None, None),
        }
        (Some(answer), None)
    }

    fn says(&mut self, request: &HttpRequest, answered: super::Answered) -> HttpAnswer {
        let device = self.device_of(request).ok();
        self.authentic(request, device.as_ref(), answered)
    }
}
