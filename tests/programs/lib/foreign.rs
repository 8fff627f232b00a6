// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
//! foreign.rs: foreign.h for Rust, and the sites that the Rust programs share.
//!
//! What the Global Allocator calls for a layout differs; a program says it in `Names`. A site
//! has an unmangled name, the truth's; names for C end in a NUL.

use std::alloc::{alloc, alloc_zeroed, dealloc, realloc, Layout};
use std::ffi::c_char;

extern "C" {
    fn foreign_ask(size: usize);
    fn foreign_got(function: *const c_char, kind: *const c_char, p: *mut u8, size: usize);
    fn foreign_drop(p: *mut u8);
    fn foreign_dropped();
    fn foreign_resize(p: *mut u8, size: usize);
    fn foreign_resized(function: *const c_char, kind: *const c_char, p: *mut u8, size: usize);
    fn foreign_idle() -> bool;
    fn foreign_write();
}

/// The functions behind GlobalAlloc's.
pub struct Names {
    pub alloc: &'static str,
    pub alloc_aligned: &'static str,
    pub alloc_zeroed: &'static str,
    pub realloc: &'static str,
}

fn c(name: &'static str) -> *const c_char {
    assert!(name.ends_with('\0'));
    name.as_ptr().cast()
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[no_mangle]
#[inline(never)]
fn by_alloc(names: &Names, size: usize) -> *mut u8 {
    unsafe {
        foreign_ask(size);
        let p = alloc(layout(size, 8));
        foreign_got(c("by_alloc\0"), c(names.alloc), p, size);
        p
    }
}

#[no_mangle]
#[inline(never)]
fn by_alloc_aligned(names: &Names, size: usize) -> *mut u8 {
    unsafe {
        foreign_ask(size);
        let p = alloc(layout(size, 256));
        foreign_got(c("by_alloc_aligned\0"), c(names.alloc_aligned), p, size);
        assert!(p as usize % 256 == 0);
        p
    }
}

#[no_mangle]
#[inline(never)]
fn by_alloc_zeroed(names: &Names, size: usize) -> *mut u8 {
    unsafe {
        foreign_ask(size);
        let p = alloc_zeroed(layout(size, 8));
        foreign_got(c("by_alloc_zeroed\0"), c(names.alloc_zeroed), p, size);
        p
    }
}

#[no_mangle]
#[inline(never)]
fn by_realloc(names: &Names, p: *mut u8, old: usize, size: usize) -> *mut u8 {
    unsafe {
        foreign_resize(p, size);
        let p = realloc(p, layout(old, 8), size);
        foreign_resized(c("by_realloc\0"), c(names.realloc), p, size);
        p
    }
}

#[no_mangle]
#[inline(never)]
fn by_dealloc(p: *mut u8, size: usize, align: usize) {
    unsafe {
        foreign_drop(p);
        dealloc(p, layout(size, align));
        foreign_dropped();
    }
}

/// Grows a vector by one element: where it is full it doubles, four at first.
#[no_mangle]
#[inline(never)]
fn by_push(names: &Names, v: &mut Vec<u64>) {
    let (old, full) = (v.capacity(), v.len() == v.capacity());
    let size = 8 * if old == 0 { 4 } else { 2 * old };

    unsafe {
        match (full, old) {
            (false, _) => {}
            (true, 0) => foreign_ask(size),
            (true, _) => foreign_resize(v.as_mut_ptr().cast(), size),
        }
        v.push(42);
        assert!(!full || v.capacity() * 8 == size);
        let p = v.as_mut_ptr().cast();
        match (full, old) {
            (false, _) => {}
            (true, 0) => foreign_got(c("by_push\0"), c(names.alloc), p, size),
            (true, _) => foreign_resized(c("by_push\0"), c(names.realloc), p, size),
        }
    }
}

#[no_mangle]
#[inline(never)]
fn by_box(names: &Names) -> *mut [u64; 25] {
    unsafe {
        foreign_ask(200);
        let p = Box::into_raw(Box::new([7u64; 25]));
        foreign_got(c("by_box\0"), c(names.alloc), p.cast(), 200);
        p
    }
}

#[no_mangle]
#[inline(never)]
fn by_string(names: &Names, size: usize) -> String {
    unsafe {
        foreign_ask(size);
        let mut s = String::with_capacity(size);
        foreign_got(c("by_string\0"), c(names.alloc), s.as_mut_ptr(), size);
        s
    }
}

fn drop_string(mut s: String) {
    unsafe {
        foreign_drop(s.as_mut_ptr());
        drop(s);
        foreign_dropped();
    }
}

fn layouts(names: &Names) {
    for i in 1..=20 {
        let a = by_alloc(names, 30 * i);
        let b = by_alloc_aligned(names, 64 * i);
        let c = by_alloc_zeroed(names, 1000 * i);
        let a = by_realloc(names, a, 30 * i, 5000 * i);

        if i % 2 == 0 {
            by_dealloc(a, 5000 * i, 8);
        }
        if i % 3 == 0 {
            by_dealloc(b, 64 * i, 256);
        }
        if i % 4 == 0 {
            by_dealloc(c, 1000 * i, 8);
        }
    }
}

fn collections(names: &Names) {
    let mut v = Vec::new();

    for _ in 0..5000 {
        by_push(names, &mut v);
    }
    std::mem::forget(v);
    for i in 0..10 {
        let b = by_box(names);
        let s = by_string(names, 100 + i);

        if i % 2 == 0 {
            unsafe {
                foreign_drop(b.cast());
                drop(Box::from_raw(b));
                foreign_dropped();
            }
            drop_string(s);
        } else {
            std::mem::forget(s);
        }
    }
}

pub fn run(names: &Names) {
    if !unsafe { foreign_idle() } {
        layouts(names);
        collections(names);
    }
    unsafe { foreign_write() };
}
