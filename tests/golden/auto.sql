PRAGMA application_id=1836344164;
PRAGMA user_version=9;
BEGIN;
CREATE TABLE bill(process INTEGER NOT NULL,at TEXT NOT NULL,t_ns INTEGER NOT NULL,rss_bytes INTEGER NOT NULL,allocator_bytes INTEGER NOT NULL,heap_live_bytes INTEGER,thread_stacks_bytes INTEGER NOT NULL,file_bytes INTEGER NOT NULL,shmem_bytes INTEGER NOT NULL,other_anon_bytes INTEGER NOT NULL,unexplained_bytes INTEGER NOT NULL,page_tables_bytes INTEGER,kernel_stacks_bytes INTEGER,PRIMARY KEY(process,at)) WITHOUT ROWID;
CREATE TABLE bill_mapping(process INTEGER NOT NULL,at TEXT NOT NULL,rank INTEGER NOT NULL,part TEXT NOT NULL,name TEXT NOT NULL,rss_bytes INTEGER NOT NULL,PRIMARY KEY(process,at,rank)) WITHOUT ROWID;
CREATE TABLE fault_site(process INTEGER NOT NULL,stack INTEGER NOT NULL,class TEXT NOT NULL,sample_cnt INTEGER NOT NULL,fault_cnt INTEGER NOT NULL,bytes INTEGER NOT NULL,PRIMARY KEY(process,stack,class)) WITHOUT ROWID;
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -8644510260699111871, 'file', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -6998234715360765159, 'file', 11, 11, 45056);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -6998234715360765159, 'unknown', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -6381631180203141665, 'file', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -6340540515707592733, 'file', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -4960753551939070201, 'unknown', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -4371931895142330794, 'file', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -3685119082728715853, 'file', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -3635369121799364723, 'file', 2, 2, 8192);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -3578626395647930221, 'unknown', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, -2627229190205003360, 'unknown', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, 1518007324647250403, 'file', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, 1518007324647250403, 'unknown', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, 3807034423373378486, 'file', 7, 7, 28672);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, 6974850169914632807, 'file', 1, 1, 4096);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (2, 7069495572095604572, 'file', 1, 1, 4096);
CREATE TABLE gap(process INTEGER NOT NULL,from_ns INTEGER NOT NULL,to_ns INTEGER NOT NULL,why TEXT NOT NULL,PRIMARY KEY(process,from_ns)) WITHOUT ROWID;
CREATE TABLE lost(name TEXT NOT NULL,cnt INTEGER NOT NULL,PRIMARY KEY(name)) WITHOUT ROWID;
INSERT INTO lost (name, cnt)
  VALUES ('block_replaced', 0);
INSERT INTO lost (name, cnt)
  VALUES ('code_replaced', 0);
INSERT INTO lost (name, cnt)
  VALUES ('events_unmatched', 0);
