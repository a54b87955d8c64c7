//! Values: the immutable classes of the package.

/// Makes a Python class of a struct: immutable, equal and hashed by its fields, with a `repr` that reads
/// like a constructor, for `match`, to be copied and pickled.
///
/// The fields stand in two groups: those that may be given by position, and those by keyword alone.
/// Further methods may follow.
macro_rules! value {
    (
        $(#[doc = $doc:literal])*
        $name:ident $(: $base:ident)? ($($signature:tt)*) {
            $($(#[doc = $field_doc:literal])* $field:ident: $ty:ty,)*
        } {
            $($(#[doc = $keyword_doc:literal])* $keyword:ident: $keyword_ty:ty,)*
        }
        $($method:tt)*
    ) => {
        $(#[doc = $doc])*
        #[pyclass(frozen, eq, hash, get_all, $(extends = $base,)? module = "backup_protocol")]
        #[derive(Clone, Eq, Hash, PartialEq)]
        pub(crate) struct $name {
            $($(#[doc = $field_doc])* pub(crate) $field: $ty,)*
            $($(#[doc = $keyword_doc])* pub(crate) $keyword: $keyword_ty,)*
        }

        #[pymethods]
        impl $name {
            #[classattr]
            #[allow(non_upper_case_globals)]
            const __match_args__: $crate::value::value!(@names $($field)*) =
                ($(stringify!($field),)*);

            #[new]
            #[pyo3(signature = ($($signature)*))]
            #[allow(clippy::too_many_arguments)]
            fn new($($field: $ty,)* $($keyword: $keyword_ty,)*) -> PyClassInitializer<Self> {
                Self { $($field,)* $($keyword,)* }.into()
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                use pyo3::IntoPyObjectExt as _;
                let fields = [
                    $((stringify!($field), true, self.$field.clone().into_bound_py_any(py)?),)*
                    $((stringify!($keyword), false, self.$keyword.clone().into_bound_py_any(py)?),)*
                ];
                $crate::value::repr(stringify!($name), &fields)
            }

            fn __getnewargs_ex__<'py>(
                &self,
                py: Python<'py>,
            ) -> PyResult<(Bound<'py, pyo3::types::PyTuple>, Bound<'py, pyo3::types::PyDict>)> {
                let keywords = pyo3::types::PyDict::new(py);
                $(keywords.set_item(stringify!($field), self.$field.clone())?;)*
                $(keywords.set_item(stringify!($keyword), self.$keyword.clone())?;)*
                Ok((pyo3::types::PyTuple::empty(py), keywords))
            }

            $($method)*
        }

        $(
            impl From<$name> for PyClassInitializer<$name> {
                fn from(value: $name) -> Self {
                    PyClassInitializer::from($base).add_subclass(value)
                }
            }
        )?
    };
    (@names $($field:ident)*) => { ($($crate::value::value!(@name $field),)*) };
    (@name $field:ident) => { &'static str };
}
pub(crate) use value;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// `Name(field=..., ...)`. A field is left out that is `None` and need not be given.
pub(crate) fn repr(name: &str, fields: &[(&str, bool, Bound<'_, PyAny>)]) -> PyResult<String> {
    let shown: PyResult<Vec<String>> = fields
        .iter()
        .filter(|(_, always, value)| *always || !value.is_none())
        .map(|(field, _, value)| Ok(format!("{field}={}", show(value)?)))
        .collect();
    Ok(format!("{name}({})", shown?.join(", ")))
}

/// Long bytes are cut: they would hide the other fields, and some of them are credentials.
fn show(value: &Bound<'_, PyAny>) -> PyResult<String> {
    const SHOWN: usize = 4;
    let Ok(bytes) = value.cast::<PyBytes>() else {
        return Ok(value.repr()?.to_string());
    };
    let bytes = bytes.as_bytes();
    let hex: String = bytes
        .iter()
        .take(SHOWN)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(format!("<{} bytes {hex}\u{2026}>", bytes.len()))
}
