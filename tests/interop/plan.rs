//! Which consumer calls which provider, and how both are started.

/// A peer in one variant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Side {
    /// Its name in `peers.json`.
    pub(crate) peer: &'static str,
    pub(crate) variant: Variant,
}

/// The configuration of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Variant {
    /// The default configuration.
    Stock,
    /// Dubbo 3 with its class check opened for the package of the services.
    Allowlist,
    /// Dubbo 3 that prefers fastjson2 to Hessian.
    Fastjson2,
    /// In a Dubbo group, or with the same uniqueId.
    Group,
    /// With another Dubbo version, which is the uniqueId on the SOFARPC side.
    Version,
    /// A provider that returns wrong values.
    Liar,
}

/// A consumer and a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) consumer: Side,
    pub(crate) provider: Side,
}

/// What a pair must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duty {
    /// The same results as without a proxy.
    AsDirect,
    /// Everything works, apart from the expected exceptions.
    Works,
    /// The consumer notices every lie, which proves that the cases can fail.
    NoticesLies,
}

const SOFA: &str = "sofa-5.13.2";
const DUBBO: [&str; 3] = ["dubbo-2.7.23", "dubbo-3.2.19", "dubbo-3.3.6"];
/// The Dubbo peer that represents all of them where versions do not matter.
const NEWEST: &str = "dubbo-3.3.6";
/// The cases of pairs that test addressing.
const ADDRESSED: &str =
    "boolean_true,string_cjk,pojo,greeter,void,fail_checked,one_way,attach*,unknown_*,after_errors";

impl Side {
    const fn new(peer: &'static str, variant: Variant) -> Side {
        Side { peer, variant }
    }

    /// The name of the side, such as `dubbo-3.3.6+allowlist`.
    pub(crate) fn name(&self) -> String {
        let suffix = match self.variant {
            Variant::Stock => "",
            Variant::Allowlist => "+allowlist",
            Variant::Fastjson2 => "+fastjson2",
            Variant::Group => "+group",
            Variant::Version => "+version",
            Variant::Liar => "+liar",
        };
        format!("{}{suffix}", self.peer)
    }

    /// Whether it uses Bolt.
    pub(crate) fn is_sofa(&self) -> bool {
        self.peer == SOFA
    }

    /// The additional options on its command line.
    pub(crate) fn options(&self) -> &'static [&'static str] {
        match (self.variant, self.is_sofa()) {
            (Variant::Stock, _) => &[],
            (Variant::Allowlist, _) => &["--allowlist", "yes"],
            (Variant::Fastjson2, _) => &["--serialization", "fastjson2,hessian2"],
            (Variant::Group, false) => &["--group", "gray"],
            (Variant::Group, true) => &["--unique-id", "gray"],
            (Variant::Version, false) => &["--version", "2.0.0"],
            (Variant::Version, true) => &["--unique-id", "2.0.0"],
            (Variant::Liar, _) => &["--lie", "yes"],
        }
    }
}

impl Pair {
    fn new(consumer: Side, provider: Side) -> Pair {
        Pair { consumer, provider }
    }

    /// The name of the pair, `CONSUMER -> PROVIDER`.
    pub(crate) fn name(&self) -> String {
        format!("{} -> {}", self.consumer.name(), self.provider.name())
    }

    /// What the pair must show.
    pub(crate) fn duty(&self) -> Duty {
        match self.provider.variant {
            Variant::Liar => Duty::NoticesLies,
            Variant::Group | Variant::Version => Duty::Works,
            _ if self.is_bridged() => Duty::Works,
            _ => Duty::AsDirect,
        }
    }

    /// Whether the two use different protocols.
    pub(crate) fn is_bridged(&self) -> bool {
        self.consumer.is_sofa() != self.provider.is_sofa()
    }

    /// The cases that the pair runs, unless all.
    pub(crate) fn cases(&self) -> Option<&'static str> {
        matches!(self.provider.variant, Variant::Group | Variant::Version).then_some(ADDRESSED)
    }
}

pub(crate) fn pairs() -> Vec<Pair> {
    use Variant::{Allowlist, Fastjson2, Group, Liar, Stock, Version};
    let side = Side::new;
    let mut all = vec![];
    for variant in [Stock, Allowlist, Fastjson2] {
        let dubbo = if variant == Stock { &DUBBO[..] } else { &DUBBO[1..] };
        for provider in dubbo {
            all.extend(
                dubbo
                    .iter()
                    .map(|c| Pair::new(side(c, variant), side(provider, variant))),
            );
        }
        all.extend(
            dubbo
                .iter()
                .map(|c| Pair::new(side(c, variant), side(SOFA, Stock))),
        );
        all.extend(
            dubbo
                .iter()
                .map(|p| Pair::new(side(SOFA, Stock), side(p, variant))),
        );
    }
    all.push(Pair::new(side(SOFA, Stock), side(SOFA, Stock)));
    for variant in [Group, Version] {
        all.push(Pair::new(side(NEWEST, variant), side(SOFA, variant)));
        all.push(Pair::new(side(SOFA, variant), side(NEWEST, variant)));
        all.push(Pair::new(side(DUBBO[0], variant), side(NEWEST, variant)));
        all.push(Pair::new(side(SOFA, variant), side(SOFA, variant)));
    }
    all.push(Pair::new(side(NEWEST, Stock), side(SOFA, Liar)));
    all.push(Pair::new(side(SOFA, Stock), side(NEWEST, Liar)));
    all
}
