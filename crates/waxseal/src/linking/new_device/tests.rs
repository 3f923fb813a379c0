//! What a dishonest new device does, for the tests of whole links.

use rand_core::CryptoRng;

use super::{NewDevice, Stage};
use crate::linking::LinkDigits;
use crate::linking::manager::{first_digits, seal};
use crate::linking::messages::{AnswerContent, LinkSlot};

impl NewDevice {
    /// Reveals something else than it committed to.
    pub(in crate::linking) fn replace_opening(&mut self, replaced: [u8; 16]) {
        match &mut self.stage {
            Stage::Waiting { opening, .. } | Stage::Offered { opening, .. } => **opening = replaced,
            _ => panic!("nothing is to be revealed any more"),
        }
    }

    /// The four digits that it computes.
    pub(in crate::linking) fn first_digits(&self) -> Option<u16> {
        match &self.stage {
            Stage::Offered {
                sessions, opening, ..
            } => first_digits(&sessions.digest(), opening).ok(),
            _ => None,
        }
    }

    /// Answers with a proof of its choice.
    pub(in crate::linking) fn answer_with(
        &mut self,
        typed: &LinkDigits,
        proof: [u8; 64],
        rng: &mut impl CryptoRng,
    ) {
        let Stage::Offered {
            offer, sessions, ..
        } = &mut self.stage
        else {
            panic!("nothing was offered");
        };
        let last = typed.last();
        let content = AnswerContent { last, proof }.encode();
        let answer = seal(sessions, &self.secret, LinkSlot::Answer, &content, rng).unwrap();
        let offer = offer.clone();
        self.stage = Stage::Answered { offer, answer };
    }

    /// A proof that it makes for any context.
    pub(in crate::linking) fn prove(&self, context: &[u8]) -> [u8; 64] {
        self.identity.prove_device(context)
    }
}
