PRAGMA application_id=1836344164;
PRAGMA user_version=9;
BEGIN;
CREATE TABLE bill(process INTEGER NOT NULL,at TEXT NOT NULL,t_ns INTEGER NOT NULL,rss_bytes INTEGER NOT NULL,allocator_bytes INTEGER NOT NULL,heap_live_bytes INTEGER,thread_stacks_bytes INTEGER NOT NULL,file_bytes INTEGER NOT NULL,shmem_bytes INTEGER NOT NULL,other_anon_bytes INTEGER NOT NULL,unexplained_bytes INTEGER NOT NULL,page_tables_bytes INTEGER,kernel_stacks_bytes INTEGER,PRIMARY KEY(process,at)) WITHOUT ROWID;
INSERT INTO bill (process, at, t_ns, rss_bytes, allocator_bytes, heap_live_bytes, thread_stacks_bytes, file_bytes, shmem_bytes, other_anon_bytes, unexplained_bytes, page_tables_bytes, kernel_stacks_bytes)
  VALUES (1, CAST(x'656e641b5b324a' AS TEXT), 1, 0, 0, 0, -2, 0, 0, 0, 0, -5, 0);
INSERT INTO bill (process, at, t_ns, rss_bytes, allocator_bytes, heap_live_bytes, thread_stacks_bytes, file_bytes, shmem_bytes, other_anon_bytes, unexplained_bytes, page_tables_bytes, kernel_stacks_bytes)
  VALUES (1, 'peak', -1, 1000, 4611686018427387903, -7, 4611686018427387903, 900, 0, -1, 3, -1, -1);
CREATE TABLE bill_mapping(process INTEGER NOT NULL,at TEXT NOT NULL,rank INTEGER NOT NULL,part TEXT NOT NULL,name TEXT NOT NULL,rss_bytes INTEGER NOT NULL,PRIMARY KEY(process,at,rank)) WITHOUT ROWID;
INSERT INTO bill_mapping (process, at, rank, part, name, rss_bytes)
  VALUES (1, 'peak', 0, 'file', CAST(x'2f746d702f1b5d303b78070ae280ae6576696c' AS TEXT), -9);
INSERT INTO bill_mapping (process, at, rank, part, name, rss_bytes)
  VALUES (1, 'peak', 7, CAST(x'6e6f1b70617274' AS TEXT), '', 5);
CREATE TABLE fault_site(process INTEGER NOT NULL,stack INTEGER NOT NULL,class TEXT NOT NULL,sample_cnt INTEGER NOT NULL,fault_cnt INTEGER NOT NULL,bytes INTEGER NOT NULL,PRIMARY KEY(process,stack,class)) WITHOUT ROWID;
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (1, 0, CAST(x'1b5d303b0766696c65' AS TEXT), 0, 4611686018427387903, 0);
INSERT INTO fault_site (process, stack, class, sample_cnt, fault_cnt, bytes)
  VALUES (1, 0, 'file', 1, 4611686018427387903, 4611686018427387903);
CREATE TABLE gap(process INTEGER NOT NULL,from_ns INTEGER NOT NULL,to_ns INTEGER NOT NULL,why TEXT NOT NULL,PRIMARY KEY(process,from_ns)) WITHOUT ROWID;
CREATE TABLE lost(name TEXT NOT NULL,cnt INTEGER NOT NULL,PRIMARY KEY(name)) WITHOUT ROWID;
INSERT INTO lost (name, cnt)
  VALUES (CAST(x'1b5b324a' AS TEXT), 1);
CREATE TABLE map_site(process INTEGER NOT NULL,stack INTEGER NOT NULL,kind TEXT NOT NULL,cnt INTEGER NOT NULL,bytes INTEGER NOT NULL,live_bytes INTEGER NOT NULL,at_peak_bytes INTEGER NOT NULL,PRIMARY KEY(process,stack,kind)) WITHOUT ROWID;
CREATE TABLE meta(key TEXT NOT NULL,value TEXT NOT NULL,PRIMARY KEY(key)) WITHOUT ROWID;
INSERT INTO meta (key, value)
  VALUES ('arch', 'x86_64');
INSERT INTO meta (key, value)
  VALUES ('command', CAST(x'2d2d201b5d303b6f776e6564070d0a2573256e' AS TEXT));
