//! The sorted set beside the `skiplist` crate's ordered list: two ways to keep one order.

use std::collections::HashMap;

use larder_collections::sorted_set::SortedSet;
use proptest::prelude::*;
use skiplist::OrderedSkipList;

#[derive(Clone, Debug)]
enum Step {
    Put { member: u16, score: i8 },
    Remove { member: u16 },
    PopFirst,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..400u16, any::<i8>()).prop_map(|(member, score)| Step::Put { member, score }),
        2 => (0..400u16).prop_map(|member| Step::Remove { member }),
        1 => Just(Step::PopFirst),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    #[test]
    fn ranks_and_members_are_those_of_an_ordered_skip_list(
        steps in prop::collection::vec(step(), 1..900)
    ) {
        let mut set = SortedSet::new();
        // Whole scores, so that the list can order them.
        let mut order = OrderedSkipList::<(i64, Vec<u8>)>::new();
        let mut scores = HashMap::new();
        for step in steps {
            match step {
                Step::Put { member, score } => {
                    let name = member.to_string().into_bytes();
                    let was = set.insert(&name, f64::from(score));
                    let model = scores.insert(name.clone(), i64::from(score));
                    prop_assert_eq!(was, model.map(|score| score as f64));
                    if let Some(old) = model {
                        order.take(&(old, name.clone()));
                    }
                    order.insert((i64::from(score), name));
                }
                Step::Remove { member } => {
                    let name = member.to_string().into_bytes();
                    let model = scores.remove(&name);
                    prop_assert_eq!(set.remove(&name), model.map(|score| score as f64));
                    if let Some(old) = model {
                        order.take(&(old, name));
                    }
                }
                Step::PopFirst => {
                    let first = order.get_by_index(0).cloned();
                    let popped = set.pop_first();
                    let popped = popped.map(|(member, score)| (score as i64, member.to_vec()));
                    prop_assert_eq!(&popped, &first);
                    if let Some(first) = first {
                        scores.remove(&first.1);
                        order.take(&first);
                    }
                }
            }
        }
        prop_assert_eq!(set.len(), order.len());
        for (rank, (score, member)) in order.iter().enumerate() {
            prop_assert_eq!(set.nth(rank), Some((&member[..], *score as f64)));
            prop_assert_eq!(set.rank(member), Some(rank));
            prop_assert_eq!(order.rank(&(*score, member.clone())), Some(rank));
        }
    }
}