INSERT INTO lost (name, cnt)
  VALUES ('faults_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('headroom_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('hists_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('images_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('live_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('new_unfollowed', 0);
INSERT INTO lost (name, cnt)
  VALUES ('result_unread', 0);
INSERT INTO lost (name, cnt)
  VALUES ('ring_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('site_missing', 0);
INSERT INTO lost (name, cnt)
  VALUES ('sites_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('stack_failed', 0);
INSERT INTO lost (name, cnt)
  VALUES ('stacks_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('storms_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('swap_exhausted', 0);
INSERT INTO lost (name, cnt)
  VALUES ('tables_evicted', 0);
INSERT INTO lost (name, cnt)
  VALUES ('threads_full', 0);
INSERT INTO lost (name, cnt)
  VALUES ('vm_ring_full', 0);
CREATE TABLE map_site(process INTEGER NOT NULL,stack INTEGER NOT NULL,kind TEXT NOT NULL,cnt INTEGER NOT NULL,bytes INTEGER NOT NULL,live_bytes INTEGER NOT NULL,at_peak_bytes INTEGER NOT NULL,PRIMARY KEY(process,stack,kind)) WITHOUT ROWID;
CREATE TABLE meta(key TEXT NOT NULL,value TEXT NOT NULL,PRIMARY KEY(key)) WITHOUT ROWID;
INSERT INTO meta (key, value)
  VALUES ('arch', 'x86_64');
INSERT INTO meta (key, value)
  VALUES ('budget_ppm', '30000');
INSERT INTO meta (key, value)
  VALUES ('command', '-p 20655');
INSERT INTO meta (key, value)
  VALUES ('cpus', '2');
INSERT INTO meta (key, value)
  VALUES ('duration_ns', '5030689632');
INSERT INTO meta (key, value)
  VALUES ('finished', '1');
INSERT INTO meta (key, value)
  VALUES ('hooks_return', 'session');
INSERT INTO meta (key, value)
  VALUES ('hooks_vm', 'tracepoint');
INSERT INTO meta (key, value)
  VALUES ('kernel', '6.18.44-fc-v595');
INSERT INTO meta (key, value)
  VALUES ('mode', 'auto');
INSERT INTO meta (key, value)
  VALUES ('self_cpu_ns', '417621776');
INSERT INTO meta (key, value)
  VALUES ('started', '2026-11-23T13:55:53Z');
INSERT INTO meta (key, value)
  VALUES ('tick_ns', '100000000');
INSERT INTO meta (key, value)
  VALUES ('trap_cost_ns', '793');
INSERT INTO meta (key, value)
  VALUES ('traps', '45433');
INSERT INTO meta (key, value)
  VALUES ('unwind_build_ns', '3294990');
INSERT INTO meta (key, value)
  VALUES ('unwind_bytes', '139264');
INSERT INTO meta (key, value)
  VALUES ('unwind_evicted', '0');
INSERT INTO meta (key, value)
  VALUES ('unwind_files', '4');
INSERT INTO meta (key, value)
  VALUES ('unwind_from_cache', '3');
INSERT INTO meta (key, value)
  VALUES ('unwind_tables', '4');
CREATE TABLE module(process INTEGER NOT NULL,start INTEGER NOT NULL,end INTEGER NOT NULL,file_offset INTEGER NOT NULL,path TEXT NOT NULL,build_id TEXT,PRIMARY KEY(process,start)) WITHOUT ROWID;
INSERT INTO module (process, start, end, file_offset, path, build_id)
  VALUES (2, 94721242021888, 94721242025984, 4096, '/srv/app/bin/load', 'afd882563ad9e3425d0b56d893c1e7a1174726d7');
INSERT INTO module (process, start, end, file_offset, path, build_id)
  VALUES (2, 140122945732608, 140122947133440, 155648, '/usr/lib/x86_64-linux-gnu/libc.so.6', '93ac61ec5a8eb1396f9fbd350e3169a558528a40');
INSERT INTO module (process, start, end, file_offset, path, build_id)
  VALUES (2, 140122947645440, 140122947801088, 4096, '/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2', '7ebc65e52f2bbea498b4040fa92f7238377aaba9');
CREATE TABLE phase(from_ns INTEGER NOT NULL,layer TEXT NOT NULL,PRIMARY KEY(from_ns)) WITHOUT ROWID;
INSERT INTO phase (from_ns, layer)
  VALUES (0, 'kernel');
INSERT INTO phase (from_ns, layer)
  VALUES (146296560, 'burst');
CREATE TABLE probe(module TEXT NOT NULL,function TEXT NOT NULL,offset INTEGER NOT NULL,placement TEXT,kind TEXT NOT NULL,PRIMARY KEY(module,function,offset,kind)) WITHOUT ROWID;
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'aligned_alloc', 7, 'emulated', 'session');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'calloc', 0, 'emulated', 'session');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'free', 9, 'emulated', 'entry');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'malloc', 0, 'emulated', 'session');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'posix_memalign', 7, 'emulated', 'session');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'pthread_create', 0, 'emulated', 'entry');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'pvalloc', 7, 'emulated', 'session');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'realloc', 0, 'emulated', 'session');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'reallocarray', 9, 'emulated', 'session');
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES ('/usr/lib/x86_64-linux-gnu/libc.so.6', 'valloc', 7, 'emulated', 'session');
CREATE TABLE process(id INTEGER NOT NULL,parent_id INTEGER NOT NULL,pid INTEGER NOT NULL,ppid INTEGER NOT NULL,comm TEXT NOT NULL,exe TEXT,cgroup TEXT,allocators TEXT,runtimes TEXT,heap_note TEXT,build_language INTEGER NOT NULL,build_overflow_checks INTEGER,build_unwinds INTEGER,build_optimised INTEGER,build_codegen_units INTEGER,build_symbol_bytes INTEGER,build_unwind_bytes INTEGER,start_ns INTEGER NOT NULL,end_ns INTEGER,ended TEXT NOT NULL,exit_status INTEGER,oom_killed INTEGER NOT NULL,since TEXT NOT NULL,seen_ns INTEGER,peak_rss_bytes INTEGER,peak_rss_ns INTEGER,peak_rss_kind TEXT,peak_rss_error_bytes INTEGER,peak_mapped_bytes INTEGER,heap_live_bytes INTEGER,heap_peak_bytes INTEGER,heap_peak_ns INTEGER,unknown_free_cnt INTEGER NOT NULL,inherited_free_cnt INTEGER NOT NULL,flushed_free_cnt INTEGER NOT NULL,failed_cnt INTEGER NOT NULL,realloc_failed_cnt INTEGER NOT NULL,discarded_cnt INTEGER NOT NULL,entry_only INTEGER NOT NULL,entry_free_cnt INTEGER NOT NULL,cpu_ns INTEGER NOT NULL,trap_ns INTEGER,run_ns INTEGER NOT NULL,bill_ns INTEGER NOT NULL,windowed INTEGER NOT NULL,burst_cnt INTEGER NOT NULL,burst_progress_ns REAL NOT NULL,burst_stretch_ns REAL NOT NULL,burst_stretch_ns2 REAL NOT NULL,burst_spent_ns REAL NOT NULL,burst_doubt_ns REAL NOT NULL,burst_own_ns REAL NOT NULL,alloc_cnt_sum REAL NOT NULL,alloc_cnt_sum2 REAL NOT NULL,alloc_cnt_cross REAL NOT NULL,alloc_bytes_sum REAL NOT NULL,alloc_bytes_sum2 REAL NOT NULL,alloc_bytes_cross REAL NOT NULL,exact_since_ns INTEGER,alloc_cnt INTEGER,alloc_bytes INTEGER,free_cnt INTEGER,anon_grown_bytes INTEGER,anon_heap_bytes INTEGER,mmap_cnt INTEGER NOT NULL,mmap_bytes INTEGER NOT NULL,munmap_cnt INTEGER NOT NULL,munmap_bytes INTEGER NOT NULL,mremap_cnt INTEGER NOT NULL,brk_grown_bytes INTEGER NOT NULL,map_live_bytes INTEGER NOT NULL,map_peak_bytes INTEGER NOT NULL,arena_reserved_bytes INTEGER NOT NULL,fault_cnt INTEGER,fault_period INTEGER,anon_rss_bytes INTEGER,shared_rss_bytes INTEGER,threads_created INTEGER NOT NULL,threads_exited INTEGER NOT NULL,threads_peak_alive INTEGER NOT NULL,stack_reserved_peak_bytes INTEGER NOT NULL,stack_touched_peak_bytes INTEGER,PRIMARY KEY(id)) WITHOUT ROWID;
INSERT INTO process (id, parent_id, pid, ppid, comm, exe, cgroup, allocators, runtimes, heap_note, build_language, build_overflow_checks, build_unwinds, build_optimised, build_codegen_units, build_symbol_bytes, build_unwind_bytes, start_ns, end_ns, ended, exit_status, oom_killed, since, seen_ns, peak_rss_bytes, peak_rss_ns, peak_rss_kind, peak_rss_error_bytes, peak_mapped_bytes, heap_live_bytes, heap_peak_bytes, heap_peak_ns, unknown_free_cnt, inherited_free_cnt, flushed_free_cnt, failed_cnt, realloc_failed_cnt, discarded_cnt, entry_only, entry_free_cnt, cpu_ns, trap_ns, run_ns, bill_ns, windowed, burst_cnt, burst_progress_ns, burst_stretch_ns, burst_stretch_ns2, burst_spent_ns, burst_doubt_ns, burst_own_ns, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, exact_since_ns, alloc_cnt, alloc_bytes, free_cnt, anon_grown_bytes, anon_heap_bytes, mmap_cnt, mmap_bytes, munmap_cnt, munmap_bytes, mremap_cnt, brk_grown_bytes, map_live_bytes, map_peak_bytes, arena_reserved_bytes, fault_cnt, fault_period, anon_rss_bytes, shared_rss_bytes, threads_created, threads_exited, threads_peak_alive, stack_reserved_peak_bytes, stack_touched_peak_bytes)
  VALUES (2, 0, 20655, 20646, 'load', '/srv/app/bin/load', '/system.slice/load.service', 'glibc 2.36', NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, 1950779, NULL, 'running', NULL, 0, 'attach', 263299066, 1896448, 327285268, 'kernel', 786432, 145154048, NULL, NULL, NULL, 2239, 0, 0, 0, 0, 2, 0, 0, 4051096225, 34625233, 20475346, 0, 1, 36, 24920349.0, 3956360956.0, 5.1932727504083034e+17, 35172603.0, 35172603.0, 3974752583.0, 1230605.1570212424, 51999830592.65898, 160170118338559.0, 315124712.13803005, 3413933399093562.5, 4.1016050299977816e+16, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 33, 1, 0, 0, 0, 0, 1, 0, NULL);
