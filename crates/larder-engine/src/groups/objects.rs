//! Objects: values of the program's own types, kept as they are.

use std::any::{Any, type_name};

use crate::access::{Access, Room};
use crate::error::{Error, Result};
use crate::event::EventKind;
use crate::expiry::Expiry;
use crate::ops::wrong_kind;
use crate::value::{Kind, Object, Value};

/// Operations on objects: see [`Namespace::objects`](crate::Namespace::objects).
///
/// Nothing is serialised: getting an object clones the program's value, with no lock held; let it
/// be an `Arc` where cloning is dear. Objects cannot be kept in a recorded namespace.
///
/// ```
/// use larder_engine::{Expiry, Larder};
/// use std::sync::Arc;
///
/// let app = Larder::new().namespace("app")?;
/// app.objects().put("config", Arc::new(vec![1, 2, 3]), Expiry::Never)?;
/// let config: Option<Arc<Vec<i32>>> = app.objects().get("config")?;
/// assert_eq!(config.as_deref(), Some(&vec![1, 2, 3]));
/// # Ok::<(), larder_engine::Error>(())
/// ```
#[derive(Debug)]
pub struct Objects<'a, 'e>(pub(crate) Access<'a, 'e>);

impl Objects<'_, '_> {
    /// Keeps `value` under the key, whatever that held. In a budget of bytes it weighs its own
    /// size; use [`put_object`](Self::put_object) to say what it weighs.
    pub fn put<T: Any + Send + Sync>(
        &mut self,
        key: impl AsRef<[u8]>,
        value: T,
        expiry: Expiry,
    ) -> Result<()> {
        let object = Object::new(value, size_of::<T>() as u64);
        self.put_object(key, object, expiry).map(drop)
    }

    /// Keeps an object under the key, whatever that held; returns the object that it replaced.
    pub fn put_object(
        &mut self,
        key: impl AsRef<[u8]>,
        object: Object,
        expiry: Expiry,
    ) -> Result<Option<Object>> {
        if self.0.namespace().keyspace.is_recorded() {
            return Err(Error::NotRecordable);
        }
        // Where nothing comes of it, the object stays here until the key's shard is unlocked: its
        // `Drop` is the program's code.
        let mut object = Some(object);
        self.0.update(key.as_ref(), Room::Grows, |slot| {
            let before = match slot.value() {
                Some(Value::Object(object)) => Some(object.clone()),
                _ => None,
            };
            let due = expiry.due(slot)?;
            slot.accessed();
            let value = Value::Object(object.take().expect("it is put once"));
            slot.put(value, due, EventKind::Set)?;
            slot.lapse();
            Ok(before)
        })
    }

    /// A clone of the object, or `None`.
    ///
    /// # Errors
    ///
    /// [`Error::WrongType`] when it is no `T`.
    pub fn get<T: Any + Clone>(&mut self, key: impl AsRef<[u8]>) -> Result<Option<T>> {
        let Some(object) = self.object(key)? else { return Ok(None) };
        // The lock is released: `Clone` is the program's code.
        match object.downcast_ref::<T>() {
            Some(value) => Ok(Some(value.clone())),
            None => Err(Error::WrongType { asked: type_name::<T>() }),
        }
    }

    /// The object itself, shared, or `None`.
    pub fn object(&mut self, key: impl AsRef<[u8]>) -> Result<Option<Object>> {
        self.0.view(key.as_ref(), |value| match value {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object.clone())),
            Some(other) => wrong_kind(Kind::Object, other.kind()),
        })
    }
}
