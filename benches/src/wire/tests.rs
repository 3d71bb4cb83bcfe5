use super::*;

const BOTH: [Protocol; 2] = [Protocol::Bolt, Protocol::Dubbo];

fn call(protocol: Protocol, argument_len: usize) -> (RequestTemplate, Vec<u8>, Vec<u8>) {
    let template = RequestTemplate::new(protocol, argument_len).unwrap();
    let (mut request, mut response) = (Vec::new(), Vec::new());
    template.append(7, 0x0123_4567_89ab_cdef, &mut request);
    protocol.respond(&request, &mut response).unwrap();
    (template, request, response)
}

#[test]
fn every_size_is_echoed() {
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
fn an_error_is_reported_with_its_text() {
    let mut bolt = Vec::new();
    let (template, mut request, _) = call(Protocol::Bolt, 16);
    let content_at = request.len() - 17;
    request[content_at] = b'T';
    assert!(Protocol::Bolt.respond(&request, &mut bolt).is_err());
    assert_eq!(
        template.check(&bolt, 0),
        Err(WireError::Failed("Bolt status 0x12".into()))
    );

    let mut dubbo = Vec::new();
    let (template, mut request, _) = call(Protocol::Dubbo, 16);
    request[16] = b'T';
    assert!(Protocol::Dubbo.respond(&request, &mut dubbo).is_err());
    let Err(WireError::Failed(text)) = template.check(&dubbo, 0) else {
        panic!("accepted")
    };
    assert!(
        text.starts_with("Dubbo2 status 40, unexpected byte 0x54"),
        "{text}"
    );
}

#[test]
fn heartbeats_are_acknowledged_in_their_protocol() {
    let mut out = Vec::new();
    let bolt = [
        1, 1, 0, 0, 1, 0, 0, 0, 7, 1, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    Protocol::Bolt.respond(&bolt, &mut out).unwrap();
    assert_eq!(out, [1, 0, 0, 0, 1, 0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.clear();
    let dubbo = [0xda, 0xbb, 0xe2, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, b'N'];
    Protocol::Dubbo.respond(&dubbo, &mut out).unwrap();
    assert_eq!(
        out,
        [0xda, 0xbb, 0x22, 20, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, b'N']
    );
}

#[test]
fn only_whole_frames_within_the_limit_are_found() {
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
fn truncated_payloads_are_refused_without_panic() {
    for protocol in BOTH {
        let (template, request, response) = call(protocol, 64);
        for cut in 1..request.len() {
            let _ = protocol.respond(&request[..cut], &mut Vec::new());
        }
        for cut in 0..response.len() - 20 {
            assert!(
                template.check(&response[..cut], 0x0123_4567_89ab_cdef).is_err(),
                "{protocol} {cut}"
            );
        }
    }
}

/// A response of a stock SOFARPC 5.13.2 provider to `echoString("bob")`, only its content.
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

/// `echoString("bob")` of a stock SOFARPC 5.13.2 consumer, the first call of its connection.
const STOCK_BOLT_REQUEST: &str = "\
    0101000101000000010100000bb8002c018200000156636f6d2e616c697061792e736f66612e7270632e636f72652e726571\
    756573742e536f66615265717565737400000018736f66615f686561645f7461726765745f736572766963650000000f6c61\
    622e6170692e5a6f6f3a312e30000000036170700000000c7a6f6f2d636f6e73756d65720000001b7270635f74726163655f\
    636f6e746578742e736f6661527063496400000001300000000870726f746f636f6c00000004626f6c74000000167270635f\
    74726163655f636f6e746578742e73616d7000000004747275650000001d7270635f74726163655f636f6e746578742e736f\
    6661547261636549640000001d63303030303230323137393532343537303238363631303031353333370000000773657276\
    6963650000000f6c61622e6170692e5a6f6f3a312e300000001d7270635f74726163655f636f6e746578742e73797350656e\
    4174747273000000000000001e7270635f74726163655f636f6e746578742e736f666150656e417474727300000000000000\
    15736f66615f686561645f6d6574686f645f6e616d650000000a6563686f537472696e670000000474797065000000047379\
    6e634fbc636f6d2e616c697061792e736f66612e7270632e636f72652e726571756573742e536f666152657175657374950d\
    7461726765744170704e616d650a6d6574686f644e616d651774617267657453657276696365556e697175654e616d650c72\
    65717565737450726f70730d6d6574686f64417267536967736f904e0a6563686f537472696e670f6c61622e6170692e5a6f\
    6f3a312e304d036170700c7a6f6f2d636f6e73756d65720870726f746f636f6c04626f6c74117270635f74726163655f636f\
    6e746578744d09736f6661527063496401300473616d7004747275650b73797350656e4174747273000b736f666154726163\
    6549641d63303030303230323137393532343537303238363631303031353333370c736f666150656e4174747273007a0474\
    7970650473796e637a567400075b737472696e676e01106a6176612e6c616e672e537472696e677a03626f62";

/// `echoString("hello")` of a stock Dubbo 3.3.6 consumer.
const STOCK_DUBBO_REQUEST: &str = "\
    dabbc20089c7e09d22107b11000000ac05322e302e320f6c61622e7a6f6f2e6170692e5a6f6f05302e302e300a6563686f53\
    7472696e67124c6a6176612f6c616e672f537472696e673b0568656c6c6f4804706174680f6c61622e7a6f6f2e6170692e5a\
    6f6f1272656d6f74652e6170706c69636174696f6e0c7a6f6f2d636f6e73756d657209696e746572666163650f6c61622e7a\
    6f6f2e6170692e5a6f6f0776657273696f6e05302e302e300774696d656f757404333030305a";

/// The response of a stock Dubbo 3.3.6 provider to it.
const STOCK_DUBBO_RESPONSE: &str = "\
    dabb021489c7e09d22107b1100000015940568656c6c6f4805647562626f05322e302e325a";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn echoed(protocol: Protocol, request: &str) -> (Vec<u8>, String) {
    let (request, mut response, mut text) = (bytes(request), Vec::new(), Vec::new());
    assert_eq!(protocol.frame(&request).unwrap().unwrap().len, request.len());
    protocol.respond(&request, &mut response).unwrap();
    protocol
        .result(&response, |piece| text.extend_from_slice(piece))
        .unwrap();
    let text = String::from_utf8(text).unwrap();
    (response, text)
}

#[test]
fn stock_requests_are_echoed() {
    assert_eq!(echoed(Protocol::Bolt, STOCK_BOLT_REQUEST).1, "bob");
    let (response, text) = echoed(Protocol::Dubbo, STOCK_DUBBO_REQUEST);
    assert_eq!(text, "hello");
    assert_eq!(response, bytes(STOCK_DUBBO_RESPONSE));
}
