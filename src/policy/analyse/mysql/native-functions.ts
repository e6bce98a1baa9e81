// SPDX-License-Identifier: Apache-2.0
import type { Dialect } from './executable-comment.ts';

// Measured on MariaDB 10.11 and MySQL 9.7: each name was called glued, spaced and quoted, with several argument
// counts, and counted as native in a form only if no call fell through to a stored function.

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** In the server's table of functions: native however it is written, even quoted. */
const TABLED = words(`
  abs acos add_months addtime aes_decrypt aes_encrypt area asbinary asin astext aswkb aswkt atan
  atan2 benchmark bin binlog_gtid_pos bit_count bit_length boundary buffer ceil ceiling centroid
  char_length character_length chr coalesce coercibility collation column_check column_exists
  column_json column_list compress concat concat_operator_oracle concat_ws connection_id
  contains conv convert_tz convexhull cos cot crc32 crc32c crosses database date_format datediff
  dayname dayofmonth dayofweek dayofyear decode decode_histogram decode_oracle degrees
  des_decrypt des_encrypt dimension disjoint elt encode encrypt endpoint envelope equals exp
  export_set exteriorring extractvalue field find_in_set floor format found_rows from_base64
  from_days from_unixtime geomcollfromtext geomcollfromwkb geometrycollectionfromtext
  geometrycollectionfromwkb geometryfromtext geometryfromwkb geometryn geometrytype geomfromtext
  geomfromwkb get_lock glength greatest hex ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa
  instr interiorringn intersects is_free_lock is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6
  is_used_lock isclosed isempty isnull isring issimple json_array json_array_append
  json_array_insert json_compact json_contains json_contains_path json_depth json_detailed
  json_equals json_exists json_extract json_insert json_keys json_length json_loose json_merge
  json_merge_patch json_merge_preserve json_normalize json_object json_overlaps json_pretty
  json_query json_quote json_remove json_replace json_search json_set json_type json_unquote
  json_valid json_value last_day last_insert_id lcase least length lengthb linefromtext
  linefromwkb linestringfromtext linestringfromwkb ln load_file locate log log10 log2 lower lpad
  lpad_oracle ltrim ltrim_oracle make_set makedate maketime master_gtid_wait master_pos_wait
  mbrcontains mbrdisjoint mbrequal mbrintersects mbroverlaps mbrtouches mbrwithin md5
  microsecond mlinefromtext mlinefromwkb mod monthname mpointfromtext mpointfromwkb
  mpolyfromtext mpolyfromwkb multilinestringfromtext multilinestringfromwkb multipointfromtext
  multipointfromwkb multipolygonfromtext multipolygonfromwkb name_const natural_sort_key nullif
  numgeometries numinteriorrings numpoints nvl nvl2 oct octet_length old_password ord overlaps
  password period_add period_diff pi pointfromtext pointfromwkb pointn pointonsurface
  polyfromtext polyfromwkb polygonfromtext polygonfromwkb pow power quarter quote radians rand
  random_bytes regexp_instr regexp_replace regexp_substr release_all_locks release_lock
  replace_oracle reverse round row_count rpad rpad_oracle rtrim rtrim_oracle schema schemas
  sec_to_time sformat sha sha1 sha2 sign sin sleep soundex space sqrt srid st_area st_asbinary
  st_asgeojson st_astext st_aswkb st_aswkt st_boundary st_buffer st_centroid st_contains
  st_convexhull st_crosses st_difference st_dimension st_disjoint st_distance st_distance_sphere
  st_endpoint st_envelope st_equals st_exteriorring st_geomcollfromtext st_geomcollfromwkb
  st_geometrycollectionfromtext st_geometrycollectionfromwkb st_geometryfromtext
  st_geometryfromwkb st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext
  st_geomfromwkb st_interiorringn st_intersection st_intersects st_isclosed st_isempty st_isring
  st_issimple st_length st_linefromtext st_linefromwkb st_linestringfromtext
  st_linestringfromwkb st_mlinefromtext st_mlinefromwkb st_mpointfromtext st_mpointfromwkb
  st_mpolyfromtext st_mpolyfromwkb st_multilinestringfromtext st_multilinestringfromwkb
  st_multipointfromtext st_multipointfromwkb st_multipolygonfromtext st_multipolygonfromwkb
  st_numgeometries st_numinteriorrings st_numpoints st_overlaps st_pointfromtext st_pointfromwkb
  st_pointn st_pointonsurface st_polyfromtext st_polyfromwkb st_polygonfromtext
  st_polygonfromwkb st_relate st_srid st_startpoint st_symdifference st_touches st_union
  st_within st_x st_y startpoint str_to_date strcmp substr_oracle substring_index subtime
  sys_guid tan time_format time_to_sec timediff to_base64 to_char to_days to_seconds touches
  ucase uncompress uncompressed_length unhex unix_timestamp updatexml upper uuid uuid_short
  version week weekday weekofyear within wsrep_last_seen_gtid wsrep_last_written_gtid
  wsrep_sync_wait_upto_gtid x y yearweek
`);

