# SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#
# make            build/memtide
# make demo       install what is needed, build, trace a real program, print its report
# make test       the whole suite (as root); make check is the part that needs no privilege
# make help       every target
#
# V=1 shows the commands.

.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

ifeq ($(V),1)
  Q :=
  say := @:
else
  Q := @
  say := @printf '  %-8s %s\n'
  MAKEFLAGS += --no-print-directory
endif

B        := build
CC       := gcc
CLANG    := clang
BPFTOOL  := $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
HOSTARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(shell uname -m)))

WARNINGS := -Wall -Wextra -Wno-unused-parameter -Wmissing-prototypes -Wstrict-prototypes \
            -Wformat=2 -Wvla -Wshadow -Wno-missing-field-initializers
CPPFLAGS := -D_GNU_SOURCE -Iuser -Ibpf -I$(B)
CFLAGS   := -std=gnu11 -O2 -g $(WARNINGS)
LDLIBS   := -lbpf -ldw -lelf -lsqlite3 -ljansson -liberty -lseccomp -lcap-ng -lZydis -lz -lprotobuf-nanopb -llzma -lnettle -lpthread -lm
SANITIZE := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined

# ---- BPF: several sources, one object, one skeleton ---------------------------------------
# core first: it defines the maps, and the linker (libbpf 1.1) keeps a map's offset only if its
# definition comes before the first declaration.
BPF_SRC   := bpf/core.bpf.c $(filter-out bpf/core.bpf.c,$(wildcard bpf/*.bpf.c))
BPF_OBJ   := $(BPF_SRC:bpf/%.bpf.c=$(B)/bpf/%.bpf.o)
BPF_FLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Wno-unused-parameter \
             -Wno-missing-declarations -D__TARGET_ARCH_$(HOSTARCH) -Ivmlinux/$(HOSTARCH) -Ibpf
SKEL      := $(B)/memtide.skel.h

$(B)/bpf/%.bpf.o: bpf/%.bpf.c
	$(say) BPF $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -c $< -o $@

$(B)/memtide.bpf.o: $(BPF_OBJ)
	$(say) LINK $@
	$(Q)$(BPFTOOL) gen object $@ $(BPF_OBJ)

$(SKEL): $(B)/memtide.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name memtide > $@

# ---- user space ---------------------------------------------------------------------------
PROTO    := $(B)/pprof.pb
USER_SRC := $(wildcard user/*/*.c)
PAGE_OBJ := $(B)/user/report/$(if $(NO_HTML),no_page,page).o
USER_OBJ := $(USER_SRC:user/%.c=$(B)/user/%.o) $(PROTO).o $(PAGE_OBJ)
SAN_OBJ  := $(USER_SRC:user/%.c=$(B)/san/%.o) $(PROTO).o $(PAGE_OBJ)

$(PROTO).c $(PROTO).h &: user/export/pprof.proto user/export/pprof.options
	$(say) PROTO $@
	@mkdir -p $(@D)
	$(Q)cd $(<D) && protoc --nanopb_out=$(CURDIR)/$(B) $(<F)

$(PROTO).o: $(PROTO).c
	$(say) CC $@
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(B)/user/%.o: user/%.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/san/%.o: user/%.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -MMD -MP -c $< -o $@

# The page of report --html, from npm packages; NO_HTML=1 (after make clean) is without.
WEB_SRC := $(wildcard user/report/web/*.js user/report/web/*.css user/report/web/*.mjs)
WEB     := $(B)/web/head.html $(B)/web/tail.html
NPM     := user/report/web/node_modules/.package-lock.json

$(NPM): user/report/web/package-lock.json
	$(say) NPM $(@D)
	$(Q)command -v npm >/dev/null || { \
		echo 'no npm for the page of report --html: make setup, or make NO_HTML=1' >&2; exit 1; }
	$(Q)npm ci --prefix user/report/web --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	$(Q)touch $@

$(WEB) &: $(WEB_SRC) $(NPM)
	$(say) WEB $(B)/web
	@mkdir -p $(B)/web
	$(Q)node user/report/web/build.mjs $(B)/web

$(B)/user/report/page.o: user/report/page.S $(WEB)
	$(say) AS $@
	@mkdir -p $(@D)
	$(Q)$(CC) -c -Wa,-I$(B) -o $@ $<

$(B)/user/report/no_page.o: user/report/page.S
	$(say) AS $@
	@mkdir -p $(@D)
	$(Q)$(CC) -c -DNO_HTML -o $@ $<

# Only session/ includes the skeleton; it must exist before those are compiled.
$(filter $(B)/user/session/% $(B)/san/session/%,$(USER_OBJ) $(SAN_OBJ)): | $(SKEL)
$(B)/user/export/pprof.o $(B)/san/export/pprof.o: | $(PROTO).h

$(B)/memtide: $(B)/user/main.o $(USER_OBJ)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# What NO_HTML=1 makes of it, for the test of that.
$(B)/memtide-without-page: $(B)/user/main.o $(USER_OBJ:%/page.o=%/no_page.o)
	$(say) LINK $@
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(B)/libmemtide-san.a: $(SAN_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

# ---- tests --------------------------------------------------------------------------------
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT     := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)

$(B)/unit/%: tests/unit/%.c $(B)/libmemtide-san.a
	$(say) UNIT $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -MMD -MP -o $@ $< $(B)/libmemtide-san.a \
		$(LDLIBS) -lcmocka -lpthread

BPF_TEST_SRC := $(wildcard tests/bpf/*.c)
BPF_TESTS    := $(BPF_TEST_SRC:tests/bpf/%.c=$(B)/bpf-tests/%) $(B)/placement-tests/property \
                $(B)/unwind-tests/compare

$(B)/bpf-tests/%: tests/bpf/%.c $(B)/libmemtide-san.a | $(SKEL)
	$(say) TEST $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -MMD -MP -o $@ $< $(B)/libmemtide-san.a \
		$(LDLIBS)

UNWIND_TEST_SRC := $(wildcard tests/unwind/*.c)

$(B)/unwind-tests/compare: $(UNWIND_TEST_SRC) tests/unwind/frames.h $(B)/libmemtide-san.a
	$(say) TEST $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -o $@ $(UNWIND_TEST_SRC) \
		$(B)/libmemtide-san.a $(LDLIBS)

$(B)/placement-tests/%: tests/placement/%.c $(B)/libmemtide-san.a
	$(say) TEST $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(SANITIZE) -MMD -MP -o $@ $< $(B)/libmemtide-san.a \
		$(LDLIBS)

PROG_C    := $(wildcard tests/programs/*.c)
PROG_CXX  := $(wildcard tests/programs/*.cc)
PROG_RUST := $(wildcard tests/programs/*.rs)
RUSTC     := $(firstword $(shell command -v rustc) $(wildcard $(HOME)/.cargo/bin/rustc))
MUSL_GCC  := $(shell command -v musl-gcc)
P         := $(B)/programs
# Those that tests/e2e/test_allocators.py runs with every allocator.
PROG_ALL  := chains children cross execs failures family forks huge leaf lifetime peaks race \
             resize vforks zero
PROGRAMS  := $(PROG_C:tests/programs/%.c=$(P)/%) $(PROG_CXX:tests/programs/%.cc=$(P)/%) \
             $(PROG_ALL:%=$(P)/static/%) $(P)/lib/libplain.so $(P)/lib/libother.so $(P)/mallocx_static $(P)/mallocx_je $(P)/sized_je \
             $(if $(MUSL_GCC),$(PROG_ALL:%=$(P)/musl/%)) \
             $(P)/advice_c_debug \
             $(if $(RUSTC),$(PROG_RUST:tests/programs/%.rs=$(P)/%) $(P)/advice_rust_debug $(P)/advice_rust_small)
# Frame pointers and no inlining: their stacks and sites are part of what is known.
PROG_FLAGS := -O1 -g -Wall -fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-builtin
PROG_CC    := -std=gnu11 -D_GNU_SOURCE $(PROG_FLAGS)
JEMALLOC_A := $(firstword $(wildcard /usr/lib/*/libjemalloc_pic.a))

