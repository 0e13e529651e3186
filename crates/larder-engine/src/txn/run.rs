//! Running a closure as a transaction, from the first try to its end.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::{After, Txn, Want};
use crate::engine::Core;
use crate::error::{Error, Result};
use crate::inside::{self, Place};

/// Restarts after which a transaction locks whole namespaces.
const PATIENCE: u32 = 3;

impl Core {
    /// Runs a closure as one transaction; see [`Txn`].
    pub(crate) fn run<'e, R, E: From<Error>>(
        &'e self,
        mut closure: impl FnMut(&mut Txn<'e>) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut after = After::default();
        let result = self.run_into(&mut after, &mut closure);
        self.conclude(after);
        inside::do_deferred();
        result
    }

    /// Like [`run`](Self::run); what is left to do afterwards is the caller's.
    pub(crate) fn run_into<'e, R, E: From<Error>>(
        &'e self,
        after: &mut After,
        closure: &mut impl FnMut(&mut Txn<'e>) -> Result<R, E>,
    ) -> Result<R, E> {
        let mut plan = BTreeSet::new();
        let mut roomy = Vec::new();
        for restarts in 0.. {
            let mut txn = Txn::new(self, true);
            if !roomy.is_empty() {
                txn.cx.gather().growing.clone_from(&roomy);
            }
            for &(id, shard) in &plan {
                txn.hold(self.keyspace(id), shard).expect("an ascending plan can be waited for");
            }
            let outcome = {
                let _place = inside::enter(Place::Transaction);
                catch_unwind(AssertUnwindSafe(|| closure(&mut txn)))
            };
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(panic) => self.pass_on(panic, txn, after),
            };
            let want = txn.want.take();
            if outcome.is_ok() && want.is_none() {
                txn.commit(after);
                return outcome;
            }
            txn.roll_back();
            plan.extend(txn.held.iter().map(|held| (held.keyspace.id, held.shard)));
            txn.commit(after);
            let Some(want) = want else { return outcome };
            match *want {
                Want::Shard(keyspace, shard) => _ = plan.insert((keyspace.id, shard)),
                Want::Serve(keyspace, key) => self.serve_now(keyspace, key),
                Want::Room(keyspace) => {
                    self.make_room(keyspace).map_err(E::from)?;
                    roomy.push(keyspace.id);
                }
            }
            if restarts >= PATIENCE {
                let ids: BTreeSet<u32> = plan.iter().map(|&(id, _)| id).collect();
                for id in ids {
                    plan.extend((0..self.keyspace(id).shards.len() as u32).map(|s| (id, s)));
                }
            }
        }
        unreachable!("the loop above ends by returning")
    }

    /// Ends a transaction whose closure panicked, with all that follows, and lets the panic pass.
    /// What follows is the program's code in part, so it does not run while the panic unwinds.
    #[cold]
    fn pass_on(&self, panic: Box<dyn Any + Send>, mut txn: Txn<'_>, after: &mut After) -> ! {
        txn.roll_back();
        txn.commit(after);
        drop(txn);
        self.conclude(std::mem::take(after));
        inside::do_deferred();
        resume_unwind(panic)
    }
}
