PRAGMA application_id=1836344164;
PRAGMA user_version=9;
BEGIN;
CREATE TABLE bill(process INTEGER NOT NULL,at TEXT NOT NULL,t_ns INTEGER NOT NULL,rss_bytes INTEGER NOT NULL,allocator_bytes INTEGER NOT NULL,heap_live_bytes INTEGER,thread_stacks_bytes INTEGER NOT NULL,file_bytes INTEGER NOT NULL,shmem_bytes INTEGER NOT NULL,other_anon_bytes INTEGER NOT NULL,unexplained_bytes INTEGER NOT NULL,page_tables_bytes INTEGER,kernel_stacks_bytes INTEGER,PRIMARY KEY(process,at)) WITHOUT ROWID;
CREATE TABLE bill_mapping(process INTEGER NOT NULL,at TEXT NOT NULL,rank INTEGER NOT NULL,part TEXT NOT NULL,name TEXT NOT NULL,rss_bytes INTEGER NOT NULL,PRIMARY KEY(process,at,rank)) WITHOUT ROWID;
CREATE TABLE fault_site(process INTEGER NOT NULL,stack INTEGER NOT NULL,class TEXT NOT NULL,sample_cnt INTEGER NOT NULL,fault_cnt INTEGER NOT NULL,bytes INTEGER NOT NULL,PRIMARY KEY(process,stack,class)) WITHOUT ROWID;
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (1, 0, 'unknown', 1, 64, 262144);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (1, 101, 'heap', 700, 44800, 200000000);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (1, 105, 'anon', 1500, 96000, 393216000);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (1, 105, 'file', 100, 6400, 26214400);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (3, 0, 'stack', 50, 50, 204800);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (3, 101, 'heap', 800, 800, 3276800);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (3, 105, 'file', 50, 50, 204800);
CREATE TABLE gap(process INTEGER NOT NULL,from_ns INTEGER NOT NULL,to_ns INTEGER NOT NULL,why TEXT NOT NULL,PRIMARY KEY(process,from_ns)) WITHOUT ROWID;
INSERT INTO gap (process, from_ns, to_ns, why)
  VALUES (1, 0, 250000000, 'attach');
INSERT INTO gap (process, from_ns, to_ns, why)
  VALUES (1, 5000000000, 5500000000, 'exec');
CREATE TABLE lost(name TEXT NOT NULL,cnt INTEGER NOT NULL,PRIMARY KEY(name)) WITHOUT ROWID;
CREATE TABLE map_site(process INTEGER NOT NULL,stack INTEGER NOT NULL,kind TEXT NOT NULL,cnt INTEGER NOT NULL,bytes INTEGER NOT NULL,live_bytes INTEGER NOT NULL,at_peak_bytes INTEGER NOT NULL,PRIMARY KEY(process,stack,kind)) WITHOUT ROWID;
INSERT INTO map_site (process, stack, kind, cnt, bytes, live_bytes, at_peak_bytes)
  VALUES (1, 0, 'brk', 10, 12582912, 12582912, 12582912);
INSERT INTO map_site (process, stack, kind, cnt, bytes, live_bytes, at_peak_bytes)
  VALUES (1, 105, 'mmap', 60, 900000000, 600000000, 800000000);
CREATE TABLE meta(key TEXT NOT NULL,value TEXT NOT NULL,PRIMARY KEY(key)) WITHOUT ROWID;
INSERT INTO meta (key, value)
  VALUES ('arch', 'x86_64');
INSERT INTO meta (key, value)
  VALUES ('command', '-n server');
INSERT INTO meta (key, value)
  VALUES ('cpus', '8');
INSERT INTO meta (key, value)
  VALUES ('duration_ns', '10000000000');
INSERT INTO meta (key, value)
  VALUES ('finished', '1');
INSERT INTO meta (key, value)
  VALUES ('hooks_return', 'uretprobe_multi');
INSERT INTO meta (key, value)
  VALUES ('hooks_vm', 'fentry');
INSERT INTO meta (key, value)
  VALUES ('kernel', '6.1.0-40-amd64');
INSERT INTO meta (key, value)
  VALUES ('mode', 'exact');
INSERT INTO meta (key, value)
  VALUES ('sample_bytes', '524288');
INSERT INTO meta (key, value)
  VALUES ('self_cpu_ns', '350000000');
INSERT INTO meta (key, value)
  VALUES ('started', '2026-01-31T12:00:00.5Z');
