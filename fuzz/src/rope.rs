//! Any sequence of appends, writes, cuts and clones leaves a valid rope that holds
//! what a vector holds, and no clone sees a later change.

use arbitrary::{Arbitrary, Unstructured};
use larder_collections::rope::Rope;

/// A little more than four blocks: beyond, a longer string shows nothing new.
const MOST: usize = 70_000;

#[derive(Arbitrary, Debug)]
enum Step {
    Append { len: u16, byte: u8 },
    Write { at: u16, len: u16, byte: u8 },
    // One byte, as a bit is set: the common write, within what is there.
    Set { at: u16, byte: u8 },
    Read { from: u16, to: u16 },
    Truncate { len: u16 },
    DropSome { blocks: u8 },
    Keep,
    Forget,
}

/// See the module.
pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let (mut rope, mut model) = (Rope::new(), Vec::new());
    let mut kept: Vec<(Rope, Vec<u8>)> = Vec::new();
    // Each step may touch the whole string: some hundreds reach every state.
    for _ in 0..200 {
        if bytes.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        match step {
            Step::Append { len, byte } => write(&mut rope, &mut model, None, len, byte),
            Step::Write { at, len, byte } => write(&mut rope, &mut model, Some(at), len, byte),
            Step::Set { at, byte } => write(&mut rope, &mut model, Some(at), 1, byte),
            Step::Read { from, to } => {
                let (from, to) = (usize::from(from), usize::from(to));
                let end = to.min(model.len());
                assert_eq!(rope.read(from..to), model[from.min(end)..end]);
            }
            Step::Truncate { len } => {
                rope.truncate(len.into());
                model.truncate(len.into());
            }
            Step::DropSome { blocks } => {
                let blocks = usize::from(blocks % 4);
                let before = rope.len();
                assert!(rope.drop_some(blocks) <= blocks);
                assert!(blocks == 0 || before == 0 || rope.len() < before);
                model.truncate(rope.len());
            }
            Step::Keep => {
                kept.truncate(3);
                kept.push((rope.clone(), model.clone()));
            }
            Step::Forget => drop(kept.pop()),
        }
        rope.assert_valid();
        assert_eq!(rope.len(), model.len());
        assert!(rope.heap_bytes() >= rope.len());
    }
    for (then, model_then) in &kept {
        assert!(*then == model_then[..], "a clone saw a later change");
        assert_eq!(*then == rope, *model_then == model);
    }
    assert!(rope.chunks(0..rope.len()).flatten().eq(&model), "not what was written");
    assert!(rope == model[..]);
}

/// Writes the same into both, at the end where no place is given.
fn write(rope: &mut Rope, model: &mut Vec<u8>, at: Option<u16>, len: u16, byte: u8) {
    let start = at.map_or(model.len(), usize::from);
    let len = usize::from(len).min(MOST.saturating_sub(start));
    let bytes: Vec<u8> = (0..len).map(|n| byte.wrapping_add(n as u8)).collect();
    match at {
        Some(_) => rope.write(start, &bytes),
        None => rope.append(&bytes),
    }
    if !bytes.is_empty() {
        model.resize(model.len().max(start + len), 0);
        model[start..start + len].copy_from_slice(&bytes);
    }
}