$(P)/%: tests/programs/%.c
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROG_CC) -MMD -MP -o $@ $< $(PROG_LIBS) -lpthread

$(P)/%: tests/programs/%.cc $(P)/lib/foreign.o
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)$(CXX) -std=gnu++17 $(PROG_FLAGS) -MMD -MP -o $@ $< $(P)/lib/foreign.o -lpthread

$(P)/static/%: tests/programs/%.c
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROG_CC) -static -MMD -MP -o $@ $< -lpthread

$(P)/musl/%: tests/programs/%.c
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)$(MUSL_GCC) $(PROG_CC) -static -MMD -MP -o $@ $<

.SECONDARY: $(P)/lib/foreign.o
$(P)/lib/%.o: tests/programs/lib/%.c
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROG_CC) -MMD -MP -c -o $@ $<

$(P)/lib/lib%.so: tests/programs/lib/%.c
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROG_CC) -fPIC -shared -MMD -MP -o $@ $<

# The same by the standard names: a malloc that nobody knows.
$(P)/lib/libother.so: tests/programs/lib/own.c
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROG_CC) -fPIC -shared -MMD -MP -o $@ $< \
		$(foreach f,malloc calloc realloc aligned_alloc free,-Down_$f=$f)

$(P)/own: PROG_LIBS := -L$(P)/lib -lown -Wl,-rpath,'$$ORIGIN/lib'
$(P)/own: $(P)/lib/libown.so