INSERT INTO meta (key, value)
  VALUES ('cpus', '8');
INSERT INTO meta (key, value)
  VALUES ('duration_ns', '10000000000');
INSERT INTO meta (key, value)
  VALUES ('finished', '1');
INSERT INTO meta (key, value)
  VALUES ('hooks_return', 'uretprobe_multi');
INSERT INTO meta (key, value)
  VALUES ('hooks_vm', 'none');
INSERT INTO meta (key, value)
  VALUES ('kernel', '6.1.0-40-amd64');
INSERT INTO meta (key, value)
  VALUES ('mode', 'exact');
INSERT INTO meta (key, value)
  VALUES ('self_cpu_ns', '350000000');
INSERT INTO meta (key, value)
  VALUES ('started', '2026-01-31T12:00:00.5Z');
INSERT INTO meta (key, value)
  VALUES ('tick_ns', '100000000');
INSERT INTO meta (key, value)
  VALUES ('traps', '1234567');
CREATE TABLE module(process INTEGER NOT NULL,start INTEGER NOT NULL,end INTEGER NOT NULL,file_offset INTEGER NOT NULL,path TEXT NOT NULL,build_id TEXT,PRIMARY KEY(process,start)) WITHOUT ROWID;
CREATE TABLE phase(from_ns INTEGER NOT NULL,layer TEXT NOT NULL,PRIMARY KEY(from_ns)) WITHOUT ROWID;
CREATE TABLE probe(module TEXT NOT NULL,function TEXT NOT NULL,offset INTEGER NOT NULL,placement TEXT,kind TEXT NOT NULL,PRIMARY KEY(module,function,offset,kind)) WITHOUT ROWID;
INSERT INTO probe (module, function, offset, placement, kind)
  VALUES (CAST(x'220a' AS TEXT), CAST(x'1b' AS TEXT), -1, CAST(x'ff' AS TEXT), '');
