//! Neutral spelling of the classes that serialization libraries put in place of JDK ones.
//!
//! Every Hessian library replaces some JDK classes by handles in a package of its own. In a token stream they
//! carry the package of the original library; each library's reader and writer rename them from and to it.

/// Package (with the final dot) under which handles appear in token streams: `com.caucho.hessian.io.`, with
/// the java.time ones below `java8.`: `com.caucho.hessian.io.java8.LocalDateHandle`.
pub const PACKAGE: &str = "com.caucho.hessian.io.";

/// `java.util.UUID`, in a token stream always an object of the fields [`UUID_FIELDS`].
pub const UUID: &str = "java.util.UUID";

/// Two `long` values.
pub const UUID_FIELDS: [&str; 2] = ["mostSigBits", "leastSigBits"];