# jemalloc shared, static, and static with its public functions under a prefix, as crates have
# it; C++'s operators have their own names there too.
$(P)/mallocx: PROG_LIBS := -ljemalloc

$(P)/mallocx_static: $(P)/lib/mallocx.o
	$(say) PROG $@
	$(Q)$(CC) -o $@ $< $(JEMALLOC_A) -lstdc++ -lm -lpthread

$(P)/mallocx_je: $(P)/lib/mallocx.o $(P)/lib/je_jemalloc.a
	$(say) PROG $@
	$(Q)objcopy --redefine-syms=$(P)/lib/je_names $< $@.o
	$(Q)$(CC) -o $@ $@.o $(P)/lib/je_jemalloc.a -lm -lpthread

$(P)/sized_je: tests/programs/sized.cc $(P)/lib/foreign.o $(P)/lib/je_jemalloc.a
	$(say) PROG $@
	$(Q)$(CXX) -std=gnu++17 $(PROG_FLAGS) -MMD -MP -o $@ $^ -lm -lpthread

$(P)/lib/mallocx.o: tests/programs/mallocx.c
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(PROG_CC) -MMD -MP -c -o $@ $<

$(P)/lib/%_jemalloc.a: Makefile
	$(say) PROG $@
	@mkdir -p $(@D)
	$(Q)nm $(JEMALLOC_A) 2>/dev/null | \
		awk 'NF == 3 && $$2 ~ /[TBV]/ && $$3 ~ /^[a-z]/ && $$3 !~ /^je_/ { print $$3, "$*_" $$3 }' | \
		sort -u >$(P)/lib/$*_names
	$(Q)objcopy --redefine-syms=$(P)/lib/$*_names $(JEMALLOC_A) $@

$(P)/rust_jemalloc: RUST_LIBS := -C link-arg=$(P)/lib/_rjem_jemalloc.a
$(P)/rust_jemalloc: $(P)/lib/_rjem_jemalloc.a

$(P)/%: tests/programs/%.rs tests/programs/lib/foreign.rs $(P)/lib/foreign.o
	$(say) PROG $@
	$(Q)$(RUSTC) --edition 2021 -O -g -C link-arg=$(P)/lib/foreign.o $(RUST_LIBS) -o $@ $<

# Built with the settings that the finding release-profile is about, and without.
$(P)/advice_rust_debug: tests/programs/advice_rust.rs
	$(say) PROG $@
	$(Q)$(RUSTC) --edition 2021 -g -o $@ $<

$(P)/advice_rust_small: tests/programs/advice_rust.rs
	$(say) PROG $@
	$(Q)$(RUSTC) --edition 2021 -O -C codegen-units=1 -C panic=abort -C strip=symbols -o $@ $<

$(P)/advice_c_debug: tests/programs/advice_c.c
	$(say) PROG $@
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O0 -g -Wall -MMD -MP -o $@ $< -lpthread

