//! A bounded amount of something that many use at once: when all of it is taken, whoever holds most gives way.
//!
//! Actors: [`FairShare`] is the amount, for everybody; [`Share`] is what one request or connection holds of it, in
//! the name of its [`Holder`]. How firmly it is held is its [`Standing`]. A crowd of strangers costs strangers, the
//! most numerous of them first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// Whoever holds more than this many times as much as another gives way to it although not idle.
const MUCH_MORE: usize = 2;

/// In whose name something is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// Of somebody who has proven nothing all that is known is where he is.
    Address(IpAddr),
    /// A source, proven.
    Source(String),
}

/// An amount, and who holds what of it.
#[derive(Debug)]
pub struct FairShare {
    total: usize,
    per_holder: usize,
    /// Whoever has done nothing for so long gives way to anybody.
    patience: Duration,
    holds: Mutex<Holds>,
}

#[derive(Debug)]
struct Holds {
    last_id: u64,
    taken: usize,
    /// What is held firmly by nobody, by holder: this is what each holder's bound is about.
    unknown: BTreeMap<Holder, usize>,
    all: BTreeMap<u64, Hold>,
}

#[derive(Debug)]
struct Hold {
    holder: Holder,
    units: usize,
    standing: Standing,
    active_at: Instant,
    gives_way: CancellationToken,
}

/// Somebody who wants more.
struct Asking<'a> {
    id: u64,
    holder: &'a Holder,
    /// What it would hold then.
    units: usize,
    /// What its holder would.
    of_holder: usize,
}

/// Who gives way before whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing is known of them.
    Unknown,
    /// They have proven themselves, and nothing is under way.
    Idle,
    /// They have proven themselves, and something is under way: it gives way to nobody.
    Kept,
}

/// What one of them holds, until this is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<FairShare>,
    id: u64,
    gives_way: CancellationToken,
}

/// There is nothing left, and nobody who would have to give way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted;

impl FairShare {
    /// An amount of which strangers of one holder get `per_holder` at most.
    #[must_use]
    pub fn new(total: usize, per_holder: usize, patience: Duration) -> Arc<Self> {
        let holds = Holds { last_id: 0, taken: 0, unknown: BTreeMap::new(), all: BTreeMap::new() };
        Arc::new(Self { total, per_holder, patience, holds: Mutex::new(holds) })
    }

    fn holds(&self) -> MutexGuard<'_, Holds> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes some for `holder`, of whom nothing is known yet.
    pub fn take(self: &Arc<Self>, holder: Holder, units: usize) -> Result<Share, Exhausted> {
        let mut holds = self.holds();
        let now = Instant::now();
        holds.last_id += 1;
        let id = holds.last_id;
        let gives_way = CancellationToken::new();
        let token = gives_way.clone();
        let hold = Hold { holder, units: 0, standing: Standing::Unknown, active_at: now, gives_way: token };
        holds.all.insert(id, hold);
        if !holds.grow(self, id, units, now) {
            holds.release(id);
            return Err(Exhausted);
        }
        Ok(Share { of: Arc::clone(self), id, gives_way })
    }

    /// Makes somebody give way, whatever is left. Whether there was anybody.
    pub fn shed(&self) -> bool {
        let mut holds = self.holds();
        let victim = holds.victim(None, false, self.patience, Instant::now());
        victim.is_some_and(|id| holds.give_way(id))
    }

    /// How much of it is taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.holds().taken
    }
}

impl Holds {
    /// Gives `units` more to one of them, and lets others give way for it. Whether it could.
    fn grow(&mut self, of: &FairShare, id: u64, units: usize, now: Instant) -> bool {
        let Some(hold) = self.all.get(&id) else { return false };
        let (holder, is_unknown) = (hold.holder.clone(), hold.standing == Standing::Unknown);
        let asking = Asking {
            id,
            holder: &holder,
            units: hold.units + units,
            of_holder: self.unknown_of(&holder) + units,
        };
        loop {
            let only_own = is_unknown && self.unknown_of(&holder) + units > of.per_holder;
            if !only_own && self.taken + units <= of.total {
                break;
            }
            let Some(victim) = self.victim(Some(&asking), only_own, of.patience, now) else { return false };
            self.give_way(victim);
        }
        self.add(id, units, now);
        true
    }

