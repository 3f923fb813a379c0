//! Kills relays and the database at random times, and starts them again.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::servers::Servers;

/// Kills in 90 seconds, of all relays together and of the database.
const RELAY_KILLS: f64 = 100.0;
const DATABASE_KILLS: f64 = 9.0;
const IN_SECONDS: f64 = 90.0;

/// How long a relay may take to start, which it cannot while the database does not run.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often servers were killed.
#[derive(Clone, Copy, Default)]
pub(super) struct Kills {
    pub(super) relay: usize,
    pub(super) database: usize,
}

/// Makes trouble for this long. Returns once everything runs again.
pub(super) fn make(servers: &Servers, length: Duration) -> io::Result<Kills> {
    let (began, killed) = (Instant::now(), AtomicUsize::new(0));
    let share = length.as_secs_f64() / IN_SECONDS;
    let relays = servers.ports().len();
    let mut times = vec![Vec::new(); relays];
    for time in random_times(RELAY_KILLS * share, length) {
        times[rand::random_range(0..relays)].push(time);
    }
    thread::scope(|scope| {
        let threads: Vec<_> = times
            .into_iter()
            .enumerate()
            .map(|(number, times)| {
                let killed = &killed;
                scope.spawn(move || -> io::Result<()> {
                    for time in times {
                        thread::sleep(time.saturating_sub(began.elapsed()));
                        servers.kill_relay(number)?;
                        killed.fetch_add(1, Relaxed);
                        start(servers, number)?;
                    }
                    Ok(())
                })
            })
            .collect();
        let mut of_database = 0;
        if servers.has_database() {
            for time in random_times(DATABASE_KILLS * share, length) {
                thread::sleep(time.saturating_sub(began.elapsed()));
                servers.kill_database();
                of_database += 1;
                servers.start_database();
            }
        }
        for thread in threads {
            thread.join().expect("no panic")?;
        }
        Ok(Kills {
            relay: killed.load(Relaxed),
            database: of_database,
        })
    })
}

/// Times in rising order, none close to the end.
fn random_times(count: f64, length: Duration) -> Vec<Duration> {
    let any = |_| length.mul_f64(rand::random_range(0.02..0.95));
    let mut times: Vec<_> = (0..count.round() as usize).map(any).collect();
    times.sort_unstable();
    times
}

fn start(servers: &Servers, number: usize) -> io::Result<()> {
    let began = Instant::now();
    while let Err(error) = servers.start_relay(number) {
        if !servers.has_database() || began.elapsed() > PATIENCE {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
