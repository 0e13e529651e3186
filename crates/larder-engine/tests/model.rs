//! The engine against the simplest thing that could be right, a map; and its effects, replayed into
//! an empty engine, against the engine itself.
//!
//! Steps come one by one, in transactions that commit, and in transactions that roll back; the
//! clock is turned between them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use larder_engine::{
    AddOptions, Error, ExpireIf, Expiry, Larder, ManualClock, Namespace, SetOptions, Span, Txn,
};
use proptest::prelude::*;
use support::{Dump, Recorder, Shown, builder, dump, recorded};

/// One operation. Small numbers, so that steps meet.
#[derive(Clone, Debug)]
enum Op {
    Set { key: u8, value: Vec<u8>, if_absent: bool, ttl_ms: Option<u16> },
    SetKeeping { key: u8, value: u8 },
    Take { key: u8 },
    Append { key: u8, len: u16 },
    WriteRange { key: u8, at: u16, len: u8 },
    Add { key: u8, delta: i64 },
    AddFloat { key: u8, delta: i8 },
    Delete { key: u8 },
    Rename { from: u8, to: u8, replace: bool },
    Copy { from: u8, to: u8, replace: bool },
    Expire { key: u8, ttl_ms: u16, condition: u8 },
    ExpireAt { key: u8, back_ms: u16 },
    Persist { key: u8 },
    Members { key: u8, members: Vec<(u8, i8)>, options: u8 },
    Increment { key: u8, member: u8, delta: i8 },
    Remove { key: u8, member: u8 },
    RemoveRanks { key: u8, start: i8, stop: i8 },
    Pop { key: u8, count: u8 },
    Grow { key: u8, count: u16 },
    Flush,
}

#[derive(Clone, Debug)]
enum Step {
    One(Op),
    Transaction { ops: Vec<Op>, commit: bool },
    Advance { ms: u16 },
}

fn op() -> impl Strategy<Value = Op> {
    let key = || 0..5u8;
    let value = prop_oneof![
        any::<i16>().prop_map(|n| n.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..60),
    ];
    let member = || 0..12u8;
    prop_oneof![
        3 => (key(), value, any::<bool>(), prop::option::of(0..500u16))
            .prop_map(|(key, value, if_absent, ttl_ms)| Op::Set { key, value, if_absent, ttl_ms }),
        1 => (key(), any::<u8>()).prop_map(|(key, value)| Op::SetKeeping { key, value }),
        1 => key().prop_map(|key| Op::Take { key }),
        2 => (key(), 0..3000u16).prop_map(|(key, len)| Op::Append { key, len }),
        2 => (key(), 0..5000u16, any::<u8>())
            .prop_map(|(key, at, len)| Op::WriteRange { key, at, len }),
        2 => (key(), prop_oneof![-5..5i64, Just(i64::MAX), Just(i64::MIN)])
            .prop_map(|(key, delta)| Op::Add { key, delta }),
        1 => (key(), any::<i8>()).prop_map(|(key, delta)| Op::AddFloat { key, delta }),
        2 => key().prop_map(|key| Op::Delete { key }),
        2 => (key(), key(), any::<bool>())
            .prop_map(|(from, to, replace)| Op::Rename { from, to, replace }),
        2 => (key(), key(), any::<bool>())
            .prop_map(|(from, to, replace)| Op::Copy { from, to, replace }),
        2 => (key(), 0..500u16, 0..7u8)
            .prop_map(|(key, ttl_ms, condition)| Op::Expire { key, ttl_ms, condition }),
        1 => (key(), 0..3u16).prop_map(|(key, back_ms)| Op::ExpireAt { key, back_ms }),
        1 => key().prop_map(|key| Op::Persist { key }),
        4 => (key(), prop::collection::vec((member(), -3..3i8), 1..5), 0..8u8)
            .prop_map(|(key, members, options)| Op::Members { key, members, options }),
        2 => (key(), member(), any::<i8>())
            .prop_map(|(key, member, delta)| Op::Increment { key, member, delta }),
        2 => (key(), member()).prop_map(|(key, member)| Op::Remove { key, member }),
        1 => (key(), any::<i8>(), any::<i8>())
            .prop_map(|(key, start, stop)| Op::RemoveRanks { key, start, stop }),
        1 => (key(), 0..4u8).prop_map(|(key, count)| Op::Pop { key, count }),
        1 => (key(), 100..200u16).prop_map(|(key, count)| Op::Grow { key, count }),
        1 => Just(Op::Flush),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => op().prop_map(Step::One),
        3 => (prop::collection::vec(op(), 1..6), any::<bool>())
            .prop_map(|(ops, commit)| Step::Transaction { ops, commit }),
        2 => (0..400u16).prop_map(|ms| Step::Advance { ms }),
    ]
}

