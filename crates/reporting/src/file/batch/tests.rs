//! Tests of `batch.rs`.

use super::*;

#[test]
fn each_job_is_done_once() {
    for count in [0, 1, 2, 3, 16, 100] {
        let mut jobs: Vec<_> = (0..count).map(|number| (number, 0)).collect();
        each(&mut jobs, |(number, done)| *done += *number + 1);
        for (number, done) in jobs {
            assert_eq!(done, number + 1);
        }
    }
}
