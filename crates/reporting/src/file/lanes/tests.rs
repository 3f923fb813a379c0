//! Tests of `lanes.rs`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// The shape of a file of this many whole chunks.
fn chunks(count: u64) -> FileShape {
    let shape = FileShape::new(count << 16).unwrap();
    assert_eq!(u64::from(shape.chunk_count()), count);
    shape
}

/// Writes the indices of the chunks that were written. Fails where it is told to.
fn run(shape: FileShape, fails: impl Fn(&str, u32) -> bool + Sync) -> (Vec<u32>, Result<(), u32>) {
    let fail = |step, index| match fails(step, index) {
        true => Err(index),
        false => Ok(()),
    };
    let (mut read, mut written) = (0, Vec::new());
    let ended = each_chunk(
        shape,
        |index, chunk| {
            assert_eq!(index, read);
            read = index.checked_add(1).unwrap();
            chunk.fill(index.to_le_bytes()[0]);
            fail("read", index)
        },
        |index, chunk| {
            assert!(chunk.iter().all(|byte| *byte == index.to_le_bytes()[0]));
            fail("work", index).map(|()| index)
        },
        |index, chunk, worked| {
            assert_eq!((index, chunk.len()), (worked, 65_536));
            fail("write", index)?;
            written.push(index);
            Ok(())
        },
    );
    (
        written,
        ended.map(|count| assert_eq!(count, shape.chunk_count())),
    )
}

#[test]
fn each_chunk_is_read_worked_on_and_written_once_in_order() {
    for count in [1, 2, 3, 4, 7, 32] {
        let (written, ended) = run(chunks(count), |_, _| false);
        let all: Vec<u32> = (0..).take(written.len()).collect();
        assert_eq!(
            (written.len(), ended),
            (usize::try_from(count).unwrap(), Ok(()))
        );
        assert_eq!(written, all);
    }
}

#[test]
fn the_first_error_ends_it_and_everything_before_it_is_written() {
    for step in ["read", "work", "write"] {
        for at in [0, 1, 5, 15] {
            let (written, ended) = run(chunks(16), |of, index| of == step && index >= at);
            assert_eq!(ended, Err(at), "{step}");
            assert_eq!(written, (0..at).collect::<Vec<_>>(), "{step}");
        }
    }
}

#[test]
fn a_panic_of_the_callers_source_or_sink_leaves_no_lane_waiting() {
    for step in ["read", "write"] {
        let panics = AssertUnwindSafe(|| {
            run(chunks(16), |of, index| {
                assert!(of != step || index != 3, "the caller's fault");
                false
            })
        });
        assert!(catch_unwind(panics).is_err(), "{step}");
    }
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The caller may be a destructor while its thread unwinds.
#[test]
fn no_chunk_is_left_out_while_the_caller_unwinds_from_another_panic() {
    let mut results = Vec::new();
    let panics = AssertUnwindSafe(|| {
        let _during = OnDrop(|| {
            assert!(thread::panicking());
            for _ in 0..100 {
                let mut written = 0;
                let ended = each_chunk(
                    chunks(16),
                    |_, _| Ok::<_, ()>(()),
                    |_, _| Ok(()),
                    |_, _, ()| {
                        written += 1;
                        Ok(())
                    },
                );
                results.push((written, ended));
            }
        });
        panic!("the caller's fault");
    });
    assert!(catch_unwind(panics).is_err());
    assert_eq!(results, vec![(16, Ok(16)); 100]);
}