/// The doors through which an operation can go.
trait Door {
    fn run(&mut self, op: &Op, now_ms: u64) -> Result<String, Error>;
}

macro_rules! run {
    ($self:ident, $op:ident, $now_ms:ident, $strings:expr, $counters:expr, $keys:expr, $sets:expr) => {{
        let name = |key: &u8| format!("key:{key}");
        Ok(match $op {
            Op::Set { key, value, if_absent, ttl_ms } => {
                let mut options = SetOptions::new();
                if *if_absent {
                    options = options.if_absent();
                }
                if let Some(ms) = ttl_ms {
                    options = options.expiry(Expiry::In(Duration::from_millis((*ms).into())));
                }
                format!("{:?}", $strings.set_with(name(key), value.clone(), options)?)
            }
            Op::SetKeeping { key, value } => {
                let options = SetOptions::new().if_present().expiry(Expiry::Keep);
                format!("{:?}", $strings.set_with(name(key), vec![*value], options)?)
            }
            Op::Take { key } => {
                format!("{:?}", $strings.take(name(key))?.map(|blob| blob.to_vec()))
            }
            Op::Append { key, len } => {
                format!("{:?}", $strings.append(name(key), bytes(usize::from(*len)))?)
            }
            Op::WriteRange { key, at, len } => {
                let bytes = bytes(usize::from(*len));
                format!("{:?}", $strings.write_range(name(key), usize::from(*at), bytes)?)
            }
            Op::Add { key, delta } => format!("{:?}", $counters.add(name(key), *delta)?),
            Op::AddFloat { key, delta } => {
                // Keys of their own: the model's floats do not reach 64 bits of precision.
                let key = format!("float:{key}");
                format!("{:?}", $strings.add_float(key, f64::from(*delta) / 4.0)?)
            }
            Op::Delete { key } => format!("{:?}", $keys.delete(name(key))?),
            Op::Rename { from, to, replace: true } => {
                format!("{:?}", $keys.rename(name(from), name(to)).map(|()| true)?)
            }
            Op::Rename { from, to, replace: false } => {
                format!("{:?}", $keys.rename_if_absent(name(from), name(to))?)
            }
            Op::Copy { from, to, replace } => {
                format!("{:?}", $keys.copy(name(from), name(to), *replace)?)
            }
            Op::Expire { key, ttl_ms, condition } => {
                let ttl = Duration::from_millis((*ttl_ms).into());
                let condition = CONDITIONS[usize::from(*condition)];
                format!("{:?}", $keys.expire_if(name(key), ttl, condition)?)
            }
            Op::ExpireAt { key, back_ms } => {
                let due = $now_ms - u64::from(*back_ms);
                format!("{:?}", $keys.expire_at_ms(name(key), due, ExpireIf::Always)?)
            }
            Op::Persist { key } => format!("{:?}", $keys.persist(name(key))?),
            Op::Members { key, members, options } => {
                let members: Vec<_> = members.iter().map(|(m, s)| ([*m], f64::from(*s))).collect();
                let added = $sets.add_with(name(key), &members, add_options(*options))?;
                format!("{:?}", (added.added, added.updated))
            }
            Op::Increment { key, member, delta } => {
                format!("{:?}", $sets.increment(name(key), [*member], f64::from(*delta))?)
            }
            Op::Remove { key, member } => format!("{:?}", $sets.remove(name(key), [*member])?),
            Op::RemoveRanks { key, start, stop } => {
                let span = Span::ranks((*start).into(), (*stop).into());
                format!("{:?}", $sets.remove_range(name(key), &span)?)
            }
            Op::Pop { key, count } => {
                let popped = $sets.pop(name(key), larder_engine::End::Max, usize::from(*count))?;
                let popped: Vec<_> = popped.iter().map(|(m, s)| (m.to_vec(), *s)).collect();
                format!("{popped:?}")
            }
            Op::Grow { key, count } => {
                let members: Vec<_> =
                    (0..*count).map(|n| (n.to_be_bytes(), f64::from(n % 7))).collect();
                let added = $sets.add_with(name(key), &members, AddOptions::new())?;
                format!("{:?}", (added.added, added.updated))
            }
            Op::Flush => format!("{:?}", $keys.flush()?),
        })
    }};
}

impl Door for &Namespace {
    fn run(&mut self, op: &Op, now_ms: u64) -> Result<String, Error> {
        run!(self, op, now_ms, self.strings(), self.counters(), self.keys(), self.sorted_sets())
    }
}