CREATE TABLE sample(process INTEGER NOT NULL,t_ns INTEGER NOT NULL,rss_bytes INTEGER NOT NULL,heap_live_bytes INTEGER,mapped_bytes INTEGER NOT NULL,threads INTEGER NOT NULL,PRIMARY KEY(process,t_ns)) WITHOUT ROWID;
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 127278047, 1892352, NULL, 78045184, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 227310002, 1892352, NULL, 78045184, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 327285268, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 427316728, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 529394257, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 627307249, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 727633495, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 827294095, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 927309791, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1027337640, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1127295660, 1888256, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1227307370, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1327296217, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1427300305, 1884160, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1527296813, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1627309034, 1888256, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1727302647, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1827429678, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 1927291386, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2029093958, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2127525999, 1888256, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2229440166, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2327294912, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2427287984, 1888256, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2527300936, 1888256, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2627385504, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2728711150, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2827282116, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 2927296641, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3027278026, 1884160, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3127292880, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3227292593, 1884160, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3327318213, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3427302463, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3527298099, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3628422577, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3727295140, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3827574917, 1884160, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 3927343647, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4027285834, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4127277465, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4233374336, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4327293744, 1884160, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4427300587, 1892352, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4527300860, 1888256, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4631369928, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4729397270, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4827287989, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 4929349815, 1896448, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 5027297178, 1888256, NULL, 78049280, 2);
INSERT INTO sample (process, t_ns, rss_bytes, heap_live_bytes, mapped_bytes, threads)
  VALUES (2, 5027516934, 1888256, NULL, 78049280, 2);
