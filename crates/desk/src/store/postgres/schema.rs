//! Makes the tables of a store, and checks those that are there.

use postgres::Client;

use super::failed;
use crate::store::error::StoreError;
use crate::store::sql::columns::Kind;
use crate::store::sql::rows;

/// The tables, as each version added them. Versions are those of the tables in SQLite, so both
/// engines have the same columns in the same version. The first one here is version 4.
pub(super) const TABLES: [(i32, &str); 1] = [(4, include_str!("schema.sql"))];

/// The version of the tables.
pub(super) const VERSION: i32 = 4;

/// What the schema `waxseal_desk` holds, in lines of text.
const FOUND: &str = "
    SELECT format('%s.%s %s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attnotnull THEN ' NOT NULL' END,
            CASE WHEN a.attgenerated <> '' THEN ' GENERATED' END,
            CASE WHEN a.attstattarget IS DISTINCT FROM 0 THEN ' STATISTICS' END)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'waxseal_desk'::regnamespace AND c.relkind = 'r'
            AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('index %s%s', c.relname, CASE WHEN i.indisunique THEN ' UNIQUE' END)
        FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
        WHERE c.relnamespace = 'waxseal_desk'::regnamespace AND i.indisvalid
    UNION ALL
    SELECT format('%s is of kind %s', relname, relkind) FROM pg_class
        WHERE relnamespace = 'waxseal_desk'::regnamespace
            AND (relkind NOT IN ('r', 'i') OR relpersistence <> 'p' OR relrowsecurity)
    UNION ALL
    SELECT format('trigger %s', t.tgname) FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
        WHERE c.relnamespace = 'waxseal_desk'::regnamespace
    UNION ALL
    SELECT format('statistics %s', stxname) FROM pg_statistic_ext
        WHERE stxrelid IN (SELECT oid FROM pg_class
            WHERE relnamespace = 'waxseal_desk'::regnamespace)
    UNION ALL
    SELECT format('rule %s', r.rulename) FROM pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid
        WHERE c.relnamespace = 'waxseal_desk'::regnamespace
";

/// Statements that have the server collect no statistics of any column. They are copies of values,
/// which would outlive the rows. No plan needs them: each list is read by the index in its order.
const NO_STATISTICS: &str = "
    SELECT coalesce(string_agg(format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS 0;',
            c.oid::regclass, a.attname), ' '), '')
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = 'waxseal_desk'::regnamespace AND c.relkind = 'r'
            AND a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget IS DISTINCT FROM 0
";

/// Makes the tables in the transaction that is open, or checks those that are there and adds what
/// later versions brought. A database with other tables in their place is refused.
pub(super) fn create_or_check(db: &mut Client) -> Result<(), StoreError> {
    check_server(db)?;
    let sql = "SELECT to_regnamespace('waxseal_desk') IS NOT NULL,
        to_regclass('waxseal_desk.format') IS NOT NULL,
        EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('waxseal_desk'))";
    let row = db.query_one(sql, &[]).map_err(failed)?;
    let (has_schema, is_store, is_used): (bool, bool, bool) = (row.get(0), row.get(1), row.get(2));
    match (is_store, is_used) {
        (true, _) => {
            let rows = db.query("SELECT version FROM waxseal_desk.format", &[]);
            let rows = rows.map_err(failed)?;
            let [row] = &*rows else {
                return Err(StoreError::Damaged);
            };
            let version: i64 = row.try_get(0).map_err(|_| StoreError::Damaged)?;
            let version = i32::try_from(version).unwrap_or(i32::MAX);
            if version > VERSION {
                return Err(StoreError::Newer { version });
            }
            upgrade(db, version)?;
        }
        (false, true) => return Err(StoreError::NotAStore),
        (false, false) => {
            if !has_schema {
                let made = db.batch_execute("CREATE SCHEMA waxseal_desk");
                made.map_err(failed)?;
            }
            upgrade(db, 0)?;
        }
    }
    check_tables(db)
}

/// Adds the tables and columns that versions after this one brought.
fn upgrade(db: &mut Client, mut version: i32) -> Result<(), StoreError> {
    for (added, tables) in TABLES.into_iter() {
        if added <= version {
            continue;
        }
        let kept = match version {
            0 => format!("INSERT INTO format VALUES ({added})"),
            _ => format!("UPDATE format SET version = {added}"),
        };
        let sql = format!("{tables}; {kept}");
        db.batch_execute(&sql).map_err(failed)?;
        let row = db.query_one(NO_STATISTICS, &[]).map_err(failed)?;
        let sql: String = row.try_get(0).map_err(failed)?;
        db.batch_execute(&sql).map_err(failed)?;
        version = added;
    }
    Ok(())
}

/// Refuses a standby, a server that does not keep what it acknowledges, and a database that cannot
/// hold every text.
fn check_server(db: &mut Client) -> Result<(), StoreError> {
    let sql = "SELECT current_setting('fsync') = 'on',
        current_setting('server_encoding') = 'UTF8', pg_is_in_recovery()";
    let row = db.query_one(sql, &[]).map_err(failed)?;
    if row.get::<_, bool>(2) {
        // Its locks keep nobody away from the other servers of the database.
        return Err(StoreError::Failed("the server is a standby".into()));
    }
    if !row.get::<_, bool>(0) {
        return Err(StoreError::Failed("the server has fsync off".into()));
    }
    if !row.get::<_, bool>(1) {
        return Err(StoreError::Failed("the database is not in UTF-8".into()));
    }
    Ok(())
}

/// Checks that the schema has the tables, columns and indexes of this version and nothing else. A
/// trigger or a rule would change what the desk writes, and statistics would outlive it.
fn check_tables(db: &mut Client) -> Result<(), StoreError> {
    let rows = db.query(FOUND, &[]).map_err(failed)?;
    let found: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    let mut found = found.map_err(failed)?;
    let mut expected = expected();
    found.sort_unstable();
    expected.sort_unstable();
    if found == expected {
        Ok(())
    } else {
        Err(StoreError::Damaged)
    }
}

/// The lines that [`FOUND`] gives for the tables of this version.
fn expected() -> Vec<String> {
    let mut lines: Vec<String> = [
        "format.version bigint NOT NULL",
        "cases.severity_rank bigint GENERATED",
        "cases.reporters_rank bigint GENERATED",
        "index reports_digest_key UNIQUE",
        "index reports_number_key UNIQUE",
        "index cases_number_key UNIQUE",
        "index grants_digest_key UNIQUE",
    ]
    .map(str::to_owned)
    .to_vec();
    for table in rows::tables() {
        lines.push(format!("index {}_pkey UNIQUE", table.name));
        lines.extend(table.columns.iter().map(|(column, kind, is_optional)| {
            let kind = match kind {
                Kind::Integer => "bigint",
                Kind::Text => "text",
                Kind::Bytes => "bytea",
            };
            let required = if *is_optional { "" } else { " NOT NULL" };
            format!("{}.{column} {kind}{required}", table.name)
        }));
    }
    for (_, tables) in TABLES {
        let indexes = tables.split("CREATE INDEX ").skip(1);
        let names = indexes.filter_map(|index| index.split_whitespace().next());
        lines.extend(names.map(|name| format!("index {name}")));
    }
    lines
}
