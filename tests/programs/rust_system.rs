// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
//! rust_system: Rust on the system allocator, which is the C library's.

#[path = "lib/foreign.rs"]
mod foreign;

fn main() {
    foreign::run(&foreign::Names {
        alloc: "malloc\0",
        alloc_aligned: "posix_memalign\0",
        alloc_zeroed: "calloc\0",
        realloc: "realloc\0",
    });
}
