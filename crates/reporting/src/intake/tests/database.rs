//! The intake in two steps, with a database that is asked asynchronously and may fail.
use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::tests::all::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ID: ReportId = ReportId::from_bytes([1; 16]);

/// Answers after a while, on a thread of its own.
#[derive(Default)]
struct Database {
    reported: Mutex<HashSet<Nullifier>>,
    members: HashSet<DeviceAddress>,
    /// Fails each look-up.
    is_down: bool,
    /// Answers a look-up with the rows that it found, as a careless query does.
    skips_misses: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct DatabaseError;

impl Database {
    async fn known(
        self: &Arc<Self>,
        nullifiers: Vec<Nullifier>,
    ) -> Result<Vec<bool>, DatabaseError> {
        let reported = self.reported.lock().unwrap().clone();
        self.answer(nullifiers.iter().map(|one| reported.contains(one)))
            .await
    }

    async fn members(self: &Arc<Self>, asked: Vec<Membership>) -> Result<Vec<bool>, DatabaseError> {
        let members = asked.iter().map(|one| self.members.contains(&one.member));
        self.answer(members).await
    }

    fn answer(&self, rows: impl Iterator<Item = bool>) -> Later<Result<Vec<bool>, DatabaseError>> {
        let rows: Vec<bool> = rows.filter(|row| *row || !self.skips_misses).collect();
        Later {
            answer: Some(if self.is_down {
                Err(DatabaseError)
            } else {
                Ok(rows)
            }),
            was_asked: false,
        }
    }
}

/// Is ready when it is asked again, which another thread brings about.
struct Later<T> {
    answer: Option<T>,
    was_asked: bool,
}

impl<T: Unpin> Future for Later<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if self.was_asked {
            return Poll::Ready(self.answer.take().unwrap());
        }
        self.was_asked = true;
        let waker = context.waker().clone();
        thread::spawn(move || waker.wake());
        Poll::Pending
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on another thread, as a runtime with several threads may.
fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let running = thread::spawn(move || {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let (mut future, mut context) = (pin!(future), Context::from_waker(&waker));
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(result) => return result,
                Poll::Pending => thread::park(),
            }
        }
    });
    running.join().unwrap()
}

#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Report(AcceptError),
    Database(DatabaseError),
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self::Report(rejection.into())
    }
}

impl From<AcceptError> for Refused {
    fn from(error: AcceptError) -> Self {
        Self::Report(error)
    }
}

impl From<DatabaseError> for Refused {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

/// The provider, with one device that reports.
struct Provider {
    stamp_keys: Arc<StampKeys>,
    bob: DeviceAddress,
    bob_key: DeliveryKey,
}

impl Provider {
    fn new() -> Self {
        let mut stamp_keys = StampKeys::generate("eu", NOW, &mut rand::rng()).unwrap();
        stamp_keys.advance_to(NOW).unwrap();
        Self {
            stamp_keys: Arc::new(stamp_keys),
            bob: device("bob"),
            bob_key: DeliveryKey::generate(&mut rand::rng()),
        }
    }

    /// Bob's report of two messages of Alice.
    fn report(&self, audience: &Audience) -> Report {
        let alice = device("alice");
        let conversation = audience.conversation(&alice.account);
        let mut draft = ReportDraft::new(self.bob.clone(), Reason::Spam);
        for sequence in 0..2 {
            let now = Timestamp::from_millis(NOW.as_millis().saturating_add(sequence));
            let payload = Payload::text(PayloadHeader::new(sequence, NOW), "spam").unwrap();
            let rng = &mut rand::rng();
            let sealed = seal(&mut Clear, &alice, &conversation, &payload, rng).unwrap();
            let tag = sealed.sent.tag();
            let claim = self.stamp_keys.stamp_tag(tag, &alice, audience, now);
            let evidence = Evidence::unverified(claim.unwrap(), sealed.sent);
            draft.add(&evidence, Disclosure::Whole).unwrap();
        }
        let moderation = ModerationKeyPair::generate(&mut rand::rng());
        let report = draft.seal(&self.bob_key, moderation.public_key(), &mut rand::rng());
        report.unwrap()
    }

