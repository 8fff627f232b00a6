#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
# Every BPF program under every knob; --update writes this kernel's rows of insns.txt.
set -eu
cd "$(dirname "$0")/../.."
exec build/bpf-tests/load tests/bpf/insns.txt "$@"
