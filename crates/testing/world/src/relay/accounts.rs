//! Accounts: challenges, registering and signing in.

use ed25519_dalek::{Signature, VerifyingKey};
use waxseal::{DeviceAddress, DeviceId};
use waxseal_interface::{
    Challenge, ErrorBody, ErrorCode, Leave, Register, RosterConflict, Session, SignIn, TOKEN_MS,
    account_proof_input, leave_context, new_account_name, register_context, session_context,
    unseal_delivery_key,
};

use super::{Answered, IntoBody, Relay, json, name};

/// How long a challenge is valid.
const CHALLENGE_MS: u64 = 60_000;

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
        if !self.is_account(&me.account) {
            new_account_name(&request.name).map_err(|_| ErrorCode::BadName.into_body())?;
        }
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
        self.register_in_roster(&me, request)?;
        let known = self.devices.insert(me.clone(), request.identity);
        self.removed.remove(&me);
        let status = if known.is_some() { 200 } else { 201 };
        let earlier = self.provider.keys.get(&me);
        if !earlier.is_some_and(|earlier| earlier.is_same(&key)) {
            self.connections.retain(|_, one| one.me != me);
            self.provider.register_key(&me, key);
        }
        let session = self.session(&me);
        json(status, &session)
    }

    /// Takes the roster that a device sends as it registers. Then checks that the newest roster of
    /// its account lists the device.
    fn register_in_roster(
        &mut self,
        me: &DeviceAddress,
        request: &Register,
    ) -> Result<(), Box<ErrorBody>> {
        if let Some(roster) = &request.roster {
            self.take_roster(me, &request.identity, roster, true)?;
        }
        let Some(roster) = self.provider.newest_roster(&me.account) else {
            // An account of an earlier version has one device, which makes its roster later.
            return match self.devices.get(me) {
                Some(identity) if *identity == request.identity => Ok(()),
                Some(_) => Err(ErrorCode::AccountTaken.into_body()),
                None => Err(ErrorCode::BadRoster.into_body()),
            };
        };
        if self.provider.has_left(me) {
            return Err(ErrorCode::Removed.into_body());
        }
        let listed = roster.device(me.device.0);
        if listed.is_some_and(|listed| listed.identity == request.identity) {
            return Ok(());
        }
        Err(Box::new(ErrorBody {
            conflict: Some(Box::new(RosterConflict {
                roster: roster.signed().encode(),
            })),
            ..ErrorBody::of_code(ErrorCode::AccountTaken)
        }))
    }

    pub(super) fn sign_in(&mut self, request: &SignIn) -> Answered {
        let me = DeviceAddress::new(name(&request.name)?, DeviceId(request.device));
        self.check_challenge(&request.challenge)
            .map_err(ErrorCode::into_body)?;
        let (identity, is_removed) = match (self.devices.get(&me), self.removed.get(&me)) {
            (Some(identity), _) => (*identity, false),
            (None, Some(identity)) => (*identity, true),
            (None, None) => return Err(ErrorCode::ProofRefused.into_body()),
        };
        let relay_key = self.key.verifying_key().to_bytes();
        let context = session_context(&relay_key, &request.challenge, &me);
        check_proof(&identity, &context, &request.proof)?;
        if is_removed {
            return Err(ErrorCode::Removed.into_body());
        }
        let session = self.session(&me);
        json(200, &session)
    }

    /// A device leaves its account.
    pub(super) fn leave(&mut self, request: &Leave) -> Answered {
        let me = DeviceAddress::new(name(&request.name)?, DeviceId(request.device));
        self.check_challenge(&request.challenge)
            .map_err(ErrorCode::into_body)?;
        let Some(identity) = self.devices.get(&me) else {
            let is_removed = self.removed.contains_key(&me);
            let code = [ErrorCode::ProofRefused, ErrorCode::Removed][usize::from(is_removed)];
            return Err(code.into_body());
        };
        let relay_key = self.key.verifying_key().to_bytes();
        let context = leave_context(&relay_key, &request.challenge, &me);
        check_proof(identity, &context, &request.proof)?;
        if self.provider.newest_roster(&me.account).is_none() {
            return Err(ErrorCode::NoRoster.into_body());
        }
        self.provider.leave(&me);
        self.drop_device(&me);
        Ok((204, Vec::new(), Vec::new()))
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
}

fn check_proof(
    identity: &[u8; 64],
    context: &[u8],
    proof: &[u8; 64],
) -> Result<(), Box<ErrorBody>> {
    let key = VerifyingKey::from_bytes(identity.first_chunk().unwrap());
    let input = account_proof_input(context);
    key.and_then(|key| key.verify_strict(&input, &Signature::from_bytes(proof)))
        .map_err(|_| ErrorCode::ProofRefused.into_body())
}