    fn add(&mut self, id: u64, units: usize, now: Instant) {
        let Some(hold) = self.all.get_mut(&id) else { return };
        hold.units += units;
        hold.active_at = now;
        self.taken += units;
        if hold.standing == Standing::Unknown {
            *self.unknown.entry(hold.holder.clone()).or_default() += units;
        }
    }

    fn unknown_of(&self, holder: &Holder) -> usize {
        self.unknown.get(holder).copied().unwrap_or(0)
    }

    /// Who has to give way: the unknown before the idle, those of the holder with most, the idlest first.
    fn victim(
        &self,
        asking: Option<&Asking<'_>>,
        only_own: bool,
        patience: Duration,
        now: Instant,
    ) -> Option<u64> {
        let may = |(id, hold): &(&u64, &Hold)| {
            let is_idle = now.duration_since(hold.active_at) >= patience;
            let Some(asking) = asking else { return hold.standing < Standing::Kept && is_idle };
            let is_own = *asking.holder == hold.holder;
            let is_large = hold.units > asking.units.saturating_mul(MUCH_MORE)
                || !is_own && self.unknown_of(&hold.holder) > asking.of_holder.saturating_mul(MUCH_MORE);
            hold.units > 0
                && **id != asking.id
                && match hold.standing {
                    Standing::Unknown => (is_own || !only_own) && (is_idle || is_large),
                    Standing::Idle => !only_own && is_idle,
                    Standing::Kept => false,
                }
        };
        let order = |(_, hold): &(&u64, &Hold)| {
            (hold.standing, Reverse(self.unknown_of(&hold.holder)), hold.active_at)
        };
        self.all.iter().filter(may).min_by_key(order).map(|(id, _)| *id)
    }

    /// Takes away what this one holds, and tells it.
    fn give_way(&mut self, id: u64) -> bool {
        let hold = self.release(id);
        if let Some(hold) = &hold {
            hold.gives_way.cancel();
        }
        hold.is_some()
    }

    fn release(&mut self, id: u64) -> Option<Hold> {
        let hold = self.all.remove(&id)?;
        self.taken -= hold.units;
        if hold.standing == Standing::Unknown {
            self.forget_unknown(&hold.holder, hold.units);
        }
        Some(hold)
    }

    fn forget_unknown(&mut self, holder: &Holder, units: usize) {
        if let Some(held) = self.unknown.get_mut(holder) {
            *held -= units;
            if *held == 0 {
                self.unknown.remove(holder);
            }
        }
    }
}

impl Share {
    /// Takes more.
    pub fn grow(&self, units: usize) -> Result<(), Exhausted> {
        let grown = self.of.holds().grow(&self.of, self.id, units, Instant::now());
        if grown { Ok(()) } else { Err(Exhausted) }
    }

    /// Something is done with it.
    pub fn touch(&self) {
        if let Some(hold) = self.of.holds().all.get_mut(&self.id) {
            hold.active_at = Instant::now();
        }
    }

    /// Whoever holds it has proven himself.
    pub fn set(&self, standing: Standing) {
        let mut holds = self.of.holds();
        let Some(hold) = holds.all.get_mut(&self.id) else { return };
        let before = std::mem::replace(&mut hold.standing, standing);
        hold.active_at = Instant::now();
        let (holder, units) = (hold.holder.clone(), hold.units);
        match (before == Standing::Unknown, standing == Standing::Unknown) {
            (true, false) => holds.forget_unknown(&holder, units),
            (false, true) => *holds.unknown.entry(holder).or_default() += units,
            _ => {}
        }
    }

    /// What is under way is done; whoever has proven himself stays known.
    pub fn rest(&self) {
        let is_kept = self.of.holds().all.get(&self.id).is_some_and(|hold| hold.standing == Standing::Kept);
        if is_kept {
            self.set(Standing::Idle);
        }
    }

