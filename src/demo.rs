//! `rialto demo`: two providers, Rialto and calls in one process, to watch how it works.
//!
//! A Dubbo2 and a SOFARPC provider serve the same service. Rialto runs between them as in production, with its own
//! control plane and workers and a configuration that is printed. Applications of each protocol call the provider of
//! the other one. With `--java` the providers and applications are stock Java ones.
mod calls;
mod fleet;
mod java;
mod provider;
mod service;
mod table;

use crate::control::Embedded;
use anyhow::Context;
use calls::Case;
use fleet::{DUBBO_CALLERS, DUBBO_VERSION, Plan, SOFA_CALLERS, SOFA_VERSION};
use rialto_core::framed::Codec;
use rialto_protocols::bolt::Bolt;
use rialto_protocols::dubbo::Dubbo;
use rialto_testkit::Client;
use service::Greeter;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use table::{Row, Table};

/// The longest time to wait for a response.
const PATIENCE: Duration = Duration::from_secs(10);

/// The name with which the SOFARPC provider greets.
const SOFA_PROVIDER: &str = "the SOFARPC provider";
/// The name with which the Dubbo provider greets.
const DUBBO_PROVIDER: &str = "the Dubbo provider";

/// Options of `rialto demo`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Exit after the calls, with code 0 if every response was right and 1 if not.
    #[arg(long)]
    once: bool,
    /// Use stock Java peers from tests/peers/java (needs a checkout, JDK 17 and Maven).
    #[arg(long)]
    java: bool,
    /// The address of the admin pages [default: 127.0.0.1:19901, or a free port if that is in use].
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
}

/// Runs the demo. Wrong responses are no error; they lead to the exit code 1.
///
/// # Errors
/// The providers or Rialto cannot be started, or a connection fails.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let out = &mut std::io::stdout().lock();
    if options.java {
        return java::run(options, out);
    }
    let service = |provider| {
        Arc::new(Greeter {
            provider,
            notes: 0.into(),
        })
    };
    let plan = Plan {
        service: service::NAME,
        dubbo: provider::start::<Dubbo>(service(DUBBO_PROVIDER)).context("the Dubbo provider")?,
        sofa: provider::start::<Bolt>(service(SOFA_PROVIDER)).context("the SOFARPC provider")?,
        admin: fleet::admin_address(options.admin),
    };
    let rialto = introduce(&plan, out)?;
    writeln!(
        out,
        "These providers and applications are built in. `rialto demo --java` uses stock Dubbo and SOFARPC\ninstead. It needs a checkout, JDK 17 and Maven, and takes minutes the first time.\n"
    )?;
    let mut table = Table::new(out)?;
    call_all::<Dubbo, Bolt>(
        rialto.listener(DUBBO_CALLERS)?,
        DUBBO_VERSION,
        SOFA_PROVIDER,
        &mut table,
    )?;
    call_all::<Bolt, Dubbo>(
        rialto.listener(SOFA_CALLERS)?,
        SOFA_VERSION,
        DUBBO_PROVIDER,
        &mut table,
    )?;
    let score = (table.rows, table.wrong);
    conclude(
        rialto,
        score,
        options,
        out,
        &About {
            service: service::NAME,
            source: service::JAVA,
        },
    )
}

/// The service, as it is described to users who want to call it.
struct About {
    service: &'static str,
    /// The source of the interface, or where to find it.
    source: &'static str,
}

/// Starts Rialto, and prints the addresses and the configuration.
fn introduce(plan: &Plan, out: &mut dyn Write) -> anyhow::Result<Embedded> {
    let rialto = plan.start()?;
    writeln!(
        out,
        "A Dubbo provider on {}, a SOFARPC provider on {},",
        plan.dubbo, plan.sofa
    )?;
    writeln!(out, "and Rialto between them with this configuration:\n")?;
    for line in plan.yaml().lines() {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)?;
    Ok(rialto)
}

/// Makes all calls with the protocol `Downstream`.
fn call_all<Downstream: Codec, Callee: Codec>(
    address: &str,
    version: &str,
    provider: &str,
    table: &mut Table<'_>,
) -> anyhow::Result<()> {
    let way = format!(
        "{} -> {}",
        fleet::name(Downstream::PROTO),
        fleet::name(Callee::PROTO)
    );
    let mut client = address
        .parse()
        .map_err(anyhow::Error::from)
        .and_then(|to| Ok(Client::<Downstream>::connect(to, PATIENCE)?))
        .with_context(|| format!("cannot connect to Rialto on {address}"))?;
    for case in calls::all(version, provider) {
        let Case {
            title,
            request,
            expect,
        } = case;
        let began = Instant::now();
        let reply = client.call(&request).with_context(|| format!("{way}: {title}"))?;
        let time = began.elapsed();
        let (answer, is_right) = (calls::show(reply.as_ref()), expect.is(reply.as_ref()));
        table.row(&Row {
            way: &way,
            call: &title,
            answer: &answer,
            time,
            is_right,
        })?;
    }
    Ok(())
}

/// Prints the result, and keeps running until a signal ends it, unless `--once` is given.
fn conclude(
    rialto: Embedded,
    (rows, wrong): (usize, usize),
    options: &Options,
    out: &mut dyn Write,
    about: &About,
) -> anyhow::Result<ExitCode> {
    match wrong {
        0 => writeln!(out, "\n{rows} calls, all results are right.")?,
        _ => writeln!(out, "\n{rows} calls, {wrong} of them with a wrong result.")?,
    }
    let code = if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    if options.once {
        rialto.stop()?;
        return Ok(code);
    }
    invite(&rialto, out, about)?;
    rialto.wait()?;
    Ok(code)
}

/// Prints how users can call the service with their own applications.
fn invite(rialto: &Embedded, out: &mut dyn Write, about: &About) -> anyhow::Result<()> {
    let (dubbo, sofa) = (rialto.listener(DUBBO_CALLERS)?, rialto.listener(SOFA_CALLERS)?);
    let port = dubbo.rsplit(':').next().unwrap_or_default();
    let About { service, source } = about;
    writeln!(
        out,
        "\nIt runs until Ctrl-C, so you can call it yourself. The service is\n"
    )?;
    for line in source.lines() {
        writeln!(out, "  {line}")?;
    }
    writeln!(
        out,
        "
  Dubbo     dubbo://2130706433:{port}/{service}?version={DUBBO_VERSION}
            @DubboReference(version = \"{DUBBO_VERSION}\", url = \"dubbo://2130706433:{port}\")
            2130706433 is 127.0.0.1 as one number: Dubbo replaces 127.* and localhost by the machine's outer
            address, where the demo does not listen.
  SOFARPC   bolt://{sofa}
            new ConsumerConfig<T>().setInterfaceId(\"{service}\").setProtocol(\"bolt\").setDirectUrl(\"bolt://{sofa}\")"
    )?;
    if let Some(admin) = rialto.admin() {
        writeln!(
            out,
            "  Watch     http://{admin}/  (metrics, clusters, the configuration in use)"
        )?;
    }
    out.flush()?;
    Ok(())
}
