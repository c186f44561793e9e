//! Where the programs store: in a file each, or with `WARROOM_STORE=postgres://…` in an empty schema each.

use std::path::Path;

/// The address as a config has it, of a store that is new.
#[expect(clippy::disallowed_methods, reason = "this setting is of the benches alone")]
pub(crate) fn new_store(folder: &Path) -> String {
    let Ok(server) = std::env::var("WARROOM_STORE") else {
        return format!("sqlite:{}", folder.join("warroom.db").display());
    };
    let name = folder.file_name().unwrap().to_str().unwrap();
    // Without quotes PostgreSQL takes capitals for small letters, and knows no dot.
    let name = hex::encode(name);
    let (sql, at) = (format!("CREATE SCHEMA b{name}"), server.clone());
    // A runtime of its own, apart from the one that measures.
    let made = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&at, tokio_postgres::NoTls).await.unwrap();
            tokio::select! {
                made = client.batch_execute(&sql) => made.unwrap(),
                _ = connection => panic!("the connection was lost"),
            }
        });
    });
    made.join().unwrap();
    let joint = if server.contains('?') { '&' } else { '?' };
    format!("{server}{joint}options=-c%20search_path%3Db{name}")
}
