use std::collections::HashMap;

use rand::RngExt;

use super::*;

fn account(id: i64) -> Arc<Account> {
    Arc::new(Account {
        id,
        name: name(id),
        has_roster: true,
        devices: Vec::new(),
        unregistered: Vec::new(),
    })
}

fn name(id: i64) -> AccountId {
    AccountId::new(&format!("account-{id}")).unwrap()
}

fn keep(accounts: &Accounts, id: i64) {
    accounts.keep(account(id), accounts.generation());
}

#[test]
fn an_account_that_nobody_asks_for_makes_room_for_others() {
    let accounts = Accounts::new(4, None);
    for id in 0..100 {
        keep(&accounts, id);
        // Someone asks for the first one again and again.
        assert!(accounts.get(&name(0)).is_some(), "after {id}");
        assert!(accounts.read().slots.len() <= 4);
    }
    assert!(accounts.get(&name(50)).is_none());
}

#[test]
fn an_account_that_was_read_before_a_change_is_not_kept() {
    let accounts = Accounts::new(4, None);
    keep(&accounts, 1);
    let read_at = accounts.generation();
    accounts.forget(1);
    accounts.keep(account(1), read_at);
    assert!(accounts.get(&name(1)).is_none());

    let read_at = accounts.generation();
    accounts.forget_all();
    accounts.keep(account(1), read_at);
    assert!(accounts.get(&name(1)).is_none());
    keep(&accounts, 1);
    assert!(accounts.get(&name(1)).is_some());

    let (read_at, newest) = (accounts.generation(), account(1));
    accounts.replace(newest.clone());
    accounts.keep(account(1), read_at);
    let kept = accounts.get(&name(1)).unwrap();
    assert!(Arc::ptr_eq(&kept, &newest));
}

#[test]
fn a_change_of_another_account_does_not_keep_one_from_being_kept() {
    let accounts = Accounts::new(4, None);
    let read_at = accounts.generation();
    accounts.forget(2);
    accounts.keep(account(1), read_at);
    assert!(accounts.get(&name(1)).is_some());
    // These are not told apart.
    let read_at = accounts.generation();
    accounts.forget(3 + 256);
    accounts.keep(account(3), read_at);
    assert!(accounts.get(&name(3)).is_none());
}

#[test]
fn an_account_that_is_too_old_is_read_again_even_if_nobody_said_that_it_changed() {
    let accounts = Accounts::new(4, Some(Duration::from_millis(200)));
    let read_at = accounts.generation();
    accounts.keep(account(1), read_at);
    assert!(accounts.get(&name(1)).is_some());
    std::thread::sleep(Duration::from_millis(210));
    assert!(accounts.get(&name(1)).is_none());
    // What was read before does not count as new.
    accounts.keep(account(1), read_at);
    assert!(accounts.get(&name(1)).is_none());
    let newest = account(1);
    accounts.keep(newest.clone(), accounts.generation());
    assert!(Arc::ptr_eq(&accounts.get(&name(1)).unwrap(), &newest));
}

#[test]
fn whatever_is_kept_and_forgotten_an_account_is_found_by_its_name_or_not_at_all() {
    let (accounts, rng) = (Accounts::new(16, None), &mut rand::rng());
    let mut newest: HashMap<i64, Arc<Account>> = HashMap::new();
    for _ in 0..20_000 {
        let id = rng.random_range(0..40);
        match rng.random_range(0..10) {
            0 => {
                accounts.forget(id);
                newest.remove(&id);
            }
            1..4 if accounts.get(&name(id)).is_none() => {
                let fresh = account(id);
                accounts.keep(fresh.clone(), accounts.generation());
                newest.insert(id, fresh);
            }
            _ => {
                let found = accounts.get(&name(id));
                let same = |found: Arc<Account>| Arc::ptr_eq(&found, &newest[&id]);
                assert!(found.is_none_or(same));
            }
        }
        let cached = accounts.read();
        assert!(cached.slots.len() <= 16);
        assert_eq!(cached.slots.len(), cached.names.len());
        assert_eq!(cached.slots.len(), cached.ids.len());
    }
}