CREATE TABLE process(id INTEGER NOT NULL,parent_id INTEGER NOT NULL,pid INTEGER NOT NULL,ppid INTEGER NOT NULL,comm TEXT NOT NULL,exe TEXT,cgroup TEXT,allocators TEXT,runtimes TEXT,heap_note TEXT,build_language INTEGER NOT NULL,build_overflow_checks INTEGER,build_unwinds INTEGER,build_optimised INTEGER,build_codegen_units INTEGER,build_symbol_bytes INTEGER,build_unwind_bytes INTEGER,start_ns INTEGER NOT NULL,end_ns INTEGER,ended TEXT NOT NULL,exit_status INTEGER,oom_killed INTEGER NOT NULL,since TEXT NOT NULL,seen_ns INTEGER,peak_rss_bytes INTEGER,peak_rss_ns INTEGER,peak_rss_kind TEXT,peak_rss_error_bytes INTEGER,peak_mapped_bytes INTEGER,heap_live_bytes INTEGER,heap_peak_bytes INTEGER,heap_peak_ns INTEGER,unknown_free_cnt INTEGER NOT NULL,inherited_free_cnt INTEGER NOT NULL,flushed_free_cnt INTEGER NOT NULL,failed_cnt INTEGER NOT NULL,realloc_failed_cnt INTEGER NOT NULL,discarded_cnt INTEGER NOT NULL,entry_only INTEGER NOT NULL,entry_free_cnt INTEGER NOT NULL,cpu_ns INTEGER NOT NULL,trap_ns INTEGER,run_ns INTEGER NOT NULL,bill_ns INTEGER NOT NULL,windowed INTEGER NOT NULL,burst_cnt INTEGER NOT NULL,burst_progress_ns REAL NOT NULL,burst_stretch_ns REAL NOT NULL,burst_stretch_ns2 REAL NOT NULL,burst_spent_ns REAL NOT NULL,burst_doubt_ns REAL NOT NULL,burst_own_ns REAL NOT NULL,alloc_cnt_sum REAL NOT NULL,alloc_cnt_sum2 REAL NOT NULL,alloc_cnt_cross REAL NOT NULL,alloc_bytes_sum REAL NOT NULL,alloc_bytes_sum2 REAL NOT NULL,alloc_bytes_cross REAL NOT NULL,exact_since_ns INTEGER,alloc_cnt INTEGER,alloc_bytes INTEGER,free_cnt INTEGER,anon_grown_bytes INTEGER,anon_heap_bytes INTEGER,mmap_cnt INTEGER NOT NULL,mmap_bytes INTEGER NOT NULL,munmap_cnt INTEGER NOT NULL,munmap_bytes INTEGER NOT NULL,mremap_cnt INTEGER NOT NULL,brk_grown_bytes INTEGER NOT NULL,map_live_bytes INTEGER NOT NULL,map_peak_bytes INTEGER NOT NULL,arena_reserved_bytes INTEGER NOT NULL,fault_cnt INTEGER,fault_period INTEGER,anon_rss_bytes INTEGER,shared_rss_bytes INTEGER,threads_created INTEGER NOT NULL,threads_exited INTEGER NOT NULL,threads_peak_alive INTEGER NOT NULL,stack_reserved_peak_bytes INTEGER NOT NULL,stack_touched_peak_bytes INTEGER,PRIMARY KEY(id)) WITHOUT ROWID;
INSERT INTO process (id, parent_id, pid, ppid, comm, exe, cgroup, allocators, runtimes, heap_note, build_language, build_overflow_checks, build_unwinds, build_optimised, build_codegen_units, build_symbol_bytes, build_unwind_bytes, start_ns, end_ns, ended, exit_status, oom_killed, since, seen_ns, peak_rss_bytes, peak_rss_ns, peak_rss_kind, peak_rss_error_bytes, peak_mapped_bytes, heap_live_bytes, heap_peak_bytes, heap_peak_ns, unknown_free_cnt, inherited_free_cnt, flushed_free_cnt, failed_cnt, realloc_failed_cnt, discarded_cnt, entry_only, entry_free_cnt, cpu_ns, trap_ns, run_ns, bill_ns, windowed, burst_cnt, burst_progress_ns, burst_stretch_ns, burst_stretch_ns2, burst_spent_ns, burst_doubt_ns, burst_own_ns, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, exact_since_ns, alloc_cnt, alloc_bytes, free_cnt, anon_grown_bytes, anon_heap_bytes, mmap_cnt, mmap_bytes, munmap_cnt, munmap_bytes, mremap_cnt, brk_grown_bytes, map_live_bytes, map_peak_bytes, arena_reserved_bytes, fault_cnt, fault_period, anon_rss_bytes, shared_rss_bytes, threads_created, threads_exited, threads_peak_alive, stack_reserved_peak_bytes, stack_touched_peak_bytes)
  VALUES (1, 0, 1, 4000, CAST(x'1b5b33316d22655c760a' AS TEXT), CAST(x'2f746d702ffffec3282fe280ae676e702e657865' AS TEXT), CAST(x'2fc29b324a' AS TEXT), CAST(x'2c2c22676c6962630a322e33362cf08282ac2c' AS TEXT), CAST(x'1b5b33316d476f2c56382c07' AS TEXT), CAST(x'6e6f7465201b5d303b780720656e64' AS TEXT), 0, NULL, NULL, NULL, NULL, NULL, NULL, 1000000000, 9000000000, CAST(x'6e65766572207f' AS TEXT), 0, 0, CAST(x'eda080' AS TEXT), 1000000000, 2000000, 5000000000, CAST(x'61096208' AS TEXT), 262144, 9000000, 0, 100000, 4000000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 4611686018427387903, 4611686018427387903, 0, 0, 0, 0, NULL);
