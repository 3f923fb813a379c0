//! MLS of openmls: a tree of keys that one commit changes for all.
//!
//! Suite: X25519, ChaCha20-Poly1305, SHA-256, Ed25519. Handshake messages are encrypted. State is
//! kept in openmls's store in memory, which serializes it.

use openmls::prelude::tls_codec::{Deserialize as _, Serialize as _};
use openmls::prelude::{
    BasicCredential, Capabilities, Ciphersuite, CredentialWithKey, ExtensionType, KeyPackage,
    KeyPackageIn, LeafNodeParameters, MlsGroup, MlsGroupCreateConfig, MlsMessageBodyIn,
    MlsMessageIn, MlsMessageOut, OpenMlsProvider, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY,
    ProcessedMessageContent, ProtocolVersion, StagedWelcome,
};
use openmls_basic_credential::SignatureKeyPair;
use openmls_rust_crypto::OpenMlsRustCrypto;

use super::{Circle, Parts};

const SUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;

/// A device. Its key package can be used any number of times.
struct Device {
    provider: OpenMlsRustCrypto,
    signer: SignatureKeyPair,
    credential: CredentialWithKey,
    group: Option<MlsGroup>,
}

impl Device {
    fn new(name: &str) -> Self {
        let signer = SignatureKeyPair::new(SUITE.signature_algorithm()).expect("a key pair");
        Self {
            provider: OpenMlsRustCrypto::default(),
            credential: CredentialWithKey {
                credential: BasicCredential::new(name.into()).into(),
                signature_key: signer.to_public_vec().into(),
            },
            signer,
            group: None,
        }
    }

    fn publish(&self) -> Vec<u8> {
        let reusable = Capabilities::builder().extensions(vec![ExtensionType::LastResort]);
        let builder = KeyPackage::builder()
            .leaf_node_capabilities(reusable.build())
            .mark_as_last_resort();
        let credential = self.credential.clone();
        let built = builder.build(SUITE, &self.provider, &self.signer, credential);
        let built = built.expect("a key package");
        let package = built.key_package().tls_serialize_detached();
        package.expect("serializes")
    }

    fn found(&mut self) {
        let credential = self.credential.clone();
        let group = MlsGroup::new(&self.provider, &self.signer, &config(), credential);
        self.group = Some(group.expect("a group"));
    }

    /// Adds the devices of these key packages, and returns the welcome.
    fn add(&mut self, packages: &[Vec<u8>]) -> Vec<u8> {
        let packages: Vec<_> = packages.iter().map(|one| self.check(one)).collect();
        let group = self.group.as_mut().expect("a group");
        let added = group.add_members(&self.provider, &self.signer, &packages);
        let (_, welcome, _) = added.expect("adds");
        group.merge_pending_commit(&self.provider).expect("merges");
        bytes(&welcome)
    }

    fn check(&self, package: &[u8]) -> KeyPackage {
        let package = KeyPackageIn::tls_deserialize_exact(package).expect("a key package");
        let package = package.validate(self.provider.crypto(), ProtocolVersion::Mls10);
        package.expect("a genuine key package")
    }

    fn join(&mut self, welcome: &[u8]) {
        let welcome = MlsMessageIn::tls_deserialize_exact(welcome).expect("a message");
        let MlsMessageBodyIn::Welcome(welcome) = welcome.extract() else {
            panic!("a welcome");
        };
        let config = config().join_config().clone();
        let staged = StagedWelcome::new_from_welcome(&self.provider, &config, welcome, None);
        let group = staged.expect("opens").into_group(&self.provider);
        self.group = Some(group.expect("joins"));
    }

    fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let group = self.group.as_mut().expect("a group");
        let sealed = group.create_message(&self.provider, &self.signer, plaintext);
        bytes(&sealed.expect("seals"))
    }

    fn update(&mut self) -> Vec<u8> {
        let group = self.group.as_mut().expect("a group");
        let none = LeafNodeParameters::default();
        let commit = group.self_update(&self.provider, &self.signer, none);
        let commit = bytes(&commit.expect("updates").into_commit());
        group.merge_pending_commit(&self.provider).expect("merges");
        commit
    }

    /// Takes a message or a commit. Returns whether it opened.
    fn take(&mut self, message: &[u8]) -> bool {
        let group = self.group.as_mut().expect("a group");
        let message = MlsMessageIn::tls_deserialize_exact(message).expect("a message");
        let message = message.try_into_protocol_message();
        let processed = group.process_message(&self.provider, message.expect("for the group"));
        match processed.map(|processed| processed.into_content()) {
            Ok(ProcessedMessageContent::ApplicationMessage(_)) => true,
            Ok(ProcessedMessageContent::StagedCommitMessage(commit)) => {
                group.merge_staged_commit(&self.provider, *commit).is_ok()
            }
            _ => false,
        }
    }
}

fn config() -> MlsGroupCreateConfig {
    MlsGroupCreateConfig::builder()
        .ciphersuite(SUITE)
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build()
}

fn bytes(message: &MlsMessageOut) -> Vec<u8> {
    message.to_bytes().expect("serializes")
}

/// The writer is the first leaf of the tree, and the reader the second.
pub(super) struct Mls {
    writer: Device,
    reader: Device,
    packages: Vec<Vec<u8>>,
    /// A device that knows nobody, in the place of the writer.
    stranger: Option<Device>,
}

impl Mls {
    /// A group of the writer and these devices. Someone has committed in each subtree beside the
    /// writer's path. So a commit has one ciphertext for each of them, and MLS has no shorter one.
    pub(super) fn new(targets: usize) -> Self {
        let (mut others, mut packages) = (Vec::new(), Vec::new());
        for leaf in 1..=targets {
            let device = Device::new(&format!("device {leaf}"));
            packages.push(device.publish());
            if leaf.is_power_of_two() {
                others.push(device);
            }
        }
        let mut writer = Device::new("writer");
        writer.found();
        let welcome = writer.add(&packages);
        for other in &mut others {
            other.join(&welcome);
        }
        for who in 1..others.len() {
            let commit = others[who].update();
            let rest = others.iter_mut().enumerate();
            let rest = rest.filter(|(other, _)| *other != who);
            for device in rest.map(|(_, other)| other).chain([&mut writer]) {
                assert!(device.take(&commit), "a genuine commit opens");
            }
        }
        let mut mls = Self {
            writer,
            reader: others.swap_remove(0),
            packages,
            stranger: None,
        };
        let sent = mls.renew(b"hello");
        assert!(mls.open(&sent), "a genuine commit opens");
        mls
    }
}

impl Circle for Mls {
    fn seal(&mut self, plaintext: &[u8]) -> Parts {
        vec![self.writer.seal(plaintext)]
    }

    fn renew(&mut self, plaintext: &[u8]) -> Parts {
        self.stranger = None;
        let commit = self.writer.update();
        vec![commit, self.writer.seal(plaintext)]
    }

    fn forget(&mut self) -> usize {
        self.stranger = Some(Device::new("writer"));
        self.packages.iter().map(Vec::len).sum()
    }

    fn begin(&mut self, plaintext: &[u8]) -> Parts {
        let stranger = self.stranger.as_mut().expect("it forgot");
        stranger.found();
        let welcome = stranger.add(&self.packages);
        vec![welcome, stranger.seal(plaintext)]
    }

    fn relay(&mut self, sent: Parts) -> Parts {
        sent
    }

    fn open(&mut self, arrived: &[Vec<u8>]) -> bool {
        if self.stranger.is_none() {
            return arrived.iter().all(|message| self.reader.take(message));
        }
        let group = self.reader.group.take();
        self.reader.join(&arrived[0]);
        let is_open = self.reader.take(&arrived[1]);
        self.reader.group = group;
        is_open
    }
}
