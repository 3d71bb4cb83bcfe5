//! The bytes with which contents of stock peers begin: the definition of a class, and the head of its only
//! instance. They are constants, so that neither reading nor writing a call handles the definition anew.
use rialto_hessian::{Grammar, Library, Plain};

/// The beginning of a request or response, in both grammars.
pub(crate) struct StockPrefix {
    draft: &'static [u8],
    final_: &'static [u8],
}

pub(crate) const REQUEST: StockPrefix = StockPrefix {
    draft: b"O\xbccom.alipay.sofa.rpc.core.request.SofaRequest\x95\x0dtargetAppName\x0amethodName\
             \x17targetServiceUniqueName\x0crequestProps\x0dmethodArgSigso\x90",
    final_: b"C0\x2ccom.alipay.sofa.rpc.core.request.SofaRequest\x95\x0dtargetAppName\x0amethodName\
               \x17targetServiceUniqueName\x0crequestProps\x0dmethodArgSigs\x60",
};

pub(crate) const RESPONSE: StockPrefix = StockPrefix {
    draft: b"O\xbecom.alipay.sofa.rpc.core.response.SofaResponse\x94\x07isError\x08errorMsg\
             \x0bappResponse\x0dresponsePropso\x90",
    final_: b"C0\x2ecom.alipay.sofa.rpc.core.response.SofaResponse\x94\x07isError\x08errorMsg\
               \x0bappResponse\x0dresponseProps\x60",
};

impl StockPrefix {
    /// If the content begins with this prefix, a walk over the bytes after it.
    #[inline]
    pub(crate) fn strip<'a>(&self, content: &'a [u8]) -> Option<Plain<'a>> {
        let library = Library::sniff_sofa(content)?;
        let stock_prefix = self.of(library);
        content
            .starts_with(stock_prefix)
            .then(|| Plain::new(content, stock_prefix.len(), library))
    }

    /// The prefix in the final_ of that library.
    #[inline]
    pub(crate) fn of(&self, library: Library) -> &'static [u8] {
        match library.grammar() {
            Grammar::Draft => self.draft,
            Grammar::Final => self.final_,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::*;
    use rialto_hessian::{WriteTables, Writer};
    use rialto_values::Class;

    #[test]
    fn prefixes_are_what_a_writer_writes() {
        for (stock_prefix, class) in [
            (REQUEST, Class::new(keys::REQUEST, keys::REQUEST_FIELDS)),
            (RESPONSE, Class::new(keys::RESPONSE, keys::RESPONSE_FIELDS)),
        ] {
            for library in [Library::Sofa3, Library::Sofa4] {
                let (mut written, mut tables) = (vec![], WriteTables::default());
                let mut w = Writer::new(&mut written, library, &mut tables);
                w.begin_object(&class).unwrap();
                assert_eq!(written, stock_prefix.of(library), "{library:?}");
                assert_eq!(
                    stock_prefix.strip(&written).map(|rest| rest.position()),
                    Some(written.len())
                );
                written.pop();
                assert!(stock_prefix.strip(&written).is_none());
            }
        }
    }
}
