//! Certificates, and a relay that speaks TLS with them.

use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use waxseal_relay::RelayClient;

use super::{Device, RelayProcess, World};

/// A certificate authority of a test.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: Vec<u8>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem().into_bytes();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// Writes a certificate for these names and its key to `tls.cert` and `tls.key`.
    pub fn certify(&self, dir: &Path, names: &[&str], change: impl FnOnce(&mut CertificateParams)) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        std::fs::write(dir.join("tls.cert"), cert.pem()).unwrap();
        std::fs::write(dir.join("tls.key"), key.serialize_pem()).unwrap();
    }
}

impl World {
    /// A relay that speaks TLS, with a certificate for its address and for `localhost`.
    pub fn with_tls(authority: &Authority) -> Self {
        let mut world = Self::new();
        authority.certify(world.dir.path(), &["127.0.0.1", "localhost"], |_| {});
        world.restart_with_tls();
        world
    }

    pub fn restart_with_tls(&mut self) {
        self.relay = None;
        let dir = self.dir.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
        command.arg("--tls-cert").arg(dir.join("tls.cert"));
        command.arg("--tls-key").arg(dir.join("tls.key"));
        self.relay = Some(RelayProcess::start_with(command, dir));
    }

    pub fn tls_client(&self, authority: &Authority) -> RelayClient {
        RelayClient::with_ca(self.url(), &authority.pem).unwrap()
    }

    pub fn tls_device(&self, name: &str, authority: &Authority) -> Device {
        let mut device = Device::new(name, self.tls_client(authority));
        device.register().unwrap();
        device
    }
}

impl RelayProcess {
    /// Makes the relay read its certificate again.
    pub fn hang_up(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    }
}
