// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
//! advice_rust RULE bad|good FILE: a program that a rule of the findings fires on, and its twin that does
//! the same work in the way that the advice says.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::thread;
use std::time::Duration;

const MIB: usize = 1 << 20;

/// Vectors that live beside each other, so that each growth moves one.
#[inline(never)]
fn preallocate_bad() {
    let mut all: Vec<Vec<u64>> = (0..64).map(|_| Vec::new()).collect();
    for i in 0..8000u64 {
        for v in all.iter_mut() {
            v.push(i);
        }
    }
    black_box(&all);
}

#[inline(never)]
fn preallocate_good() {
    let mut all: Vec<Vec<u64>> = (0..64).map(|_| Vec::with_capacity(8000)).collect();
    for i in 0..8000u64 {
        for v in all.iter_mut() {
            v.push(i);
        }
    }
    black_box(&all);
}

fn peak() {
    let v = vec![1u8; 16 * MIB];
    thread::sleep(Duration::from_millis(100));
    black_box(&v);
}

#[inline(never)]
fn large_lifetime_bad() {
    let v = vec![1u8; 16 * MIB];
    black_box(&v);
    thread::sleep(Duration::from_millis(300));
    peak();
    black_box(v.len());
}

#[inline(never)]
fn large_lifetime_good() {
    let v = vec![1u8; 16 * MIB];
    black_box(&v);
    drop(v);
    thread::sleep(Duration::from_millis(300));
    peak();
}

#[inline(never)]
fn cloning_bad() {
    let line = "x".repeat(200);
    let kept: Vec<String> = (0..20000).map(|_| black_box(&line).clone()).collect();
    black_box(&kept);
}

#[inline(never)]
fn cloning_good() {
    let line = "x".repeat(200);
    let kept: Vec<Cow<str>> = (0..20000).map(|_| Cow::Borrowed(black_box(line.as_str()))).collect();
    black_box(&kept);
}

/// To be read: some megabytes.
fn file() -> String {
    std::env::args().nth(3).expect("a file")
}

#[inline(never)]
fn streaming_bad() {
    let text = std::fs::read(file()).expect("a file");
    black_box(text.split(|&b| b == b'\n').count());
}

#[inline(never)]
fn streaming_good() {
    let mut input = BufReader::new(std::fs::File::open(file()).expect("a file"));
    let mut line = Vec::with_capacity(MIB / 16);
    while input.by_ref().take(MIB as u64 / 16).read_until(b'\n', &mut line).expect("a file") > 0 {
        line.clear();
    }
    black_box(&line);
}

#[inline(never)]
fn compact_types_bad() {
    let mut all: Vec<Box<[u64; 3]>> = Vec::with_capacity(100000);
    for i in 0..100000u64 {
        all.push(Box::new([i; 3]));
    }
    black_box(&all);
}

#[inline(never)]
fn compact_types_good() {
    let mut all: Vec<[u64; 3]> = Vec::with_capacity(100000);
    for i in 0..100000u64 {
        all.push([i; 3]);
    }
    black_box(&all);
}

#[inline(never)]
fn hash_map_bad() {
    let mut map: HashMap<u64, u64> = HashMap::new();
    for i in 0..200000 {
        map.insert(i, i);
    }
    black_box(&map);
}

#[inline(never)]
fn hash_map_good() {
    let mut map: HashMap<u64, u64> = HashMap::with_capacity(200000);
    for i in 0..200000 {
        map.insert(i, i);
    }
    black_box(&map);
}

fn threads(bytes: usize) {
    let all: Vec<_> = (0..32)
        .map(|_| {
            thread::Builder::new()
                .stack_size(bytes)
                .spawn(|| thread::sleep(Duration::from_millis(400)))
                .expect("thread")
        })
        .collect();
    all.into_iter().for_each(|t| t.join().expect("thread"));
}

#[inline(never)]
fn thread_stacks_bad() {
    threads(8 * MIB);
}

#[inline(never)]
fn thread_stacks_good() {
    threads(MIB / 16);
}

/// Of each buffer little is filled.
fn buffers() -> Vec<Vec<u8>> {
    (0..16).map(|_| Vec::with_capacity(2 * MIB)).collect()
}

fn rest(all: &[Vec<u8>]) {
    black_box(all);
    thread::sleep(Duration::from_millis(300));
    std::process::exit(0); // they live to the end
}

#[inline(never)]
fn shrink_bad() {
    let mut all = buffers();
    for v in all.iter_mut() {
        v.extend([1; 1000]);
    }
    rest(&all);
}

#[inline(never)]
fn shrink_good() {
    let mut all = Vec::with_capacity(16);
    for _ in 0..16 {
        let mut v: Vec<u8> = Vec::with_capacity(2 * MIB);
        v.extend([1; 1000]);
        v.shrink_to_fit();
        all.push(v);
    }
    rest(&all);
}

fn lookup(cache: &mut VecDeque<Vec<u8>>, limit: usize) {
    for i in 0..400 {
        cache.push_back(vec![i as u8; 10000]);
        if cache.len() > limit {
            cache.pop_front();
        }
        if i % 4 == 0 {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[inline(never)]
fn unbounded_cache_bad() {
    let mut cache = VecDeque::with_capacity(400);
    lookup(&mut cache, usize::MAX);
    black_box(&cache);
    std::process::exit(0); // it lives to the end
}

#[inline(never)]
fn unbounded_cache_good() {
    let mut cache = VecDeque::with_capacity(400);
    lookup(&mut cache, 20);
    black_box(&cache);
    std::process::exit(0);
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let run: fn() = match (words[1].as_str(), words[2].as_str()) {
        ("preallocate", "bad") => preallocate_bad,
        ("preallocate", _) => preallocate_good,
        ("shrink", "bad") => shrink_bad,
        ("shrink", _) => shrink_good,
        ("large-lifetime", "bad") => large_lifetime_bad,
        ("large-lifetime", _) => large_lifetime_good,
        ("cloning", "bad") => cloning_bad,
        ("cloning", _) => cloning_good,
        ("streaming", "bad") => streaming_bad,
        ("streaming", _) => streaming_good,
        ("compact-types", "bad") => compact_types_bad,
        ("compact-types", _) => compact_types_good,
        ("hash-map", "bad") => hash_map_bad,
        ("hash-map", _) => hash_map_good,
        ("thread-stacks", "bad") => thread_stacks_bad,
        ("thread-stacks", _) => thread_stacks_good,
        ("unbounded-cache", "bad") => unbounded_cache_bad,
        ("unbounded-cache", _) => unbounded_cache_good,
        _ => panic!("no such rule"),
    };
    run();
}
