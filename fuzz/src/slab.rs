//! Any sequence of inserts, removals and partial drops leaves a valid slab that
//! holds exactly what a map holds.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use larder_collections::slab::{Cell, Slab};

#[derive(Arbitrary, Debug)]
enum Step {
    Insert,
    // A small number: the fuzzer looks for orders of steps, not for size.
    Remove { nth: u16 },
    DropSome { count: u16 },
}

struct Number(u32);

impl Cell for Number {
    fn vacant(next: u16) -> Self {
        Self(1 << 31 | u32::from(next))
    }

    fn vacancy(&self) -> Option<u16> {
        (self.0 >> 31 == 1).then_some(self.0 as u16)
    }
}

/// See the module.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let (mut slab, mut model, mut next) = (<Slab<Number>>::default(), BTreeMap::new(), 0);
    while !bytes.is_empty() {
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        match step {
            Step::Insert => {
                let id = slab.insert(Number(next));
                assert_eq!(model.insert(id, next), None, "an id is handed out once");
                next += 1;
            }
            Step::Remove { nth } => {
                let Some(&id) = model.keys().nth(usize::from(nth)) else { continue };
                assert_eq!(Some(slab.remove(id).0), model.remove(&id));
            }
            Step::DropSome { count } => {
                slab.drop_some(usize::from(count));
                model.retain(|&id, _| slab.get(id).is_some());
            }
        }
        assert_eq!(slab.len(), model.len());
    }
    slab.assert_valid();
    assert!(slab.iter().map(|(id, number)| (id, number.0)).eq(model));
}