/** Keywords of the grammar: native, or a syntax error, unless quoted. */
const KEYWORDS = words(`
  any ascii avg backup begin binlog bit bool boolean byte cache charset checkpoint checksum clob
  close code column_add column_create column_delete column_get comment commit compressed date
  datetime day deallocate do end enum examined exclude execute fixed flush following follows
  function get get_format global handler help host hour id ignored install json language
  last_value lastval linestring local medium minute month multilinestring multipoint
  multipolygon names national nchar nextval no number nvarchar open option options others owner
  parser period polygon port precedes preceding prepare raw remove repair replica replicas reset
  restore role rollback row rownum savepoint second security serial server session setval
  shutdown signed slave slaves socket some soname sounds sql_buffer_result sql_cache
  sql_no_cache sql_tsi_day sql_tsi_hour sql_tsi_minute sql_tsi_month sql_tsi_second sql_tsi_year
  start stop stored sysdate text ties time timestamp timestampadd timestampdiff truncate
  unbounded unicode uninstall upgrade user value varchar2 weight_string window wrapper xa year
`);

/** Native only when `(` follows at once (or after spaces under IGNORE_SPACE); else stored. */
const SPACE_SENSITIVE = words(`
  adddate bit_and bit_or bit_xor cast count cume_dist curdate curtime date_add date_sub
  dense_rank extract first_value group_concat json_arrayagg json_objectagg lag lead max median
  mid min now nth_value ntile percent_rank percentile_cont percentile_disc position rank
  session_user std stddev stddev_pop stddev_samp subdate substr substring sum system_user trim
  trim_oracle var_pop var_samp variance
`);

/**
 * Names above that MySQL does not have: there they may be stored functions. 9.7 moved MD5 and SHA1
 * to a component that need not be installed.
 */
const MARIADB_ONLY = words(`
  add_months binlog_gtid_pos chr column_add column_check column_create column_delete column_exists
  column_get column_json column_list concat_operator_oracle crc32c decode_histogram decode_oracle
  encrypt json_compact json_detailed json_equals json_exists json_loose json_normalize json_query
  lengthb lpad_oracle ltrim_oracle master_gtid_wait median natural_sort_key nvl nvl2 old_password
  percentile_cont percentile_disc replace_oracle rownum rpad_oracle rtrim_oracle sformat
  nextval lastval setval checkpoint clob examined id ignored period raw slaves sql_cache varchar2
  md5 sha sha1 substr_oracle sys_guid to_char trim_oracle wsrep_last_seen_gtid wsrep_last_written_gtid
  wsrep_sync_wait_upto_gtid des_decrypt des_encrypt decode encode password json_array_intersect
  st_relate st_boundary st_isring st_pointonsurface area asbinary astext aswkb aswkt boundary
  buffer centroid convexhull crosses dimension disjoint endpoint envelope equals exteriorring
  geomcollfromtext geomcollfromwkb geometrycollectionfromtext geometrycollectionfromwkb
  geometryfromtext geometryfromwkb geometryn geometrytype geomfromtext geomfromwkb glength
  interiorringn intersects isclosed isempty isring issimple linefromtext linefromwkb
  linestringfromtext linestringfromwkb mlinefromtext mlinefromwkb mpointfromtext mpointfromwkb
  mpolyfromtext mpolyfromwkb multilinestringfromtext multilinestringfromwkb multipointfromtext
  multipointfromwkb multipolygonfromtext multipolygonfromwkb numgeometries numinteriorrings
  numpoints overlaps pointfromtext pointfromwkb pointn pointonsurface polyfromtext polyfromwkb
  polygonfromtext polygonfromwkb srid startpoint touches within x y contains mbrequal
  st_aswkt_oracle st_geometrycollectionfromtext_oracle
`);

/** Keywords of the grammar in MySQL, in the table of functions in MariaDB. */
const MYSQL_KEYWORDS = words(`
  coalesce collation database format json_value microsecond mod quarter row_count schema schemas week
`);

/** Native in MySQL only when `(` follows as it must. */
const MYSQL_SPACE_SENSITIVE = words(`
  st_collect sysdate
`);

/** Native in MySQL and absent from MariaDB 10.11. */
const MYSQL_ONLY = words(`
  any_value bin_to_uuid format_bytes format_pico_time gtid_subset gtid_subtract
  json_schema_valid json_schema_validation_report json_storage_free json_storage_size
  mbrcoveredby mbrcovers ps_current_thread_id ps_thread_id random_bytes regexp_like roles_graphml
  st_geohash st_isvalid st_latfromgeohash st_latitude st_longfromgeohash
  st_longitude st_makeenvelope st_pointfromgeohash st_simplify st_swapxy st_transform st_validate
  statement_digest statement_digest_text uuid_to_bin wait_for_executed_gtid_set
`);

export interface CallForm {
  readonly quoted: boolean;
  /** `(` follows as closely as the sql_mode demands of functions. */
  readonly close: boolean;
}

/** True when the server cannot take `name(` (lower-cased) for a stored function. */
export function isNativeCall(name: string, form: CallForm, dialect: Dialect): boolean {
  if (dialect === 'mysql') {
    if (MARIADB_ONLY.has(name)) return false;
    if (MYSQL_SPACE_SENSITIVE.has(name)) return form.close && !form.quoted;
    if (MYSQL_KEYWORDS.has(name)) return !form.quoted;
    if (MYSQL_ONLY.has(name)) return true;
  }
  if (TABLED.has(name)) return true;
  if (form.quoted) return false;
  return KEYWORDS.has(name) || (form.close && SPACE_SENSITIVE.has(name));
}
