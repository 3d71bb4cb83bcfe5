//! Which grammar a stream is in and which library wrote or will read it.

/// The two grammars of Hessian 2 (wire sections 3.1, 3.2). No stock peer reads the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grammar {
    /// Hessian 2.0 as specified.
    Final,
    /// The draft of caucho 3.1.x.
    Draft,
}

/// The library on the other side: a grammar and its spelling of some JDK classes (wire section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Library {
    /// Dubbo's hessian-lite (final).
    Lite,
    /// SOFA's hessian 3.x (draft), the default of every SOFARPC so far.
    Sofa3,
    /// SOFA's hessian 4.x (final).
    Sofa4,
}

impl Library {
    /// The grammar that the library speaks.
    #[must_use]
    #[inline]
    pub const fn grammar(self) -> Grammar {
        match self {
            Library::Lite | Library::Sofa4 => Grammar::Final,
            Library::Sofa3 => Grammar::Draft,
        }
    }

    /// Which SOFA library wrote this content. It starts with the class definition of a request, response or
    /// exception, whose first byte tells (wire finding 1); `None` if it is neither.
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
    fn the_first_byte_of_sofa_content_tells_the_library() {
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
