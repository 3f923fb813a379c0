//! An allocator that never reuses memory, so that a test can look at what freed blocks held.

use core::alloc::{GlobalAlloc, Layout};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::alloc::System;

/// Maximum number of bytes that a process can allocate. Pages cost nothing until they are used.
const CAPACITY: usize = 1 << 30;

/// All heap blocks of the process, one after the other.
///
/// The arena starts empty and all zero. Each allocation adds a block at its end; nothing ever
/// shrinks it. A freed block stays as its owner left it. A block that grows is copied and the old
/// copy stays, which is the worst that an allocator may do.
pub struct Arena {
    base: AtomicPtr<u8>,
    used: AtomicUsize,
}

impl Arena {
    /// An empty arena, to be a `static` with `#[global_allocator]`.
    #[expect(
        clippy::new_without_default,
        reason = "a const fn, for use in a static"
    )]
    pub const fn new() -> Self {
        Self {
            base: AtomicPtr::new(core::ptr::null_mut()),
            used: AtomicUsize::new(0),
        }
    }

    /// Number of bytes handed out so far, which is the offset of the next block.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::SeqCst)
    }

    /// Calls `look` with all bytes after offset `from`, in pieces that overlap by `overlap` bytes.
    pub fn scan(&self, from: usize, overlap: usize, mut look: impl FnMut(&[u8])) {
        let (base, end) = (self.base(), self.used());
        let mut piece = [0u8; 1 << 14];
        let mut at = from;
        while at < end {
            let len = piece.len().min(end - at);
            for (offset, byte) in piece.iter_mut().take(len).enumerate() {
                // SAFETY: `at + offset < end <= CAPACITY`, and the whole capacity was allocated
                // zeroed and is never given back. The read is volatile because another thread may
                // write to its own blocks at the same time. Such bytes do not matter here.
                #[expect(unsafe_code, reason = "reads memory that was freed")]
                unsafe {
                    *byte = base.add(at + offset).read_volatile();
                }
            }
            look(&piece[..len]);
            if at + len == end {
                break;
            }
            at += len - overlap;
        }
        piece.fill(0);
    }

    fn base(&self) -> *mut u8 {
        let base = self.base.load(Ordering::SeqCst);
        if !base.is_null() {
            return base;
        }
        // A greater alignment would make the system's allocator touch every page.
        let Ok(layout) = Layout::from_size_align(CAPACITY, 8) else {
            return base;
        };
        // SAFETY: the layout's size is not zero.
        #[expect(unsafe_code, reason = "implements an allocator")]
        let fresh = unsafe { System.alloc_zeroed(layout) };
        match self
            .base
            .compare_exchange(base, fresh, Ordering::SeqCst, Ordering::SeqCst)
        {
            Ok(_) => fresh,
            Err(first) => {
                // SAFETY: `fresh` was allocated above with this layout, and no other thread has
                // seen it.
                #[expect(unsafe_code, reason = "implements an allocator")]
                unsafe {
                    System.dealloc(fresh, layout);
                }
                first
            }
        }
    }
}

// SAFETY: blocks are aligned, lie within the arena, and never overlap, since `used` only grows. A
// block that does not fit is refused.
#[expect(unsafe_code, reason = "implements an allocator")]
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let base = self.base();
        if base.is_null() {
            return base;
        }
        let mut start = 0;
        let place = |used: usize| {
            let end = base.addr().checked_add(used)?;
            let aligned = end.checked_next_multiple_of(layout.align())?;
            start = aligned.checked_sub(base.addr())?;
            start
                .checked_add(layout.size())
                .filter(|end| *end <= CAPACITY)
        };
        match self
            .used
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, place)
        {
            // SAFETY: `start` is within the arena.
            Ok(_) => unsafe { base.add(start) },
            Err(_) => core::ptr::null_mut(),
        }
    }

    /// Does nothing, so that the block stays as its owner left it.
    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
