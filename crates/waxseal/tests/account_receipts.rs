//! Receipts about this account: kept for each case, compared within a case, and refused.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

use waxseal::errors::{Damage, StateError, VerifyReceiptError};
use waxseal::log::entry::{Day, Event, Number, Side};
use waxseal::log::receipt::{Contradiction, Role, Told};
use waxseal::{Advice, Client, KeptReceipt, MemoryStore};
use waxseal_world::{Log, NOW, Provider, account, snapshot};

const LOG: &str = "desk.example/log";

/// Bob's account was decided about in the cases 1 and 2. After each decision, he got a notice.
struct Prepared {
    log: Log,
    bob: Client<MemoryStore>,
    /// Indices of decision and notice, for each case.
    cases: [[u64; 2]; 2],
}

fn prepared() -> Prepared {
    let (_, _, bob) = Provider::of_two();
    let mut log = Log::new(LOG);
    let cases = [1, 2].map(|case| decided(&mut log, case, "bob"));
    Prepared { log, bob, cases }
}

/// Logs a decision about an account, and the notice of it.
fn decided(log: &mut Log, case: u8, name: &str) -> [u64; 2] {
    let decided = log.decide(today(), case, &account(name), b"by someone");
    let side = Side::Account;
    let noticed = log.append(today(), number(case), Event::NoticeSent { side });
    [decided, noticed]
}

fn today() -> Day {
    Day::of_ms(NOW.as_millis())
}

fn number(case: u8) -> Number {
    Number::from_bytes([case; 16])
}

impl Prepared {
    fn receipt(&self, indices: &[u64]) -> Vec<u8> {
        self.log.receipt(Role::Account, indices, NOW)
    }

    fn verify(&mut self, receipt: &[u8]) -> Told {
        self.bob.verify_receipt(receipt, &self.log.keys()).unwrap()
    }

    /// Asserts that a receipt is refused, and changes nothing.
    fn refuses(
        &mut self,
        receipt: &[u8],
        log: &Log,
    ) -> VerifyReceiptError<std::convert::Infallible> {
        let before = snapshot(&self.bob);
        let error = self.bob.verify_receipt(receipt, &log.keys()).unwrap_err();
        assert_eq!(snapshot(&self.bob), before, "{error:?}");
        error
    }

    /// The kept receipts, as a restarted client lists them.
    fn kept(&self) -> Vec<KeptReceipt> {
        let store = MemoryStore::from_records(snapshot(&self.bob));
        let page = Client::open(store).unwrap().account_receipts(None, 10);
        let page = page.unwrap();
        assert!(page.damaged.is_empty());
        page.items
    }
}

#[test]
fn the_receipts_of_two_cases_do_not_contradict_each_other() {
    let mut at = prepared();
    assert!(at.kept().is_empty());
    let receipts = at.cases.map(|case| at.receipt(&case));
    for receipt in receipts.iter().chain(&receipts) {
        let told = at.verify(receipt);
        assert_eq!((told.decisions.len(), told.notices.len()), (1, 1));
        assert_eq!(told.contradictions, []);
    }
    let kept = at.kept();
    assert_eq!(kept.len(), 2);
    for (case, (kept, receipt)) in (1..).zip(kept.iter().zip(&receipts)) {
        assert_eq!((kept.number(), kept.bytes()), (number(case), &receipt[..]));
        assert_eq!(kept.told().decisions.len(), 1);
        assert!(!kept.is_contradicted());
    }

    // They are listed in pages, and each is forgotten alone.
    let first = at.bob.account_receipts(None, 1).unwrap();
    let second = at.bob.account_receipts(first.next.as_ref(), 1).unwrap();
    let numbers = [&first, &second].map(|page| page.items[0].number());
    assert_eq!(numbers, [number(1), number(2)]);
    at.bob.forget_account_receipt(&number(1)).unwrap();
    let kept = at.kept();
    assert_eq!((kept.len(), kept[0].number()), (1, number(2)));
}

#[test]
fn what_a_later_receipt_drops_is_noticed_in_its_case_alone() {
    let mut at = prepared();
    let [[decision, notice], other] = at.cases;
    let (first, other) = (at.receipt(&[decision, notice]), at.receipt(&other));
    at.verify(&first);
    at.verify(&other);

    let told = at.verify(&at.receipt(&[notice]));
    let found = [
        Contradiction::WithoutDecision { index: notice },
        Contradiction::Dropped { index: decision },
    ];
    assert_eq!(told.contradictions, found);
    let kept = at.kept();
    assert!(kept[0].is_contradicted() && !kept[1].is_contradicted());
    assert_eq!(kept[0].bytes(), first, "it is evidence");
    let told = at.verify(&at.receipt(&[decision]));
    let dropped = Contradiction::Dropped { index: notice };
    assert_eq!(told.contradictions, [dropped]);
    assert_eq!(at.verify(&other).contradictions, []);

    // A later receipt with more entries takes the place of the first, and stays contradicted.
    let filed = Event::AppealFiled {
        side: Side::Account,
    };
    let appeal = at.log.append(today(), number(1), filed);
    let later = at.receipt(&[decision, notice, appeal]);
    assert_eq!(at.verify(&later).contradictions, []);
    let kept = at.kept();
    assert!(kept[0].is_contradicted() && kept[0].bytes() == later);
    let told = at.verify(&first);
    assert_eq!(told.contradictions, [Contradiction::OlderCheckpoint]);
    assert_eq!(at.kept()[0].bytes(), later);
}

