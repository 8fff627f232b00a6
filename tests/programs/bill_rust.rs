// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
//! Rust's kinds of memory, each of a size of its own, all there at the end: 10 MiB in boxes, a Vec
//! with room for 48 MiB and 16 in it, 14 MiB of a Vec of boxes that was dropped. MT_TRUTH becomes
//! what the kernel says of it just before: /proc/self/status, then smaps.
use std::fs::{read, File};
use std::io::Write;

const MIB: usize = 1 << 20;
const BOX: usize = 8192;
const PR_SET_THP_DISABLE: i32 = 41;

extern "C" {
    fn _exit(status: i32) -> !;
    fn prctl(option: i32, ...) -> i32;
}

fn boxes(bytes: usize) -> Vec<Box<[u8]>> {
    (0..bytes / BOX).map(|i| vec![i as u8 | 1; BOX].into_boxed_slice()).collect()
}

fn main() {
    // What is not touched is not to be resident.
    unsafe { prctl(PR_SET_THP_DISABLE, 1u64, 0u64, 0u64, 0u64) };
    let kept = boxes(10 * MIB);
    let dropped = boxes(14 * MIB);
    let pin = vec![1u8; BOX];
    drop(dropped);
    let mut vec: Vec<u8> = Vec::with_capacity(48 * MIB);
    vec.resize(16 * MIB, 7);
    let mut out = File::create(std::env::var("MT_TRUTH").unwrap()).unwrap();
    for file in ["/proc/self/status", "/proc/self/smaps"] {
        out.write_all(&read(file).unwrap()).unwrap();
    }
    std::hint::black_box((&kept, &pin, &vec));
    unsafe { _exit(0) }
}