impl Door for (&mut Txn<'_>, &Namespace) {
    fn run(&mut self, op: &Op, now_ms: u64) -> Result<String, Error> {
        let (txn, ns) = (&mut *self.0, self.1);
        run!(self, op, now_ms, txn.strings(ns), txn.counters(ns), txn.keys(ns), txn.sorted_sets(ns))
    }
}

const CONDITIONS: [ExpireIf; 7] = [
    ExpireIf::Always,
    ExpireIf::HasNone,
    ExpireIf::HasOne,
    ExpireIf::Later,
    ExpireIf::Earlier,
    ExpireIf::HasOneAndLater,
    ExpireIf::HasOneAndEarlier,
];

fn add_options(bits: u8) -> AddOptions {
    let mut options = AddOptions::new();
    match bits {
        1 => options = options.only_new(),
        2 => options = options.only_present(),
        3 => options = options.if_greater(),
        4 => options = options.if_less(),
        5 => options = options.only_present().if_greater(),
        6 => options = options.only_new().if_less(),
        _ => {}
    }
    options
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 31 % 251) as u8).collect()
}

/// The model: a map, and the rules written out as plainly as they can be.
#[derive(Clone, Debug, Default)]
struct Model(Dump);

type Entry = (Shown, Option<u64>);

impl Model {
    fn string(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.0.get(key) {
            None => Ok(None),
            Some((Shown::String(bytes), _)) => Ok(Some(bytes.clone())),
            Some(_) => Err(wrong(larder_engine::Kind::String, larder_engine::Kind::SortedSet)),
        }
    }

    fn set(&self, key: &[u8]) -> Result<BTreeMap<Vec<u8>, f64>, Error> {
        match self.0.get(key) {
            None => Ok(BTreeMap::new()),
            Some((Shown::SortedSet(members), _)) => Ok(members.iter().cloned().collect()),
            Some(_) => Err(wrong(larder_engine::Kind::SortedSet, larder_engine::Kind::String)),
        }
    }

    fn put_set(&mut self, key: Vec<u8>, members: BTreeMap<Vec<u8>, f64>) {
        let due = self.0.get(&key).and_then(|(_, due)| *due);
        let mut members: Vec<_> = members.into_iter().collect();
        members.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
        if members.is_empty() {
            self.0.remove(&key);
        } else {
            self.0.insert(key, (Shown::SortedSet(members), due));
        }
    }

    fn put_string(&mut self, key: Vec<u8>, bytes: Vec<u8>) {
        let due = self.0.get(&key).and_then(|(_, due)| *due);
        self.0.insert(key, (Shown::String(bytes), due));
    }

    fn move_to(&mut self, from: Vec<u8>, to: Vec<u8>, entry: Entry) {
        self.0.remove(&from);
        self.0.insert(to, entry);
    }

    fn write(&mut self, key: Vec<u8>, at: usize, new: &[u8]) -> Result<String, Error> {
        let mut all = self.string(&key)?.unwrap_or_default();
        if at + new.len() > all.len() {
            all.resize(at + new.len(), 0);
        }
        all[at..at + new.len()].copy_from_slice(new);
        let len = all.len();
        self.put_string(key, all);
        Ok(format!("{len:?}"))
    }

