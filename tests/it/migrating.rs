//! A stopped installation moves into a database, and goes on there where it was.

use warroom::clock::SignedDuration;
use warroom::store::migration::migrate;
use warroom::store::postgres::Address;
use warroom::store::{IncidentQuery, StoreError};

use crate::database::{Kept, schema_of, server};
use crate::harness::{Options, World};
use crate::place::folder;

#[tokio::test]
async fn everything_is_there_afterwards_and_open_rooms_go_on() {
    let Some(server) = server() else { return };
    let file = folder();
    let world = World::on_file(&file, Options::default()).await;
    let (open, over) = (world.fire("Open").await, world.fire("Over").await);
    world.pass(120).await;
    world.resolve("Over").await;
    world.pass(3600).await;
    let waiting = world.fire("Waiting").await;
    let before = world.store.incidents(IncidentQuery::default()).await.unwrap();
    let timeline = world.dossier(&open).await.timeline;
    let (clock, sandbox) = (world.clock.clone(), world.sandbox.clone());
    let loaded = world.loaded.clone();
    let to = Kept::Schema(schema_of(&server, folder().path()));
    let path = file.path().join("store.db");
    let run = |to: &Kept| {
        let (Kept::Schema(url), path) = (to.clone(), path.clone()) else { panic!() };
        std::thread::spawn(move || migrate(&path, &Address::parse(&url, None).unwrap(), &mut |_, _| {}))
            .join()
    };
    drop(world);
    let moved = run(&to).unwrap().unwrap();
    assert!(moved.iter().any(|table| table.table == "journal" && table.rows > 10), "{moved:?}");
    assert_eq!(run(&to).unwrap(), Err(StoreError::NotEmpty));
    let world = World::going_on(to, sandbox, clock, loaded).await;
    assert_eq!(world.store.incidents(IncidentQuery::default()).await.unwrap(), before);
    assert_eq!(world.dossier(&open).await.timeline, timeline);
    world.pass(60).await;
    assert_eq!(world.welcomes(&waiting), 1);
    assert_eq!(world.welcomes(&open), 1);
    world.resolve("Open").await;
    world.pass(SignedDuration::from_mins(60).as_secs()).await;
    assert!(world.room(&open).await.phase.group().is_some());
    let next = world.fire("Next").await;
    assert_eq!(next, "INCIDENT-4");
    assert_eq!(world.groups(&over).len(), 1);
}

#[tokio::test]
async fn a_bridge_that_still_runs_is_not_moved() {
    let Some(server) = server() else { return };
    let file = folder();
    let path = file.path().join("store.db");
    let running = warroom::store::sqlite::Sqlite::open_alone(&path).unwrap();
    let url = schema_of(&server, folder().path());
    let (at, to) = (path.clone(), Address::parse(&url, None).unwrap());
    let refused = std::thread::spawn(move || migrate(&at, &to, &mut |_, _| {})).join().unwrap();
    assert_eq!(refused, Err(StoreError::InUse));
    drop(running);
    let missing = file.path().join("none.db");
    let to = Address::parse(&url, None).unwrap();
    let refused = std::thread::spawn(move || migrate(&missing, &to, &mut |_, _| {})).join().unwrap();
    assert!(matches!(refused, Err(StoreError::Unavailable(_))) && !file.path().join("none.db").exists());
}