    /// Returns when it has been taken away.
    pub async fn given_way(&self) {
        self.gives_way.cancelled().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.holds().release(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A holder of this name.
    fn at(last: u8) -> Holder {
        Holder::Address(IpAddr::from([192, 0, 2, last]))
    }

    fn is_taken_away(share: &Share) -> bool {
        share.gives_way.is_cancelled()
    }

    #[test]
    fn whoever_holds_most_gives_way_and_of_his_the_idlest() {
        let all = FairShare::new(6, 6, Duration::ZERO);
        let [first, second, third, fourth] = [(); 4].map(|()| all.take(at(1), 1).unwrap());
        let others = [(); 2].map(|()| all.take(at(2), 1).unwrap());
        first.touch();
        let new = all.take(at(3), 1).unwrap();
        assert!(is_taken_away(&second), "not the first, which has just done something");
        assert!(![&first, &third, &fourth, &new].into_iter().chain(&others).any(is_taken_away));
        assert_eq!(all.taken(), 6);
        drop((first, second, third, fourth, new, others));
        assert_eq!(all.taken(), 0);
    }

    #[test]
    fn one_holder_has_a_bound_of_his_own() {
        let all = FairShare::new(100, 3, Duration::MAX);
        let held = [(); 3].map(|()| all.take(at(1), 1).unwrap());
        assert_eq!(all.take(at(1), 1).unwrap_err(), Exhausted, "nobody of his is idle");
        assert!(held[0].grow(1).is_err() && all.take(at(2), 3).is_ok());
        let patient = FairShare::new(100, 3, Duration::ZERO);
        let held = [(); 3].map(|()| patient.take(at(1), 1).unwrap());
        assert!(patient.take(at(1), 1).is_ok() && is_taken_away(&held[0]));
    }

    #[test]
    fn those_who_have_proven_themselves_give_way_last_and_never_while_at_work() {
        let all = FairShare::new(3, 1, Duration::ZERO);
        let [idle, busy] = [(); 2].map(|()| {
            let share = all.take(at(1), 1).unwrap();
            share.set(Standing::Kept);
            share
        });
        idle.rest();
        let stranger = all.take(at(1), 1).unwrap();
        let next = all.take(at(2), 1).unwrap();
        assert!(is_taken_away(&stranger) && !is_taken_away(&idle));
        next.set(Standing::Kept);
        let last = all.take(at(3), 1).unwrap();
        assert!(is_taken_away(&idle));
        last.set(Standing::Kept);
        assert!(all.take(at(4), 1).is_err(), "everybody is at work");
        assert!(![&busy, &next, &last].into_iter().any(is_taken_away));
    }

    #[test]
    fn whoever_is_not_idle_gives_way_only_to_somebody_with_much_less() {
        let all = FairShare::new(12, 12, Duration::MAX);
        let large = [(); 2].map(|()| all.take(at(1), 5).unwrap());
        let small = all.take(at(2), 2).unwrap();
        assert!(small.grow(4).is_err(), "6 is not much less than 10");
        assert!(small.grow(2).is_ok() && is_taken_away(&large[0]));
        assert!(large[0].grow(1).is_err(), "what was taken away does not grow");
        assert_eq!(all.taken(), 9);
    }

    #[test]
    fn a_large_share_gives_way_to_a_small_one_of_the_same_holder() {
        let all = FairShare::new(12, 8, Duration::MAX);
        let large = [(); 2].map(|()| all.take(at(1), 4).unwrap());
        assert!(all.take(at(1), 2).is_err());
        let small = all.take(at(1), 1).unwrap();
        assert!(is_taken_away(&large[0]) && !is_taken_away(&large[1]) && !is_taken_away(&small));
    }

    #[test]
    fn something_is_shed_when_the_system_runs_out_first() {
        let all = FairShare::new(100, 100, Duration::ZERO);
        assert!(!all.shed());
        let held = all.take(at(1), 1).unwrap();
        assert!(all.shed() && is_taken_away(&held));
    }

    proptest! {
        #[test]
        fn no_more_is_taken_than_there_is_and_all_of_it_comes_back(
            steps in proptest::collection::vec((0..5_u8, 0..4_u8, 0..6_usize), 0..200),
        ) {
            let all = FairShare::new(10, 6, Duration::ZERO);
            let mut shares: Vec<Share> = Vec::new();
            for (step, who, units) in steps {
                match (step, shares.len()) {
                    (0 | 1, _) => shares.extend(all.take(at(who), units)),
                    (_, 0) => {}
                    (2, len) => drop(shares[units % len].grow(units)),
                    (3, len) => shares[units % len].set(Standing::Kept),
                    (_, len) => drop(shares.swap_remove(units % len)),
                }
                let held: usize = all.holds().all.values().map(|hold| hold.units).sum();
                prop_assert_eq!(all.taken(), held);
                prop_assert!(held <= 10);
                prop_assert!(all.holds().unknown.values().all(|held| *held <= 6));
            }
            drop(shares);
            prop_assert_eq!(all.taken(), 0);
            prop_assert!(all.holds().unknown.is_empty());
        }
    }
}