    fn run(&mut self, op: &Op, now_ms: u64) -> Result<String, Error> {
        let name = |key: &u8| format!("key:{key}").into_bytes();
        Ok(match op {
            Op::Set { key, value, if_absent, ttl_ms } => {
                let key = name(key);
                if *if_absent && self.0.contains_key(&key) {
                    return Ok("false".into());
                }
                let due = match ttl_ms {
                    Some(0) => return Err(Error::InvalidExpiry),
                    Some(ms) => Some(now_ms + u64::from(*ms)),
                    None => None,
                };
                self.0.insert(key, (Shown::String(value.clone()), due));
                "true".into()
            }
            Op::SetKeeping { key, value } => {
                let key = name(key);
                let exists = self.0.contains_key(&key);
                if exists {
                    self.put_string(key, vec![*value]);
                }
                format!("{exists:?}")
            }
            Op::Take { key } => {
                let taken = self.string(&name(key))?;
                self.0.remove(&name(key));
                format!("{taken:?}")
            }
            Op::Append { key, len } => {
                let at = self.string(&name(key))?.map_or(0, |bytes| bytes.len());
                self.write(name(key), at, &bytes(usize::from(*len)))?
            }
            Op::WriteRange { key, len: 0, .. } => {
                format!("{:?}", self.string(&name(key))?.map_or(0, |bytes| bytes.len()))
            }
            Op::WriteRange { key, at, len } => {
                self.write(name(key), usize::from(*at), &bytes(usize::from(*len)))?
            }
            Op::Add { key, delta } => {
                let text = self.string(&name(key))?.unwrap_or_else(|| b"0".to_vec());
                let text = String::from_utf8(text).map_err(|_| Error::NotAnInteger)?;
                let number: i64 = text.parse().map_err(|_| Error::NotAnInteger)?;
                if number.to_string() != text {
                    return Err(Error::NotAnInteger);
                }
                let sum = number.checked_add(*delta).ok_or(Error::Overflow)?;
                self.put_string(name(key), sum.to_string().into_bytes());
                format!("{sum:?}")
            }
            Op::AddFloat { key, delta } => {
                let key = format!("float:{key}").into_bytes();
                let text = self.string(&key)?.unwrap_or_else(|| b"0".to_vec());
                let number: f64 = String::from_utf8(text).unwrap().parse().unwrap();
                // Quarters of small numbers are exact in any precision.
                let sum = number + f64::from(*delta) / 4.0;
                self.put_string(key, (sum + 0.0).to_string().into_bytes());
                format!("{sum:?}")
            }
            Op::Delete { key } => format!("{:?}", self.0.remove(&name(key)).is_some()),
            Op::Rename { from, to, replace } => {
                let entry = self.0.get(&name(from)).cloned().ok_or(Error::NoSuchKey)?;
                if from == to {
                    return Ok(format!("{replace:?}"));
                }
                if !*replace && self.0.contains_key(&name(to)) {
                    return Ok("false".into());
                }
                self.move_to(name(from), name(to), entry);
                "true".into()
            }
            Op::Copy { from, to, .. } if from == to => {
                return Err(Error::Conflict { options: "a key cannot be copied onto itself" });
            }
            Op::Copy { from, to, replace } => match self.0.get(&name(from)).cloned() {
                Some(entry) if *replace || !self.0.contains_key(&name(to)) => {
                    self.0.insert(name(to), entry);
                    "true".into()
                }
                _ => "false".into(),
            },
            Op::Expire { ttl_ms: 0, .. } => return Err(Error::InvalidExpiry),
            Op::Expire { key, ttl_ms, condition } => {
                let due = now_ms + u64::from(*ttl_ms);
                let Some((_, was)) = self.0.get_mut(&name(key)) else { return Ok("false".into()) };
                let later = was.is_some_and(|was| due > was);
                let earlier = was.is_none_or(|was| due < was);
                let allowed = match condition {
                    0 => true,
                    1 => was.is_none(),
                    2 => was.is_some(),
                    3 | 5 => later,
                    4 => earlier,
                    _ => was.is_some() && earlier,
                };
                if allowed {
                    *was = Some(due);
                }
                format!("{allowed:?}")
            }
            Op::ExpireAt { key, back_ms } => {
                let due = now_ms - u64::from(*back_ms);
                let Some((_, was)) = self.0.get_mut(&name(key)) else { return Ok("false".into()) };
                *was = Some(due);
                if now_ms > due {
                    self.0.remove(&name(key));
                }
                "true".into()
            }
            Op::Persist { key } => {
                let due = self.0.get_mut(&name(key)).and_then(|(_, due)| due.take());
                format!("{:?}", due.is_some())
            }
            Op::Members { options: 6, .. } => {
                let options = "only_new, and a condition on present members";
                return Err(Error::Conflict { options });
            }
            Op::Members { key, members, options } => {
                let mut set = self.set(&name(key))?;
                let (mut added, mut updated) = (0, 0);
                for (member, score) in members {
                    let (member, score) = (vec![*member], f64::from(*score));
                    let was = set.get(&member).copied();
                    let allowed = match (options, was) {
                        (1, was) => was.is_none(),
                        (2, was) => was.is_some(),
                        (5, None) => false,
                        (3 | 5, Some(was)) => score > was,
                        (4, Some(was)) => score < was,
                        _ => true,
                    };
                    if allowed {
                        added += usize::from(was.is_none());
                        updated += usize::from(was.is_some_and(|was| was != score));
                        set.insert(member, score);
                    }
                }
                self.put_set(name(key), set);
                format!("{:?}", (added, updated))
            }
            Op::Increment { key, member, delta } => {
                let mut set = self.set(&name(key))?;
                let score = set.entry(vec![*member]).or_default();
                *score += f64::from(*delta);
                let score = *score;
                self.put_set(name(key), set);
                format!("{score:?}")
            }
            Op::Remove { key, member } => {
                let mut set = self.set(&name(key))?;
                let removed = set.remove(&vec![*member]).is_some();
                if removed {
                    self.put_set(name(key), set);
                }
                format!("{removed:?}")
            }
            Op::RemoveRanks { key, start, stop } => {
                self.set(&name(key))?;
                let Some((Shown::SortedSet(members), _)) = self.0.get_mut(&name(key)) else {
                    return Ok("0".into());
                };
                let len = members.len() as i64;
                let place = |n: i8| if n < 0 { i64::from(n) + len } else { n.into() };
                let (start, stop) = (place(*start).max(0), place(*stop).min(len - 1));
                let before = members.len();
                let mut rank = -1;
                members.retain(|_| {
                    rank += 1;
                    rank < start || rank > stop
                });
                let removed = before - members.len();
                if members.is_empty() {
                    self.0.remove(&name(key));
                }
                format!("{removed:?}")
            }
            Op::Pop { key, count } => {
                self.set(&name(key))?;
                let Some((Shown::SortedSet(members), _)) = self.0.get_mut(&name(key)) else {
                    return Ok("[]".into());
                };
                let popped: Vec<_> = (0..*count).map_while(|_| members.pop()).collect();
                if members.is_empty() {
                    self.0.remove(&name(key));
                }
                format!("{popped:?}")
            }
            Op::Grow { key, count } => {
                let mut set = self.set(&name(key))?;
                let (mut added, mut updated) = (0, 0);
                for n in 0..*count {
                    let score = f64::from(n % 7);
                    match set.insert(n.to_be_bytes().to_vec(), score) {
                        None => added += 1,
                        Some(was) => updated += usize::from(was != score),
                    }
                }
                self.put_set(name(key), set);
                format!("{:?}", (added, updated))
            }
            Op::Flush => {
                let count = self.0.len();
                self.0.clear();
                format!("{count:?}")
            }
        })
    }