CREATE TABLE sample(process INTEGER NOT NULL,t_ns INTEGER NOT NULL,rss_bytes INTEGER NOT NULL,heap_live_bytes INTEGER,mapped_bytes INTEGER NOT NULL,threads INTEGER NOT NULL,PRIMARY KEY(process,t_ns)) WITHOUT ROWID;
CREATE TABLE site(process INTEGER NOT NULL,stack INTEGER NOT NULL,kind TEXT NOT NULL,alloc_cnt INTEGER NOT NULL,alloc_bytes INTEGER NOT NULL,free_cnt INTEGER NOT NULL,free_bytes INTEGER NOT NULL,at_peak_cnt INTEGER NOT NULL,at_peak_bytes INTEGER NOT NULL,temporary_cnt INTEGER NOT NULL,short_lived_cnt INTEGER NOT NULL,max_bytes INTEGER NOT NULL,sizes BLOB,lifetimes BLOB,ages BLOB,max_age_ns INTEGER,large_bytes INTEGER,large_resident_bytes INTEGER,alloc_cnt_sum REAL NOT NULL,alloc_cnt_sum2 REAL NOT NULL,alloc_cnt_cross REAL NOT NULL,alloc_bytes_sum REAL NOT NULL,alloc_bytes_sum2 REAL NOT NULL,alloc_bytes_cross REAL NOT NULL,storm_calls INTEGER,storm_grown INTEGER,storm_moved INTEGER,storm_copied_bytes INTEGER,storm_chains INTEGER,storm_longest_chain INTEGER,storm_busiest_100ms_calls INTEGER,storm_final_sizes BLOB,PRIMARY KEY(process,stack,kind)) WITHOUT ROWID;
INSERT INTO site (process, stack, kind, alloc_cnt, alloc_bytes, free_cnt, free_bytes, at_peak_cnt, at_peak_bytes, temporary_cnt, short_lived_cnt, max_bytes, sizes, lifetimes, ages, max_age_ns, large_bytes, large_resident_bytes, alloc_cnt_sum, alloc_cnt_sum2, alloc_cnt_cross, alloc_bytes_sum, alloc_bytes_sum2, alloc_bytes_cross, storm_calls, storm_grown, storm_moved, storm_copied_bytes, storm_chains, storm_longest_chain, storm_busiest_100ms_calls, storm_final_sizes)
  VALUES (1, 1, CAST(x'1b5b356d' AS TEXT), 1, 10, 0, 0, 1, 10, 0, 0, 10, x'00000000000000000001', x'', x'00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001', 300000000, NULL, NULL, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE spawn(process INTEGER NOT NULL,stack INTEGER NOT NULL,created INTEGER NOT NULL,peak_alive INTEGER NOT NULL,reserved_bytes INTEGER NOT NULL,touched_max_bytes INTEGER,PRIMARY KEY(process,stack)) WITHOUT ROWID;
CREATE TABLE stack(id INTEGER NOT NULL,frames BLOB,end TEXT,PRIMARY KEY(id)) WITHOUT ROWID;
INSERT INTO stack (id, frames, end)
  VALUES (1, x'001000000000000000200000000000000030000000000000', 'deep');
CREATE TABLE symbol(process INTEGER NOT NULL,address INTEGER NOT NULL,depth INTEGER NOT NULL,inlined INTEGER NOT NULL,function TEXT,file TEXT,line INTEGER NOT NULL,module TEXT,offset INTEGER NOT NULL,PRIMARY KEY(process,address,depth)) WITHOUT ROWID;
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 4096, 0, 0, CAST(x'3c2f7363726970743e3c7363726970743e616c6572742831293c2f7363726970743e1b5b31411b5b4b' AS TEXT), CAST(x'2f612f620a632fc2852e63' AS TEXT), 7, CAST(x'2f746d702ffffec3282fe280ae676e702e657865' AS TEXT), 1);
INSERT INTO symbol (process, address, depth, inlined, function, file, line, module, offset)
  VALUES (1, 8192, 0, 0, CAST(x'636166c3a93a3ae697a5e69cac3a3af09f92a92025732573256e7b7d5b5d222c5c' AS TEXT), NULL, 0, CAST(x'2f782f1b5b306d' AS TEXT), -1);
CREATE TABLE thread(process INTEGER NOT NULL,tid INTEGER NOT NULL,comm TEXT NOT NULL,main INTEGER NOT NULL,start_ns INTEGER NOT NULL,end_ns INTEGER,spawn_stack INTEGER NOT NULL,reserved_bytes INTEGER,guard_bytes INTEGER,touched_bytes INTEGER,PRIMARY KEY(process,tid,start_ns)) WITHOUT ROWID;
INSERT INTO thread (process, tid, comm, main, start_ns, end_ns, spawn_stack, reserved_bytes, guard_bytes, touched_bytes)
  VALUES (1, 1, CAST(x'ff220a' AS TEXT), 1, 0, NULL, 0, NULL, NULL, NULL);
COMMIT;
