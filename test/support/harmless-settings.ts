/** Session settings that the engine does not override, grouped by the reason why they change no row. */
export const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  'the planner: another way to the same rows': words(`
    constraint_exclusion cpu_index_tuple_cost cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction
    default_statistics_target effective_cache_size enable_async_append enable_bitmapscan enable_distinct_reordering
    enable_gathermerge enable_group_by_reordering enable_hashagg enable_hashjoin enable_incremental_sort
    enable_indexonlyscan enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop
    enable_parallel_append enable_parallel_hash enable_partition_pruning enable_partitionwise_aggregate
    enable_partitionwise_join enable_presorted_aggregate enable_self_join_elimination enable_seqscan enable_sort
    enable_tidscan force_parallel_mode debug_parallel_query from_collapse_limit geqo geqo_effort geqo_generations
    geqo_pool_size geqo_seed geqo_selection_bias geqo_threshold jit_above_cost jit_debugging_support
    jit_dump_bitcode jit_expressions jit_inline_above_cost jit_optimize_above_cost jit_profiling_support
    jit_tuple_deforming join_collapse_limit max_parallel_maintenance_workers max_parallel_workers
    max_parallel_workers_per_gather min_parallel_index_scan_size min_parallel_table_scan_size
    parallel_leader_participation parallel_setup_cost parallel_tuple_cost plan_cache_mode random_page_cost
    recursive_worktable_factor seq_page_cost`),
  'order of rows that no statement asks an order for': words('synchronize_seqscans'),
  'memory, disk and input: speed, or an error': words(`
    backend_flush_after commit_delay commit_siblings debug_discard_caches effective_io_concurrency
    file_copy_method file_extend_method gin_pending_list_limit hash_mem_multiplier io_combine_limit
    logical_decoding_work_mem maintenance_io_concurrency maintenance_work_mem max_stack_depth temp_buffers
    temp_file_limit vacuum_buffer_usage_limit vacuum_cost_delay vacuum_cost_limit vacuum_cost_page_dirty
    vacuum_cost_page_hit vacuum_cost_page_miss vacuum_failsafe_age vacuum_freeze_min_age vacuum_freeze_table_age
    vacuum_max_eager_freeze_failure_rate vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age
    vacuum_multixact_freeze_table_age vacuum_truncate work_mem`),
  'how rows are kept on disk, and how much of the log': words(`
    default_table_access_method default_tablespace default_toast_compression temp_tablespaces
    wal_compression wal_consistency_checking wal_init_zero wal_recycle wal_skip_threshold`),
  // Rows and cursor are written in one transaction: a crash loses both, and the daemon applies the events again.
  'how much a crash takes back: the choice of who runs the database': words('synchronous_commit'),
  'time limits: an error, and pages have their own': words(`
    client_connection_check_interval deadlock_timeout idle_session_timeout
    lock_timeout statement_timeout tcp_keepalives_count tcp_keepalives_idle tcp_keepalives_interval tcp_user_timeout
    transaction_timeout wal_sender_timeout`),
  // Providers set it when a disk is nearly full, and operators before a migration.
  'writes are refused, never left out': words('default_transaction_read_only'),
  'of serializable transactions that only read, which ours are not': words('default_transaction_deferrable'),
  'of one transaction, taken from the defaults when it begins': words(
    'transaction_deferrable transaction_isolation transaction_read_only',
  ),
  'log, statistics and messages': words(`
    application_name backtrace_functions client_min_messages compute_query_id debug_pretty_print debug_print_parse
    debug_print_plan debug_print_raw_parse debug_print_rewritten escape_string_warning lc_messages log_duration
    log_error_verbosity log_executor_stats log_lock_failures log_lock_waits log_min_duration_sample
    log_min_duration_statement log_min_error_statement log_min_messages log_parameter_max_length
    log_parameter_max_length_on_error log_parser_stats log_planner_stats log_replication_commands log_statement
    log_statement_sample_rate log_statement_stats log_temp_files log_transaction_sample_rate md5_password_warnings stats_fetch_consistency
    trace_notify trace_sort track_activities track_cost_delay_timing track_counts track_functions track_io_timing
    track_wal_io_timing update_process_title`),
  'what a definition or a role may be, not what is in a table': words(`
    allow_in_place_tablespaces allow_system_table_mods check_function_bodies createrole_self_grant event_triggers
    icu_validation_level lo_compat_privileges password_encryption restrict_nonsystem_relation_kind scram_iterations`),
  'which libraries are found': words(`
    dynamic_library_path extension_control_path extension_destdir local_preload_libraries session_preload_libraries
    output_plugin_libraries`),
  'for who develops PostgreSQL, or an error': words(`
    composite_type_mismatch debug_copy_parse_plan_trees debug_deadlocks debug_logical_replication_streaming debug_raw_expression_coverage_test
    debug_write_read_parse_plan_trees optimize_bounded_sort trace_locks trace_lwlocks trace_userlocks`),
};

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}
