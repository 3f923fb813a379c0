//! The policy as a JSON document, which a person edits.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use waxseal_desk::ids::OfficerId;
use waxseal_desk::policy::{Officer, Policy, PolicyTerms, Roles, Rule};
use waxseal_log::entry::Purpose;
use waxseal_relay::desk::Hex;

use crate::files::Result;

/// The roles, by name.
const ROLES: [(&str, Roles); 5] = [
    ("ask", Roles::ASK),
    ("approve", Roles::APPROVE),
    ("decide", Roles::DECIDE),
    ("appeals", Roles::APPEALS),
    ("review", Roles::REVIEW),
];

/// A policy as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Higher than that of the policy in force.
    version: u32,
    origin: String,
    officers: Vec<OfficerEntry>,
    /// One for each purpose, by the purpose's name.
    rules: BTreeMap<String, RuleEntry>,
    appeal_days: u16,
    /// The policy in words.
    text: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfficerEntry {
    name: String,
    key: Hex<32>,
    roles: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleEntry {
    allowed: bool,
    two_persons: bool,
    max_openings: u16,
    max_hours: u16,
    review_hours: u16,
}

/// An officer on the command line: `NAME:KEY:ROLE,ROLE`.
#[derive(Clone, Debug)]
pub struct OfficerArgument {
    name: String,
    key: Hex<32>,
    roles: Vec<String>,
}

impl FromStr for OfficerArgument {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut parts = text.rsplitn(3, ':');
        let (roles, key, name) = (parts.next(), parts.next(), parts.next());
        let (Some(roles), Some(key), Some(name)) = (roles, key, name) else {
            return Err("give NAME:KEY:ROLE,ROLE".to_owned());
        };
        let key = key
            .parse()
            .map_err(|_| "a key is 64 lower-case hex digits")?;
        let roles: Vec<_> = roles.split(',').map(str::to_owned).collect();
        bits(&roles)?;
        Ok(Self {
            name: name.to_owned(),
            key,
            roles,
        })
    }
}

impl Document {
    /// A first policy: one person opens what was reported, two persons open for everything that
    /// goes beyond it, and an emergency is reviewed within a day.
    pub fn sensible(origin: &str, officers: &[OfficerArgument]) -> Self {
        let officers = officers.iter().map(|officer| OfficerEntry {
            name: officer.name.clone(),
            key: officer.key,
            roles: officer.roles.clone(),
        });
        let rules = Purpose::ALL.iter().map(|purpose| {
            let alone = matches!(
                purpose,
                Purpose::UserReport | Purpose::Appeal | Purpose::ChildSafety | Purpose::Emergency
            );
            let rule = RuleEntry {
                allowed: true,
                two_persons: !alone,
                max_openings: 20,
                max_hours: 48,
                review_hours: if *purpose == Purpose::Emergency {
                    24
                } else {
                    0
                },
            };
            (purpose.name().to_owned(), rule)
        });
        Self {
            version: 1,
            origin: origin.to_owned(),
            officers: officers.collect(),
            rules: rules.collect(),
            appeal_days: 30,
            text: "Officers open what was reported, and nothing else.".to_owned(),
        }
    }

    /// The policy.
    pub fn policy(&self) -> Result<Policy> {
        let officers: Result<Vec<_>> = self.officers.iter().map(OfficerEntry::officer).collect();
        let rules: Result<Vec<_>> = Purpose::ALL.iter().map(|of| self.rule(*of)).collect();
        if self.rules.len() != Purpose::ALL.len() {
            return Err("the policy has a rule for a purpose that does not exist".into());
        }
        let terms = PolicyTerms {
            version: self.version,
            origin: self.origin.clone(),
            officers: officers?,
            rules: rules?.try_into().map_err(|_| "there are seven rules")?,
            appeal_days: self.appeal_days,
            text: self.text.clone(),
        };
        Ok(Policy::new(terms)?)
    }

    fn rule(&self, purpose: Purpose) -> Result<Rule> {
        let name = purpose.name();
        let missing = || format!("the policy has no rule for the purpose {name}");
        let rule = self.rules.get(name).ok_or_else(missing)?;
        Ok(Rule {
            allowed: rule.allowed,
            two_persons: rule.two_persons,
            max_openings: rule.max_openings,
            max_hours: rule.max_hours,
            review_hours: rule.review_hours,
        })
    }
}

impl OfficerEntry {
    fn officer(&self) -> Result<Officer> {
        Ok(Officer {
            id: OfficerId::from_bytes(self.key.0),
            name: self.name.clone(),
            roles: bits(&self.roles)?,
        })
    }
}

fn bits(names: &[String]) -> std::result::Result<Roles, String> {
    let of = |name: &String| ROLES.iter().find(|(known, _)| known == name);
    names.iter().try_fold(Roles::default(), |roles, name| {
        let (_, role) = of(name).ok_or("a role is ask, approve, decide, appeals or review")?;
        Ok(roles.and(*role))
    })
}

#[cfg(test)]
mod tests;
