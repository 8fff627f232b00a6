// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
//! rust_jemalloc: Rust on a static jemalloc whose functions have the prefix `_rjem_`, as the
//! jemalloc crates link it. malloc stays the C library's.

#[path = "lib/foreign.rs"]
mod foreign;

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::{c_int, c_void};

extern "C" {
    fn _rjem_mallocx(size: usize, flags: c_int) -> *mut c_void;
    fn _rjem_calloc(nr: usize, size: usize) -> *mut c_void;
    fn _rjem_rallocx(p: *mut c_void, size: usize, flags: c_int) -> *mut c_void;
    fn _rjem_sdallocx(p: *mut c_void, size: usize, flags: c_int);
}

struct Jemalloc;

/// MALLOCX_LG_ALIGN; every block is aligned to 16 anyway.
fn flags(layout: Layout) -> c_int {
    match layout.align() {
        ..=16 => 0,
        align => align.trailing_zeros() as c_int,
    }
}

unsafe impl GlobalAlloc for Jemalloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        _rjem_mallocx(layout.size(), flags(layout)).cast()
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if flags(layout) == 0 {
            return _rjem_calloc(1, layout.size()).cast();
        }
        _rjem_mallocx(layout.size(), flags(layout) | 0x40).cast() // MALLOCX_ZERO
    }

    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        _rjem_sdallocx(p.cast(), layout.size(), flags(layout))
    }

    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        _rjem_rallocx(p.cast(), size, flags(layout)).cast()
    }
}

#[global_allocator]
static GLOBAL: Jemalloc = Jemalloc;

fn main() {
    foreign::run(&foreign::Names {
        alloc: "mallocx\0",
        alloc_aligned: "mallocx\0",
        alloc_zeroed: "calloc\0",
        realloc: "rallocx\0",
    });
}
