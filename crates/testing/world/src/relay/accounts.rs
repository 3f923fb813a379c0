//! Accounts: challenges, registering and signing in.

use ed25519_dalek::{Signature, VerifyingKey};
use waxseal::{DeviceAddress, DeviceId};
use waxseal_interface::{
    Challenge, ErrorCode, Identity, Register, Session, SignIn, account_proof_input,
    new_account_name, register_context, session_context, unseal_delivery_key,
};

use super::{Answered, IntoBody, Relay, json, name};
use crate::AccountId;

/// How long a challenge is valid.
const CHALLENGE_MS: u64 = 60_000;

/// How long a token is valid.
const TOKEN_MS: u64 = 3_600_000;

/// A registered account. The provider has its delivery key.
pub(super) struct Account {
    pub(super) me: DeviceAddress,
    pub(super) identity: [u8; 64],
}

impl Relay {
    pub(super) fn challenge(&mut self) -> Answered {
        let challenge = self.random::<64>().to_vec();
        self.challenges.insert(challenge.clone(), self.provider.now);
        json(200, &Challenge { challenge })
    }

    /// Uses up a challenge.
    fn check_challenge(&mut self, challenge: &[u8]) -> Result<(), ErrorCode> {
        let made = self
            .challenges
            .remove(challenge)
            .ok_or(ErrorCode::ChallengeRefused)?;
        let age = self.provider.now.as_millis().checked_sub(made.as_millis());
        match age.is_some_and(|age| age < CHALLENGE_MS) {
            true => Ok(()),
            false => Err(ErrorCode::ChallengeRefused),
        }
    }

    pub(super) fn register(&mut self, request: &Register) -> Answered {
        let me = DeviceAddress::new(name(&request.name)?, DeviceId(request.device));
        new_account_name(&request.name).map_err(|_| ErrorCode::BadName.into_body())?;
        self.check_challenge(&request.challenge)
            .map_err(ErrorCode::into_body)?;
        let context = register_context(
            &self.key.verifying_key().to_bytes(),
            &request.challenge,
            &me,
            &request.identity,
            &request.sealed_delivery_key,
        );
        check_proof(&request.identity, &context, &request.proof)?;
        let key = unseal_delivery_key(&self.sealing, &request.sealed_delivery_key, &me)
            .map_err(|_| ErrorCode::BadDeliveryKey.into_body())?;
        let known = self.accounts.get(&me.account);
        if known.is_some_and(|known| known.me != me || known.identity != request.identity) {
            return Err(ErrorCode::AccountTaken.into_body());
        }
        let status = if known.is_some() { 200 } else { 201 };
        let earlier = self.provider.keys.get(&me);
        if !earlier.is_some_and(|earlier| earlier.is_same(&key)) {
            self.connections.retain(|_, one| one.me != me);
            self.provider.register_key(&me, key);
        }
        let account = Account {
            me: me.clone(),
            identity: request.identity,
        };
        self.accounts.insert(me.account.clone(), account);
        let session = self.session(&me);
        json(status, &session)
    }

    pub(super) fn sign_in(&mut self, request: &SignIn) -> Answered {
        let me = DeviceAddress::new(name(&request.name)?, DeviceId(request.device));
        self.check_challenge(&request.challenge)
            .map_err(ErrorCode::into_body)?;
        let account = self
            .accounts
            .get(&me.account)
            .filter(|account| account.me == me);
        let account = account.ok_or_else(|| ErrorCode::ProofRefused.into_body())?;
        let relay_key = self.key.verifying_key().to_bytes();
        let context = session_context(&relay_key, &request.challenge, &me);
        check_proof(&account.identity, &context, &request.proof)?;
        let session = self.session(&me);
        json(200, &session)
    }

    fn session(&mut self, me: &DeviceAddress) -> Session {
        let token = format!("{:032x}", u128::from_be_bytes(self.random()));
        let expires_at_ms = self.provider.now.as_millis() + TOKEN_MS;
        self.tokens
            .insert(token.clone(), (me.clone(), expires_at_ms));
        Session {
            token,
            expires_at_ms,
            mark: self.provider.mark(me),
        }
    }

    pub(super) fn identity(&self, account: &AccountId) -> Answered {
        let account = self.accounts.get(account);
        let account = account.ok_or_else(|| ErrorCode::NoSuchAccount.into_body())?;
        json(
            200,
            &Identity {
                identity: account.identity,
            },
        )
    }
}

fn check_proof(
    identity: &[u8; 64],
    context: &[u8],
    proof: &[u8; 64],
) -> Result<(), Box<waxseal_interface::ErrorBody>> {
    let key = VerifyingKey::from_bytes(identity.first_chunk().unwrap());
    let input = account_proof_input(context);
    key.and_then(|key| key.verify_strict(&input, &Signature::from_bytes(proof)))
        .map_err(|_| ErrorCode::ProofRefused.into_body())
}
