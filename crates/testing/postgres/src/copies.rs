//! Copies of a server: backups, and standbys that take its place.

use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Server;
use crate::server::{OWNER, PATIENCE};

/// A copy of all that a server had at one moment, in a folder of its own.
pub struct Backup {
    folder: tempfile::TempDir,
}

impl Server {
    /// Copies the server while it runs, as `pg_basebackup` does.
    ///
    /// # Panics
    /// If the server does not run.
    pub fn back_up(&self) -> Backup {
        let folder = tempfile::tempdir().unwrap();
        self.programs.hand_over(folder.path());
        self.copy_to(&folder.path().join("data"), &[]);
        Backup { folder }
    }

    /// Starts another server with what a backup has. It can be done more than once.
    ///
    /// # Panics
    /// If it does not start.
    pub fn from_backup(backup: &Backup) -> Self {
        let server = Self::in_new_folder().unwrap();
        let [from, to] = [&backup.folder, &server.folder].map(|folder| folder.path().join("data"));
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
        server.restart();
        server
    }

    /// Starts a standby that follows this server. From then on, a commit is answered once the
    /// standby has it on its disk too.
    ///
    /// # Panics
    /// If it does not start.
    pub fn standby(&self) -> Self {
        let standby = Self::in_new_folder().unwrap();
        self.copy_to(
            &standby.folder.path().join("data"),
            &["--write-recovery-conf"],
        );
        standby.restart();
        let mut admin = self.admin();
        for sql in [
            "ALTER SYSTEM SET synchronous_standby_names = '*'",
            "SELECT pg_reload_conf()",
        ] {
            admin.batch_execute(sql).unwrap();
        }
        let began = Instant::now();
        let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while admin.query_one(follows, &[]).unwrap().get::<_, i64>(0) == 0 {
            assert!(began.elapsed() < PATIENCE, "no standby follows");
            sleep(Duration::from_millis(20));
        }
        standby
    }

    /// Lets a standby take the place of the server that it followed, which was killed. It then
    /// waits for no standby itself.
    ///
    /// # Panics
    /// If it follows no server.
    pub fn promote(&self) {
        let mut admin = self.admin();
        admin.query_one("SELECT pg_promote()", &[]).unwrap();
        for sql in [
            "ALTER SYSTEM RESET synchronous_standby_names",
            "SELECT pg_reload_conf()",
        ] {
            admin.batch_execute(sql).unwrap();
        }
    }

    /// The URL of a database on this server or, if that is not the one that takes changes, on the
    /// other.
    pub fn url_with(&self, other: &Self, database: &str) -> String {
        let name = database.rsplit_once('/').unwrap().1;
        let [first, second] = [self, other].map(|server| format!("127.0.0.1:{}", server.port()));
        format!("postgres://{OWNER}@{first},{second}/{name}?target_session_attrs=read-write")
    }

    fn copy_to(&self, data: &Path, more: &[&str]) {
        let copied = self
            .programs
            .command("pg_basebackup")
            .args(["--wal-method=stream", "--checkpoint=fast", "--no-sync"])
            .args(more)
            .arg(format!(
                "--dbname=host=127.0.0.1 port={} user={OWNER}",
                self.port()
            ))
            .arg(format!("--pgdata={}", data.display()))
            .current_dir(data.parent().unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&copied.stderr);
        assert!(copied.status.success(), "pg_basebackup failed: {said}");
    }
}