    fn lapse(&mut self, now_ms: u64) {
        self.0.retain(|_, (_, due)| due.is_none_or(|due| now_ms <= due));
    }
}

fn wrong(expected: larder_engine::Kind, found: larder_engine::Kind) -> Error {
    Error::WrongKind { expected, found }
}

/// Runs the steps on an engine and on the model, comparing every answer and, after each step, the
/// whole state.
fn check(steps: &[Step]) {
    let clock = ManualClock::new();
    let recorder = Arc::new(Recorder::default());
    let larder = builder(&clock).effect_sink(recorder.clone()).open();
    let ns = larder.namespace_with("main", recorded()).unwrap();
    let mut model = Model::default();
    for step in steps {
        let now_ms = clock.now().as_millis();
        match step {
            Step::One(op) => {
                assert_eq!((&ns).run(op, now_ms), model.run(op, now_ms), "{op:?}");
            }
            Step::Transaction { ops, commit } => {
                transaction(&larder, &ns, &mut model, ops, *commit)
            }
            Step::Advance { ms } => {
                clock.advance(Duration::from_millis((*ms).into())).unwrap();
                model.lapse(clock.now().as_millis());
                assert_eq!(ns.len(), model.0.len(), "what is due is reclaimed on time");
            }
        }
        assert_eq!(dump(&ns), model.0, "after {step:?}");
        ns.assert_valid();
    }
    let copy = builder(&clock).open().namespace("copy").unwrap();
    for effect in recorder.effects() {
        copy.apply(&effect).unwrap();
    }
    assert_eq!(dump(&copy), dump(&ns), "replaying the effects makes an equal engine");
    copy.assert_valid();
}

fn transaction(larder: &Larder, ns: &Namespace, model: &mut Model, ops: &[Op], commit: bool) {
    let now_ms = larder.now().as_millis();
    let mut after = Model::default();
    let result = larder.transaction(|txn| {
        after = model.clone();
        for op in ops {
            let answer = (&mut *txn, ns).run(op, now_ms);
            if answer != Err(Error::Restart) {
                assert_eq!(answer, after.run(op, now_ms), "{op:?} in a transaction");
            }
            // An operation that failed changed nothing; the transaction may go on.
            answer.map(drop).or_else(|e| if e == Error::Restart { Err(e) } else { Ok(()) })?;
        }
        if commit { Ok(()) } else { Err(Error::NoSuchKey) }
    });
    assert_eq!(result.is_ok(), commit);
    if commit {
        *model = after;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_does_what_a_map_does_and_its_effects_say_it(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        check(&steps);
    }
}
