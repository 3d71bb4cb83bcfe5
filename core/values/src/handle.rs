//! The neutral spelling of classes that serialization libraries substitute for those of the JDK.
//!
//! Every Hessian library replaces some JDK classes by handles in its own package. In token streams, handles
//! have the package of the original library; each library's reader and writer translate the name.

/// The package of handles in token streams, with the final dot. Those of java.time are in `java8.` below it:
/// `com.caucho.hessian.io.java8.LocalDateHandle`.
pub const PACKAGE: &str = "com.caucho.hessian.io.";

/// `java.util.UUID`, which in token streams is always an object with the fields [`UUID_FIELDS`].
pub const UUID: &str = "java.util.UUID";

/// The fields of a UUID, two `long` values.
pub const UUID_FIELDS: [&str; 2] = ["mostSigBits", "leastSigBits"];
