//! The tables, written once for each database.

/// What creates them. Version 0.1 has no installations: a store with any other schema is refused.
pub(super) const SCHEMA: &str = include_str!("schema.sql");

/// How the tables of the version before become those of this one. Programs of both must be able to work on what comes
/// of it, because replicas are replaced one after the other. There is no version before this one.
pub(super) const UPDATE: Option<Update> = None;

/// What makes the tables of one version of the program those of the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update {
    /// The version of the tables before it.
    pub(super) from: i64,
    pub(super) sql: &'static str,
}

/// What the schema is known by: a number made of its text, so that no change of it goes unnoticed (FNV-1a).
pub(super) const fn schema_version() -> i64 {
    let (text, mut hash, mut at) = (SCHEMA.as_bytes(), 0x811c_9dc5_u32, 0);
    while at < text.len() {
        hash = (hash ^ text[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    // SQLite keeps 31 bits of it; 0 is what a new file has.
    ((hash & 0x7fff_ffff) | 1) as i64
}

/// A table, as the schema has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<&'static str>,
    /// Whether the database may number its rows.
    pub(super) is_numbered: bool,
}

/// All tables, each after those that it refers to.
pub(super) fn tables() -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut is_open = false;
    for line in SCHEMA.lines() {
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            let name = rest.trim_end_matches(" (");
            tables.push(Table { name, columns: Vec::new(), is_numbered: false });
            is_open = true;
        } else if line.starts_with(')') {
            is_open = false;
        } else if let (true, Some(table)) = (is_open, tables.last_mut()) {
            let word = line.split_whitespace().next().unwrap_or_default();
            if word.starts_with(|c: char| c.is_ascii_lowercase()) {
                table.is_numbered |= table.columns.is_empty() && line.contains(" INTEGER PRIMARY KEY");
                table.columns.push(word);
            }
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read_from_the_schema() {
        let tables = tables();
        assert_eq!(tables.len(), SCHEMA.matches("CREATE TABLE").count());
        let columns = |name: &str| tables.iter().find(|t| t.name == name).unwrap().columns.clone();
        assert_eq!(columns("bodies"), ["receipt", "headers", "body"]);
        assert_eq!(columns("ends"), ["key", "id", "at", "doc"]);
        assert!(tables.iter().any(|t| t.name == "journal" && t.is_numbered));
        assert!(tables.iter().any(|t| t.name == "consents" && !t.is_numbered));
    }
}
