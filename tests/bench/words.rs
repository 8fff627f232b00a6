// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
//! The Rust program of the benchmark: an index of words. Waits for a line with the number of
//! lines to index.
use std::collections::{BTreeMap, HashMap};

fn words_of(state: &mut u32) -> String {
    let mut words = Vec::new();
    for _ in 0..10 {
        *state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        words.push(format!("w{}", (*state >> 8) % 20011));
    }
    words.join(" ")
}

fn main() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a line");
    let count: u32 = line.trim().parse().expect("the number of lines");
    let mut index: HashMap<String, Vec<u32>> = HashMap::new();
    let mut state = 1;
    for number in 0..count {
        for word in words_of(&mut state).split(' ').map(str::to_owned) {
            index.entry(word).or_default().push(number);
        }
    }
    let sorted: BTreeMap<&String, String> = index
        .iter()
        .map(|(word, lines)| (word, lines.iter().map(u32::to_string).collect::<Vec<_>>().join(",")))
        .collect();
    println!("{}", sorted.values().map(String::len).sum::<usize>());
}
