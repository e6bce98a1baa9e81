// SPDX-License-Identifier: Apache-2.0

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Not usable as an unquoted table name; measured on MariaDB 10.11. */
export const RESERVED = words(`
  accessible add all alter analyze and as asc asensitive before between bigint binary blob both
  by call cascade case change char character check collate column condition constraint continue
  convert create cross current_date current_role current_time current_timestamp current_user
  cursor databases day_hour day_microsecond day_minute day_second dec decimal declare default
  delayed delete delete_domain_id desc describe deterministic distinct distinctrow div
  do_domain_ids double drop dual each else elseif enclosed escaped except exists exit explain
  false fetch float float4 float8 for force foreign from fulltext grant group having
  high_priority hour_microsecond hour_minute hour_second if ignore ignore_domain_ids in index
  infile inner inout insensitive insert int int1 int2 int3 int4 int8 integer intersect interval
  into is iterate join key keys kill leading leave left like limit linear lines load localtime
  localtimestamp lock long longblob longtext loop low_priority master_demote_to_replica
  master_demote_to_slave master_ssl_verify_server_cert match maxvalue mediumblob mediumint
  mediumtext middleint minute_microsecond minute_second mod modifies natural no_write_to_binlog
  not null numeric offset on optimize optionally or order out outer outfile over page_checksum
  parse_vcol_expr partition portion precision primary procedure purge range read read_write
  reads real recursive ref_system_id references regexp release rename repeat replace require
  resignal restrict return returning revoke right rlike row_number rows schemas
  second_microsecond select sensitive separator set show signal smallint spatial specific sql
  sql_big_result sql_calc_found_rows sql_small_result sqlexception sqlstate sqlwarning ssl
  starting stats_auto_recalc stats_persistent stats_sample_pages straight_join table terminated
  then tinyblob tinyint tinytext to trailing trigger true undo union unique unlock unsigned
  update usage use using utc_date utc_time utc_timestamp values varbinary varchar varcharacter
  varying when where while with write xor year_month zerofill
`);

/** Reserved words that are part of an expression wherever it stands. */
export const EXPRESSION_WORDS = words(`
  all and asc between binary both case collate current_date current_role current_time
  current_timestamp current_user day_hour day_microsecond day_minute day_second default desc
  distinct div else exists false hour_microsecond hour_minute hour_second in interval is like
  localtime localtimestamp match minute_microsecond minute_second mod not null or over
  regexp rlike second_microsecond then true utc_date utc_time utc_timestamp values when xor
  year_month
`);

/** Reserved words that are functions when `(` follows. */
export const FUNCTION_WORDS = words(`
  char convert if insert left repeat replace right row_number
`);

/** Reserved words that also occur between the parentheses of functions, casts and windows. */
export const PARENTHESISED_WORDS = words(`
  as bigint blob by char character dec decimal double float for from int integer leading limit
  longblob longtext mediumint mediumtext natural numeric offset on order partition precision range
  real rows separator set smallint text tinyint to trailing unsigned using varbinary varchar with
  zerofill
`);

/** Between SELECT and its first expression. */
export const SELECT_OPTIONS = words(`
  all distinct distinctrow high_priority straight_join sql_big_result sql_buffer_result sql_cache
  sql_calc_found_rows sql_no_cache sql_small_result
`);
