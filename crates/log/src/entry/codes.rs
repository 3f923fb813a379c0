//! The numbered choices in the public fields of entries.

macro_rules! codes {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal,
        $text:literal;)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number in an entry.
            pub fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)* }
            }

            /// The one with this number.
            pub fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The name, in snake case.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

codes! {
    /// What an entry records: its kind, without the fields.
    Kind {
        /// A report passed the intake.
        ReportReceived = 1, "report_received";
        /// A report failed a check.
        ReportRejected = 2, "report_rejected";
        /// The vault told the reason of a report, by its number only.
        ReportSorted = 3, "report_sorted";
        /// The vault showed content to an officer.
        ContentOpened = 4, "content_opened";
        /// An officer asked for a grant.
        GrantRequested = 5, "grant_requested";
        /// A grant was approved.
        GrantApproved = 6, "grant_approved";
        /// A grant was denied.
        GrantDenied = 7, "grant_denied";
        /// A grant expired.
        GrantExpired = 8, "grant_expired";
        /// The use of an emergency grant was reviewed.
        EmergencyReviewed = 9, "emergency_reviewed";
        /// The use of an emergency grant was not reviewed in time.
        EmergencyOverdue = 10, "emergency_overdue";
        /// A case was decided.
        Decision = 11, "decision";
        /// A side was told of a decision.
        NoticeSent = 12, "notice_sent";
        /// A side appealed.
        AppealFiled = 13, "appeal_filed";
        /// An appeal was decided.
        AppealDecided = 14, "appeal_decided";
        /// Data about a case left the provider.
        Exported = 15, "exported";
        /// An authority asked for data.
        LegalRequestReceived = 16, "legal_request_received";
        /// An authority's request was answered.
        LegalRequestAnswered = 17, "legal_request_answered";
        /// Data must be kept for now.
        HoldPlaced = 18, "hold_placed";
        /// Data need no longer be kept.
        HoldLifted = 19, "hold_lifted";
        /// A key was created.
        KeyEpochCreated = 20, "key_epoch_created";
        /// A key was destroyed.
        KeyEpochDestroyed = 21, "key_epoch_destroyed";
        /// An access policy came into force.
        PolicyPublished = 22, "policy_published";
        /// The content of reports was erased.
        ContentErased = 23, "content_erased";
        /// An officer fetched a file of a report that was opened before.
        FileFetched = 24, "file_fetched";
    }
}

codes! {
    /// The purpose for which content is opened.
    Purpose {
        /// A user's report is examined.
        UserReport = 1, "user_report";
        /// An appeal is examined.
        Appeal = 2, "appeal";
        /// An authority's request is answered.
        LegalRequest = 3, "legal_request";
        /// A child is in danger.
        ChildSafety = 4, "child_safety";
        /// Decisions are checked for their quality.
        QualityAudit = 5, "quality_audit";
        /// A life is in danger. One officer opens alone, and the use is reviewed afterwards.
        Emergency = 6, "emergency";
        /// The name of the reporter or of another participant is needed.
        Identify = 7, "identify";
    }
}

codes! {
    /// What was done about a reported account.
    Measure {
        /// Nothing.
        None = 0, "none";
        /// The account was warned.
        Warning = 1, "warning";
        /// Content was removed.
        ContentRemoved = 2, "content_removed";
        /// A feature was restricted for the account.
        FeatureRestricted = 3, "feature_restricted";
        /// The account was suspended.
        Suspended = 4, "suspended";
        /// The account was closed.
        Terminated = 5, "terminated";
        /// The case was referred to an authority or hotline.
        Referred = 6, "referred";
    }
}

codes! {
    /// One of the two sides of a case.
    Side {
        /// The person who reported.
        Reporter = 1, "reporter";
        /// The reported account.
        Account = 2, "account";
    }
}

codes! {
    /// How the use of an emergency grant was judged.
    ReviewOutcome {
        /// There was an emergency.
        Justified = 1, "justified";
        /// There was no emergency.
        NotJustified = 2, "not_justified";
    }
}

codes! {
    /// How an appeal ended.
    AppealOutcome {
        /// The decision stands.
        Upheld = 1, "upheld";
        /// The decision was reversed.
        Reversed = 2, "reversed";
    }
}

codes! {
    /// The system that got exported data.
    Target {
        /// ROOST Coop.
        Coop = 1, "coop";
        /// ROOST Osprey.
        Osprey = 2, "osprey";
        /// The CyberTipline of NCMEC.
        Ncmec = 3, "ncmec";
        /// The transparency database of the EU's Digital Services Act.
        Dsa = 4, "dsa";
        /// A webhook.
        Webhook = 5, "webhook";
    }
}

codes! {
    /// The legal basis on which an authority asks for data.
    LegalBasis {
        /// A court's order.
        CourtOrder = 1, "court_order";
        /// A warrant.
        Warrant = 2, "warrant";
        /// A subpoena.
        Subpoena = 3, "subpoena";
        /// A request in an emergency.
        EmergencyDisclosure = 4, "emergency_disclosure";
        /// A request to keep data.
        Preservation = 5, "preservation";
        /// Any other basis.
        Other = 6, "other";
    }
}

codes! {
    /// How an authority's request was answered.
    LegalOutcome {
        /// All that was asked for was produced.
        Produced = 1, "produced";
        /// A part was produced.
        Partly = 2, "partly";
        /// The request was refused.
        Refused = 3, "refused";
        /// The provider does not have what was asked for.
        NotHeld = 4, "not_held";
    }
}

codes! {
    /// Which kind of key was created or destroyed.
    KeyKind {
        /// The relay's stamp key of an epoch.
        Stamp = 1, "stamp";
        /// The key that reports are sealed to.
        Moderation = 2, "moderation";
        /// The key by which the intake authenticates reports for the vault.
        Acceptance = 3, "acceptance";
        /// The key that signs checkpoints.
        Log = 4, "log";
        /// The key by which the vault cosigns checkpoints.
        Vault = 5, "vault";
        /// An officer's key.
        Officer = 6, "officer";
        /// The key that signs policies.
        Policy = 7, "policy";
    }
}
