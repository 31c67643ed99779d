//! The global allocator: the system's, but for blocks of 128 KiB and more, which are mapped one by one.
//!
//! tiny_http drops an unread body into `vec![0; length left]`, with the length that the client declared. Of such a
//! buffer no byte is ever touched here, since the connection is closed for reading before; but where the system's
//! allocator refuses it, the process aborts. Blocks are therefore mapped without a claim on memory.
//!
//! And the buffers of transfers go back to the system as soon as they are dropped, where an allocator of many threads
//! would keep them.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// From this size on, in bytes, blocks are mapped.
const MAPPED_FROM: usize = 128 * 1024;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

struct Allocator;

// SAFETY: each block comes from System or from mmap by its size alone, and goes back to where it came from; mmap gives
// page-aligned, zeroed memory, which is as much alignment as any layout of this program asks for, and any larger
// alignment is refused with a null pointer.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() < MAPPED_FROM {
            // SAFETY: the caller's contract is that of System.
            return unsafe { System.alloc(layout) };
        }
        map(layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() < MAPPED_FROM {
            // SAFETY: the caller's contract is that of System.
            return unsafe { System.alloc_zeroed(layout) };
        }
        map(layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() < MAPPED_FROM {
            // SAFETY: a block of this size came from System.
            unsafe { System.dealloc(block, layout) }
        } else {
            // SAFETY: a block of this size was mapped with exactly this length, and nobody uses it any more.
            let _ = unsafe { libc::munmap(block.cast(), layout.size()) };
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.size() < MAPPED_FROM && new_size < MAPPED_FROM {
            // SAFETY: old and new block are System's.
            return unsafe { System.realloc(block, layout, new_size) };
        }
        // SAFETY: the caller guarantees that new_size, rounded up to the alignment, is a valid size.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: both blocks are at least as long as what is copied, and a new block overlaps no other.
        unsafe {
            let new_block = self.alloc(new_layout);
            if !new_block.is_null() {
                ptr::copy_nonoverlapping(block, new_block, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new_block
        }
    }
}

/// Maps zeroed pages that take memory only when touched.
///
/// With `vm.overcommit_memory=2` even untouched writable pages count against the limit, read-only ones do not. A block
/// of 1 GiB or more that cannot be had writable is handed out read-only: writing to it would end the process, as being
/// refused it would have, but nothing does. The only blocks of that size are those of dropped bodies.
fn map(layout: Layout) -> *mut u8 {
    const PAGE: usize = 4096;
    const NEVER_WRITTEN_FROM: usize = 1 << 30;
    if layout.align() > PAGE {
        return ptr::null_mut();
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let map = |protection| {
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no other memory.
        unsafe { libc::mmap(ptr::null_mut(), layout.size(), protection, flags, -1, 0) }
    };
    let mut block = map(libc::PROT_READ | libc::PROT_WRITE);
    if block == libc::MAP_FAILED && layout.size() >= NEVER_WRITTEN_FROM {
        block = map(libc::PROT_READ);
    }
    if block == libc::MAP_FAILED {
        return ptr::null_mut();
    }
    block.cast()
}

/// Gives memory that is free in the system's allocator back to the system, where the C library can.
pub(super) fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) takes the allocator's own locks and has no other condition.
    let _ = unsafe { libc::malloc_trim(0) };
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_block_of_10_tib_costs_nothing_until_it_is_touched() {
        let mut block = vec![0_u8; 10 << 40];
        block[5 << 40] = 7;
        assert_eq!(block[5 << 40], 7);
        assert_eq!(block[(10 << 40) - 1], 0);
    }

    #[test]
    fn a_block_can_grow_over_the_limit_and_shrink_below_it() {
        let mut block = vec![1_u8; 1 << 10];
        block.reserve_exact(256 << 20);
        assert!(block.iter().all(|&b| b == 1));
        block.shrink_to_fit();
        assert_eq!(block.len(), 1 << 10);
        assert!(block.iter().all(|&b| b == 1));
    }
}
