//! Counts what a thread allocates on the heap.

#![expect(
    unsafe_code,
    reason = "GlobalAlloc is an unsafe trait; this allocator counts and passes each call on to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator with counters. A program must use it as its `#[global_allocator]` for
/// [`count`] to work.
pub struct Counting;

fn note(bytes: usize) {
    COUNT.set(COUNT.get().wrapping_add(1));
    BYTES.set(BYTES.get().wrapping_add(bytes as u64));
}

// SAFETY: every call is passed on to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size);
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

/// Number of allocations, including those that grow a block, and the bytes requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allocated {
    pub count: u64,
    pub bytes: u64,
}

/// Runs `work` and returns its result and what it allocated on this thread. In a program whose
/// allocator is not [`Counting`], the counts are always zero.
pub fn count<T>(work: impl FnOnce() -> T) -> (T, Allocated) {
    let before = (COUNT.get(), BYTES.get());
    let result = work();
    let allocated = Allocated {
        count: COUNT.get().wrapping_sub(before.0),
        bytes: BYTES.get().wrapping_sub(before.1),
    };
    (result, allocated)
}
