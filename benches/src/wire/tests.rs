use super::*;

const BOTH: [Protocol; 2] = [Protocol::Bolt, Protocol::Dubbo];

fn call(protocol: Protocol, argument_len: usize) -> (RequestTemplate, Vec<u8>, Vec<u8>) {
    let template = RequestTemplate::new(protocol, argument_len).unwrap();
    let (mut request, mut response) = (Vec::new(), Vec::new());
    template.append(7, 0x0123_4567_89ab_cdef, &mut request);
    protocol.answer(&request, &mut response).unwrap();
    (template, request, response)
}

#[test]
fn every_size_comes_back() {
    for protocol in BOTH {
        for len in [16, 31, 32, 64, 1023, 1024, 0x8000, 0x8001, 70_000] {
            let (template, request, response) = call(protocol, len);
            let sent = protocol.frame(&request).unwrap().unwrap();
            assert_eq!(
                sent,
                Frame {
                    len: request.len(),
                    id: 7,
                    request: true
                }
            );
            let got = protocol.frame(&response).unwrap().unwrap();
            assert_eq!(
                got,
                Frame {
                    len: response.len(),
                    id: 7,
                    request: false
                }
            );
            assert_eq!(
                template.check(&response, 0x0123_4567_89ab_cdef),
                Ok(()),
                "{protocol} {len}"
            );
        }
    }
}

#[test]
fn another_nonce_or_a_changed_character_is_noticed() {
    for protocol in BOTH {
        let (template, _, mut response) = call(protocol, 1024);
        assert_eq!(template.check(&response, 1), Err(WireError::WrongEcho));
        let last = response.iter().rposition(|&byte| byte == b'j').unwrap();
        response[last] = b'!';
        assert_eq!(
            template.check(&response, 0x0123_4567_89ab_cdef),
            Err(WireError::WrongEcho)
        );
    }
}

#[test]
fn a_failure_is_told_with_its_text() {
    let mut bolt = Vec::new();
    let (template, mut request, _) = call(Protocol::Bolt, 16);
    let content_at = request.len() - 17;
    request[content_at] = b'T';
    assert!(Protocol::Bolt.answer(&request, &mut bolt).is_err());
    assert_eq!(
        template.check(&bolt, 0),
        Err(WireError::Failed("Bolt status 0x12".into()))
    );

    let mut dubbo = Vec::new();
    let (template, mut request, _) = call(Protocol::Dubbo, 16);
    request[16] = b'T';
    assert!(Protocol::Dubbo.answer(&request, &mut dubbo).is_err());
    let Err(WireError::Failed(text)) = template.check(&dubbo, 0) else {
        panic!("accepted")
    };
    assert!(
        text.starts_with("Dubbo2 status 40, unexpected byte 0x54"),
        "{text}"
    );
}

#[test]
fn heartbeats_are_answered_in_kind() {
    let mut out = Vec::new();
    let bolt = [
        1, 1, 0, 0, 1, 0, 0, 0, 7, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    Protocol::Bolt.answer(&bolt, &mut out).unwrap();
    assert_eq!(out, [1, 0, 0, 0, 1, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.clear();
    let dubbo = [0xda, 0xbb, 0xe2, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, b'N'];
    Protocol::Dubbo.answer(&dubbo, &mut out).unwrap();
    assert_eq!(
        out,
        [0xda, 0xbb, 0x22, 20, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, b'N']
    );
}

#[test]
fn frames_are_found_only_when_whole_and_never_when_huge() {
    for protocol in BOTH {
        let (_, request, _) = call(protocol, 64);
        for cut in 0..request.len() {
            assert_eq!(protocol.frame(&request[..cut]), Ok(None));
        }
        let mut huge = request.clone();
        let length_at = if protocol == Protocol::Bolt { 18 } else { 12 };
        huge[length_at] = 0x7f;
        assert!(matches!(protocol.frame(&huge), Err(WireError::TooLong(_))));
    }
}

#[test]
fn cut_payloads_are_refused_without_panic() {
    for protocol in BOTH {
        let (template, request, response) = call(protocol, 64);
        for cut in 1..request.len() {
            let _ = protocol.answer(&request[..cut], &mut Vec::new());
        }
        for cut in 0..response.len() - 20 {
            assert!(
                template.check(&response[..cut], 0x0123_4567_89ab_cdef).is_err(),
                "{protocol} {cut}"
            );
        }
    }
}

/// A response of a stock SOFARPC 5.13.2 provider to `echoString("bob")`, its content only.
#[test]
fn a_stock_response_is_understood() {
    let mut response = vec![1, 0, 0, 2, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 101];
    response.extend_from_slice(b"O\xbecom.alipay.sofa.rpc.core.response.SofaResponse\x94");
    response.extend_from_slice(b"\x07isError\x08errorMsg\x0bappResponse\x0dresponsePropso\x90FN\x03bobN");
    let mut text = Vec::new();
    Protocol::Bolt
        .result(&response, |piece| text.extend_from_slice(piece))
        .unwrap();
    assert_eq!(text, b"bob");

    let at = response.len() - 6;
    response.truncate(at - 1);
    response.extend_from_slice(b"T\x04nope\x4e\x4e");
    let len = (response.len() - 20) as u8;
    response[19] = len;
    let error = Protocol::Bolt.result(&response, |_| {}).unwrap_err();
    assert_eq!(error, WireError::Failed("SofaResponse.isError, nope".into()));
}
