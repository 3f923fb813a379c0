//! Loses keys, and lets time pass, in a world.

use std::fs;

use serde_json::Value;

use super::World;

impl World {
    /// Makes new keys for the vault. Those before are lost.
    pub fn lose_vault_key(&self) {
        self.relay.kill();
        self.vault.kill();
        for file in [
            "vault.key",
            "vault.key.pub",
            "vault.key.relay",
            "vault.sock",
        ] {
            fs::remove_file(self.folder.join(file)).unwrap();
        }
        let vault = ["--key", "vault.key", "keygen"];
        self.run_program("vault", &vault).output();
        self.start_relay();
        self.start_vault();
    }

    /// Makes it look as if the account had not asked about its reports for long.
    pub fn let_a_day_pass(&self, account: usize) {
        let path = self
            .folder
            .join(self.clients[account].0)
            .join("memory.json");
        let mut memory: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let submitted = memory["submitted"].as_object_mut().unwrap();
        for report in submitted.values_mut() {
            report["asked_at_ms"] = 0.into();
        }
        fs::write(&path, serde_json::to_vec(&memory).unwrap()).unwrap();
    }

    /// Reports that the account keeps notes of.
    pub fn submitted(&self, account: usize) -> usize {
        let path = self
            .folder
            .join(self.clients[account].0)
            .join("memory.json");
        let memory: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        memory["submitted"].as_object().unwrap().len()
    }
}