# ---- fuzzing ------------------------------------------------------------------------------
FUZZ      := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_USER := $(filter-out user/capture/drain% user/report/html.c,$(wildcard $(addprefix user/,\
	util/*.c target/*.c unwind/*.c symbol/*.c capture/*.c model/*.c analysis/*.c finding/*.c \
	report/*.c cli/options.c cli/gate.c)))
FUZZ_OBJ  := $(FUZZ_USER:user/%.c=$(B)/fuzz/user/%.o)
FUZZ_SAN  := address,undefined -fno-sanitize-recover=undefined -Wno-format-nonliteral
.SECONDARY: $(FUZZ_OBJ) $(FUZZ:%=%.seeds)

$(B)/fuzz/user/%.o: user/%.c
	$(say) CC $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SAN) -MMD -MP -c $< -o $@

$(B)/fuzz/libmemtide.a: $(FUZZ_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/fuzz/%: tests/fuzz/%.c $(B)/fuzz/libmemtide.a | $(B)/fuzz/%.seeds
	$(say) FUZZ $@
	$(Q)$(CLANG) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer,$(FUZZ_SAN) -MMD -MP -o $@ $< \
		$(B)/fuzz/libmemtide.a $(LDLIBS)

# A small library as compilers make them, one of every instruction, and both's .eh_frame alone.
$(B)/fuzz/fuzz_table.seeds: tests/programs/lib/own.c tests/fuzz/frames.s
	@mkdir -p $@
	$(Q)for i in $^; do \
		out=$@/$${i##*/}; \
		$(CC) -O1 -D_GNU_SOURCE -fPIC -shared -nostdlib -s -Wl,-z,noseparate-code -o $$out $$i && \
		objcopy --dump-section .eh_frame=$$out.frames $$out /dev/null || { rm -r $@; exit 1; }; done

$(B)/fuzz/fuzz_symbolizer.seeds: tests/programs/lib/plain.c
	@mkdir -p $@
	$(Q)$(CC) -O2 -g -D_GNU_SOURCE -fPIC -shared -nostdlib -o $@/library $< || { rm -r $@; exit 1; }

$(B)/fuzz/fuzz_jit.seeds:
	@mkdir -p $@
	$(Q)printf '7f0000001000 40 JS:~f /a.js:1\n7f0000001040 1c0 Stub:b\n' >$@/map

$(B)/fuzz/fuzz_smaps.seeds $(B)/fuzz/fuzz_maps.seeds: $(B)/fuzz/fuzz_%.seeds:
	@mkdir -p $@
	$(Q)cat /proc/self/$* >$@/$*

# Small pages, so that a mutation meets more than padding.
$(B)/fuzz/fuzz_capture.seeds: $(wildcard tests/golden/*.sql)
	@mkdir -p $@
	$(Q)for i in $^; do \
		out=$@/$$(basename $$i .sql); rm -f $$out; \
		{ echo 'PRAGMA page_size=512;'; cat $$i; } | sqlite3 -batch -bail $$out || \
		{ rm -r $@; exit 1; }; done

$(B)/fuzz/fuzz_options.seeds:
	@mkdir -p $@
	$(Q)printf 'record\n-p\n1,2\n-d\n1.5\n--mode\nexact\n--sample-bytes\n64K' >$@/record
	$(Q)printf 'record\n--lib\n/l\n--symbol-prefix\nje_\n--uprobes\nperf\n--\nls\n-l' >$@/command
	$(Q)printf 'diff\na\nb\n--fail-on\nat_peak>+10%%\n--top\n3' >$@/diff
	$(Q)printf 'export\na\n--format\npprof\n--value\npeak' >$@/export

# ---- benchmarks ---------------------------------------------------------------------------
BENCH_PROGRAMS := $(addprefix $(B)/bench/,pairs load heartbeat getppid $(if $(RUSTC),words))
BENCH          := $(BENCH_PROGRAMS) $(addprefix $(B)/bench/,naive placements tables)

$(filter-out %/words,$(BENCH_PROGRAMS)): $(B)/bench/%: tests/bench/%.c
	$(say) BENCH $@
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(PROG_FLAGS) -MMD -MP -o $@ $< -lpthread

$(B)/bench/words: tests/bench/words.rs
	$(say) BENCH $@
	@mkdir -p $(@D)
	$(Q)$(RUSTC) --edition 2021 -O -o $@ $<

$(B)/bench/naive.bpf.o: tests/bench/naive.bpf.c
	$(say) BPF $@
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -c $< -o $@

$(B)/bench/naive.skel.h: $(B)/bench/naive.bpf.o
	$(say) SKEL $@
	$(Q)$(BPFTOOL) gen skeleton $< name naive > $@

$(B)/bench/naive: tests/bench/naive.c $(B)/bench/naive.skel.h
	$(say) BENCH $@
	$(Q)$(CC) -D_GNU_SOURCE -I$(B)/bench $(CFLAGS) -MMD -MP -o $@ $< -lbpf

$(B)/bench/placements: tests/bench/placements.c $(filter $(B)/user/target/% $(B)/user/util/%,$(USER_OBJ))
	$(say) BENCH $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $^ $(LDLIBS)

$(B)/bench/tables: tests/bench/tables.c $(filter $(B)/user/target/% $(B)/user/unwind/% $(B)/user/util/%,$(USER_OBJ))
	$(say) BENCH $@
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -o $@ $^ $(LDLIBS)

# ---- what one types -----------------------------------------------------------------------
.PHONY: all setup demo test check unit fuzz format tidy layers test-vm matrix soak test-fresh bench-unwind programs clean help \
        bench bench-probes bench-crowd placements

all: $(B)/memtide ## build build/memtide

setup: ## install the Debian packages that building and testing need
	$(Q)scripts/setup.sh

demo: setup ## trace a real compile and print its report
	$(Q)$(MAKE) all programs
	$(Q)scripts/demo.sh

programs: $(PROGRAMS) ## the programs that the tests trace

unit: $(UNIT) ## unit tests, under ASan and UBSan
	$(Q)tests/run unit

fuzz: $(FUZZ) ## what reads files of others, on inputs made to break it, FUZZ_SECONDS=30 each
	$(Q)tests/run fuzz

format: ## is every source formatted as .clang-format says?
	$(Q)scripts/format.sh

layers: ## do includes point one way?
	$(Q)scripts/layers.py

tidy: $(SKEL) $(PROTO).h ## clang-tidy
	$(Q)CPPFLAGS='$(CPPFLAGS)' scripts/tidy.sh $(USER_SRC) user/main.c

check: format layers tidy unit ## all that needs no privilege

test: setup ## everything; the last line counts what passed, failed and was skipped
	$(Q)$(MAKE) all $(B)/memtide-without-page programs $(B)/bench/load $(UNIT) $(BPF_TESTS) $(FUZZ)
	$(Q)tests/run

bench: all $(BENCH_PROGRAMS) ## what tracing costs real programs: the table in README.md
	$(Q)tests/bench/cost.py $(BENCH_FLAGS)

bench-probes: all $(BENCH) ## what tracing costs a malloc and a free, beside other tracers
	$(Q)$(B)/bench/placements
	@echo
	$(Q)tests/bench/bench.py

bench-crowd: all $(BENCH) ## the same with up to 500 processes traced at once
	$(Q)tests/bench/crowd.py

# Programs and libraries that many run, and the largest one that this machine has.
UNWIND_FILES := $(wildcard $(addprefix /usr/lib/x86_64-linux-gnu/,libc.so.6 libstdc++.so.6 \
	libcrypto.so.3 libLLVM-14.so.1) $(addprefix /usr/bin/,python3 perl redis-server node))

bench-unwind: all $(BENCH) ## what a stack costs beside bpf_get_stack; sizes of unwind tables
	$(Q)$(B)/bench/tables $(UNWIND_FILES)
	@echo
	$(Q)tests/bench/unwind.py

placements: $(B)/bench/placements ## where each allocator's functions are probed
	$(Q)$<

test-vm: all programs $(BPF_TESTS) ## the e2e core on Debian's 6.1 and 6.12 kernels under qemu; 5.10
	$(Q)VM_SERIES='5.10 6.1 6.12' tests/run vm

matrix: all programs $(BPF_TESTS) ## the same, and on the running kernel: the table in README.md
	$(Q)tests/vm/run.py --matrix

soak: all programs ## 100 kills, 1,000 attaches, a minute of 1,000 forks a second, half an hour of churn
	$(Q)for k in kill.kill_in cycles fork_storm soak; do MT_LONG=1 tests/run e2e -k $$k || exit 1; done

test-fresh: ## make demo and make test in a new Debian 12 with only git and make
	$(Q)scripts/test-fresh.sh

clean: ## remove build/
	$(Q)rm -rf $(B)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

-include $(shell find $(addprefix $(B)/,bpf user san unit bpf-tests placement-tests programs bench fuzz) \
	-name '*.d' 2>/dev/null)