CREATE TABLE site(process INTEGER NOT NULL,stack INTEGER NOT NULL,kind TEXT NOT NULL,alloc_cnt INTEGER NOT NULL,alloc_bytes INTEGER NOT NULL,free_cnt INTEGER NOT NULL,free_bytes INTEGER NOT NULL,at_peak_cnt INTEGER NOT NULL,at_peak_bytes INTEGER NOT NULL,temporary_cnt INTEGER NOT NULL,short_lived_cnt INTEGER NOT NULL,max_bytes INTEGER NOT NULL,sizes BLOB,lifetimes BLOB,ages BLOB,max_age_ns INTEGER,large_bytes INTEGER,large_resident_bytes INTEGER,alloc_cnt_sum REAL NOT NULL,alloc_cnt_sum2 REAL NOT NULL,alloc_cnt_cross REAL NOT NULL,alloc_bytes_sum REAL NOT NULL,alloc_bytes_sum2 REAL NOT NULL,alloc_bytes_cross REAL NOT NULL,storm_calls INTEGER,storm_grown INTEGER,storm_moved INTEGER,storm_copied_bytes INTEGER,storm_chains INTEGER,storm_longest_chain INTEGER,storm_busiest_100ms_calls INTEGER,storm_final_sizes BLOB,PRIMARY KEY(process,stack,kind)) WITHOUT ROWID;
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -8375485964900861822, 'malloc', 77392, 23527295, 77392, 23527295, 0, 0, 0, 53947, 304, x'00000000000000000000000000000000000000000000000000000000d0dc04', x'', NULL, NULL, NULL, NULL, 77034.31414164785, 207649535.01855212, 10046338303790.611, 23418431.499060944, 19190139428274.508, 3054086844352347.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -7678996137141908430, 'malloc', 80326, 16707759, 80326, 16707759, 0, 0, 0, 53495, 208, x'0000000000000000000000000000000000000000000000000000c6f304', x'', NULL, NULL, NULL, NULL, 79954.08637764385, 214946717.6509242, 10474920267606.701, 16630449.966549918, 9299454792449.584, 2178783415662194.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -7334334086464211137, 'malloc', 77205, 28411345, 77205, 28411345, 0, 0, 0, 53610, 368, x'000000000000000000000000000000000000000000000000000000000095db04', x'', NULL, NULL, NULL, NULL, 76847.50568475315, 205758652.24680126, 9999781041272.19, 28279882.091989156, 27864659721870.816, 3679919423188165.5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -6969593402110244954, 'malloc', 76953, 35705971, 76953, 35705971, 0, 0, 0, 53107, 464, x'0000000000000000000000000000000000000000000000000000000000000099d904', x'', NULL, NULL, NULL, NULL, 76596.45625318451, 202696632.47176877, 9945936830914.846, 35540755.70147761, 43639774184641.945, 4614914689544488.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -6639371032098736163, 'malloc', 76970, 13546699, 76970, 13546699, 0, 0, 0, 53546, 176, x'00000000000000000000000000000000000000000000000000aad904', x'', NULL, NULL, NULL, NULL, 76613.7326627769, 203282963.59028634, 9944637440995.334, 13484016.948648736, 6296893080172.711, 1750256189615178.8, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -6161171080049961905, 'malloc', 76370, 8553470, 76370, 8553470, 0, 0, 0, 52525, 112, x'0000000000000000000000000000000000000000000000d2d404', x'', NULL, NULL, NULL, NULL, 76016.89236484098, 199363232.54786912, 9853417826112.617, 8513891.944862189, 2500812389080.4697, 1103582796524613.4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -5577237715543553307, 'malloc', 76813, 11061092, 76813, 11061092, 0, 0, 0, 53270, 144, x'0000000000000000000000000000000000000000000000008dd804', x'', NULL, NULL, NULL, NULL, 76457.71516314696, 202493233.06687382, 9926991419533.457, 11009910.983493164, 4198899680874.6943, 1429486764412818.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -5234656121851302266, 'malloc', 76953, 38168452, 76953, 38168452, 0, 0, 0, 53107, 496, x'0000000000000000000000000000000000000000000000000000000000000099d904', x'', NULL, NULL, NULL, NULL, 76596.45625318451, 202696632.47176877, 9945936830914.846, 37991842.30157953, 49866614734174.664, 4933184668133764.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -4454530258075633408, 'malloc', 76598, 1225571, 76598, 1225571, 0, 0, 0, 52925, 16, x'000000000000000000000000b6d604', x'', NULL, NULL, NULL, NULL, 76243.74285708941, 201608036.1157361, 9908506513067.867, 1219899.8857134306, 51611657245.62844, 158536104209085.88, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -1849604627882090600, 'malloc', 80385, 19292430, 80385, 19292430, 0, 0, 0, 53436, 240, x'00000000000000000000000000000000000000000000000000000081f404', x'', NULL, NULL, NULL, NULL, 80013.17415297488, 215120202.4475348, 10478180196464.408, 19203161.796713978, 12390923660978.004, 2514763247151458.5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, -1698955779921824321, 'malloc', 76961, 25858904, 76961, 25858904, 0, 0, 0, 53659, 336, x'0000000000000000000000000000000000000000000000000000000000a1d904', x'', NULL, NULL, NULL, NULL, 76604.91524381538, 205344559.4097544, 9989288824764.229, 25739251.521921966, 23182579379123.63, 3356401045120782.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, 4781579767154093604, 'malloc', 76598, 33090296, 76598, 33090296, 0, 0, 0, 52947, 432, x'000000000000000000000000000000000000000000000000000000000000b6d604', x'', NULL, NULL, NULL, NULL, 76243.47932780346, 201724571.69454053, 9919609083572.227, 32937183.069611106, 37646646467921.94, 4285271124103201.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, 4953179148048959241, 'malloc', 76719, 30687741, 76719, 30687741, 0, 0, 0, 53132, 400, x'000000000000000000000000000000000000000000000000000000000000afd704', x'', NULL, NULL, NULL, NULL, 76364.36368010711, 202153469.89838904, 9931912248410.35, 30545745.47204284, 32344555183742.24, 3972764899364139.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, 5809218277912179047, 'malloc', 76586, 6126912, 76586, 6126912, 0, 0, 0, 52741, 80, x'000000000000000000000000000000000000000000aad604', x'', NULL, NULL, NULL, NULL, 76232.02501852013, 201996387.89025366, 9927665209405.154, 6098562.00148161, 1292776882497.623, 794213216752412.5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, 6256824944266082128, 'malloc', 76453, 3669726, 76453, 3669726, 0, 0, 0, 52731, 48, x'000000000000000000000000000000000000a5d504', x'', NULL, NULL, NULL, NULL, 76098.86633718318, 201110500.25873587, 9895790724234.465, 3652745.5841847933, 463358592596.1273, 474997954763254.3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (2, 7998204666092056153, 'malloc', 77044, 20955947, 77044, 20955947, 0, 0, 0, 53644, 272, x'00000000000000000000000000000000000000000000000000000000f4d904', x'', NULL, NULL, NULL, NULL, 76687.43150257025, 204800027.8106519, 9981205577499.658, 20858981.368699107, 15151925257543.26, 2714887917079906.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE spawn(process INTEGER NOT NULL,stack INTEGER NOT NULL,created INTEGER NOT NULL,peak_alive INTEGER NOT NULL,reserved_bytes INTEGER NOT NULL,touched_max_bytes INTEGER,PRIMARY KEY(process,stack)) WITHOUT ROWID;
INSERT INTO spawn (process, stack, created, peak_alive, reserved_bytes, touched_max_bytes)
  VALUES (2, 0, 0, 1, -1, NULL);
CREATE TABLE stack(id INTEGER NOT NULL,frames BLOB,end TEXT,PRIMARY KEY(id)) WITHOUT ROWID;
INSERT INTO stack (id, frames, end)
  VALUES (-8644510260699111871, x'33e96eea707f0000ecc2fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-8375485964900861822, x'1cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-7678996137141908430, x'4cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-7334334086464211137, x'fcc2fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-6998234715360765159, x'fbee6eea707f000033c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-6969593402110244954, x'ccc2fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-6639371032098736163, x'5cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-6381631180203141665, x'33e96eea707f00000cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-6340540515707592733, x'33e96eea707f0000acc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-6161171080049961905, x'7cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-5577237715543553307, x'6cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-5234656121851302266, x'bcc2fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-4960753551939070201, x'01e0ffffff7f000045c2fb0126560000', 'busy');
INSERT INTO stack (id, frames, end)
  VALUES (-4454530258075633408, x'acc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-4371931895142330794, x'33e96eea707f00006cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-3685119082728715853, x'33e96eea707f00005cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-3635369121799364723, x'33e96eea707f00009cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-3578626395647930221, x'33e96eea707f0000', 'busy');
INSERT INTO stack (id, frames, end)
  VALUES (-2627229190205003360, x'33e96eea707f00002cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-1849604627882090600, x'3cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (-1698955779921824321, x'0cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (1518007324647250403, x'33e96eea707f0000fcc2fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (3807034423373378486, x'f1ee6eea707f000033c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (4781579767154093604, x'dcc2fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (4953179148048959241, x'ecc2fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (5809218277912179047, x'8cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (6256824944266082128, x'9cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (6974850169914632807, x'33e96eea707f00008cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (7069495572095604572, x'31e96eea707f0000ecc2fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
INSERT INTO stack (id, frames, end)
  VALUES (7998204666092056153, x'2cc3fb012656000045c2fb0126560000f5f16dea707f0000ecf875ea707f0000', 'complete');
CREATE TABLE symbol(process INTEGER NOT NULL,address INTEGER NOT NULL,depth INTEGER NOT NULL,inlined INTEGER NOT NULL,function TEXT,file TEXT,line INTEGER NOT NULL,module TEXT,offset INTEGER NOT NULL,PRIMARY KEY(process,address,depth)) WITHOUT ROWID;
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022451, 0, 0, 'worker_main', 'tests/bench/load.c', 86, '/srv/app/bin/load', 4659);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022469, 0, 0, 'worker_main', 'tests/bench/load.c', 87, '/srv/app/bin/load', 4677);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022588, 0, 0, 'site_15', 'tests/bench/load.c', 58, '/srv/app/bin/load', 4796);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022604, 0, 0, 'site_14', 'tests/bench/load.c', 57, '/srv/app/bin/load', 4812);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022620, 0, 0, 'site_13', 'tests/bench/load.c', 56, '/srv/app/bin/load', 4828);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022636, 0, 0, 'site_12', 'tests/bench/load.c', 55, '/srv/app/bin/load', 4844);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022652, 0, 0, 'site_11', 'tests/bench/load.c', 54, '/srv/app/bin/load', 4860);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022668, 0, 0, 'site_10', 'tests/bench/load.c', 53, '/srv/app/bin/load', 4876);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022684, 0, 0, 'site_9', 'tests/bench/load.c', 52, '/srv/app/bin/load', 4892);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022700, 0, 0, 'site_8', 'tests/bench/load.c', 51, '/srv/app/bin/load', 4908);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022716, 0, 0, 'site_7', 'tests/bench/load.c', 50, '/srv/app/bin/load', 4924);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022732, 0, 0, 'site_6', 'tests/bench/load.c', 49, '/srv/app/bin/load', 4940);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022748, 0, 0, 'site_5', 'tests/bench/load.c', 48, '/srv/app/bin/load', 4956);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022764, 0, 0, 'site_4', 'tests/bench/load.c', 47, '/srv/app/bin/load', 4972);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022780, 0, 0, 'site_3', 'tests/bench/load.c', 46, '/srv/app/bin/load', 4988);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022796, 0, 0, 'site_2', 'tests/bench/load.c', 45, '/srv/app/bin/load', 5004);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022812, 0, 0, 'site_1', 'tests/bench/load.c', 44, '/srv/app/bin/load', 5020);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 94721242022828, 0, 0, 'site_0', 'tests/bench/load.c', 43, '/srv/app/bin/load', 5036);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 140122946138613, 0, 0, 'start_thread', './nptl/pthread_create.c', 442, '/usr/lib/x86_64-linux-gnu/libc.so.6', 561653);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 140122946201905, 0, 0, 'malloc', './malloc/malloc.c', 3281, '/usr/lib/x86_64-linux-gnu/libc.so.6', 624945);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 140122946201907, 0, 0, 'malloc', './malloc/malloc.c', 3281, '/usr/lib/x86_64-linux-gnu/libc.so.6', 624947);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 140122946203377, 0, 0, 'free', './malloc/malloc.c', 3350, '/usr/lib/x86_64-linux-gnu/libc.so.6', 626417);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 140122946203387, 0, 0, 'free', './malloc/malloc.c', 3360, '/usr/lib/x86_64-linux-gnu/libc.so.6', 626427);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 140122946664684, 0, 0, 'clone3', '../sysdeps/unix/sysv/linux/x86_64/clone3.S', 81, '/usr/lib/x86_64-linux-gnu/libc.so.6', 1087724);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (2, 140737488347137, 0, 0, NULL, NULL, 0, NULL, 0);
CREATE TABLE thread(process INTEGER NOT NULL,tid INTEGER NOT NULL,comm TEXT NOT NULL,main INTEGER NOT NULL,start_ns INTEGER NOT NULL,end_ns INTEGER,spawn_stack INTEGER NOT NULL,reserved_bytes INTEGER,guard_bytes INTEGER,touched_bytes INTEGER,PRIMARY KEY(process,tid,start_ns)) WITHOUT ROWID;
INSERT INTO thread (process, tid, comm, main, start_ns, end_ns, spawn_stack, reserved_bytes, guard_bytes, touched_bytes)
  VALUES (2, 20655, 'load', 1, 1950779, NULL, 0, 8388608, 0, 12288);
INSERT INTO thread (process, tid, comm, main, start_ns, end_ns, spawn_stack, reserved_bytes, guard_bytes, touched_bytes)
  VALUES (2, 20659, 'load', 0, 1950779, NULL, 0, NULL, NULL, NULL);
COMMIT;