INSERT INTO meta (key, value)
  VALUES ('tick_ns', '100000000');
INSERT INTO meta (key, value)
  VALUES ('trap_cost_ns', '612');
INSERT INTO meta (key, value)
  VALUES ('traps', '1234567');
INSERT INTO meta (key, value)
  VALUES ('unwind_build_ns', '12500000');
INSERT INTO meta (key, value)
  VALUES ('unwind_bytes', '139264');
INSERT INTO meta (key, value)
  VALUES ('unwind_evicted', '1');
INSERT INTO meta (key, value)
  VALUES ('unwind_files', '6');
INSERT INTO meta (key, value)
  VALUES ('unwind_from_cache', '3');
INSERT INTO meta (key, value)
  VALUES ('unwind_tables', '5');
CREATE TABLE module(process INTEGER NOT NULL,start INTEGER NOT NULL,end INTEGER NOT NULL,file_offset INTEGER NOT NULL,path TEXT NOT NULL,build_id TEXT,PRIMARY KEY(process,start)) WITHOUT ROWID;
INSERT INTO module (process, start, end, file_offset, path, build_id)
  VALUES (1, 4194304, 5242880, 0, '/srv/app/bin/server', NULL);
INSERT INTO module (process, start, end, file_offset, path, build_id)
  VALUES (1, 139637976727552, 139637978824704, 155648, '/usr/lib/x86_64-linux-gnu/libc.so.6', 'abcdef0123456789');
