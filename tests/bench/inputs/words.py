# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
"""An index of words, and records as JSON and back: small objects and buffers that grow."""
import json
from collections import defaultdict

index, state = defaultdict(list), 1
for line in range(40000):
    words = []
    for _ in range(10):
        state = (state * 1103515245 + 12345) % 2147483648
        words.append(f"w{state % 20011}")
    for word in " ".join(words).split():
        index[word].append(line)
text = json.dumps({w: sorted(index[w], reverse=True) for w in sorted(index)})
for _ in range(5):
    text = json.dumps(json.loads(text))
print(len(text))