    /// Takes a report in. The future owns what it uses, so that any thread can go on with it.
    fn take_in(
        &self,
        report: Report,
        database: &Arc<Database>,
    ) -> impl Future<Output = Result<AcceptedReport, Refused>> + Send + 'static {
        let (keys, key) = (self.stamp_keys.clone(), self.bob_key.clone());
        let database = database.clone();
        async move {
            let examined = examine(report, &keys, &key, NOW)?;
            let nullifiers = examined.nullifiers();
            let known = database.known(nullifiers.clone()).await?;
            let members = database.members(examined.memberships()).await?;
            let accepted = examined.accept(ID, &known, &members)?;
            database.reported.lock().unwrap().extend(nullifiers);
            Ok(accepted)
        }
    }
}

fn device(name: &str) -> DeviceAddress {
    DeviceAddress::new(AccountId::new(name).unwrap(), DeviceId(1))
}

/// A channel that does not encrypt: the intake reads no content.
struct Clear;

impl SealingChannel for Clear {
    type Error = Infallible;

    fn encrypt(
        &mut self,
        plaintext: &[u8],
        _: &[u8],
        _: &mut impl rand::CryptoRng,
    ) -> Result<Vec<u8>, Infallible> {
        Ok(plaintext.to_vec())
    }
}

fn to_bob() -> Audience {
    Audience::Direct(AccountId::new("bob").unwrap())
}

fn to_group() -> Audience {
    Audience::Group(ConversationId::group(b"g"))
}

#[test]
fn a_report_waits_for_an_asynchronous_database_on_any_thread() {
    fn is_free<T: Send + 'static>() {}
    is_free::<Examined>();
    let provider = Provider::new();
    let database = Arc::new(Database {
        members: HashSet::from([provider.bob.clone()]),
        ..Database::default()
    });
    for audience in [to_bob(), to_group()] {
        let report = provider.report(&audience);
        let accepted = run(provider.take_in(report.clone(), &database)).unwrap();
        assert_eq!(accepted.repeated(), [false, false]);
        let again = run(provider.take_in(report, &database)).unwrap_err();
        assert_eq!(again, Refused::Report(Rejection::AlreadyReported.into()));
    }
}

#[test]
fn a_database_that_fails_is_an_error_and_no_answer() {
    let provider = Provider::new();
    let down = Arc::new(Database {
        is_down: true,
        ..Database::default()
    });
    let report = provider.report(&to_group());
    let failed = run(provider.take_in(report.clone(), &down)).unwrap_err();
    assert_eq!(failed, Refused::Database(DatabaseError));
    assert!(
        down.reported.lock().unwrap().is_empty(),
        "nothing is used up"
    );
    // The reporter sends the same bytes again when the database is back.
    let up = Arc::new(Database {
        members: HashSet::from([provider.bob.clone()]),
        ..Database::default()
    });
    assert!(run(provider.take_in(report.clone(), &up)).is_ok());
    let stranger = Arc::new(Database::default());
    let refused = run(provider.take_in(report, &stranger)).unwrap_err();
    assert_eq!(refused, Refused::Report(Rejection::NotAParticipant.into()));
}

/// A query that returns what it found has fewer rows than questions. Nothing is guessed from that.
#[test]
fn answers_that_are_missing_are_an_error_and_no_answer() {
    let provider = Provider::new();
    let careless = Arc::new(Database {
        skips_misses: true,
        members: HashSet::from([provider.bob.clone()]),
        ..Database::default()
    });
    for audience in [to_bob(), to_group()] {
        let report = provider.report(&audience);
        let refused = run(provider.take_in(report, &careless)).unwrap_err();
        assert_eq!(refused, Refused::Report(AcceptError::AnswerCount));
    }
    assert!(careless.reported.lock().unwrap().is_empty());
}