CREATE TABLE phase(from_ns INTEGER NOT NULL,layer TEXT NOT NULL,PRIMARY KEY(from_ns)) WITHOUT ROWID;
CREATE TABLE probe(module TEXT NOT NULL,function TEXT NOT NULL,offset INTEGER NOT NULL,placement TEXT,kind TEXT NOT NULL,PRIMARY KEY(module,function,offset,kind)) WITHOUT ROWID;
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'free', 9, 'emulated', 'entry');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'malloc', 0, NULL, 'entry');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'malloc', 0, NULL, 'return');
CREATE TABLE process(id INTEGER NOT NULL,parent_id INTEGER NOT NULL,pid INTEGER NOT NULL,ppid INTEGER NOT NULL,comm TEXT NOT NULL,exe TEXT,cgroup TEXT,allocators TEXT,runtimes TEXT,heap_note TEXT,build_language INTEGER NOT NULL,build_overflow_checks INTEGER,build_unwinds INTEGER,build_optimised INTEGER,build_codegen_units INTEGER,build_symbol_bytes INTEGER,build_unwind_bytes INTEGER,start_ns INTEGER NOT NULL,end_ns INTEGER,ended TEXT NOT NULL,exit_status INTEGER,oom_killed INTEGER NOT NULL,since TEXT NOT NULL,seen_ns INTEGER,peak_rss_bytes INTEGER,peak_rss_ns INTEGER,peak_rss_kind TEXT,peak_rss_error_bytes INTEGER,peak_mapped_bytes INTEGER,heap_live_bytes INTEGER,heap_peak_bytes INTEGER,heap_peak_ns INTEGER,unknown_free_cnt INTEGER NOT NULL,inherited_free_cnt INTEGER NOT NULL,flushed_free_cnt INTEGER NOT NULL,failed_cnt INTEGER NOT NULL,realloc_failed_cnt INTEGER NOT NULL,discarded_cnt INTEGER NOT NULL,entry_only INTEGER NOT NULL,entry_free_cnt INTEGER NOT NULL,cpu_ns INTEGER NOT NULL,trap_ns INTEGER,run_ns INTEGER NOT NULL,bill_ns INTEGER NOT NULL,windowed INTEGER NOT NULL,burst_cnt INTEGER NOT NULL,burst_progress_ns REAL NOT NULL,burst_stretch_ns REAL NOT NULL,burst_stretch_ns2 REAL NOT NULL,burst_spent_ns REAL NOT NULL,burst_doubt_ns REAL NOT NULL,burst_own_ns REAL NOT NULL,alloc_cnt_sum REAL NOT NULL,alloc_cnt_sum2 REAL NOT NULL,alloc_cnt_cross REAL NOT NULL,alloc_bytes_sum REAL NOT NULL,alloc_bytes_sum2 REAL NOT NULL,alloc_bytes_cross REAL NOT NULL,exact_since_ns INTEGER,alloc_cnt INTEGER,alloc_bytes INTEGER,free_cnt INTEGER,anon_grown_bytes INTEGER,anon_heap_bytes INTEGER,mmap_cnt INTEGER NOT NULL,mmap_bytes INTEGER NOT NULL,munmap_cnt INTEGER NOT NULL,munmap_bytes INTEGER NOT NULL,mremap_cnt INTEGER NOT NULL,brk_grown_bytes INTEGER NOT NULL,map_live_bytes INTEGER NOT NULL,map_peak_bytes INTEGER NOT NULL,arena_reserved_bytes INTEGER NOT NULL,fault_cnt INTEGER,fault_period INTEGER,anon_rss_bytes INTEGER,shared_rss_bytes INTEGER,threads_created INTEGER NOT NULL,threads_exited INTEGER NOT NULL,threads_peak_alive INTEGER NOT NULL,stack_reserved_peak_bytes INTEGER NOT NULL,stack_touched_peak_bytes INTEGER,PRIMARY KEY(id)) WITHOUT ROWID;
INSERT INTO process (id, parent_id, pid, ppid, comm, exe, cgroup, allocators, runtimes, heap_note, build_language, build_overflow_checks, build_unwinds, build_optimised, build_codegen_units, build_symbol_bytes, build_unwind_bytes, start_ns, end_ns, ended, exit_status, oom_killed, since, seen_ns, peak_rss_bytes, peak_rss_ns, peak_rss_kind, peak_rss_error_bytes, peak_mapped_bytes, heap_live_bytes, heap_peak_bytes, heap_peak_ns, unknown_free_cnt, inherited_free_cnt, flushed_free_cnt, failed_cnt, realloc_failed_cnt, discarded_cnt, entry_only, entry_free_cnt, cpu_ns, trap_ns, run_ns, bill_ns, windowed, burst_cnt, burst_progress_ns, burst_stretch_ns, burst_stretch_ns2, burst_spent_ns, burst_doubt_ns, burst_own_ns, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, exact_since_ns, alloc_cnt, alloc_bytes, free_cnt, anon_grown_bytes, anon_heap_bytes, mmap_cnt, mmap_bytes, munmap_cnt, munmap_bytes, mremap_cnt, brk_grown_bytes, map_live_bytes, map_peak_bytes, arena_reserved_bytes, fault_cnt, fault_period, anon_rss_bytes, shared_rss_bytes, threads_created, threads_exited, threads_peak_alive, stack_reserved_peak_bytes, stack_touched_peak_bytes)
  VALUES (1, 0, 4242, 4000, 'server', '/srv/app/bin/server', '/system.slice/app.service', 'glibc 2.36', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, -3600000000000, NULL, 'running', NULL, 0, 'attach', 250000000, 734003200, 8400000000, 'kernel', 262144, 5368709120, 400000000, 524288000, 8310000000, 0, 0, 17, 2, 0, 1, 0, 0, 4000000000, 30000000, 10000000, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, 125000, 1300000000, 27000, 1048576000, 1048576000, 120, 1288490188, 80, 644245094, 3, 12582912, 644245094, 900000000, 134217728, 150000, 64, 600000000, 40000000, 24, 8, 16, 134217728, 1310720);
INSERT INTO process (id, parent_id, pid, ppid, comm, exe, cgroup, allocators, runtimes, heap_note, build_language, build_overflow_checks, build_unwinds, build_optimised, build_codegen_units, build_symbol_bytes, build_unwind_bytes, start_ns, end_ns, ended, exit_status, oom_killed, since, seen_ns, peak_rss_bytes, peak_rss_ns, peak_rss_kind, peak_rss_error_bytes, peak_mapped_bytes, heap_live_bytes, heap_peak_bytes, heap_peak_ns, unknown_free_cnt, inherited_free_cnt, flushed_free_cnt, failed_cnt, realloc_failed_cnt, discarded_cnt, entry_only, entry_free_cnt, cpu_ns, trap_ns, run_ns, bill_ns, windowed, burst_cnt, burst_progress_ns, burst_stretch_ns, burst_stretch_ns2, burst_spent_ns, burst_doubt_ns, burst_own_ns, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, exact_since_ns, alloc_cnt, alloc_bytes, free_cnt, anon_grown_bytes, anon_heap_bytes, mmap_cnt, mmap_bytes, munmap_cnt, munmap_bytes, mremap_cnt, brk_grown_bytes, map_live_bytes, map_peak_bytes, arena_reserved_bytes, fault_cnt, fault_period, anon_rss_bytes, shared_rss_bytes, threads_created, threads_exited, threads_peak_alive, stack_reserved_peak_bytes, stack_touched_peak_bytes)
  VALUES (2, 1, 4300, 4242, 'sh', '/usr/bin/dash', NULL, NULL, 'Go', 'static binary without symbols: no allocator found; mappings and faults only', 0, NULL, NULL, NULL, NULL, NULL, NULL, 1000000000, 9000000000, 'exec', NULL, 0, 'start', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, NULL, NULL, NULL, 9000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL);
