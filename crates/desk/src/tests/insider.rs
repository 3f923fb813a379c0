//! What an insider may try: with the desk's database, with officers' keys, with the log's key, and
//! with the vault's own files. Each test breaks exactly one check.

mod grants;
mod logs;
mod marks;
mod openings;
mod thieves;
