//! `rialto route`: which route would take a call, and why the routes before it would not.
//!
//! The call is encoded as a message of its protocol, decoded as a worker does it, and matched with the compiled
//! routes, so the result is the same as in a running process.
use crate::control::{Compiler, World};
use anyhow::{Context, bail};
use clap::ValueEnum;
use rialto_config::{Config, Listener, ListenerProtocol};
use rialto_core::buf::OutBuf;
use rialto_core::directory::{Cluster, Destination, Directory, Route, Unmet};
use rialto_core::framed::{Codec, Framed};
use rialto_core::message::{Head, Message, ProtoId};
use rialto_core::session::{Dispatch, Protocols, Role, Session, Settings};
use rialto_core::slots::CallKey;
use rialto_protocols::bolt::Bolt;
use rialto_protocols::dubbo::Dubbo;
use rialto_protocols::{All, BOLT, DUBBO, protocol_name};
use rialto_testkit::Request;
use serde_json::json;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

/// The call that is matched with the routes.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// The Java interface.
    #[arg(long)]
    service: String,
    /// The method.
    #[arg(long, default_value = "")]
    method: String,
    /// The version that the application asks for [default: none for dubbo, 1.0 for bolt].
    #[arg(long)]
    version: Option<String>,
    /// The Dubbo group or SOFARPC uniqueId.
    #[arg(long, default_value = "")]
    group: String,
    /// The calling application.
    #[arg(long, default_value = "")]
    application: String,
    /// An attachment; may be given several times.
    #[arg(long = "attachment", value_name = "NAME=VALUE", value_parser = pair)]
    attachments: Vec<(String, String)>,
    /// Only try this listener [default: every listener].
    #[arg(long)]
    listener: Option<String>,
    /// The protocol of the application [default: each protocol that the listener takes].
    #[arg(long, value_enum)]
    protocol: Option<Spoken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Spoken {
    Dubbo,
    Bolt,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it like tenant=gold")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Prints for each listener which route takes the call.
///
/// # Errors
/// The listener does not exist, or the call cannot be encoded in the protocol.
pub(crate) fn run(config: &Config, options: &Options) -> anyhow::Result<ExitCode> {
    let asked = |l: &&Listener| options.listener.as_ref().is_none_or(|name| *name == l.name);
    let listeners: Vec<_> = config.listeners.iter().filter(asked).collect();
    if let (true, Some(name)) = (listeners.is_empty(), &options.listener) {
        bail!("there is no listener named {name}");
    }
    let mut compiler = Compiler::default();
    let none = |_: &rialto_config::Cluster| vec![];
    let world = World {
        endpoints: &none,
        workers: 1,
        now: Instant::now(),
        uses: &[],
    };
    compiler.configure(config, &world);
    let (mut text, mut found) = (String::new(), false);
    for listener in listeners {
        for spoken in [Spoken::Dubbo, Spoken::Bolt] {
            let refused = match listener.protocol {
                ListenerProtocol::Auto => false,
                ListenerProtocol::Dubbo => spoken != Spoken::Dubbo,
                ListenerProtocol::Bolt => spoken != Spoken::Bolt,
            };
            if refused || options.protocol.is_some_and(|only| only != spoken) {
                continue;
            }
            let id = compiler.listener_id(&listener.name);
            let directory = compiler.directory();
            let lookup = Lookup {
                config,
                directory,
                listener,
                compiled: directory.listener(id).context("the listener is not there")?,
                options,
            };
            let taken = match spoken {
                Spoken::Dubbo => lookup.follow::<Dubbo>(DUBBO, &mut text)?,
                Spoken::Bolt => lookup.follow::<Bolt>(BOLT, &mut text)?,
            };
            found |= taken;
        }
    }
    if text.is_empty() {
        text.push_str("no listener takes calls of this protocol\n");
    }
    // a closed pipe is no error of this command
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    Ok(if found {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// One listener and the call that is matched with its routes.
struct Lookup<'a> {
    config: &'a Config,
    directory: &'a Directory,
    listener: &'a Listener,
    compiled: &'a rialto_core::directory::Listener,
    options: &'a Options,
}

impl Lookup<'_> {
    /// Writes for each route why it does not take the call, up to the one that does. Returns whether there is one.
    fn follow<C: Codec>(&self, proto: ProtoId, to: &mut String) -> anyhow::Result<bool> {
        let Options { version, .. } = self.options;
        let usual = if proto == BOLT { "1.0" } else { "" };
        let request = Request {
            version: version.clone().unwrap_or_else(|| usual.to_owned()),
            group: self.options.group.clone(),
            application: self.options.application.clone(),
            attachments: self.options.attachments.clone(),
            ..Request::new(&self.options.service, "", &self.options.method)
        };
        let mut bytes = vec![];
        let mut session = Framed::<C>::new(Role::Client, &Settings::default());
        let encoded = request.encode(session.codec_mut(), 1, &mut bytes);
        encoded.map_err(|e| anyhow::anyhow!("the call cannot be encoded: {e}"))?;
        let message = All::reader(proto).and_then(|reader| reader.view(&bytes));
        let message = message.context("the call cannot be decoded")?;
        let head = message
            .head()
            .map_err(|e| anyhow::anyhow!("the call cannot be decoded: {e}"))?;
        writeln!(
            to,
            "listener {}, a {} call:",
            self.listener.name,
            protocol_name(proto)
        )?;
        let taken = self.directory.match_route(self.compiled, &message, &head);
        let taken = taken.map(|(_, route)| &*route.name);
        let compiled: HashMap<&str, &Route> =
            self.directory.routes().map(|(_, r)| (&*r.name, &**r)).collect();
        let routes: HashMap<&str, &rialto_config::Route> =
            self.config.routes.iter().map(|r| (r.name.as_str(), r)).collect();
        for name in self.listener.routes.iter().map(String::as_str) {
            let (Some(route), Some(compiled)) = (routes.get(name), compiled.get(name)) else {
                continue;
            };
            if taken == Some(name) {
                writeln!(to, "  {name}: takes it")?;
                self.destinations((route, compiled), &request, (&message, &head), to)?;
                return Ok(true);
            }
            writeln!(
                to,
                "  {name}: no, {}",
                self.reason(route, compiled, &message, &head)
            )?;
        }
        writeln!(
            to,
            "  no route takes it: the application gets the error that there is no such service"
        )?;
        Ok(false)
    }

    /// The condition of a route that the call does not satisfy.
    fn reason(
        &self,
        route: &rialto_config::Route,
        compiled: &Route,
        msg: &Message<'_>,
        head: &Head<'_>,
    ) -> String {
        let m = &route.matches;
        if let Some(listener) = m.listener.as_ref().filter(|name| **name != self.listener.name) {
            return format!("it asks for listener {listener}");
        }
        let text = |of: &[u8]| String::from_utf8_lossy(of).into_owned();
        let asks = |what: &str, condition: serde_json::Value, is: String| {
            format!("it asks for {what} {condition}, and the call has {}", json!(is))
        };
        match compiled.matches.unmet(msg, head) {
            Some(Unmet::Protocol) => format!("it asks for protocol {}", json!(m.protocol)),
            Some(Unmet::Service) => asks("service", json!(m.service), text(head.service)),
            Some(Unmet::Method) => asks("method", json!(m.method), text(head.method)),
            Some(Unmet::Version) => asks("version", json!(m.version), text(head.version)),
            Some(Unmet::Group) => asks("group", json!(m.group), text(head.group)),
            Some(Unmet::Application) => asks("application", json!(m.application), text(head.application)),
            Some(Unmet::Attachment(name)) => {
                let condition = m.attachments.get(name);
                match msg.meta.reader.attachment(msg, head, name) {
                    Some(value) => asks(&format!("attachment {name}"), json!(condition), text(&value)),
                    None => format!(
                        "it asks for attachment {name} {}, and the call has none",
                        json!(condition)
                    ),
                }
            }
            None => "a route before it takes the call".to_owned(),
        }
    }

    /// Writes the clusters that the call can go to, and how its version and group are changed for them.
    fn destinations(
        &self,
        (route, compiled): (&rialto_config::Route, &Route),
        request: &Request,
        (message, head): (&Message<'_>, &Head<'_>),
        to: &mut String,
    ) -> anyhow::Result<()> {
        let all: u64 = route.to.iter().map(|t| u64::from(t.weight)).sum();
        let targets = route.to.iter().filter(|t| t.weight > 0);
        for (target, compiled_target) in targets.zip(&compiled.targets) {
            let Destination::Cluster(id) = &compiled_target.to else {
                let registry = target.registry.as_deref().unwrap_or_default();
                writeln!(to, "    to the service's endpoints in registry {registry}")?;
                continue;
            };
            let Some(cluster) = self.directory.cluster(*id) else {
                continue;
            };
            write!(
                to,
                "    to cluster {} ({})",
                cluster.name,
                protocol_name(cluster.protocol)
            )?;
            if u64::from(target.weight) < all {
                let share = 100.0 * f64::from(target.weight) / all as f64;
                write!(to, ", {share:.1} % of such calls")?;
            }
            if !target.subset.is_empty() {
                write!(to, ", subset {}", json!(target.subset))?;
            }
            if cluster.protocol != message.meta.proto {
                let dispatch = Dispatch {
                    edits: compiled.rewrite.as_ref(),
                    head: Some(head),
                    bridge: compiled_target.bridge_to(cluster.protocol),
                    deadline_ms: u64::MAX,
                    now_ms: 0,
                };
                let (version, group) = sent(cluster, message, &dispatch)?;
                let was = json!(request.version);
                write!(to, ", bridged; version {was} becomes {}", json!(version))?;
                if group != request.group {
                    write!(to, ", group {} becomes {}", json!(request.group), json!(group))?;
                }
            }
            to.push('\n');
        }
        Ok(())
    }
}

/// Version and group of the request that an endpoint of the cluster would receive.
fn sent(
    cluster: &Cluster,
    message: &Message<'_>,
    dispatch: &Dispatch<'_>,
) -> anyhow::Result<(String, String)> {
    let session = All::open(cluster.protocol, Role::Client, &cluster.settings);
    let mut session = session.context("the protocol of the cluster has no sessions")?;
    let mut out = OutBuf::default();
    let written = session.request(&mut out, CallKey::from_bits(1), message, dispatch);
    written.map_err(|e| anyhow::anyhow!("the call cannot be translated: {e}"))?;
    let sent = All::reader(cluster.protocol).and_then(|reader| reader.view(out.unsent()));
    let sent = sent.context("the translated call cannot be read again")?;
    let head = sent
        .head()
        .map_err(|e| anyhow::anyhow!("the translated call cannot be read: {e}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((text(head.version), text(head.group)))
}