INSERT INTO process (id, parent_id, pid, ppid, comm, exe, cgroup, allocators, runtimes, heap_note, build_language, build_overflow_checks, build_unwinds, build_optimised, build_codegen_units, build_symbol_bytes, build_unwind_bytes, start_ns, end_ns, ended, exit_status, oom_killed, since, seen_ns, peak_rss_bytes, peak_rss_ns, peak_rss_kind, peak_rss_error_bytes, peak_mapped_bytes, heap_live_bytes, heap_peak_bytes, heap_peak_ns, unknown_free_cnt, inherited_free_cnt, flushed_free_cnt, failed_cnt, realloc_failed_cnt, discarded_cnt, entry_only, entry_free_cnt, cpu_ns, trap_ns, run_ns, bill_ns, windowed, burst_cnt, burst_progress_ns, burst_stretch_ns, burst_stretch_ns2, burst_spent_ns, burst_doubt_ns, burst_own_ns, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, exact_since_ns, alloc_cnt, alloc_bytes, free_cnt, anon_grown_bytes, anon_heap_bytes, mmap_cnt, mmap_bytes, munmap_cnt, munmap_bytes, mremap_cnt, brk_grown_bytes, map_live_bytes, map_peak_bytes, arena_reserved_bytes, fault_cnt, fault_period, anon_rss_bytes, shared_rss_bytes, threads_created, threads_exited, threads_peak_alive, stack_reserved_peak_bytes, stack_touched_peak_bytes)
  VALUES (3, 0, 4301, 4000, 'batch', '/srv/app/bin/batch', '/system.slice/app.service', 'glibc 2.36', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 1000000000, 9000000000, 'signal', 9, 1, 'start', 1000000000, 4294967296, 5000000000, 'sampled', 262144, 9000000, 0, 100000, 4000000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, 40, 9000, 3, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 900, 8, 4000000, 2000000, 0, 0, 0, 0, NULL);
INSERT INTO process (id, parent_id, pid, ppid, comm, exe, cgroup, allocators, runtimes, heap_note, build_language, build_overflow_checks, build_unwinds, build_optimised, build_codegen_units, build_symbol_bytes, build_unwind_bytes, start_ns, end_ns, ended, exit_status, oom_killed, since, seen_ns, peak_rss_bytes, peak_rss_ns, peak_rss_kind, peak_rss_error_bytes, peak_mapped_bytes, heap_live_bytes, heap_peak_bytes, heap_peak_ns, unknown_free_cnt, inherited_free_cnt, flushed_free_cnt, failed_cnt, realloc_failed_cnt, discarded_cnt, entry_only, entry_free_cnt, cpu_ns, trap_ns, run_ns, bill_ns, windowed, burst_cnt, burst_progress_ns, burst_stretch_ns, burst_stretch_ns2, burst_spent_ns, burst_doubt_ns, burst_own_ns, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, exact_since_ns, alloc_cnt, alloc_bytes, free_cnt, anon_grown_bytes, anon_heap_bytes, mmap_cnt, mmap_bytes, munmap_cnt, munmap_bytes, mremap_cnt, brk_grown_bytes, map_live_bytes, map_peak_bytes, arena_reserved_bytes, fault_cnt, fault_period, anon_rss_bytes, shared_rss_bytes, threads_created, threads_exited, threads_peak_alive, stack_reserved_peak_bytes, stack_touched_peak_bytes)
  VALUES (4, 0, 4304, 4000, 'job-4', '/srv/app/bin/job', '/system.slice/app.service', 'glibc 2.36', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 1000000000, 9000000000, 'exit', 0, 0, 'start', 1000000000, 2996000, 5000000000, 'sampled', 262144, 9000000, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 1, 77, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, 7, 900, 0, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL);
