//! An incident's labels as a template sees them: one that is not there is unknown, not a mistake in the template.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Environment, Error, Value, filters};

/// The labels by name. To the engine they are no map but a list of names with a value behind each, because of a map
/// it believes that it holds whatever there is a value for, and there is one for any name.
#[derive(Debug)]
pub(super) struct Labels(pub(super) BTreeMap<String, Value>);

/// A value that is not there, but no mistake either: the engine's own for a condition without `else`. Unlike `none` it
/// is not defined, so that `default` takes its place.
static UNKNOWN: LazyLock<Value> = LazyLock::new(|| {
    let unknown = Environment::empty().compile_expression("0 if false").and_then(|value| value.eval(()));
    unknown.unwrap_or_else(|_| Value::from(()))
});

impl Object for Labels {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let known = key.as_str().and_then(|name| self.0.get(name));
        Some(known.unwrap_or(&UNKNOWN).clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(Value::from).collect())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Value::from(self.0.clone()), f)
    }
}

/// The filter `items`: pairs of name and value.
pub(super) fn items(value: &Value) -> Result<Value, Error> {
    match value.downcast_object_ref::<Labels>() {
        Some(labels) => filters::items(&Value::from(labels.0.clone())),
        None => filters::items(value),
    }
}
