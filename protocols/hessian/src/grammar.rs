//! The grammar of a stream, and the library that wrote or will read it.

/// The two grammars of Hessian 2 (wire sections 3.1 and 3.2). No stock peer reads both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// Hessian 2.0 as specified.
    Final,
    /// The draft grammar of caucho 3.1.x.
    Draft,
}

/// The library on the other side. It determines the grammar and the spelling of some JDK classes (wire
/// section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Library {
    /// Dubbo's hessian-lite, which uses the final grammar.
    Lite,
    /// SOFA's hessian 3.x, which uses the draft grammar; the default of every SOFARPC release so far.
    Sofa3,
    /// SOFA's hessian 4.x, which uses the final grammar.
    Sofa4,
}

impl Library {
    /// The grammar that the library reads and writes.
    #[must_use]
    #[inline]
    pub const fn grammar(self) -> Grammar {
        match self {
            Library::Lite | Library::Sofa4 => Grammar::Final,
            Library::Sofa3 => Grammar::Draft,
        }
    }

    /// The SOFA library that wrote this content. A content starts with the class definition of a request,
    /// response or exception, whose first byte differs between the grammars (wire section 1.6); `None` for
    /// any other byte.
    #[must_use]
    pub fn sniff_sofa(content: &[u8]) -> Option<Self> {
        match content.first()? {
            b'O' => Some(Library::Sofa3),
            b'C' => Some(Library::Sofa4),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_of_sofa_content_identifies_the_library() {
        assert_eq!(
            Library::sniff_sofa(b"O\xbc").map(Library::grammar),
            Some(Grammar::Draft)
        );
        assert_eq!(
            Library::sniff_sofa(b"C0").map(Library::grammar),
            Some(Grammar::Final)
        );
        assert_eq!(Library::sniff_sofa(b"{"), None);
        assert_eq!(Library::sniff_sofa(b""), None);
    }
}