CREATE TABLE sample(process INTEGER NOT NULL,t_ns INTEGER NOT NULL,rss_bytes INTEGER NOT NULL,heap_live_bytes INTEGER,mapped_bytes INTEGER NOT NULL,threads INTEGER NOT NULL,PRIMARY KEY(process,t_ns)) WITHOUT ROWID;
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (1, 0, 700000000, NULL, 5368709120, 16);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (1, 100000000, 701000000, 500000001, 5368709120, 16);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (1, 200000000, 702000000, 500000002, 5368709120, 16);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (1, 300000000, 703000000, 500000003, 5368709120, 16);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (1, 400000000, 704000000, 500000004, 5368709120, 16);
CREATE TABLE site(process INTEGER NOT NULL,stack INTEGER NOT NULL,kind TEXT NOT NULL,alloc_cnt INTEGER NOT NULL,alloc_bytes INTEGER NOT NULL,free_cnt INTEGER NOT NULL,free_bytes INTEGER NOT NULL,at_peak_cnt INTEGER NOT NULL,at_peak_bytes INTEGER NOT NULL,temporary_cnt INTEGER NOT NULL,short_lived_cnt INTEGER NOT NULL,max_bytes INTEGER NOT NULL,sizes BLOB,lifetimes BLOB,ages BLOB,max_age_ns INTEGER,large_bytes INTEGER,large_resident_bytes INTEGER,alloc_cnt_sum REAL NOT NULL,alloc_cnt_sum2 REAL NOT NULL,alloc_cnt_cross REAL NOT NULL,alloc_bytes_sum REAL NOT NULL,alloc_bytes_sum2 REAL NOT NULL,alloc_bytes_cross REAL NOT NULL,storm_calls INTEGER,storm_grown INTEGER,storm_moved INTEGER,storm_copied_bytes INTEGER,storm_chains INTEGER,storm_longest_chain INTEGER,storm_busiest_100ms_calls INTEGER,storm_final_sizes BLOB,PRIMARY KEY(process,stack,kind)) WITHOUT ROWID;
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (1, -81985529216486896, 'malloc', 3, 300, 3, 300, 0, 0, 1, 1, 100, x'0000000000000000000000000000000000000000000003', x'000000000000000000000000000000000000000000000100000000000000000000000000000000000000000000000000000000000000000002', NULL, NULL, NULL, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (1, 101, 'malloc', 100000, 400000000, 10000, 40000000, 90000, 360000000, 3333, 5000, 65536, x'000000000000000000000000000000000000000000000000000000000000000000000000000000000000009f8d060000000000000000000000000000000001', x'0000000000000000000000000000000000000000000088270000000000000000000000000000000000000000000000000000000000000000008827', x'00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000090bf05', 300000000, NULL, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (1, 102, 'calloc', 100, 20000000, 0, 0, 100, 20000000, 0, 0, 200000, x'00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000064', x'', x'00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000064', 300000000, NULL, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (1, 102, 'malloc', 5000, 150000000, 1000, 30000000, 4000, 120000000, 333, 500, 40000, x'00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000872701', x'00000000000000000000000000000000000000000000f403000000000000000000000000000000000000000000000000000000000000000000f403', x'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000a01f', 300000000, NULL, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (1, 103, 'realloc', 12345, 700000000, 12300, 690000000, 45, 24288000, 4100, 6150, 65536, x'00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000b8600001', x'0000000000000000000000000000000000000000000086300000000000000000000000000000000000000000000000000000000000000000008630', x'0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002d', 300000000, NULL, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 12345, 12000, 11000, 3650722201, 40, 14, 400, x'000000000000000000000000000000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000026');
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (1, 104, 'realloc', 8, 4096, 7, 3584, 0, 0, 2, 3, 1024, x'00000000000000000000000000000000000000000000000000000000000000000700000001', x'000000000000000000000000000000000000000000000300000000000000000000000000000000000000000000000000000000000000000004', x'00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001', 300000000, NULL, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8, 8, 8, 4096, 1, 8, 8, NULL);
CREATE TABLE spawn(process INTEGER NOT NULL,stack INTEGER NOT NULL,created INTEGER NOT NULL,peak_alive INTEGER NOT NULL,reserved_bytes INTEGER NOT NULL,touched_max_bytes INTEGER,PRIMARY KEY(process,stack)) WITHOUT ROWID;
INSERT INTO spawn (process, stack, created, peak_alive, reserved_bytes, touched_max_bytes)
  VALUES (1, 0, 4, 2, 8388608, NULL);
INSERT INTO spawn (process, stack, created, peak_alive, reserved_bytes, touched_max_bytes)
  VALUES (1, 104, 20, 16, 8388608, 90000);
CREATE TABLE stack(id INTEGER NOT NULL,frames BLOB,end TEXT,PRIMARY KEY(id)) WITHOUT ROWID;
INSERT INTO stack (id, frames, end)
  VALUES (-81985529216486896, x'45230100007f000000f0eedbea0d0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (101, x'00100000107f000010104000000000002010400000000000301040000000000000700200007f0000', 'no_table');
INSERT INTO stack (id, frames, end)
  VALUES (102, x'00100000107f000000110000107f000000120000107f000000130000107f000000140000107f000000150000107f000040104000000000003010400000000000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (103, x'50104000000000006010400000000000601040000000000060104000000000003010400000000000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (104, x'70104000000000003010400000000000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (105, x'8010400000000000', 'complete');
CREATE TABLE symbol(process INTEGER NOT NULL,address INTEGER NOT NULL,depth INTEGER NOT NULL,inlined INTEGER NOT NULL,function TEXT,file TEXT,line INTEGER NOT NULL,module TEXT,offset INTEGER NOT NULL,PRIMARY KEY(process,address,depth)) WITHOUT ROWID;
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198416, 0, 1, 'std::__new_allocator<std::pair<std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> > const, Session> >::allocate(unsigned long, void const*)', '/usr/include/c++/12/bits/new_allocator.h', 137, '/srv/app/bin/server', 4112);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198416, 1, 0, 'SessionCache::insert(std::string_view)', '/srv/app/src/cache.cc', 88, '/srv/app/bin/server', 4112);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198432, 0, 0, 'Server::handle(Request const&)', '/srv/app/src/server.cc', 210, '/srv/app/bin/server', 4128);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198448, 0, 0, 'main', '/srv/app/src/main.cc', 31, '/srv/app/bin/server', 4144);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198464, 0, 0, 'load_config', '/srv/app/src/config.cc', 12, '/srv/app/bin/server', 4160);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198480, 0, 0, 'append_line', 'src/log.c', 55, '/srv/app/bin/server', 4176);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198496, 0, 0, 'visit', 'src/log.c', 70, '/srv/app/bin/server', 4192);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198512, 0, 0, 'start_worker', 'src/worker.c', 20, '/srv/app/bin/server', 4208);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4198528, 0, 0, 'map_index', 'src/index.c', 99, '/srv/app/bin/server', 4224);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 139706696208384, 0, 0, 'operator new(unsigned long)', NULL, 0, '/usr/lib/x86_64-linux-gnu/libstdc++.so.6', 708608);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 139706696208640, 0, 0, 'parse_level_0', '/build/libxml/parser.c', 100, '/usr/lib/libxml.so.2', 0);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 139706696208896, 0, 0, 'parse_level_1', '/build/libxml/parser.c', 101, '/usr/lib/libxml.so.2', 256);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 139706696209152, 0, 0, 'parse_level_2', '/build/libxml/parser.c', 102, '/usr/lib/libxml.so.2', 512);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 139706696209408, 0, 0, 'parse_level_3', '/build/libxml/parser.c', 103, '/usr/lib/libxml.so.2', 768);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 139706696209664, 0, 0, 'parse_level_4', '/build/libxml/parser.c', 104, '/usr/lib/libxml.so.2', 1024);
CREATE TABLE thread(process INTEGER NOT NULL,tid INTEGER NOT NULL,comm TEXT NOT NULL,main INTEGER NOT NULL,start_ns INTEGER NOT NULL,end_ns INTEGER,spawn_stack INTEGER NOT NULL,reserved_bytes INTEGER,guard_bytes INTEGER,touched_bytes INTEGER,PRIMARY KEY(process,tid,start_ns)) WITHOUT ROWID;
INSERT INTO thread (process, tid, comm, main, start_ns, end_ns, spawn_stack, reserved_bytes, guard_bytes, touched_bytes)
  VALUES (1, 4242, 'server', 1, -3600000000000, NULL, 0, 8388608, 0, 135168);
INSERT INTO thread (process, tid, comm, main, start_ns, end_ns, spawn_stack, reserved_bytes, guard_bytes, touched_bytes)
  VALUES (1, 4250, 'worker-1', 0, 1000000000, NULL, 104, 8388608, 4096, 90000);
INSERT INTO thread (process, tid, comm, main, start_ns, end_ns, spawn_stack, reserved_bytes, guard_bytes, touched_bytes)
  VALUES (1, 4251, 'worker-2', 0, 1000000000, 2500000000, 104, 8388608, 4096, NULL);
COMMIT;