#[test]
fn a_receipt_of_several_cases_or_of_none_is_refused() {
    let mut at = prepared();
    let [one, two] = at.cases;
    let foreign = decided(&mut at.log, 3, "mallory");
    let log = at.log.clone();
    at.verify(&at.receipt(&one));
    let several = [one[0], one[1], two[0], two[1]];
    let with_foreign = [one[0], one[1], foreign[1]];
    for entries in [&[][..], &several, &with_foreign] {
        let error = at.refuses(&at.receipt(entries), &log);
        assert!(matches!(error, VerifyReceiptError::NotOneCase));
        assert_eq!(error.advice(), Advice::AskProvider);
    }
    // What was decided about someone else is not about this account.
    let index = foreign[0];
    let told = at.verify(&at.receipt(&[index]));
    assert_eq!(
        told.contradictions,
        [Contradiction::NotAboutReader { index }]
    );

    // Another log, whose keys the application pinned too.
    let mut other = Log::new("other.example/log");
    let moved = decided(&mut other, 1, "bob");
    let moved = other.receipt(Role::Account, &moved, NOW);
    let error = at.refuses(&moved, &other);
    assert!(matches!(error, VerifyReceiptError::OtherLog));
    at.bob.forget_account_receipt(&number(1)).unwrap();
    at.bob.verify_receipt(&moved, &other.keys()).unwrap();
    let link = moved.len() - 32;
    for at_byte in 0..moved.len() {
        let mut altered = moved.clone();
        altered[at_byte] ^= 1;
        if at_byte < link {
            at.refuses(&altered, &other);
            continue;
        }
        // The link at the end is all that joins the decision to this account.
        let told = at.bob.verify_receipt(&altered, &other.keys()).unwrap();
        let found = [
            Contradiction::NotAboutReader { index: 0 },
            Contradiction::WithoutDecision { index: 1 },
        ];
        assert_eq!(told.contradictions, found);
    }
}

#[test]
fn a_damaged_receipt_costs_itself() {
    let mut at = prepared();
    let keys = at.log.keys();
    let receipts = at.cases.map(|case| at.receipt(&case));
    receipts.iter().for_each(|receipt| {
        at.verify(receipt);
    });
    let whole = snapshot(&at.bob);
    let places: Vec<_> = (0..whole.len())
        .filter(|at| whole[*at].0.table.as_bytes() == b"3")
        .collect();
    let mut altered = whole.clone();
    altered[places[0]].1[40] ^= 1;
    let mut bob = Client::open(MemoryStore::from_records(altered)).unwrap();
    let page = bob.account_receipts(None, 10).unwrap();
    assert_eq!((page.items.len(), page.damaged.len()), (1, 1));
    assert_eq!(page.items[0].number(), number(2));
    let error = bob.verify_receipt(&receipts[0], &keys).unwrap_err();
    let damage = matches!(
        error,
        VerifyReceiptError::State(StateError::Damaged(Damage::Promise))
    );
    assert!(damage && error.advice() == Advice::ForgetPromise);
    bob.verify_receipt(&receipts[1], &keys).unwrap();
    bob.delete_damaged(&page.damaged[0]).unwrap();
    bob.verify_receipt(&receipts[0], &keys).unwrap();
    let page = bob.account_receipts(None, 10).unwrap();
    assert_eq!((page.items.len(), page.damaged.len()), (2, 0));

    // A receipt that was moved to the place of another case is not compared with that case's.
    let mut moved = whole.clone();
    moved[places[0]].1 = whole[places[1]].1.clone();
    let mut bob = Client::open(MemoryStore::from_records(moved)).unwrap();
    let told = bob.verify_receipt(&receipts[0], &keys).unwrap();
    assert_eq!(told.contradictions, []);
    let kept = bob.account_receipts(None, 10).unwrap().items;
    let numbers: Vec<_> = kept.iter().map(KeptReceipt::number).collect();
    assert_eq!(numbers, [number(1), number(2)]);
}
